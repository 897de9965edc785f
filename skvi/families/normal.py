"""The multivariate normal distribution of a parameter vector."""

import numpy as np
from scipy.special import ndtri

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

    def natural(self, origin=None):
        return (self.precision @ self.mean[..., None])[..., 0], self.precision

    def from_natural(self, natural, origin=None):
        pull, precision = natural
        return Normal(np.linalg.solve(precision, pull[..., None])[..., 0], precision)

    @property
    def proper(self):
        return bool((np.linalg.eigvalsh(self.precision) > 0.0).all())

    def sufficient_statistics(self, value, origin=None):
        return value, -0.5 * value[..., :, None] * value[..., None, :]

    @lazy
    def covariance(self):
        """Covariance matrices, shape (..., D, D)."""
        return np.linalg.inv(self.precision)

    def log_normalizer(self, origin=None):
        log_det = np.linalg.slogdet(self.precision)[1]
        pull, _ = self.natural()
        value = self.mean.shape[-1] * np.log(2.0 * np.pi) - log_det + (self.mean * pull).sum(-1)
        return float(0.5 * value.sum())

    def expectations(self, origin=None):
        return self.mean, -0.5 * (self.covariance + self.mean[..., :, None] * self.mean[..., None, :])

    @property
    def var(self):
        """Marginal variances."""
        return np.diagonal(self.covariance, axis1=-2, axis2=-1)

    def interval(self, level=0.9):
        """Central marginal intervals, with a last axis of two."""
        half = np.sqrt(self.var) * ndtri(tail_probabilities(level)[1])
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def _sample(self, n, rng):
        factor = np.linalg.cholesky(self.covariance)
        noise = rng.standard_normal((n, *self.mean.shape))
        return self.mean + (factor @ noise[..., None])[..., 0]
