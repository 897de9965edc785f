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

    #: share of the variables that are free, where sums of them are known
    free = 1.0

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

    @lazy
    def log_det(self):
        """Log determinants of the precision matrices, shape (...)."""
        return np.linalg.slogdet(self.precision)[1]

    def log_normalizer(self, origin=None):
        pull, _ = self.natural()
        value = self.mean.shape[-1] * np.log(2.0 * np.pi) - self.log_det + (self.mean * pull).sum(-1)
        return float(0.5 * value.sum())

    def expectations(self, origin=None):
        return self.mean, -0.5 * (self.covariance + self.mean[..., :, None] * self.mean[..., None, :])

    def kl(self, other):
        if not isinstance(other, Normal):
            raise TypeError(f"kl of a {type(self).__name__} from a {type(other).__name__}: give a normal distribution")
        # About the mean: about zero the digits of means far from it would be lost.
        offset = (self.mean - other.mean)[..., None]
        squares = (other.precision * (self.covariance + offset * np.swapaxes(offset, -1, -2))).sum()
        return max(0.5 * float(squares - self.mean.size + (self.log_det - other.log_det).sum()), 0.0)

    @property
    def var(self):
        """Marginal variances."""
        return np.diagonal(self.covariance, axis1=-2, axis2=-1)

    @property
    def sign_probability(self):
        """Probability that each variable has the sign of its mean."""
        return ndtr(np.abs(self.mean) / np.sqrt(self.var))

    def trace_with(self, precision):
        """Sum over the coefficients of a precision (one for each) times the variance."""
        return float(np.broadcast_to(precision * self.var, self.mean.shape).sum())

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
