"""Draws of an approximation and wider ones: their densities, and the weights that follow."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from skvi.gradient.normals import FullRank, MeanField
from skvi.gradient.proposals import Draws, followed, joined, sample, sample_about, sample_wide
from tests.gradient.cases import gaussian

MEAN, COVARIANCE = np.array([1.0, -2.0]), np.array([[2.0, 0.6], [0.6, 0.5]])
Q = FullRank.from_covariance(MEAN, COVARIANCE)
TARGET = gaussian(MEAN, np.linalg.inv(COVARIANCE), log_evidence=2.5)


def mixed():
    rng = np.random.RandomState(0)
    return joined(sample(TARGET, Q, rng, (500,), 0)[0], sample_wide(TARGET, Q, rng, 1500))


def test_draws_come_from_a_mixture_of_a_normal_and_a_t():
    draws = mixed()
    normal = multivariate_normal(MEAN, COVARIANCE).pdf(draws.z)
    wide = multivariate_t(MEAN, COVARIANCE, df=4.0).pdf(draws.z)
    np.testing.assert_allclose(np.exp(draws.log_proposal), 0.25 * normal + 0.75 * wide, rtol=1e-9)
    np.testing.assert_allclose(draws.log_p, np.log(normal) + 2.5, rtol=1e-9)


def test_shares_make_them_draws_of_the_approximation():
    draws = mixed()
    shares = np.exp(draws.log_shares)
    np.testing.assert_allclose(shares.sum(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(shares @ draws.z, MEAN, atol=0.1)
    np.testing.assert_allclose(np.log(np.mean(np.exp(draws.log_ratios))), 2.5, atol=0.05)


def test_draws_about_another_normal_tell_of_the_approximation_too():
    other = MeanField(np.zeros(2), np.full(2, 2.0))
    draws = sample_about(TARGET, Q, other, np.random.RandomState(0), 4000, 0.5)
    np.testing.assert_allclose(draws.log_q, Q.log_density(draws.z), rtol=1e-12)
    np.testing.assert_allclose(np.log(np.mean(np.exp(draws.log_ratios))), 2.5, atol=0.1)
    np.testing.assert_allclose(np.exp(draws.log_shares) @ draws.z, MEAN, atol=0.1)


def test_the_normal_that_follows_has_the_moments_of_the_weights():
    draws = mixed()
    normal = followed(draws, draws.log_shares)
    weights = np.exp(draws.log_shares)
    np.testing.assert_allclose(normal.mean, weights @ draws.z, rtol=1e-12)
    off = draws.z - normal.mean
    np.testing.assert_allclose(normal.covariance, off.T @ (weights[:, None] * off), rtol=1e-9)


@pytest.mark.parametrize("heaviest", [1, 3])
def test_few_draws_are_not_followed(heaviest):
    weights = np.zeros(10)
    weights[:heaviest] = 1.0 / heaviest
    z = np.random.default_rng(0).normal(size=(10, 2))
    with np.errstate(divide="ignore"):
        assert followed(Draws(z, np.zeros(10), np.zeros(10), np.zeros(10)), np.log(weights)) is None
