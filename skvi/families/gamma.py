"""The Gamma distribution of a precision or a rate."""

import numpy as np
from scipy.special import gammaincinv, gammaln, psi

from skvi.families.base import Family, lazy, tail_probabilities


class Gamma(Family):
    """Gamma distribution with density b^a / Gamma(a) x^(a - 1) exp(-b x).

    Parameters
    ----------
    shape, rate : ndarray of equal shapes, positive
    """

    def __init__(self, shape, rate):
        shape, rate = np.asarray(shape), np.asarray(rate)
        # Broadcasting takes longer than all else that small batches need.
        self.shape, self.rate = (shape, rate) if shape.shape == rate.shape else np.broadcast_arrays(shape, rate)

    def natural(self, origin=None):
        return self.shape - 1.0, -self.rate

    def from_natural(self, natural, origin=None):
        return Gamma(natural[0] + 1.0, -natural[1])

    @property
    def proper(self):
        return bool((self.shape > 0.0).all() and (self.rate > 0.0).all())

    def sufficient_statistics(self, value, origin=None):
        return np.log(value), value

    @lazy
    def _log_normalizer(self):
        return float((gammaln(self.shape) - self.shape * np.log(self.rate)).sum())

    def log_normalizer(self, origin=None):
        return self._log_normalizer

    @lazy
    def expected_log(self):
        """E[log x]."""
        return psi(self.shape) - np.log(self.rate)

    def expectations(self, origin=None):
        return self.expected_log, self.mean

    @lazy
    def mean(self):
        """E[x]."""
        return self.shape / self.rate

    @property
    def var(self):
        """Var[x]."""
        return self.shape / self.rate**2

    @property
    def inverse_mean(self):
        """E[1 / x]: infinite where the shape is at most one."""
        with np.errstate(divide="ignore"):
            return np.where(self.shape > 1.0, self.rate / np.maximum(self.shape - 1.0, 0.0), np.inf)

    def interval(self, level=0.9):
        """Central intervals, with a last axis of two."""
        ends = [gammaincinv(self.shape, q) / self.rate for q in tail_probabilities(level)]
        return np.stack(ends, axis=-1)

    def _sample(self, n, rng):
        return rng.standard_gamma(self.shape, size=(n, *self.shape.shape)) / self.rate
