"""The multivariate normal distribution of a parameter vector."""

import numpy as np
from scipy.special import ndtr, ndtri

from skvi.families.base import Family, lazy, tail_probabilities


class Normal(Family):
    """Normal distributions in information form, with statistics x and -x x' / 2.

    Parameters
    ----------
    mean : ndarray of shape (..., D)
    precision : ndarray of shape (..., D, D), symmetric positive definite
    """

    def __init__(self, mean, precision):
        self.mean = mean
        self.precision = precision

    @property
    def origin(self):
        return self.mean

    def _offset(self, origin):
        return self.mean - (0.0 if origin is None else origin)

    def natural(self, origin=None):
        return (self.precision @ self._offset(origin)[..., None])[..., 0], self.precision

    def coordinates(self, statistics, origin):
        """Pulls and precisions about zero, about the origin instead."""
        pull, precision = statistics
        return (pull if origin is None else pull - (precision @ origin[..., None])[..., 0]), precision

    def from_natural(self, natural, origin=None):
        pull, precision = natural
        offset = np.linalg.solve(precision, pull[..., None])[..., 0]
        return Normal(offset + (0.0 if origin is None else origin), precision)

    @property
    def proper(self):
        return bool((np.linalg.eigvalsh(self.precision) > 0.0).all())

    def sufficient_statistics(self, value, origin=None):
        offset = value - (0.0 if origin is None else origin)
        return offset, -0.5 * offset[..., :, None] * offset[..., None, :]

    @lazy
    def covariance(self):
        """Covariance matrices, shape (..., D, D)."""
        return np.linalg.inv(self.precision)

    @lazy
    def log_det(self):
        """Log determinants of the precision matrices, shape (...)."""
        return np.linalg.slogdet(self.precision)[1]

    def log_normalizer(self, origin=None):
        pull, _ = self.natural(origin)
        value = self.mean.shape[-1] * np.log(2.0 * np.pi) - self.log_det + (self._offset(origin) * pull).sum(-1)
        return float(0.5 * value.sum())

    def expectations(self, origin=None):
        offset = self._offset(origin)
        return offset, -0.5 * (self.covariance + offset[..., :, None] * offset[..., None, :])

    @property
    def var(self):
        """Marginal variances."""
        return np.diagonal(self.covariance, axis1=-2, axis2=-1)

    @property
    def sign_probability(self):
        """Probability that each variable has the sign of its mean."""
        return ndtr(np.abs(self.mean) / np.sqrt(self.var))

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (..., N)."""
        return np.einsum("nd,...de,ne->...n", x, self.covariance, x, optimize=True)

    def interval(self, level=0.9):
        """Central marginal intervals, with a last axis of two."""
        half = np.sqrt(self.var) * ndtri(tail_probabilities(level)[1])
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def _sample(self, n, rng):
        factor = np.linalg.cholesky(self.covariance)
        noise = rng.standard_normal((n, *self.mean.shape))
        return self.mean + (factor @ noise[..., None])[..., 0]
