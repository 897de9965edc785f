"""Pareto-smoothed importance sampling: published values, known tails, and weights that have no tail."""

import math

import numpy as np
import pytest
from scipy.stats import genpareto

from skvi.gradient.pareto import fit_pareto, pareto_quantile, smooth, tail_size

# Index, largest smoothed log weight and sum of squared weights by arviz-stats 0.8, array_stats.psislw(-log_weights),
# for log weights RandomState(seed).exponential(scale, size).
PEER = [
    (0, 100, 1.0, 0.7660729843813745, -1.6971433869291157, 0.05813304673319403),
    (1, 1000, 0.3, 0.220499977883782, -5.478911803948065, 0.0011544946696106682),
    (2, 1000, 1.5, 1.330464319269887, -1.1589368418779264, 0.13435781147697526),
    (4, 50, 0.5, 0.11242781961792363, -2.5954386380937047, 0.03252721031513693),
]


@pytest.mark.parametrize(("seed", "size", "scale", "khat", "largest", "squares"), PEER)
def test_values_are_those_of_a_peer(seed, size, scale, khat, largest, squares):
    log_weights, found = smooth(np.random.RandomState(seed).exponential(scale, size=size))
    np.testing.assert_allclose(found, khat, rtol=1e-10)
    np.testing.assert_allclose([log_weights.max(), np.exp(2.0 * log_weights).sum()], [largest, squares], rtol=1e-10)


@pytest.mark.parametrize("k", [-0.5, 0.2, 0.5, 1.0])
def test_a_known_tail_is_found(k):
    rng = np.random.RandomState(0)
    excess = np.sort(genpareto.rvs(k, scale=3.0, size=4000, random_state=rng))
    found, sigma = fit_pareto(excess)
    # The standard error of k is (1 + k) / sqrt(n).
    assert abs(found - k) < 3.5 * (1.0 + k) / math.sqrt(4000.0)
    np.testing.assert_allclose(sigma, 3.0, rtol=0.15)
    weights = genpareto.rvs(k, size=100_000, random_state=rng)
    assert abs(smooth(np.log(weights))[1] - k) < 3.5 * (1.0 + k) / math.sqrt(tail_size(100_000))


@pytest.mark.parametrize("k", [-0.3, 0.0, 0.7])
def test_quantiles_are_those_of_the_distribution(k):
    p = np.array([0.01, 0.5, 0.999])
    np.testing.assert_allclose(pareto_quantile(p, k, 2.0), genpareto.ppf(p, k, scale=2.0), rtol=1e-12)


def test_smoothing_keeps_order_and_the_body_and_a_constant_changes_nothing():
    raw = np.random.RandomState(5).standard_t(3, size=1000)
    log_weights, khat = smooth(raw)
    body = np.argsort(raw)[: 1000 - tail_size(1000)]
    shift = (raw - log_weights)[body]
    np.testing.assert_allclose(shift, shift[0])
    assert (np.diff(log_weights[np.argsort(raw)]) >= 0.0).all()
    again, same = smooth(raw + 1e6)
    np.testing.assert_allclose(again, log_weights, rtol=1e-6)
    np.testing.assert_allclose(same, khat, rtol=1e-6)


@pytest.mark.parametrize(
    ("log_weights", "khat"),
    [
        (np.zeros(1000), 0.0),
        (np.full(3, -1e4), 0.0),
        (1e-12 * np.random.RandomState(0).normal(size=500), 0.0),
        (np.repeat([0.0, 1.0], [800, 200]), 0.0),
        (np.zeros(1), math.inf),
        (np.array([0.0, 1.0]), math.inf),
        (np.repeat([0.0, 1.0], [998, 2]), math.inf),
        (np.repeat([-np.inf, 0.0], [999, 1]), math.inf),
        (np.full(10, -np.inf), math.inf),
    ],
)
def test_weights_without_a_tail(log_weights, khat):
    smoothed, found = smooth(log_weights)
    assert found == khat
    np.testing.assert_allclose(np.exp(smoothed).sum(), 1.0)


@pytest.mark.parametrize(
    "log_weights",
    [np.linspace(-5000.0, 0.0, 1000), np.r_[np.full(900, -np.inf), np.arange(100.0)], np.repeat(np.arange(40.0), 10)],
    ids=["steep", "zeros", "ties"],
)
def test_extreme_weights_have_a_finite_sum(log_weights):
    smoothed, khat = smooth(log_weights)
    assert khat > 0.7
    np.testing.assert_allclose(np.exp(smoothed).sum(), 1.0)


def test_what_is_not_finite_weighs_nothing():
    smoothed, khat = smooth(np.r_[np.nan, np.inf, np.zeros(20)])
    np.testing.assert_allclose(np.exp(smoothed), np.r_[0.0, 0.0, np.full(20, 0.05)])
    assert khat == math.inf
