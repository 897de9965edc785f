"""Pareto-smoothed importance sampling: weights with a regular tail, and the index that says how heavy the tail is.

Vehtari, Simpson, Gelman, Yao, Gabry (2024), "Pareto smoothed importance sampling"; the fit is that of Zhang and
Stephens (2009).
"""

import math

import numpy as np
from scipy.special import logsumexp

_LEAST_TAIL = 5
# Weights that differ by no more are all the same.
_FLAT = 1e-8
_LEAST_EXCESS = 1e-290


def tail_size(n_draws):
    """Number of the largest weights that count as tail: min(0.2 S, 3 sqrt(S)), rounded down."""
    return int(min(0.2 * n_draws, 3.0 * math.sqrt(n_draws)))


def smooth(log_weights):
    """Smoothed, normalised log weights, and the index k-hat of their tail.

    The largest weights become expected order statistics of the generalised Pareto distribution that fits them, at
    most the largest weight itself.

    Parameters
    ----------
    log_weights : ndarray of shape (S,)
        log p(z) - log q(z) at draws z of q, up to a constant. Whatever is not finite is a weight of zero.

    Returns
    -------
    log_weights : ndarray of shape (S,)
        Their exponentials sum to one. Equal, where no weight is finite.
    khat : float
        Below 0.5 weighted means behave as means do, up to 0.7 they are usable. Zero where the tail's weights are
        all the same, so for q = p; infinite where fewer than five draws make the tail, and nothing can be said.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.gradient.pareto import smooth
    >>> log_weights, khat = smooth(np.random.default_rng(0).exponential(0.5, size=20000))
    >>> round(khat, 1), round(float(np.exp(log_weights).sum()), 12)
    (0.5, 1.0)
    """
    log_weights = np.asarray(log_weights, dtype=np.float64)
    usable = np.isfinite(log_weights)
    if not usable.any():
        return np.full(len(log_weights), -math.log(len(log_weights))), math.inf
    smoothed = np.where(usable, log_weights, -np.inf)
    smoothed -= smoothed.max()
    khat = _smooth_tail(smoothed)
    return smoothed - logsumexp(smoothed), khat


def _smooth_tail(log_weights):
    """Smooth the largest of some log weights whose maximum is zero, in place; return the index."""
    n_draws = len(log_weights)
    order = np.argsort(log_weights, kind="stable")
    n_tail = tail_size(n_draws)
    if n_tail < _LEAST_TAIL:
        return 0.0 if n_draws > 1 and log_weights[order[0]] > -_FLAT else math.inf
    cutoff = log_weights[order[n_draws - n_tail - 1]]
    if cutoff > -_FLAT:
        return 0.0
    tail = order[n_draws - n_tail :]
    tail = tail[log_weights[tail] > cutoff]
    if len(tail) < _LEAST_TAIL:
        return math.inf
    values = log_weights[tail]
    excess = np.exp(values) * -np.expm1(cutoff - values)
    k, sigma = fit_pareto(np.maximum(excess, _LEAST_EXCESS))
    probabilities = (np.arange(len(tail)) + 0.5) / len(tail)
    smoothed = np.exp(cutoff) + pareto_quantile(probabilities, k, sigma)
    log_weights[tail] = np.log(np.minimum(smoothed, 1.0))
    return k


def fit_pareto(excess):
    """Index k and scale sigma of the generalised Pareto distribution of some sorted, positive numbers.

    The posterior mean of b = -k / sigma on a grid under the profile likelihood (Zhang and Stephens 2009, section 3);
    the index is then drawn towards 0.5 with the weight of ten numbers (Vehtari et al. 2024, appendix G).
    """
    n = len(excess)
    n_grid = 30 + int(math.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    b = 1.0 / excess[-1] + (1.0 - np.sqrt(n_grid / (np.arange(n_grid) + 0.5))) / (3.0 * quartile)
    k = np.log1p(-b[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-b / k) - k - 1.0)
    b = float(np.exp(profile - logsumexp(profile)) @ b)
    k = float(np.log1p(-b * excess).mean())
    return (n * k + 5.0) / (n + 10.0), -k / b


def pareto_quantile(probabilities, k, sigma):
    """Quantiles of the generalised Pareto distribution, sigma ((1 - p)^-k - 1) / k."""
    logs = -np.log1p(-probabilities)
    return sigma * (logs if k == 0.0 else np.expm1(k * logs) / k)
