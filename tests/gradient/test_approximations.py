"""Approximations that start at a normal distribution."""

import numpy as np
import pytest

from skvi.gradient.approximations import approximation_of
from skvi.gradient.normals import FullRank, MeanField

RNG = np.random.default_rng(0)
ROOT = np.tril(RNG.normal(size=(4, 4)))
NORMAL = FullRank(RNG.normal(size=4), ROOT + 2.0 * np.eye(4))


@pytest.mark.parametrize("family", ["fullrank", "planar", "realnvp"])
def test_families_that_can_start_exactly_there(family):
    started = approximation_of(family, NORMAL, np.random.RandomState(0))
    noise = RNG.normal(size=(5, started.n_noise))
    np.testing.assert_allclose(started.draw(noise).z, NORMAL.draw(noise).z, atol=1e-12)
    np.testing.assert_allclose(started.draw(noise).log_density, NORMAL.draw(noise).log_density, atol=1e-12)


def test_mean_field_is_the_closest():
    started = approximation_of("meanfield", NORMAL, np.random.RandomState(0))
    np.testing.assert_allclose(started.variances, 1.0 / np.diag(np.linalg.inv(NORMAL.covariance)))
    np.testing.assert_array_equal(started.mean, NORMAL.mean)


@pytest.mark.parametrize("rank", [1, 2, 9])
def test_low_rank_keeps_the_variances(rank):
    started = approximation_of("lowrank", NORMAL, np.random.RandomState(0), rank=rank)
    np.testing.assert_allclose(started.variances, NORMAL.variances, rtol=1e-10)
    assert started.rank == min(rank, 4)
    correlated = np.corrcoef(started.covariance.ravel(), NORMAL.covariance.ravel())[0, 1]
    assert correlated > 0.8


def test_low_rank_of_independent_numbers_is_proper():
    started = approximation_of("lowrank", MeanField(np.zeros(3), np.ones(3)), np.random.RandomState(0), rank=2)
    assert np.isfinite(started.entropy)
    np.testing.assert_allclose(started.variances, 1.0)
