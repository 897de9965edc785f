"""Stein's method for particles: the direction of Stein variational gradient descent, its bandwidth, and a discrepancy.

Particles are rows of shape (n, P), gradients those of the log density at the particles. Cost is quadratic in n, and
memory beyond the particles a few copies of them. n_jobs, the number of threads, changes no bit of a result.
"""

import math

import numpy as np

from skvi import _threads
from skvi.gradient.distances import (
    MEDIAN_PAIRS,
    NO_TILES,
    few_median_and_tiles,
    load_panels,
    median_and_tiles,
    median_square,
    n_blocks,
)
from skvi.gradient.rounds import LEAST_COST, n_groups, play, rounds
from skvi.kernels import clouds, pairs

KERNELS = ("rbf", "imq")
# What a kernel value costs beside its coordinates, in coordinates.
_KERNEL_COST = 8


def stein_direction(particles, gradients, kernel, bandwidth=None, n_jobs=None, repulsion=1.0):
    r"""Direction in which particles move towards the target, Liu & Wang (2016), eq. 8.

    phi_i = (1/n) sum_j [k(x_j, x_i) g_j + repulsion * grad_{x_j} k(x_j, x_i)], with d = |x_j - x_i| and

    - "rbf": k = exp(-d^2 / (2 h^2)), grad_{x_j} k = k (x_i - x_j) / h^2,
    - "imq": k = (1 + d^2 / h^2)^(-1/2), grad_{x_j} k = k^3 (x_i - x_j) / h^2.

    Kernel values are right to a few units of rounding, for particles that nearly coincide far from the others too.
    The repulsion is x_i sum_j w_ij - sum_j w_ij x_j about the particles' mean: that of particles moved by a few units
    of rounding of their distance from it.

    Parameters
    ----------
    particles, gradients : array-like of shape (n, P)
    kernel : {"rbf", "imq"}
    bandwidth : float, default=None
        h > 0; None takes `median_bandwidth` of the particles, which then finds the distances for both.
    n_jobs : int, default=None
        Threads; None takes all cores, or one inside a worker of joblib.
    repulsion : float, default=1.0
        Factor of the repulsion.

    Returns
    -------
    ndarray of shape (n, P)

    Raises
    ------
    ValueError
        If shapes differ, there is no particle, or kernel or bandwidth are not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.gradient.stein import stein_direction
    >>> x = np.array([[0.0], [1.0]])
    >>> stein_direction(x, -x, "rbf", bandwidth=1.0)
    array([[-0.60653066],
           [-0.19673467]])
    """
    x, g = _rows(particles, gradients)
    if kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r}: give one of {', '.join(map(repr, KERNELS))}")
    if _is_few(*x.shape):
        return _direction_of_few(x, g, kernel, bandwidth, repulsion)
    n_jobs, tiles = _threads.effective_n_jobs(n_jobs), NO_TILES
    panels = load_panels("particles", x)
    if bandwidth is None:
        typical, tiles = median_and_tiles(x, panels, n_jobs)
        bandwidth = _bandwidth(x, typical)
    center = x.sum(axis=0) / len(x)
    totals = _sums(panels, tiles, x, g, center, kernel, _scale(bandwidth), repulsion, n_jobs)
    out = np.empty_like(x)
    # Of itself a particle feels k = 1 and no repulsion.
    pairs.directions(x, g, center, totals, out)
    return out


def _direction_of_few(x, g, kernel, bandwidth, repulsion):
    """The direction of particles whose pairs are no work to share."""
    n, depth = x.shape
    kernels = clouds.kernels_of_clouds(kernel == "rbf")
    panels = _threads.scratch("particles", (n_blocks(n) * depth, pairs.BLOCK))
    if bandwidth is None:
        typical, tiles = few_median_and_tiles(kernels, x, panels)
        bandwidth = _bandwidth(x, typical)
    else:
        tiles = NO_TILES
        pairs.load_panels(x, panels)
    shape = n_blocks(n) * pairs.BLOCK, _padded(depth + 1)
    tables = [_threads.scratch(name, shape) for name in ("drive", "repulsion", "stein sums")]
    out = np.empty(x.shape)
    scales = _scale(bandwidth), float(repulsion)
    clouds.cloud_directions(kernels, x, g, kernel == "rbf", *scales, panels, tiles, *tables, out)
    return out


def median_bandwidth(particles, n_jobs=None, n_pairs=MEDIAN_PAIRS):
    """Bandwidth h by the median rule of Liu & Wang's code: h^2 = median(d^2) / (2 log(n + 1)).

    The median is that of all n * n squared distances, n zeros on the diagonal among them. It is exact, whatever the
    order of the particles, where there are no more than n_pairs pairs: for n up to 724 by default. Beyond that it is
    the same quantile of a sample of at least n_pairs pairs: particles are ordered by their first coordinate, dealt out
    like cards to blocks of 32, and each block meets a few others in full, every particle about equally many. No
    random number is drawn, and the order of particles matters among equal first coordinates only. The sample's
    median is a quantile of all distances at 1/2 +- 0.5 / sqrt(n_pairs), a thousandth, as for independent pairs: h is
    right to 0.3 percent for normal particles of one parameter, 0.05 percent for fifty. Where next to no distance lies
    near the median, as between two modes of equal mass, both this and the exact rule may fall to either side.

    Where more than half of all distances are zero, the mean takes the median's place; h = 1 if all particles coincide.

    Parameters
    ----------
    particles : array-like of shape (n, P)
    n_jobs : int, default=None
    n_pairs : int, default=2**18
        np.inf makes the median exact for any n, with n * (n - 1) / 2 numbers in memory.

    Returns
    -------
    float
        Positive.

    Examples
    --------
    >>> from skvi.gradient.stein import median_bandwidth
    >>> round(median_bandwidth([[0.0], [1.0], [3.0]]) ** 2, 4)
    0.3607
    """
    (x,) = _rows(particles)
    return _bandwidth(x, median_square(x, _threads.effective_n_jobs(n_jobs), n_pairs))


def _bandwidth(x, typical):
    """The bandwidth at a median of squared distances."""
    if typical == 0.0:
        # Beside one of them, particles that coincide leave no rounding.
        x = x - x[0]
        typical = 2.0 * float(np.square(x - x.mean(axis=0)).sum()) / len(x)
    h = math.sqrt(0.5 * typical / math.log(len(x) + 1.0))
    return h if h > 0.0 else 1.0


def kernel_stein_discrepancy(particles, gradients, bandwidth=None, n_jobs=None):
    """Kernel Stein discrepancy between particles and target, with the inverse multiquadric kernel.

    The square root of the V-statistic (1/n^2) sum_{i,j} u(x_i, x_j) of Gorham & Mackey (2017), where with the kernel
    k = (1 + |x - y|^2 / h^2)^(-1/2), s = grad log p(x) and t = grad log p(y)

        u(x, y) = s't k + (s - t)'(x - y) k^3 / h^2 + P k^3 / h^2 - 3 |x - y|^2 k^5 / h^4,

    which has mean zero in either argument under the target p. It is zero for no finite number of particles: for n
    independent draws of p its square is (E|s|^2 + P / h^2) / n on average. Figures compare at the same bandwidth.

    Parameters
    ----------
    particles, gradients : array-like of shape (n, P)
    bandwidth : float, default=None
        h > 0; None takes `median_bandwidth` of the particles.
    n_jobs : int, default=None

    Returns
    -------
    float
        Not negative; its unit is that of the gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.gradient.stein import kernel_stein_discrepancy
    >>> x = np.random.default_rng(0).normal(size=(500, 2))
    >>> on_target, shifted = (kernel_stein_discrepancy(x, -(x - m), bandwidth=1.0) for m in (0.0, 1.0))
    >>> on_target < 0.1 < 1.0 < shifted
    True
    """
    x, g = _rows(particles, gradients)
    scale = _scale(median_bandwidth(x, n_jobs) if bandwidth is None else bandwidth)
    panels, scores = load_panels("particles", x), load_panels("scores", g)
    n, depth = x.shape
    n_jobs = _threads.effective_n_jobs(n_jobs)
    sums = _play(n, depth, lambda *meeting: pairs.stein_kernel_sum(panels, scores, n, *meeting, scale), n_jobs)
    return math.sqrt(max(sum(sums), 0.0)) / n


def _rows(particles, gradients=None):
    """Particles, and gradients if given, as C-contiguous float64."""
    x = np.ascontiguousarray(particles, dtype=np.float64)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"particles have shape {x.shape}: give one row or more of one parameter or more")
    if gradients is None:
        return (x,)
    g = np.ascontiguousarray(gradients, dtype=np.float64)
    if g.shape != x.shape:
        raise ValueError(f"gradients have shape {g.shape}, particles {x.shape}: give one gradient for each particle")
    return x, g


def _scale(bandwidth):
    # Squares neither overflow nor vanish.
    if not 1e-150 < bandwidth < 1e150:
        raise ValueError(f"bandwidth={bandwidth!r}: it must be positive and finite, between 1e-150 and 1e150")
    return 1.0 / float(bandwidth) ** 2


def _padded(n):
    return -(-n // 8) * 8


def _sums(panels, tiles, x, g, center, kernel, scale, repulsion, n_jobs):
    """Sums over the other particles: of k g_j - w (x_j - center), and in the column beside of w."""
    n, depth = x.shape
    shape = n_blocks(n) * pairs.BLOCK, _padded(depth + 1)

    def table(name, drive, away):
        table = _threads.scratch(name, shape)
        pairs.load_table(x, g, center, drive, away, table)
        return table

    if kernel == "rbf":
        add, tables = pairs.rbf_sums, (table("drive", 1.0, repulsion * scale),)
    else:
        add, tables = pairs.imq_sums, (table("drive", 1.0, 0.0), table("repulsion", 0.0, repulsion))
    totals = _threads.scratch("stein sums", shape)
    totals[:] = 0.0
    _play(n, depth, lambda first, second: add(panels, tiles, *tables, n, first, second, scale, totals), n_jobs)
    return totals


def _play(n, depth, task, n_jobs):
    """Results of task(first, second) for all meetings of ranges of blocks."""
    return play(rounds(n_blocks(n), n_groups(n_blocks(n), _cost(n, depth))), task, n_jobs)


def _cost(n, depth):
    """Of all pairs, each of the two orders counted, in coordinates."""
    return float(n) ** 2 * (depth + _KERNEL_COST)


def _is_few(n, depth):
    """Whether there is one task only, and the median is that of all pairs."""
    return _cost(n, depth) <= 2.0 * LEAST_COST and n * (n - 1) <= 2 * MEDIAN_PAIRS
