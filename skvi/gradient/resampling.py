"""Draws of an approximation chosen by their importance, to stand for the target itself."""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp


class Resampled(NamedTuple):
    """Draws that stand for a target.

    Parameters
    ----------
    z : ndarray of shape (T, P)
    log_density : ndarray of shape (T,)
        Log density of the target at them (nats).
    bound, bound_se : float
        The importance weighted bound on the log evidence and its standard error (nats).
    error : float
        By how much means and deviations of quantities of the draws differ from those of all under their weights, at
        most: in deviations, and as a logarithm.
    """

    z: np.ndarray
    log_density: np.ndarray
    bound: float
    bound_se: float
    error: float


def resample(target, verdict, n_draws, rng, quantities=None):
    """Choose draws of a verdict by their smoothed weights, with the means and deviations of all under their weights.

    Parameters
    ----------
    target : CountedTarget
    verdict : Verdict
        The density must be finite at one of its draws.
    n_draws : int
    rng : RandomState
    quantities : callable, default=None
        Maps draws (T, P) to numbers (T, Q) that are compared. None are the draws themselves.
    """
    ratios = verdict.all.log_ratios
    usable = np.isfinite(ratios)
    weights, z = np.exp(verdict.log_weights[usable]), verdict.all.z[usable]
    chosen = _systematic(weights, n_draws, rng)
    log_density = verdict.all.log_p[usable][chosen]
    z, log_density = _with_moments(target, z, weights, chosen, log_density)
    # Draws at which the density is not finite count as zeros.
    bound = float(logsumexp(ratios) - np.log(len(ratios)))
    bound_se = float(np.exp(ratios - bound).std() / np.sqrt(len(ratios)))
    return Resampled(z, log_density, bound, bound_se, _error(z, verdict.all.z[usable], weights, quantities))


def _error(chosen, z, weights, quantities):
    own, every = (values if quantities is None else quantities(values) for values in (chosen, z))
    shares = weights / weights.sum()
    with np.errstate(all="ignore"):
        mean = shares @ every
        sd = np.sqrt(shares @ (every - mean) ** 2)
        errors = np.maximum(np.abs(own.mean(axis=0) - mean) / sd, np.abs(np.log(own.std(axis=0) / sd)))
    # What does not vary has no error.
    return float(np.max(np.where(np.ptp(every, axis=0) > 0.0, errors, 0.0), initial=0.0))


def _with_moments(target, z, weights, chosen, log_density):
    """Chosen draws, moved so that their means and deviations are those of all under their weights; and densities."""
    picked, shares = z[chosen], weights / weights.sum()
    mean = shares @ z
    sd = np.sqrt(shares @ (z - mean) ** 2)
    own = picked.std(axis=0)
    with np.errstate(all="ignore"):
        moved = mean + (picked - picked.mean(axis=0)) * np.where(own > 0.0, sd / own, 1.0)
    if np.allclose(moved, picked, rtol=1e-12, atol=1e-12):
        return picked, log_density
    found = target.log_density(moved)
    return (moved, found) if np.isfinite(found).all() else (picked, log_density)


def _systematic(weights, n_draws, rng):
    """Places of n_draws draws, each as often as its weight asks up to rounding (Kitagawa 1996)."""
    edges = np.cumsum(weights)
    return np.searchsorted(edges / edges[-1], (np.arange(n_draws) + rng.uniform()) / n_draws)
