"""Distributions that are known by draws."""

import numpy as np
from sklearn.utils import check_random_state

from skvi.families.base import Family, tail_probabilities
from skvi.families.joint import Joint


class Draws(Family):
    """The distribution that gives equal weight to each of some draws.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, *shape)
    """

    def __init__(self, draws):
        self.draws = draws

    @property
    def proper(self):
        """Whether all draws are finite."""
        return bool(np.isfinite(self.draws).all())

    @property
    def mean(self):
        """Mean of the draws."""
        return self.draws.mean(axis=0)

    @property
    def var(self):
        """Variance of the draws, their number being the divisor."""
        return self.draws.var(axis=0)

    def interval(self, level=0.9):
        """Central interval of the draws: their quantiles, with a last axis of two."""
        return np.moveaxis(np.quantile(self.draws, tail_probabilities(level), axis=0), 0, -1)

    def _sample(self, n, rng):
        return self.draws[rng.randint(len(self.draws), size=n)]


class JointDraws(Joint):
    """Draws of several parameters at once, with the correlations that they have.

    Parameters
    ----------
    entropy : float
        Estimate of the entropy (nats) of the distribution that the draws stand for.
    **factors : Draws
        As many draws of each.
    """

    def __init__(self, entropy, /, **factors):
        super().__init__(**factors)
        self._entropy = entropy

    @property
    def draws(self):
        """Arrays of all draws by name."""
        return {name: factor.draws for name, factor in self.items()}

    def entropy(self):
        """Estimate of the entropy in nats."""
        return self._entropy

    def kl(self, other):
        """KL(self || other) in nats: minus the entropy, less the mean log density of the draws under the other.

        Parameters
        ----------
        other : object
            With a method `log_prob` that takes a dictionary of draws, as `prior_` has.
        """
        return -self._entropy - float(np.mean(other.log_prob(self.draws)))

    def sample(self, n=1, random_state=None):
        """Choose n draws with replacement, the same ones of every parameter."""
        rng = check_random_state(random_state)
        n_draws = len(next(iter(self.draws.values())))
        chosen = rng.randint(n_draws, size=n)
        return {name: draws[chosen] for name, draws in self.draws.items()}
