"""Expectations of the softmax likelihood: against brute force, draws and finite differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp

from skvi.models.softmax import Softmax, log_odds, log_probabilities, log_sum_exp_moments

RNG = np.random.default_rng(0)


def gauss_hermite(mean, var, n_nodes=44):
    """E[log sum exp], E[p] and E[p (1 - p)] of one row of three classes by a product rule."""
    t, w = np.polynomial.hermite_e.hermegauss(n_nodes)
    w = w / w.sum()
    nodes = np.stack(np.meshgrid(t, t, t, indexing="ij")).reshape(3, -1)
    mass = np.multiply.outer(np.multiply.outer(w, w), w).ravel()
    eta = mean[:, None] + np.sqrt(var)[:, None] * nodes
    value = logsumexp(eta, axis=0)
    p = np.exp(eta - value)
    return value @ mass, p @ mass, (p * (1.0 - p)) @ mass


@pytest.mark.parametrize("width", [0.0, 1e-3, 0.1, 0.2, 0.3, 0.44, 0.46, 1.0, 1.6])
def test_moments_are_those_of_a_product_rule(width):
    mean = RNG.normal(size=(3, 8)) * np.array([0.3, 1.0, 4.0, 20.0])[np.arange(8) % 4]
    deviation = width * RNG.choice([0.1, 0.7, 1.0], size=(3, 8))
    deviation[0] = width
    value, shares, curvature = log_sum_exp_moments(mean, deviation**2)
    expected = [gauss_hermite(m, v) for m, v in zip(mean.T, deviation.T**2, strict=True)]
    rtol = 1e-8 if width < 1.0 else 1e-6
    assert_allclose(value, [one[0] for one in expected], rtol=rtol)
    assert_allclose(shares.T, [one[1] for one in expected], atol=rtol)
    assert_allclose(curvature.T, [one[2] for one in expected], atol=rtol)


@pytest.mark.parametrize("width", [5.0, 20.0, 60.0])
def test_moments_of_wide_predictors_are_those_of_draws(width):
    mean, var = width * RNG.normal(size=(5, 4)), width**2 * RNG.uniform(0.01, 1.0, size=(5, 4))
    noise = np.random.default_rng(1).standard_normal((100_000, 5, 4))
    eta = mean + np.sqrt(var) * np.concatenate([noise, -noise])
    total = logsumexp(eta, axis=1)
    p = np.exp(eta - total[:, None])
    value, shares, curvature = log_sum_exp_moments(mean, var)
    assert_allclose(value, total.mean(axis=0), atol=0.01 * width)
    assert_allclose(shares, p.mean(axis=0), atol=0.005)
    assert_allclose(curvature, (p * (1.0 - p)).mean(axis=0), atol=0.003)


@pytest.mark.parametrize("width", [0.05, 0.25, 0.4, 0.5, 3.0, 30.0, 100.0])
def test_slopes_and_curvatures_are_derivatives_of_the_value(width):
    mean, deviation = (1.0 + width) * RNG.normal(size=(4, 8)), width * RNG.uniform(0.3, 0.9, size=(4, 8))
    deviation[0] = width * 0.95
    _, shares, curvature = log_sum_exp_moments(mean, deviation**2)
    for k in range(1, 4):
        step = np.zeros((4, 1))
        step[k] = 1e-4 * (1.0 + width)
        high, low = (log_sum_exp_moments(mean + sign * step, deviation**2)[0] for sign in (1, -1))
        assert_allclose((high - low) / (2.0 * step[k]), shares[k], atol=1e-6)
        high, low = (log_sum_exp_moments(mean, deviation**2 + sign * width * step)[0] for sign in (1, -1))
        assert_allclose((high - low) / (width * step[k]), curvature[k], atol=1e-5)


def test_beyond_all_rules_the_value_is_an_upper_bound_nearby():
    mean, var = np.zeros((3, 6)), np.outer([1.0, 0.5, 0.0], (64.0 * np.array([1.01, 1.5, 2.0, 5.0, 50.0, 1e6])) ** 2)
    value, shares, _ = log_sum_exp_moments(mean, var)
    # As deviations grow log sum exp comes to be the maximum.
    noise = np.random.default_rng(2).standard_normal((1_000_000, 3)) * np.sqrt([1.0, 0.5, 0.0])
    excess = value / np.sqrt(var[0]) - noise.max(axis=1).mean()
    assert (excess > -2e-3).all()
    assert (excess < 2e-2).all()
    assert_allclose(shares.sum(axis=0), 1.0, atol=1e-8)


def test_a_row_does_not_depend_on_the_others():
    mean, deviation = 3.0 * RNG.normal(size=(4, 50)), np.exp(RNG.normal(size=(4, 50)))
    together = log_sum_exp_moments(mean, deviation**2)
    for n in range(50):
        alone = log_sum_exp_moments(mean[:, n : n + 1], deviation[:, n : n + 1] ** 2)
        for a, b in zip(alone, together, strict=True):
            assert_allclose(a[..., 0], b[..., n], rtol=1e-11, atol=1e-13)


def test_probabilities_keep_their_digits_when_they_are_small():
    mean = np.array([[0.0], [-30.0], [-12.0], [-400.0], [-1e5]])
    var = np.array([[0.2], [0.3], [2.0], [1.0], [4.0]])
    logs = log_probabilities(mean, var)
    assert logsumexp(logs, axis=0) == pytest.approx(0.0, abs=1e-14)
    t = np.linspace(-12.0, 12.0, 4001)
    mass = np.exp(-0.5 * t**2) / np.exp(-0.5 * t**2).sum()
    for k, rtol in ((1, 0.01), (2, 1e-6)):
        eta = mean[k] + np.sqrt(var[k]) * t[:, None] - np.sqrt(var[0]) * t
        assert np.exp(logs[k, 0]) == pytest.approx(mass @ np.exp(-np.logaddexp(0.0, -eta)) @ mass, rel=2e-5 + rtol)
    assert (np.diff(logs[[0, 2, 1, 3, 4], 0]) < 0.0).all()
    assert np.isfinite(logs).all()
    assert np.isfinite(log_odds(logs)).all()
    p = np.array([[0.5], [0.3], [0.2]])
    assert_allclose(log_odds(np.log(p)), np.log(p / (1.0 - p)), atol=1e-14)


def test_likelihood_is_a_difference_of_these():
    y, mean, var = np.array([0.0, 2.0, 1.0]), RNG.normal(size=(3, 3)), RNG.uniform(size=(3, 3))
    likelihood = Softmax(3)
    value, slope, curvature = likelihood.expected(y, mean, var)
    expected, shares, spread = log_sum_exp_moments(mean, var)
    assert_allclose(value, mean[y.astype(int), np.arange(3)] - expected)
    assert_allclose(slope, np.eye(3)[y.astype(int)].T - shares, atol=1e-15)
    assert_allclose(curvature, spread)
    assert_allclose(likelihood.expected(y, mean, 0.0 * var)[0], likelihood.log_prob(y, mean), rtol=1e-10)
    assert_allclose(np.exp(likelihood.link(np.array([0.5, 0.3, 0.2]))[:2]), np.array([0.5, 0.3]) / 0.03 ** (1 / 3))
