"""The Dirichlet distribution of a probability vector."""

import numpy as np
from scipy.special import betaincinv, gammaln, psi

from skvi.families.base import Family, lazy, tail_probabilities


class Dirichlet(Family):
    """Dirichlet distribution over probability vectors, density proportional to prod_k theta_k^(a_k - 1).

    The base measure is prod_k theta_k^-1, so that the natural parameters are the concentrations themselves:
    less one they would lose the digits of sparse ones.

    Parameters
    ----------
    concentration : ndarray of shape (..., n_components), positive
    """

    def __init__(self, concentration):
        self.concentration = concentration

    def natural(self, origin=None):
        return (self.concentration,)

    def from_natural(self, natural, origin=None):
        return Dirichlet(natural[0])

    def log_prob(self, theta):
        return super().log_prob(theta) - float(np.log(theta).sum())

    def entropy(self):
        return super().entropy() + float(self.expected_log.sum())

    def coordinates(self, statistics, origin=None):
        """Counts of each outcome."""
        return (np.asarray(statistics),)

    @property
    def proper(self):
        return bool((self.concentration > 0.0).all())

    def sufficient_statistics(self, theta, origin=None):
        return (np.log(theta),)

    @lazy
    def _log_normalizer(self):
        a = self.concentration
        if a.ndim > 1 and a.strides[0] == 0:
            # The same one over and over, as priors of topics are: they are large.
            return len(a) * Dirichlet(a[0]).log_normalizer()
        return float(gammaln(a).sum() - gammaln(a.sum(-1)).sum())

    def log_normalizer(self, origin=None):
        return self._log_normalizer

    @lazy
    def mass(self):
        """Sum of the concentrations, shape (...)."""
        return self.concentration.sum(-1)

    @lazy
    def expected_log(self):
        """E[log theta], shape (..., n_components)."""
        return psi(self.concentration) - psi(self.mass[..., None])

    def remember(self, sum_log_gamma):
        """Take the sum of log Gamma of the concentrations from who has it already."""
        self._log_normalizer = float(sum_log_gamma - gammaln(self.mass).sum())

    @property
    def remembers(self):
        """Whether the log-normaliser is known already."""
        return "_log_normalizer" in vars(self)

    def expectations(self, origin=None):
        return (self.expected_log,)

    @property
    def mean(self):
        """Expected probabilities, shape (..., n_components)."""
        return self.concentration / self.concentration.sum(-1, keepdims=True)

    @property
    def var(self):
        """Marginal variances, shape (..., n_components)."""
        mean = self.mean
        return mean * (1.0 - mean) / (self.concentration.sum(-1, keepdims=True) + 1.0)

    def interval(self, level=0.9):
        """Central marginal intervals (each a Beta's), shape (..., n_components, 2)."""
        a = self.concentration
        b = a.sum(-1, keepdims=True) - a
        return np.stack([_beta_quantile(a, b, q) for q in tail_probabilities(level)], axis=-1)

    def _sample(self, n, rng):
        # G(a) has the law of G(a + 1) U^(1 / a): logarithms do not underflow where concentrations are small.
        a = self.concentration
        size = (n, *a.shape)
        logs = np.log(rng.standard_gamma(a + 1.0, size=size)) + np.log1p(-rng.uniform(size=size)) / a
        draws = np.exp(logs - logs.max(-1, keepdims=True))
        return draws / draws.sum(-1, keepdims=True)


def _beta_quantile(a, b, q):
    # A single component has all the mass: Beta(a, 0) is a point at one.
    return np.where(b > 0.0, betaincinv(a, np.where(b > 0.0, b, 1.0), q), 1.0)
