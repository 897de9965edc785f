"""Default priors of Gaussian mixtures: what they take from the data."""

from typing import NamedTuple

import numpy as np

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.kernels.blocks import TABLE_TILE
from skvi.kernels.moments import mirror
from skvi.models.gaussian import scatter_kernel
from skvi.models.rows import kernel_blocks, pad

#: smallest eigenvalue of a correlation matrix that counts as regular
SINGULAR = 1e-10
#: least share of the mean variance that a column gets where the covariance is singular
FLOOR = 1e-3
#: smallest variance that counts
SMALLEST = 1e-200
_ROWS = 512


class Description(NamedTuple):
    """Weighted count, mean, scatter about the mean, and largest absolute values, by column."""

    count: float
    n_rows: int
    mean: np.ndarray
    scatter: np.ndarray
    largest: np.ndarray


def describe(rows, n_jobs=1):
    """Describe rows by their first two moments, in two passes over fixed blocks.

    Parameters
    ----------
    rows : Rows
    n_jobs : int

    Returns
    -------
    Description
    """
    d = rows.values.shape[1]
    blocks = rows.slices(cut(rows.n_rows, float(d * d), 8.0 * d * d))
    first = np.flatnonzero(rows.weights)[0]
    reference = rows.values[first].astype(float)
    count, sums, _ = _moments(blocks, reference, n_jobs)
    # About the mean itself nothing cancels; the first row may lie anywhere.
    reference = reference + sums / count
    count, sums, scatter = _moments(blocks, reference, n_jobs)
    shift = sums / count
    scatter = scatter - count * np.outer(shift, shift)
    used = rows.weights > 0.0
    highest = rows.values.max(axis=0, where=used[:, None], initial=-np.inf)
    lowest = rows.values.min(axis=0, where=used[:, None], initial=np.inf)
    largest = np.maximum(highest, -lowest).astype(float)
    return Description(float(count), int(used.sum()), reference + shift, scatter, largest)


def _moments(blocks, reference, n_jobs):
    parts = _threads.run([lambda b=block: _block_moments(b, reference) for block in blocks], n_jobs)
    return [sum(values[1:], values[0]) for values in zip(*parts, strict=True)]


def _block_moments(rows, reference):
    d = len(reference)
    means = pad(reference[None], 1, TABLE_TILE)
    depth = means.shape[1]
    count, first, second = np.zeros(1), np.zeros((1, depth)), np.zeros((1, depth, depth))
    add_moments, with_table = scatter_kernel(d)
    for _, block in kernel_blocks(rows, _ROWS, with_table):
        add_moments(block.x, block.table, block.weights[None], means, count, first, second)
    mirror(second)
    return count[0], first[0, :d], second[0, :d, :d]


def default_covariance(description):
    """Covariance that the default prior of a Gaussian component is centred on: proper for any data.

    The weighted empirical covariance, with divisor sum w - 1, or sum w where that is not positive. Where
    there are no more rows than features, or the smallest eigenvalue of its correlation matrix is below 1e-10,
    its diagonal, each entry at least 1e-3 of the mean column variance. A variance below (8 eps max|x|)^2 is
    rounding and counts as zero, as does one below 1e-200, whose inverse would overflow. Where all columns are
    constant, the identity.

    It scales with the data, and a weight counts as that many equal rows.

    Parameters
    ----------
    description : Description

    Returns
    -------
    ndarray of shape (n_features, n_features)
    """
    # Weights normalised to one sum to it up to rounding.
    divisor = description.count - 1.0 if description.count > 1.0 + 1e-6 else description.count
    covariance = description.scatter / divisor
    variances = np.diag(covariance).copy()
    variances[variances < np.maximum((8.0 * np.finfo(float).eps * description.largest) ** 2, SMALLEST)] = 0.0
    if not variances.any():
        return np.eye(len(variances))
    if description.n_rows > len(variances) and _is_regular(covariance, variances):
        return covariance
    return np.diag(np.maximum(variances, FLOOR * variances.mean()))


def _is_regular(covariance, variances):
    if not variances.all():
        return False
    deviations = np.sqrt(variances)
    correlation = covariance / deviations / deviations[:, None]
    return np.linalg.eigvalsh(correlation)[0] >= SINGULAR
