"""Draws from a posterior that is not far from normal, by Hamiltonian chains side by side."""

import numpy as np
from scipy.optimize import minimize

_CHAINS = 64
_STEP = 1e-4
#: lengths of leapfrog steps and trajectories in deviations: a quarter of a turn forgets where it began
_LEAP, _QUARTER_TURN = 1.0, 0.5 * np.pi


def chain_draws(target, n_rounds, n_warm_up, rng):
    """Draws (n_rounds * 64, P) of the free numbers, in coordinates in which the curvature at the mode is round."""
    mode, factor = curvature(target)
    width = len(mode)

    def gradient(u):
        return target.gradient(mode + u @ factor.T) @ factor

    def log_density(u):
        return target.log_density(mode + u @ factor.T)

    u, kept = rng.standard_normal((_CHAINS, width)), []
    value, slope = log_density(u), gradient(u)
    for i in range(n_warm_up + n_rounds):
        length = _LEAP * width**-0.25 * rng.uniform(0.8, 1.2)
        momentum = rng.standard_normal(u.shape)
        place, push, energy = u, momentum + 0.5 * length * slope, value - 0.5 * np.sum(momentum**2, axis=1)
        n_leaps = int(np.ceil(_QUARTER_TURN / length))
        for leap in range(n_leaps):
            place = place + length * push
            there = gradient(place)
            push = push + (length if leap < n_leaps - 1 else 0.5 * length) * there
        found = log_density(place)
        gain = found - 0.5 * np.sum(push**2, axis=1) - energy
        moved = np.log(rng.uniform(size=_CHAINS)) < gain
        u, slope = np.where(moved[:, None], place, u), np.where(moved[:, None], there, slope)
        value = np.where(moved, found, value)
        if i >= n_warm_up:
            kept.append(mode + u @ factor.T)
    return np.concatenate(kept)


def curvature(target):
    """The mode, and a factor of the inverse of minus the Hessian there."""
    found = minimize(
        lambda z: (-target.log_density(z[None])[0], -target.gradient(z[None])[0]),
        np.zeros(target.n_parameters),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000},
    )
    steps = _STEP * np.eye(target.n_parameters)
    hessian = (target.gradient(found.x + steps) - target.gradient(found.x - steps)) / (2.0 * _STEP)
    values, vectors = np.linalg.eigh(-0.5 * (hessian + hessian.T))
    # Chains only need a width where there is no curvature; they correct for any.
    return found.x, vectors / np.sqrt(np.maximum(values, 1e-3))
