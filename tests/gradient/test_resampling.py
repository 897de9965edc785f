"""Draws chosen by their importance."""

from types import SimpleNamespace

import numpy as np

from skvi.gradient.proposals import Draws
from skvi.gradient.resampling import resample
from tests.gradient.cases import gaussian


def drawn(log_ratios, n_draws=2000):
    z = np.random.default_rng(0).normal(size=(n_draws, 2))
    log_q = -0.5 * np.sum(z**2, axis=1) - np.log(2.0 * np.pi)
    ratios = log_ratios(z)
    log_weights = ratios - np.logaddexp.reduce(ratios)
    every = Draws(z, log_q + ratios, log_q, np.zeros(n_draws))
    return SimpleNamespace(all=every, log_weights=log_weights)


def test_equal_weights_choose_every_draw_once():
    target, verdict = gaussian(np.zeros(2), np.eye(2)), drawn(lambda z: np.full(len(z), 3.0))
    found = resample(target, verdict, 2000, np.random.RandomState(0))
    np.testing.assert_array_equal(found.z, verdict.all.z)
    np.testing.assert_allclose([found.bound, found.bound_se], [3.0, 0.0], atol=1e-12)


def test_chosen_draws_have_the_moments_of_the_weights():
    """A normal target that lies half a deviation higher: its ratio to the standard normal is exp(z / 2 - 1 / 8)."""
    shift = np.array([0.5, 0.0])
    target, verdict = gaussian(shift, np.eye(2)), drawn(lambda z: z @ shift - 0.5 * shift @ shift)
    found = resample(target, verdict, 500, np.random.RandomState(0))
    weights = np.exp(verdict.log_weights)
    mean = weights @ verdict.all.z
    np.testing.assert_allclose(found.z.mean(axis=0), mean, atol=1e-12)
    np.testing.assert_allclose(found.z.var(axis=0), weights @ (verdict.all.z - mean) ** 2, rtol=1e-12)
    np.testing.assert_allclose(found.log_density, target.log_density(found.z), rtol=1e-12)
    assert abs(found.bound) < 4.0 * found.bound_se


def test_draws_without_a_density_count_as_zeros_and_are_not_chosen():
    verdict = drawn(lambda z: np.where(z[:, 0] > 0.0, 0.0, -np.inf))
    found = resample(gaussian(np.zeros(2), np.eye(2)), verdict, 100, np.random.RandomState(0))
    np.testing.assert_allclose(found.bound, np.log(np.mean(verdict.all.z[:, 0] > 0.0)), atol=1e-12)
    assert 0.0 < found.bound_se < 0.05


def test_draws_too_few_for_a_tail_say_so():
    """Means of exp(3 z) hang on the largest draws alone, those of z do not."""
    target, verdict = gaussian(np.zeros(2), np.eye(2)), drawn(lambda z: 0.1 * z[:, 0])
    plain, steep = (
        resample(target, verdict, 50, np.random.RandomState(0), quantities).error
        for quantities in (None, lambda z: np.exp(3.0 * z))
    )
    assert plain < 1e-10
    assert steep > 0.1
