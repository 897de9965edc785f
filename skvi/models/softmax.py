"""The softmax likelihood: classes by several linear predictors, with all expectations by one-dimensional sums."""

from functools import cache

import numpy as np
from scipy.special import logsumexp

from skvi import _threads
from skvi.kernels.simd import LANES
from skvi.kernels.softmax import softmax_moments
from skvi.models.glm_predictive import logit_of_mean

# Largest deviations of the Gauss rules, their points (Laguerre) and the nodes of the sums within (Hermite).
_GAUSS = (0.1, 5, 4), (0.2, 8, 6), (0.3, 11, 8), (0.45, 24, 12)
# The grid: its step, deviations that it reaches on both sides, and that sums over normal densities go on to (small
# probabilities come from their ends), and the ends of the Gumbel density.
_STEP = 0.4
_REACH, _FARTHEST = 7.0, 10.0
_LEFT, _RIGHT = 3.8, 15.0
# Least deviation that is summed on the grid, and the nodes of the Hermite rule below.
_NARROWEST, _NODES = 0.45, 14
# Largest deviation of the grid: beyond, an upper bound takes the place of the expectation.
_WIDEST = 64.0
# Probabilities that sums over the grid resolve.
_RESOLVED = 1e-10


class Softmax:
    """y in {0 .. K - 1} of probabilities exp(eta_k) / sum_j exp(eta_j); eta has the classes in its first axis."""

    def __init__(self, n_classes):
        self.n_classes = n_classes

    def link(self, shares):
        """The linear predictors that go with shares of the classes, of sum nought."""
        logs = np.log(shares)
        return logs - logs.mean()

    def curvature(self, shares, linked):
        """Curvatures of -log p in each class and a common shift: the shares themselves."""
        return shares

    def log_prob(self, y, eta):
        """log p(y | eta) in nats."""
        return np.take_along_axis(eta, y.astype(int)[None], axis=0)[0] - logsumexp(eta, axis=0)

    def expected(self, y, mean, var):
        """E[log p(y | eta)] for eta_k ~ Normal(mean_k, var_k), its slopes in the means, and -2 times those in the vars.

        Parameters
        ----------
        y : ndarray of shape (N,)
        mean, var : ndarray of shape (K, N)

        Returns
        -------
        ndarrays of shape (N,), (K, N) and (K, N)
        """
        value, shares, curvature = log_sum_exp_moments(mean, var)
        chosen = y.astype(int), np.arange(len(y))
        slope = -shares
        slope[chosen] += 1.0
        return mean[chosen] - value, slope, curvature


@cache
def _gauss_rules():
    """Starts, points, masses and tails of the outer rules; starts, nodes and masses of the inner ones."""
    outer, inner = [], []
    for _, n_points, n_nodes in _GAUSS:
        x, w = np.polynomial.laguerre.laggauss(n_points)
        outer.append((x, w * np.exp(x) / x, np.exp(-x)))
        inner.append(_hermite(n_nodes))
    inner.append(_hermite(_NODES))
    return _one_after_the_other(outer), _one_after_the_other(inner)


def _hermite(n_nodes):
    t, w = np.polynomial.hermite_e.hermegauss(n_nodes)
    return t, w / w.sum()


def _one_after_the_other(rules):
    starts = np.cumsum([0] + [len(rule[0]) for rule in rules])
    return starts, *[np.concatenate(parts) for parts in zip(*rules, strict=True)]


@cache
def _grid(n_points):
    """What the kernel needs of a grid of at least so many points."""
    zeroth = int(np.ceil(_LEFT / _STEP))
    x = _STEP * (np.arange(zeroth + int(np.ceil(_RIGHT / _STEP)) + 1) - zeroth)
    gumbel = np.exp(-np.exp(-x))
    scales = np.exp(-np.minimum(_STEP * np.arange(n_points), 600.0))
    masses, tails = np.full(n_points, _STEP), np.ones(n_points)
    # From the last point on integrands fall off like exp(-u).
    masses[-1] /= -np.expm1(-_STEP)
    return _STEP, _NARROWEST, _FARTHEST, zeroth, scales, masses, tails, gumbel, gumbel * np.exp(-x)


def log_sum_exp_moments(mean, var):
    """E[log sum_k exp(eta_k)], E[p_k] and E[p_k (1 - p_k)], eta_k ~ Normal(mean_k, var_k) independent.

    Within 1e-8; where a deviation exceeds 64 the first is an upper bound, T E[log sum exp(eta / T)] with T that
    deviation over 64 (it rises with T), and the others are its derivatives.

    Parameters
    ----------
    mean, var : ndarray of shape (K, N)

    Returns
    -------
    ndarrays of shape (N,), (K, N) and (K, N)
    """
    n_classes, n = mean.shape
    deviation = np.sqrt(var)
    temperature = np.maximum(deviation.max(axis=0) / _WIDEST, 1.0)
    mean, deviation = mean / temperature, deviation / temperature
    order, level = _by_level(deviation.max(axis=0))
    padded = len(order)
    table = _threads.scratch("softmax", (4, n_classes, padded))
    table[0], table[1] = mean[:, order], deviation[:, order]
    plan, base, n_points = _plan(table[0], table[1], level)
    table[0] -= base
    value = np.empty((1, padded))
    gauss, inner = _gauss_rules()
    origin = -np.euler_gamma - 0.5 * _STEP
    softmax_moments(table[0], table[1], origin, plan, gauss, inner, _grid(n_points), value, table[2], table[3])
    place = np.empty(n, np.int64)
    place[order] = np.arange(padded)
    shares, curvature = table[2:][:, :, place]
    return temperature * (value[0] + base)[place], shares, curvature / temperature


def _by_level(widest):
    """Order of the rows, eight at a time under one rule and some of them repeated, and the rule of each eight.

    Rows of like deviation stand together: how many points of a grid they take follows from the widest of eight.
    """
    order = np.argsort(widest, kind="stable")
    edges = np.searchsorted(widest[order], [rule[0] for rule in _GAUSS], side="right")
    parts = np.split(order, edges)
    padded = [np.concatenate([part, np.repeat(part[-1:], -len(part) % LANES)]) for part in parts]
    return np.concatenate(padded), np.repeat(np.arange(len(parts)), [len(part) // LANES for part in padded])


def _plan(mean, deviation, level):
    """Rules and numbers of points of each eight rows, the rows' origins, and the size of the largest grid."""
    n_classes = len(mean)
    points = np.array([rule[1] for rule in _GAUSS] + [0])
    plan = np.column_stack([level, points[level]])
    low = (mean - _REACH * deviation).max(axis=0) - _LEFT
    high = (mean + _REACH * deviation).max(axis=0) + np.log(n_classes) + _RIGHT
    on_grid = level == len(_GAUSS)
    counts = np.ceil((high - low).reshape(-1, LANES).max(axis=1) / _STEP).astype(np.int64) + 1
    plan[on_grid, 1] = counts[on_grid]
    center = logsumexp(mean + 0.5 * deviation**2, axis=0) if not on_grid.all() else low
    base = np.where(np.repeat(on_grid, LANES), low, center)
    size = 2 ** int(np.ceil(np.log2(plan[:, 1].max() + 1)))
    return np.ascontiguousarray(plan, dtype=np.int64), base, size


def log_probabilities(mean, var):
    """log E[p_k] of rows, shape (K, N), normalised over the classes: E[p_k] within 1e-8.

    Probabilities below 1e-10 are those of a normal eta_k against a normal log sum of all.
    """
    value, shares, _ = log_sum_exp_moments(mean, var)
    far = shares < _RESOLVED
    logs = np.log(np.where(far, 1.0, shares))
    if far.any():
        k, n = np.nonzero(far)
        spread = var[k, n] + (shares**2 * var).sum(axis=0)[n]
        logs[far] = np.minimum(logit_of_mean(mean[k, n] - value[n], spread), np.log(_RESOLVED))
    return logs - logsumexp(logs, axis=0)


def log_odds(logs):
    """log p_k - log(1 - p_k), given log p_k of shape (K, N)."""
    largest = logs.argmax(axis=0)[None]
    others = logs.copy()
    np.put_along_axis(others, largest, -np.inf, axis=0)
    rest = np.log1p(-np.exp(others))
    np.put_along_axis(rest, largest, logsumexp(others, axis=0)[None], axis=0)
    return logs - rest
