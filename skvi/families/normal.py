"""The multivariate normal distribution of a parameter vector."""

import numpy as np
from scipy.special import ndtri

from skvi.families.base import Family, lazy, tail_probabilities


class Normal(Family):
    """Normal distributions in information form, with statistics x - o and -(x - o)(x - o)' / 2 about an origin o.

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

    def natural(self, origin=None):
        offset = self.mean - (self.mean if origin is None else origin)
        return (self.precision @ offset[..., None])[..., 0], self.precision

    def from_natural(self, natural, origin=None):
        pull, precision = natural
        return Normal(origin + np.linalg.solve(precision, pull[..., None])[..., 0], precision)

    @property
    def proper(self):
        return bool((np.linalg.eigvalsh(self.precision) > 0.0).all())

    def sufficient_statistics(self, value, origin=None):
        offset = value - origin
        return offset, -0.5 * offset[..., :, None] * offset[..., None, :]

    @lazy
    def covariance(self):
        """Covariance matrices, shape (..., D, D)."""
        return np.linalg.inv(self.precision)

    def log_normalizer(self, origin=None):
        log_det = np.linalg.slogdet(self.precision)[1]
        pull, _ = self.natural(origin)
        offset = self.mean - (self.mean if origin is None else origin)
        value = self.mean.shape[-1] * np.log(2.0 * np.pi) - log_det + (offset * pull).sum(-1)
        return float(0.5 * value.sum())

    def expectations(self, origin=None):
        offset = self.mean - (self.mean if origin is None else origin)
        return offset, -0.5 * (self.covariance + offset[..., :, None] * offset[..., None, :])

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
