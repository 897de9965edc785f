"""Stick-breaking weights of the Dirichlet process, truncated."""

import math

import numpy as np

from skvi.families.base import Family, lazy
from skvi.families.dirichlet import Dirichlet
from skvi.kernels.sticks import stick_gain, stick_parts


class StickBreaking(Family):
    """Independent sticks v_k ~ Beta(a_k, b_k); the weights are pi_k = v_k prod_{j<k} (1 - v_j).

    The prior of a Dirichlet process has infinitely many sticks Beta(1, gamma). An approximation truncated to
    K of them leaves the others at their prior, so that they add nothing to the divergence: bounds at
    different K are bounds of the same model (Blei & Jordan 2006, with nested truncation as in Kurihara,
    Welling & Vlassis 2006). The base measure is prod_k 1 / (v_k (1 - v_k)): natural parameters are a and b.

    Parameters
    ----------
    a, b : ndarray of shape (n_components,), positive
    """

    def __init__(self, a, b):
        self.a = a
        self.b = b

    def natural(self, origin=None):
        return self.a, self.b

    def from_natural(self, natural, origin=None):
        return StickBreaking(*natural)

    def log_prob(self, sticks):
        return super().log_prob(sticks) - float((np.log(sticks) + np.log1p(-sticks)).sum())

    def entropy(self):
        stop, go_on = self.expectations()
        return super().entropy() + float((stop + go_on).sum())

    def coordinates(self, statistics, origin=None):
        """Counts per component: a stick gains those that stop at it, and those that pass it."""
        return statistics, statistics[::-1].cumsum()[::-1] - statistics

    def updated(self, statistics):
        """Return the conjugate posterior: natural parameters plus the counts."""
        parts, log_normalizer = self._parts_after(statistics)
        posterior = StickBreaking(parts[0], parts[1])
        posterior._parts = parts, log_normalizer
        return posterior

    def _parts_after(self, counts):
        """The rows a, b, E[log v], E[log(1 - v)] and E[log pi] after counts, and the log-normaliser or NaN."""
        parts = np.empty((5, len(self.a)))
        return parts, stick_parts(self.a, self.b, counts, parts)

    @lazy
    def _parts(self):
        return self._parts_after(np.zeros(len(self.a)))

    @property
    def proper(self):
        return math.isfinite(self._parts[1])

    def sufficient_statistics(self, sticks, origin=None):
        return np.log(sticks), np.log1p(-sticks)

    def log_normalizer(self, origin=None):
        return self._parts[1]

    def expectations(self, origin=None):
        _, _, stop, go_on, _ = self._parts[0]
        return stop, go_on

    @property
    def expected_log(self):
        """E[log pi_k], shape (n_components,)."""
        return self._parts[0][4]

    def gain(self, prior, statistics):
        (parts, log_normalizer), (others, other_log_normalizer) = self._parts, prior._parts
        return stick_gain(others, statistics, parts) + log_normalizer - other_log_normalizer

    @property
    def mean(self):
        """E[pi_k], shape (n_components,); what is missing to one is the mass beyond the truncation."""
        stick = self.a / (self.a + self.b)
        return stick * np.cumprod(np.concatenate([[1.0], 1.0 - stick[:-1]]))

    @property
    def var(self):
        """Marginal variances of pi_k, shape (n_components,)."""
        total = self.a + self.b
        stop = self.a * (self.a + 1.0) / (total * (total + 1.0))
        go_on = self.b * (self.b + 1.0) / (total * (total + 1.0))
        second = stop * np.cumprod(np.concatenate([[1.0], go_on[:-1]]))
        return np.maximum(second - self.mean**2, 0.0)

    def interval(self, level=0.9):
        """Central intervals of pi_k from the Beta of equal mean and variance, shape (n_components, 2)."""
        mean, var = self.mean, self.var
        total = mean * (1.0 - mean) / np.maximum(var, np.finfo(float).tiny) - 1.0
        pairs = np.stack([mean * total, (1.0 - mean) * total], axis=-1)
        return Dirichlet(pairs).interval(level)[..., 0, :]

    def _sample(self, n, rng):
        """Draw weights, shape (n, n_components), not sticks."""
        sticks = rng.beta(self.a, self.b, size=(n, len(self.a)))
        left = np.cumprod(np.hstack([np.ones((n, 1)), 1.0 - sticks[:, :-1]]), axis=1)
        return sticks * left
