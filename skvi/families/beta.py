"""The Beta distribution of a probability."""

import numpy as np
from scipy.special import betaincinv, betaln, psi

from skvi.families.base import Family, tail_probabilities


class Beta(Family):
    """Beta distribution with density proportional to x^(a - 1) (1 - x)^(b - 1).

    Parameters
    ----------
    a, b : ndarray of equal shapes, positive
    """

    def __init__(self, a, b):
        self.a, self.b = np.broadcast_arrays(a, b)

    def natural(self, origin=None):
        return self.a - 1.0, self.b - 1.0

    def from_natural(self, natural, origin=None):
        return Beta(natural[0] + 1.0, natural[1] + 1.0)

    @property
    def proper(self):
        return bool((self.a > 0.0).all() and (self.b > 0.0).all())

    def sufficient_statistics(self, value, origin=None):
        return np.log(value), np.log1p(-value)

    def log_normalizer(self, origin=None):
        return float(betaln(self.a, self.b).sum())

    def expectations(self, origin=None):
        """E[log x] and E[log(1 - x)]."""
        total = psi(self.a + self.b)
        return psi(self.a) - total, psi(self.b) - total

    @property
    def mean(self):
        """E[x]."""
        return self.a / (self.a + self.b)

    @property
    def var(self):
        """Var[x]."""
        total = self.a + self.b
        return self.a * self.b / (total**2 * (total + 1.0))

    def interval(self, level=0.9):
        """Central intervals, with a last axis of two."""
        return np.stack([betaincinv(self.a, self.b, q) for q in tail_probabilities(level)], axis=-1)

    def _sample(self, n, rng):
        return rng.beta(self.a, self.b, size=(n, *self.a.shape))
