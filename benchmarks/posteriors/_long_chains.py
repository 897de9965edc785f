"""Reference draws where none are exact: long Hamiltonian chains side by side, and how far they can be relied on."""

from dataclasses import dataclass

import numpy as np

from benchmarks.posteriors._chains import curvature

_CHAINS = 64
_ROUNDS, _WARM_UPS = 3000, (200, 200, 400)
#: share of trajectories that are to be accepted, and their lengths: up to half a turn of a standard normal
_ACCEPTED, _LONGEST = 0.85, np.pi
_MOST_LEAPS = 50
#: leaps are up to so many times shorter than those that fit the bulk: necks of funnels ask for that
_SHORTEST = 0.1
_LEAST_MOVED = 0.2


@dataclass(frozen=True)
class Reference:
    """Means and deviations of some numbers, and what is known about their errors.

    Parameters
    ----------
    mean, sd : ndarray of shape (Q,)
    mean_se, log_sd_se : float
        The largest standard errors, in deviations.
    rhat : float
        Largest potential scale reduction of halves of chains; 1 for independent draws.
    """

    mean: np.ndarray
    sd: np.ndarray
    mean_se: float = 0.0
    log_sd_se: float = 0.0
    rhat: float = 1.0


def long_run(target, quantities, rng):
    """Moments of quantities of free numbers, (T, P) -> (T, Q), by chains in coordinates that their draws make round."""
    center, factor = curvature(target)
    u, leap = rng.standard_normal((_CHAINS, len(center))), 1.0
    for n_rounds in _WARM_UPS:
        draws, leap = _run(target, center, factor, u, leap, n_rounds, rng, adapts=True)
        draws = _without_stuck(draws, rng)
        late = draws[n_rounds // 2 :].reshape(-1, len(center))
        u, center = draws[-1], late.mean(axis=0)
        factor = np.linalg.cholesky(np.cov(late.T).reshape(len(center), -1) + 1e-12 * np.diag(late.var(axis=0)))
        u = np.linalg.solve(factor, (u - center).T).T
    draws, _ = _run(target, center, factor, u, leap, _ROUNDS, rng, adapts=False)
    return moments(np.stack([quantities(draws[:, i]) for i in range(_CHAINS)], axis=1))


def _without_stuck(draws, rng):
    """Draws in which chains that hardly moved have become copies of others."""
    late = draws[len(draws) // 2 :]
    moved = np.mean(np.any(late[1:] != late[:-1], axis=2), axis=0)
    good = np.flatnonzero(moved >= _LEAST_MOVED)
    chosen = np.where(moved >= _LEAST_MOVED, np.arange(len(moved)), rng.choice(good, size=len(moved)))
    return draws[:, chosen]


def moments(values):
    """The reference that values (rounds, chains, Q) come to."""
    mean, sd = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    standard = (values - mean) / sd
    n_chains = values.shape[1]
    means, squares = standard.mean(axis=0), (standard**2).mean(axis=0)
    half = len(standard) // 2
    halves = np.concatenate([standard[:half], standard[-half:]], axis=1)
    within, between = halves.var(axis=0).mean(axis=0), halves.mean(axis=0).var(axis=0)
    return Reference(
        mean,
        sd,
        float(means.std(axis=0).max() / np.sqrt(n_chains)),
        float(0.5 * squares.std(axis=0).max() / np.sqrt(n_chains)),
        float(np.sqrt(1.0 + between / within).max()),
    )


def _run(target, center, factor, u, leap, n_rounds, rng, adapts):
    """Draws (n_rounds, chains, P) of free numbers, and the length of leaps at the end."""

    def log_density(u):
        return target.log_density(center + u @ factor.T)

    def gradient(u):
        return target.gradient(center + u @ factor.T) @ factor

    value, slope, kept = log_density(u), gradient(u), []
    for i in range(n_rounds):
        length = leap * (rng.uniform(0.8, 1.2) if adapts or i % 3 else _SHORTEST ** rng.uniform())
        n_leaps = int(np.clip(rng.uniform(0.1, 1.0) * _LONGEST / length, 1, _MOST_LEAPS))
        momentum = rng.standard_normal(u.shape)
        place, push, there = _trajectory(gradient, u, momentum, slope, length, n_leaps)
        found = log_density(place)
        with np.errstate(all="ignore"):
            gain = found - value - 0.5 * (np.sum(push**2, axis=1) - np.sum(momentum**2, axis=1))
        gain = np.where(np.isfinite(gain), gain, -np.inf)
        moved = np.log(rng.uniform(size=len(u))) < gain
        u, slope = np.where(moved[:, None], place, u), np.where(moved[:, None], there, slope)
        value = np.where(moved, found, value)
        kept.append(center + u @ factor.T)
        if adapts:
            leap *= np.exp((np.exp(np.minimum(gain, 0.0)).mean() - _ACCEPTED) / np.sqrt(1.0 + 0.1 * i))
    return np.array(kept), leap


def _trajectory(gradient, place, momentum, slope, length, n_leaps):
    """Leapfrog steps: where they end, the momentum there, and the gradient."""
    with np.errstate(all="ignore"):
        push = momentum + 0.5 * length * slope
        for leap in range(n_leaps):
            place = place + length * push
            slope = gradient(place)
            push = push + (length if leap < n_leaps - 1 else 0.5 * length) * slope
    return place, push, slope
