"""Standard normal noise whose first moments hold exactly."""

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

# Draws for each number from which on all second moments are made exact, and not the variances alone.
_ENOUGH = 4


def antithetic(rng, n_draws, width):
    """Normal vectors in pairs of opposite sign, (n_draws, width): their mean is zero where n_draws is even."""
    half = rng.standard_normal(((n_draws + 1) // 2, width))
    return np.concatenate([half, -half])[:n_draws]


def mirrored(rng, n_draws, width):
    """Pairs of opposite sign whose second moments are those of the normal too, as far as n_draws / 2 allow for it."""
    half = rng.standard_normal((n_draws // 2, width))
    if width <= len(half):
        factor = cholesky(half.T @ half / len(half), lower=True, check_finite=False)
        half = solve_triangular(factor, half.T, lower=True, check_finite=False).T
    else:
        half /= np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half])


def matched(rng, n_draws, width):
    """Normal vectors with a mean of exactly zero and variances of exactly one, (n_draws, width).

    With four draws a number or more their covariance is the identity, so that averages of polynomials of the second
    degree are exact. One draw is as it comes.
    """
    noise = rng.standard_normal((n_draws, width))
    if n_draws == 1:
        return noise
    noise -= noise.mean(axis=0)
    if n_draws >= _ENOUGH * width:
        try:
            factor = cholesky(noise.T @ noise / n_draws, lower=True, check_finite=False)
            return solve_triangular(factor, noise.T, lower=True, check_finite=False).T
        except LinAlgError:
            pass
    return noise / np.sqrt(np.mean(noise**2, axis=0))
