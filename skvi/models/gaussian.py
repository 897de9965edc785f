"""Gaussian components in four covariance forms: what the rows hear of q, and what q hears of the rows."""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from skvi.families import Moments, NormalGamma, NormalWishart, SphericalNormalGamma, TiedNormalWishart
from skvi.families.normal_precision import LOG_2PI
from skvi.kernels import diagonal, expanded, moments
from skvi.kernels import gaussian as kernels
from skvi.kernels.blocks import FEATURE_TILE, TABLE_TILE, padded
from skvi.kernels.conjugate import expected_log_norms
from skvi.models.rows import pad

# Deviations from its mean within which most of a component's rows lie.
_DEVIATIONS = 3.0
# Largest sum of absolute terms in a row's squared distance: rounding then changes its bound by 2e-11 at most.
_LARGEST_EXTENT = 1e5


class Messages(NamedTuple):
    """Parameters of scores, c_k less half a squared distance from m_k, as the kernels take them."""

    #: means (K, D4); factors (K, D4, D4) lower triangular, (1, D4, D4) where shared, or (K, 1, D4) precisions;
    #: constants (K,); in the expanded form, shifts (K + 1, D4) to the shared center and which components are near it
    scores: tuple
    #: what moments take beside their reference: in the expanded form, which components are near its center
    moments: tuple = ()


def _pad(array, n_axes):
    return pad(array, n_axes, FEATURE_TILE)


def _unpadded(array, n_axes, d):
    """The array without what its last axes have beyond d."""
    return array if array.shape[-1] == d else np.ascontiguousarray(array[(..., *[slice(d)] * n_axes)])


def _triangular(constants, means, factors):
    return _pad(means, 1), _pad(factors, 2), constants


def _diagonal(constants, means, precisions):
    return _pad(means, 1), _pad(precisions, 1)[:, None], constants


def _deep(n_features):
    """Whether a few of many features tell that a component does not matter, and scatters are worth expanding."""
    return n_features >= 2 * kernels.SCREEN_DEPTH


def _about_center(q, means, factors):
    """Shifts of scores to the mean of means, and which components are near enough to it to be heard about it."""
    deviation = np.sqrt(np.diagonal(q.scale, axis1=-2, axis2=-1) / q.dof[:, None])
    shifts, extents = np.empty((len(means) + 1, means.shape[1])), np.empty(len(means))
    kernels.shift_to_center(means, _pad(_DEVIATIONS * deviation, 1), factors, shifts, extents)
    return shifts, extents < _LARGEST_EXTENT


def scatter_kernel(n_features):
    """The kernel of full second moments that suits a number of features, and whether it reads a block's table."""
    return (moments.full_moments, True) if n_features > FEATURE_TILE else (moments.low_moments, False)


class GaussianComponents:
    """Gaussian components with means and precisions in one of four forms.

    Subclasses give `family`, `messages`, `score_kernel`, `moment_kernel`, `cost` and `predictive`.
    """

    #: name that users know, as in scikit-learn's covariance_type
    name = None
    #: conjugate family of means and precisions
    family = None

    def _constants(self, q, log_weights):
        """E[log pi_k] + E[log |Lambda_k|] / 2 - D / (2 kappa_k); -(D / 2) log 2 pi is the base measure's."""
        constants = np.empty(len(log_weights))
        expected_log_norms(log_weights, q.expected_log_det.reshape(-1), q.mean_precision, q.n_features, constants)
        return constants

    def log_base_measure(self, n_features):
        """Log base measure of a row (nats)."""
        return -0.5 * n_features * LOG_2PI

    def unheard(self, n_components, n_features):
        """What moments take beside their reference where there is no q yet."""
        return ()

    def empty(self, n_components, n_features):
        """Zeroed accumulators of count, first and second moments for one task."""
        depth = padded(n_features, TABLE_TILE if self.moment_kernel(n_features)[1] else FEATURE_TILE)
        second = np.zeros(self._second_shape(n_components, depth))
        return np.zeros(n_components), np.zeros((n_components, depth)), second

    def collect(self, reference, accumulators):
        """Moments from a task's accumulators."""
        count, first, second = accumulators
        d = reference.shape[1]
        return Moments(self.family.form, reference, count, _unpadded(first, 1, d), self._unpad(second, d))


class _FullMoments(GaussianComponents):
    def moment_kernel(self, n_features):
        """The kernel that adds moments, and whether it reads a block's table."""
        return scatter_kernel(n_features)

    def _second_shape(self, n_components, depth):
        return n_components, depth, depth

    def _unpad(self, second, d):
        moments.mirror(second)
        return _unpadded(second, 2, d)


class _DiagonalMoments(GaussianComponents):
    def moment_kernel(self, n_features):
        """The kernel that adds moments, and whether it reads a block's table."""
        return diagonal.diagonal_moments, True

    def score_kernel(self, n_features):
        """The kernel of scores: expected log joint of rows and components, less the base measure."""
        return diagonal.expanded_diagonal_scores

    def _second_shape(self, n_components, depth):
        return n_components, 1, depth

    def _unpad(self, second, d):
        return _unpadded(second[:, 0], 1, d)

    def cost(self, n_components, n_features):
        """Arithmetic operations per row, and bytes of a result."""
        # Products do eight operations at a time, and more than one of them in a cycle.
        return n_components * (n_features + 16.0), 16.0 * n_components * n_features


def _student_t(quadratic, dof, dimension, log_scale):
    """Log density of a multivariate Student-t from its quadratic form; log_scale is log |Sigma| / 2."""
    half = 0.5 * (dof + dimension)
    constant = gammaln(half) - gammaln(0.5 * dof) - 0.5 * dimension * np.log(np.pi * dof) - log_scale
    return constant - half * np.log1p(quadratic / dof)


class FullComponents(_FullMoments):
    """One precision matrix per component."""

    name = "full"
    family = NormalWishart

    def messages(self, q, log_weights):
        """What the rows hear of q."""
        scores = _triangular(self._constants(q, log_weights), q.mean, q.precision.expected_factor)
        if not _deep(q.n_features):
            return Messages(scores)
        shifts, near = _about_center(q, *scores[:2])
        return Messages((*scores, shifts, near), (near,))

    def unheard(self, n_components, n_features):
        """What moments take beside their reference where there is no q yet."""
        return (np.zeros(n_components, dtype=bool),) if _deep(n_features) else ()

    def score_kernel(self, n_features):
        """The kernel of scores: expected log joint of rows and components, less the base measure."""
        return kernels.screened_full_scores if _deep(n_features) else kernels.full_scores

    def moment_kernel(self, n_features):
        """The kernel that adds moments, and whether it reads a block's table."""
        return (expanded.expanded_full_moments, True) if _deep(n_features) else scatter_kernel(n_features)

    def cost(self, n_components, n_features):
        """Arithmetic operations per row, and bytes of a result."""
        return n_components * (2.0 * n_features**2 + 20.0), 8.0 * n_components * n_features**2

    def predictive(self, q):
        """Student-t of each component's next row (Bishop 2006, eq. 10.81 to 10.83), as a function of x."""
        d = q.n_features
        dof = q.dof - d + 1.0
        spread = (q.mean_precision + 1.0) / (q.mean_precision * dof)
        factor = q.precision.expected_factor / np.sqrt(q.dof * spread)[..., None, None]
        log_scale = -np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
        means, factors, constants = _triangular(np.zeros(len(q.mean)), q.mean, factor)

        def log_density(x, out):
            kernels.full_scores(x, means, factors, constants, out)
            out[:] = _student_t(-2.0 * out, dof[:, None], d, log_scale[:, None])

        return log_density


class TiedComponents(_FullMoments):
    """One precision matrix that all components share: rows are whitened once, then distances are plain."""

    name = "tied"
    family = TiedNormalWishart

    def _second_shape(self, n_components, depth):
        return 1, depth, depth

    def _unpad(self, second, d):
        return super()._unpad(second, d)[0]

    def messages(self, q, log_weights):
        """What the rows hear of q."""
        return Messages(_triangular(self._constants(q, log_weights), q.mean, q.precision.expected_factor[None]))

    def score_kernel(self, n_features):
        """The kernel of scores: expected log joint of rows and components, less the base measure."""
        return kernels.tied_scores

    def cost(self, n_components, n_features):
        """Arithmetic operations per row, and bytes of a result."""
        distances = n_features**2 + 3.0 * n_components * n_features
        return distances + n_components * (n_features**2 + 20.0), 8.0 * n_features**2

    def predictive(self, q):
        """Student-t of each component's next row, as a function of x."""
        d = q.n_features
        dof = q.dof - d + 1.0
        spread = (q.mean_precision + 1.0) / (q.mean_precision * dof)
        factor = q.precision.expected_factor / np.sqrt(q.dof)
        log_scale = 0.5 * d * np.log(spread) - np.log(np.diagonal(factor)).sum()
        means, factors, constants = _triangular(np.zeros(len(q.mean)), q.mean, factor[None])

        def log_density(x, out):
            kernels.tied_scores(x, means, factors, constants, out)
            out[:] = _student_t(-2.0 * out / spread[:, None], dof, d, log_scale[:, None])

        return log_density


class DiagonalComponents(_DiagonalMoments):
    """One precision per component and feature."""

    name = "diag"
    family = NormalGamma

    def messages(self, q, log_weights):
        """What the rows hear of q."""
        return Messages(_diagonal(self._constants(q, log_weights), q.mean, q.expected_precision))

    def predictive(self, q):
        """Product over features of each component's Student-t, as a function of x."""
        dof = q.dof[:, None]
        squared = q.scale * (q.mean_precision[:, None] + 1.0) / (q.mean_precision[:, None] * dof)

        def log_density(x, out):
            rows = x[: q.n_features]
            for k in range(len(q.mean)):
                quadratic = (rows - q.mean[k][:, None]) ** 2 / squared[k][:, None]
                out[k] = _student_t(quadratic, dof[k], 1, 0.5 * np.log(squared[k])[:, None]).sum(axis=0)

        return log_density


class SphericalComponents(_DiagonalMoments):
    """One precision per component."""

    name = "spherical"
    family = SphericalNormalGamma

    def score_kernel(self, n_features):
        """The kernel of scores: expected log joint of rows and components, less the base measure."""
        return diagonal.spherical_scores

    def messages(self, q, log_weights):
        """What the rows hear of q."""
        precisions = np.repeat(q.expected_precision[:, None], q.n_features, axis=1)
        return Messages(_diagonal(self._constants(q, log_weights), q.mean, precisions))

    def _unpad(self, second, d):
        return super()._unpad(second, d).sum(axis=1)

    def predictive(self, q):
        """Spherical Student-t of each component's next row, as a function of x."""
        d = q.n_features
        dof = d * q.dof
        squared = q.scale * (q.mean_precision + 1.0) / (q.mean_precision * dof)
        precisions = np.repeat(1.0 / squared[:, None], d, axis=1)
        means, factors, constants = _diagonal(np.zeros(len(q.mean)), q.mean, precisions)

        def log_density(x, out):
            kernels.diagonal_scores(x, means, factors, constants, out)
            out[:] = _student_t(-2.0 * out, dof[:, None], d, 0.5 * d * np.log(squared)[:, None])

        return log_density


COMPONENTS = {
    components.name: components()
    for components in (FullComponents, TiedComponents, DiagonalComponents, SphericalComponents)
}
