"""Predictions with normal noise of unknown precision: a normal of variance v + 1 / alpha with alpha ~ Gamma.

No closed form, as v does not scale with alpha. Over u = log alpha the integrand is analytic and falls off
exponentially on both sides, so that the trapezoidal rule converges faster than any power of its step.
"""

import numpy as np
from scipy.special import gammaln, ndtr, ndtri

# Nats below its peak at which the integrand is cut off.
_DEPTH = 40.0
# Step in units of the integrand's width.
_STEP = 0.4
_BLOCK_VALUES = 2**17
# Logarithm of the least noise precision whose variance float64 holds.
_LOWEST = -700.0
# Shape above which the first term of Stirling's series leaves out less than rounding takes of the exact form.
_LARGE_SHAPE = 1e4
_SQRT_TWO_PI = np.sqrt(2.0 * np.pi)


def log_density(residuals, variances, shape, rate):
    """Log predictive density (nats) of rows: the integral of Normal(r; 0, v + 1 / alpha) over the Gamma.

    Parameters
    ----------
    residuals, variances : ndarray of shape (T, N)
        Deviations from the predictive means, and the variances v, of T outputs with the same noise.
    shape, rate : float
        Of the Gamma distribution of the noise precision.

    Returns
    -------
    ndarray of shape (N,)
    """
    squares, n_outputs = residuals**2, len(residuals)
    # Between the mode of the Gamma and that of its posterior after this row alone, v being nought.
    most = shape + 0.5 * n_outputs
    low = np.maximum(np.log(most / (rate + 0.5 * squares.sum(axis=0))) - _reach_below(shape), _LOWEST)
    high = np.log(most / rate) + np.log1p(_reach_below(shape))
    n_points = np.ceil((high - low) * np.sqrt(most + 0.5) / _STEP).astype(int) + 1
    constant = _log_peak(shape) - n_outputs * np.log(_SQRT_TWO_PI)
    out = np.empty(squares.shape[1])
    order = np.argsort(n_points, kind="stable")
    start = 0
    while start < len(order):
        rows = order[start : start + max(1, _BLOCK_VALUES // n_points[order[start]])]
        fractions = np.linspace(0.0, 1.0, n_points[rows[-1]])
        u = low[rows, None] + (high - low[rows])[:, None] * fractions
        terms = _log_gamma(u, shape, rate)
        noise = np.exp(-u)
        for square, variance in zip(squares[:, rows], variances[:, rows], strict=True):
            total = noise + variance[:, None]
            terms -= 0.5 * (np.log(total) + square[:, None] / total)
        peak = terms.max(axis=1)
        sums = np.exp(terms - peak[:, None]).sum(axis=1)
        out[rows] = constant + peak + np.log(sums * (high - low[rows]) * fractions[1])
        start += len(rows)
    return out


def half_width(variance, level, shape, rate):
    """Half the width of central predictive intervals around the predictive mean, shape (N,)."""
    low = max(np.log(shape / rate) - _reach_below(shape), _LOWEST)
    high = np.log(shape / rate) + np.log1p(_reach_below(shape))
    u = np.linspace(low, high, int(np.ceil((high - low) * np.sqrt(shape + 1.0) / _STEP)) + 1)
    weights = np.exp(_log_gamma(u, shape, rate))
    weights /= weights.sum()
    target, noise = 0.5 * (1.0 + level), np.exp(-u)
    out = np.empty(len(variance))
    size = max(1, _BLOCK_VALUES // len(u))
    for start in range(0, len(variance), size):
        rows = slice(start, start + size)
        deviation = np.sqrt(variance[rows, None] + noise)
        out[rows] = _quantile(deviation, weights, target)
    return out


def _log_gamma(u, shape, rate):
    """Log density of u = log alpha less that at its mode: terms of the size of shape would cancel."""
    beside = u - np.log(shape / rate)
    return shape * (beside - np.expm1(beside))


def _log_peak(shape):
    """Log density of u = log alpha at its mode, by Stirling's series where shape is large."""
    if shape < _LARGE_SHAPE:
        return shape * np.log(shape) - shape - gammaln(shape)
    return 0.5 * np.log(shape / (2.0 * np.pi)) - 1.0 / (12.0 * shape)


def _reach_below(shape):
    """How far below its mode the logarithm of a Gamma variable is of any account."""
    return _DEPTH / shape + np.sqrt(2.0 * _DEPTH / shape)


def _quantile(deviation, weights, target):
    """Quantile above one half of mixtures of centred normals, by Newton steps on their concave side."""
    t = ndtri(target) / ((1.0 / deviation) @ weights)
    for _ in range(100):
        scaled = t[:, None] / deviation
        density = (np.exp(-0.5 * scaled**2) / deviation) @ weights / _SQRT_TWO_PI
        step = (target - ndtr(scaled) @ weights) / density
        # From above the root a step may overshoot zero; from below it never passes the root.
        t = np.maximum(t + step, 0.5 * t)
        if (np.abs(step) <= 1e-10 * t).all():
            break
    return t
