"""Renyi's bounds, from the importance weighted bound to the evidence lower bound and beyond."""

import math

import numpy as np

from skvi.gradient.noise import antithetic
from skvi.gradient.objectives import Objective, keep_finite, nowhere
from skvi.gradient.power_means import log_power_mean


class RenyiBound(Objective):
    r"""E[1/(1-alpha) log mean_k w_k^(1-alpha)] over groups of K draws with w = p(z) / q(z) (Li, Turner 2016, eq. 14).

    alpha = 1 is the evidence lower bound, alpha = 0 the importance weighted bound (Burda, Grosse, Salakhutdinov 2016);
    between them the approximation covers more of the target's mass as alpha falls, and above one less. With
    alpha < 1 and K = 1 it is the evidence lower bound too.

    Parameters
    ----------
    alpha : float, default=0.0
    n_inner : int, default=10
        K. The number of draws must be a multiple of it.
    doubly : bool, default=True
        Whether gradients are doubly reparameterized (Tucker et al. 2019; here for any alpha): a draw's share c in its
        group counts as alpha c + (1 - alpha) c^2 on the path alone. Many draws in a group then do not
        drown the gradient in noise, and at alpha = 1 this sticks the landing.

    Raises
    ------
    ValueError
        Where alpha is not finite or n_inner below one.
    """

    def __init__(self, alpha=0.0, n_inner=10, doubly=True):
        if not math.isfinite(alpha):
            raise ValueError(f"alpha={alpha!r}: give a finite number; 1 is the evidence lower bound")
        if n_inner < 1:
            raise ValueError(f"n_inner={n_inner!r}: give the number of draws in a group, at least 1")
        self.alpha = float(alpha)
        self.n_inner = int(n_inner)
        self.doubly = doubly

    @property
    def group(self):
        """K."""
        return self.n_inner

    @property
    def n_draws(self):
        """Draws of a step that serve well: two groups or more."""
        return self.n_inner * max(2, math.ceil(Objective.n_draws / self.n_inner))

    def noise(self, rng, n_draws, width):
        """Pairs of groups of opposite sign: the draws of a group must be independent."""
        groups = self._n_groups(n_draws)
        return antithetic(rng, groups, self.n_inner * width).reshape(n_draws, width)

    def _n_groups(self, n_draws):
        if n_draws % self.n_inner or not n_draws:
            raise ValueError(f"{n_draws} draws make no groups of n_inner={self.n_inner}: give a multiple of it")
        return n_draws // self.n_inner

    def _means(self, ratios):
        """Power mean of each group that has a finite draw, and the share of each draw of those; None without one."""
        groups = ratios.reshape(self._n_groups(len(ratios)), self.n_inner)
        alive = np.isfinite(groups).any(axis=1)
        shares = np.zeros(groups.shape)
        if not alive.any():
            return None, shares
        means, shares[alive] = log_power_mean(groups[alive], 1.0 - self.alpha)
        return means, shares

    def value(self, target, approximation, noise):
        """The value alone, which takes no gradient of the target."""
        drawn = approximation.draw(noise)
        means, _ = self._means(_finite(target.log_density(drawn.z) - drawn.log_density))
        return -np.inf if means is None else float(means.mean())

    def value_and_slope(self, target, approximation, noise):
        """As of every objective."""
        drawn = approximation.draw(noise)
        gradients = target.gradient(drawn.z)
        usable = np.isfinite(gradients).all(axis=1) & np.isfinite(drawn.score).all(axis=1)
        ratios = _finite(target.log_density(drawn.z) - drawn.log_density)
        means, shares = self._means(np.where(usable, ratios, -np.inf))
        if means is None:
            return nowhere(approximation)
        # Zero shares carry gradients that are not finite; they are left out with their draws.
        shares = np.where(usable & np.isfinite(ratios), shares.ravel(), np.nan)
        drawn, gradients, shares = keep_finite(approximation, drawn, noise, gradients, shares)
        if self.doubly:
            weights = (self.alpha * shares + (1.0 - self.alpha) * shares**2) / len(means)
            slope = drawn.pull_back(weights[:, None] * (gradients - drawn.score), np.zeros(len(weights)))
        else:
            weights = shares / len(means)
            slope = drawn.pull_back(weights[:, None] * gradients, -weights)
        return float(means.mean()), slope


def _finite(ratios):
    """Log ratios, of which those that are not finite count as -inf."""
    return np.where(np.isfinite(ratios), ratios, -np.inf)
