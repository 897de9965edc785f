"""Predictions of generalised linear models with eta ~ Normal(m, v) integrated out.

The integrands are analytic and fall off on both sides at least as fast as a normal density, so that the trapezoidal
rule converges faster than any power of its step.
"""

import numpy as np
from scipy.special import log_expit, log_ndtr, logsumexp, ndtri, pdtr

# Half-width of rules in deviations, and how much farther the growth of sigma(eta) may move the integrand.
_REACH = 8.0
_MOST_GROWTH = 30.0
# Step in units of eta, or of deviations below one; beyond the widest deviation none is taken.
_STEP = 0.5
_WIDEST = 60.0
_BLOCK_VALUES = 2**18
# Nats below its peak at which an integrand is cut off, and points in between.
_DEPTH = 40.0
_POINTS = 129
_MODE_STEPS = 60
_BRACKET_STEPS = 60
_LARGEST_COUNT = 1e300


def logit_of_mean(mean, var):
    """logit E[sigma(eta)] of rows, shape (N,): with all digits in both tails."""
    # E[sigma(eta)] is the probability that eta exceeds a logistic variable, whose shape matters less and less.
    scaled = mean / np.sqrt(var + np.pi**2 / 3.0)
    out = log_ndtr(scaled) - log_ndtr(-scaled)
    near = np.flatnonzero(var <= _WIDEST**2)
    for chosen, t, log_mass in _standard_rules(np.sqrt(var[near])):
        rows = near[chosen]
        eta = mean[rows, None] + np.sqrt(var[rows])[:, None] * t
        out[rows] = logsumexp(log_expit(eta) + log_mass, axis=1) - logsumexp(log_expit(-eta) + log_mass, axis=1)
    return out


def _standard_rules(deviation):
    """Rows of like deviation, with nodes for a standard normal variable and the logarithms of their masses."""
    order = np.argsort(deviation, kind="stable")
    start = 0
    while start < len(order):
        widest = max(1.0, 1.5 * deviation[order[start]])
        stop = np.searchsorted(deviation, widest, side="right", sorter=order)
        n = int(np.ceil((_REACH + min(widest, _MOST_GROWTH)) * widest / _STEP))
        t = _STEP / widest * np.arange(-n, n + 1)
        log_mass = -0.5 * t**2
        log_mass -= logsumexp(log_mass)
        size = max(1, _BLOCK_VALUES // len(t))
        for begin in range(start, stop, size):
            yield order[begin : min(begin + size, stop)], t, log_mass
        start = stop


def log_predictive(likelihood, y, mean, var):
    """log E[p(y | eta)] of rows (nats), shape (N,), for log-concave likelihoods.

    Between the points on both sides of the mode where the integrand has fallen by forty nats.
    """
    var = np.maximum(var, np.finfo(float).tiny)

    def height(eta):
        return likelihood.log_prob(y, eta) - 0.5 * (eta - mean) ** 2 / var

    mode = _mode(likelihood, y, mean, var)
    peak = height(mode)
    ends = [_fallen(height, mode, peak, side * np.sqrt(var)) for side in (-1.0, 1.0)]
    step = (ends[1] - ends[0]) / (_POINTS - 1)
    total = sum(np.exp(height(ends[0] + i * step) - peak) for i in range(_POINTS))
    return peak + np.log(total * step) - 0.5 * np.log(2.0 * np.pi * var)


def _mode(likelihood, y, mean, var):
    """Mode of p(y | eta) Normal(eta; m, v): bisection, and a Newton step from each middle."""
    # The mode lies on the uphill side of m, no farther than v times the slope there.
    first = var * likelihood.slope(y, mean)
    low, high = mean + np.minimum(first, 0.0), mean + np.maximum(first, 0.0)
    for _ in range(_MODE_STEPS):
        middle = 0.5 * (low + high)
        rise = likelihood.slope(y, middle) - (middle - mean) / var
        low, high = np.where(rise > 0.0, middle, low), np.where(rise > 0.0, high, middle)
        step = rise / (1.0 / var + likelihood.curvature(y, middle))
        new = np.clip(middle + step, low, high)
        rise = likelihood.slope(y, new) - (new - mean) / var
        low, high = np.where(rise > 0.0, new, low), np.where(rise > 0.0, high, new)
        if (np.minimum(high - low, np.abs(new - middle)) <= 1e-6 * np.sqrt(var)).all():
            break
    return new


def _fallen(height, mode, peak, step):
    """Points in the direction of a step where the height is about `_DEPTH` below its peak."""
    near, far = mode, mode + np.sqrt(2.0 * _DEPTH) * step
    for _ in range(_BRACKET_STEPS):
        middle = 0.5 * (near + far)
        low = height(middle) < peak - _DEPTH
        near, far = np.where(low, near, middle), np.where(low, middle, far)
        if (np.abs(far - near) <= 0.05 * np.abs(far - mode)).all():
            break
    return far


def poisson_quantile(probability, mean, var):
    """Smallest counts that a Poisson count of log-normal rate stays within with a probability, shape (N,).

    Parameters
    ----------
    probability : float
    mean, var : ndarray of shape (N,)
        Of the logarithm of the rate.
    """
    t = np.linspace(-_REACH, _REACH, 129)
    mass = np.exp(-0.5 * t**2)
    mass /= mass.sum()
    size = max(1, _BLOCK_VALUES // len(t))
    parts = [slice(start, start + size) for start in range(0, len(mean), size)]
    return np.concatenate([_mixed_quantile(probability, mean[p], np.sqrt(var[p]), t, mass) for p in parts])


def _mixed_quantile(probability, mean, deviation, t, mass):
    with np.errstate(over="ignore"):
        rates = np.minimum(np.exp(mean[:, None] + deviation[:, None] * t), _LARGEST_COUNT)

    def enough(count):
        return pdtr(count[:, None], rates) @ mass >= probability

    reach = abs(ndtri(probability)) + 10.0
    with np.errstate(over="ignore"):
        top = np.minimum(np.exp(mean + reach * deviation), _LARGEST_COUNT)
    low, high = np.full(len(mean), -1.0), np.ceil(top + reach * np.sqrt(top) + reach**2)
    while (moving := high - low > np.maximum(1.0, 1e-13 * high)).any():
        # Counts are spread over orders of magnitude: bisection on a scale between linear and logarithmic.
        middle = np.floor(np.sinh(0.5 * (np.arcsinh(low) + np.arcsinh(high))))
        middle = np.clip(middle, low + 1.0, np.maximum(high - 1.0, low + 1.0))
        reached = enough(middle)
        high = np.where(moving & reached, middle, high)
        low = np.where(moving & ~reached, middle, low)
    return high
