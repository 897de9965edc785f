"""The Wishart distribution of a precision matrix."""

import math

import numpy as np

from skvi.families.base import Family, lazy
from skvi.families.gamma import Gamma
from skvi.kernels.matrices import wishart_parts


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
        return math.isfinite(self._parts[3])

    def sufficient_statistics(self, precision, origin=None):
        return 0.5 * np.linalg.slogdet(precision)[1], -0.5 * precision

    @property
    def _dimension(self):
        return self.scale.shape[-1]

    @lazy
    def _parts(self):
        """F with F' F = E[L], E[L] itself, E[log |L|] and the log-normaliser, NaN where they do not exist."""
        scale = np.ascontiguousarray(self.scale, dtype=float)
        arrays = scale, np.empty(scale.shape), np.empty(scale.shape)
        dof, log_det = self.dof, np.empty(self.dof.shape)
        if scale.ndim == 3:
            return *arrays[1:], log_det, wishart_parts(dof, *arrays, log_det)
        stacks = [array.reshape(-1, *scale.shape[-2:]) for array in arrays]
        return *arrays[1:], log_det, wishart_parts(dof.reshape(-1), *stacks, log_det.reshape(-1))

    @lazy
    def _proper_parts(self):
        if not self.proper:
            raise np.linalg.LinAlgError(
                "the scale of a Wishart distribution is not positive definite, or its degrees of freedom are too few"
            )
        return self._parts

    @property
    def expected_factor(self):
        """Lower-triangular F with F' F = E[L], shape (..., D, D); a LinAlgError where the scale is not definite."""
        return self._proper_parts[0]

    @property
    def mean(self):
        """E[L] = nu W, shape (..., D, D)."""
        return self._proper_parts[1]

    @property
    def expected_log_det(self):
        """E[log |L|], shape (...)."""
        return self._proper_parts[2]

    def log_normalizer(self, origin=None):
        return self._proper_parts[3]

    def expectations(self, origin=None):
        return 0.5 * self.expected_log_det, -0.5 * self.mean

    @property
    def var(self):
        """Variances of the entries of L, shape (..., D, D)."""
        mean = self.mean
        diagonal = np.diagonal(mean, axis1=-2, axis2=-1)
        return (mean**2 + diagonal[..., :, None] * diagonal[..., None, :]) / self.dof[..., None, None]

    def interval(self, level=0.9):
        """Central intervals of the diagonal entries of L (each a Gamma's), shape (..., D, 2)."""
        diagonal = np.diagonal(self.mean, axis1=-2, axis2=-1) / self.dof[..., None]
        return Gamma(0.5 * self.dof[..., None], 0.5 / diagonal).interval(level)

    def _sample(self, n, rng):
        """Draw by the Bartlett decomposition, shape (n, ..., D, D)."""
        d = self._dimension
        batch = self.dof.shape
        lower = np.tril(rng.standard_normal((n, *batch, d, d)), -1)
        halves = 0.5 * (self.dof[..., None] - np.arange(d))
        diagonal = np.sqrt(2.0 * rng.standard_gamma(halves, size=(n, *batch, d)))
        lower[..., range(d), range(d)] = diagonal
        # F' has W = F' F, and its product with any Bartlett factor of W(I, nu) is one of W(W, nu).
        factor = np.swapaxes(self.expected_factor, -1, -2) @ lower / np.sqrt(self.dof)[..., None, None]
        return factor @ np.swapaxes(factor, -1, -2)
