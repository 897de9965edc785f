"""Black-box alpha divergence minimisation, row by row."""

import math

import numpy as np

from skvi.gradient.objectives import Objective, keep_finite, nowhere
from skvi.gradient.power_means import log_power_mean


class BlackBoxAlpha(Objective):
    r"""The black-box alpha energy, to be maximised (Hernandez-Lobato et al. 2016, eq. 9, with the sites tied).

        (1/alpha) sum_n w_n log mean_t [p(y_n | z_t) (p0(z_t) / q(z_t))^(1/N)]^alpha

    over draws of q, with rows' weights w_n and their total N. alpha -> 0 is the evidence lower bound, which is taken
    at alpha = 0; alpha = 1 is close to expectation propagation, and alpha = 0.5 a common choice between the two. For
    a finite number of draws the value lies between the evidence lower bound and its own limit, in expectation: more
    draws sharpen it. It takes memory for draws times rows; mini-batches scale to the weight of all rows.

    The gradient is the total derivative, from which the mean score of q is taken off, whose expectation is zero:
    at alpha = 0 it sticks the landing.

    Parameters
    ----------
    alpha : float, default=0.5

    Raises
    ------
    ValueError
        Where alpha is not finite; when called, for a density without rows.
    """

    def __init__(self, alpha=0.5):
        if not math.isfinite(alpha):
            raise ValueError(f"alpha={alpha!r}: give a finite number; 0 is the evidence lower bound, 0.5 common")
        self.alpha = float(alpha)

    def value(self, target, approximation, noise):
        """The value alone, which takes no gradient of the target."""
        return self._energy(target, approximation.draw(noise))[0]

    def value_and_slope(self, target, approximation, noise):
        """As of every objective."""
        drawn = approximation.draw(noise)
        value, factors = self._energy(target, drawn)
        if factors is None:
            return nowhere(approximation)
        slopes = _slopes(target, drawn.z, factors)
        own = np.where(np.isfinite(drawn.log_density), factors.sum(axis=1), np.nan)
        drawn, slopes, own = keep_finite(approximation, drawn, noise, slopes, own)
        if drawn is None:
            return nowhere(approximation)
        weights = own / target.target.total_weight
        even = 1.0 / len(weights)
        return value, drawn.pull_back(slopes - even * drawn.score, even - weights)

    def _energy(self, target, drawn):
        """The value, and what each row counts under each draw, (T, N); draws that are not finite count nothing."""
        _check_rows(target)
        likelihoods, prior = target.parts(drawn.z)
        tied = (prior - drawn.log_density) / target.target.total_weight
        finite = np.isfinite(tied) & np.isfinite(likelihoods).all(axis=1)
        if not finite.any():
            return -np.inf, None
        logs = np.where(finite[:, None], likelihoods + tied[:, None], -np.inf)[finite]
        means, shares = log_power_mean(logs.T, self.alpha)
        factors = np.zeros(likelihoods.shape)
        factors[finite] = shares.T * target.target.row_weight
        return float(means @ target.target.row_weight), factors


def _check_rows(target):
    if not target.n_rows:
        name = type(target.target.model).__name__
        raise ValueError(
            f"black-box alpha weighs rows one by one, and {name} has no log_likelihood of rows: give a model with "
            "rows, or take the evidence lower bound or a Renyi bound"
        )


def _slopes(target, z, factors):
    """Gradients of the log densities, in which each row and its part of the prior count by factors, (T, P).

    A draw's factors sum to r N: its gradient is r times that with its factors over r as the rows' weights.
    """
    shares = factors.sum(axis=1) / target.target.total_weight
    slopes = np.zeros(z.shape)
    for t in np.flatnonzero(shares > 0.0):
        slopes[t] = shares[t] * target.reweighted(factors[t] / shares[t]).gradient(z[t : t + 1])[0]
    return slopes
