"""The Wishart distribution of a precision matrix."""

import functools
import math

import numpy as np
from scipy.special import gammaln, psi

from skvi.families.base import Family, lazy
from skvi.families.gamma import Gamma
from skvi.kernels.matrices import invert_definite

_LOG_2 = math.log(2.0)
_LOG_PI = math.log(math.pi)


@functools.cache
def _half_steps(d):
    return 0.5 * np.arange(d)


class Wishart(Family):
    """Wishart distribution W(L | W, nu), density proportional to |L|^((nu - D - 1) / 2) exp(-tr(W^-1 L) / 2).

    Parameters
    ----------
    dof : ndarray of shape (...), above D - 1
    scale : ndarray of shape (..., D, D), symmetric positive definite
        The inverse W^-1, which is where scatter matrices add up.
    """

    def __init__(self, dof, scale):
        self.dof = np.asarray(dof, dtype=float)
        self.scale = scale

    def natural(self, origin=None):
        return self.dof - self._dimension - 1.0, self.scale

    def from_natural(self, natural, origin=None):
        return Wishart(natural[0] + self._dimension + 1.0, natural[1])

    @property
    def proper(self):
        return bool(self.dof.min() > self._dimension - 1.0) and _is_definite(self)

    def sufficient_statistics(self, precision, origin=None):
        return 0.5 * np.linalg.slogdet(precision)[1], -0.5 * precision

    @property
    def _dimension(self):
        return self.scale.shape[-1]

    @lazy
    def _inverted(self):
        """F with F' F = W, W itself and log |W^-1|."""
        d = self._dimension
        scale = np.ascontiguousarray(self.scale, dtype=float)
        parts = np.empty(scale.shape), np.empty(scale.shape), np.empty(scale.shape[:-2])
        flat = [array.reshape(-1, d, d) for array in (scale, *parts[:2])]
        invert_definite(*flat, parts[2].reshape(-1))
        if np.isnan(parts[2].sum()):
            raise np.linalg.LinAlgError("the scale of a Wishart distribution is not positive definite")
        return parts

    @property
    def inverse_cholesky(self):
        """Lower-triangular F with F' F = W, shape (..., D, D); a LinAlgError where the scale is not definite."""
        return self._inverted[0]

    @property
    def _log_det_scale(self):
        return self._inverted[2]

    @lazy
    def _halves(self):
        return 0.5 * self.dof[..., None] - _half_steps(self._dimension)

    @lazy
    def _log_normalizer(self):
        d = self._dimension
        constant = self.dof.size * 0.25 * d * (d - 1) * _LOG_PI
        scales = np.vdot(0.5 * self.dof, d * _LOG_2 - self._log_det_scale)
        return float(constant + gammaln(self._halves).sum() + scales)

    def log_normalizer(self, origin=None):
        return self._log_normalizer

    @lazy
    def expected_log_det(self):
        """E[log |L|], shape (...)."""
        return psi(self._halves).sum(-1) + self._dimension * _LOG_2 - self._log_det_scale

    def expectations(self, origin=None):
        return 0.5 * self.expected_log_det, -0.5 * self.mean

    @lazy
    def mean(self):
        """E[L] = nu W, shape (..., D, D)."""
        return self.dof[..., None, None] * self._inverted[1]

    @property
    def var(self):
        """Variances of the entries of L, shape (..., D, D)."""
        w = self._inverted[1]
        diagonal = np.diagonal(w, axis1=-2, axis2=-1)
        return self.dof[..., None, None] * (w**2 + diagonal[..., :, None] * diagonal[..., None, :])

    def interval(self, level=0.9):
        """Central intervals of the diagonal entries of L (each a Gamma's), shape (..., D, 2)."""
        diagonal = np.diagonal(self.mean, axis1=-2, axis2=-1) / self.dof[..., None]
        return Gamma(0.5 * self.dof[..., None], 0.5 / diagonal).interval(level)

    def _sample(self, n, rng):
        """Draw by the Bartlett decomposition, shape (n, ..., D, D)."""
        d = self._dimension
        batch = self.dof.shape
        lower = np.tril(rng.standard_normal((n, *batch, d, d)), -1)
        diagonal = np.sqrt(2.0 * rng.standard_gamma(self._halves, size=(n, *batch, d)))
        lower[..., range(d), range(d)] = diagonal
        # F' has W = F' F, and its product with any Bartlett factor of W(I, nu) is one of W(W, nu).
        factor = np.swapaxes(self.inverse_cholesky, -1, -2) @ lower
        return factor @ np.swapaxes(factor, -1, -2)


def _is_definite(wishart):
    try:
        return wishart._inverted is not None
    except np.linalg.LinAlgError:
        return False
