"""Deterministic ADVI: known optima, exact covariances, and starts from which nothing is easy."""

import math

import numpy as np
import pytest

from skvi.blackbox import LogisticModel
from skvi.gradient.dadvi import dadvi
from skvi.gradient.noise import mirrored
from skvi.gradient.normals import FullRank, LowRank, MeanField
from tests.gradient.cases import Observer, counted, gaussian, half_line, of_density, student

MEAN = np.array([3.0, -200.0, 0.05])
COVARIANCE = np.array([[4.0, 1.5, 0.008], [1.5, 1.0, 0.001], [0.008, 0.001, 1e-4]])


def normal_target():
    return gaussian(MEAN, np.linalg.inv(COVARIANCE), log_evidence=2.5)


def run(target, start=None, seed=0, **settings):
    width = target.n_parameters
    start = MeanField(np.zeros(width), np.ones(width)) if start is None else start
    return dadvi(target, start, np.random.RandomState(seed), **settings)


@pytest.mark.parametrize(
    "start",
    [
        None,
        MeanField(MEAN, np.sqrt(np.diag(COVARIANCE))),
        FullRank.from_covariance(MEAN + 1.0, COVARIANCE),
        LowRank(np.zeros(3), np.ones(3), np.ones((3, 1))),
    ],
    ids=["zeros", "mean field", "full rank", "low rank"],
)
def test_on_a_normal_target_optimum_and_covariance_are_exact(start):
    outcome = run(normal_target(), start, tol=1e-14)
    assert outcome.converged
    np.testing.assert_allclose(outcome.covariance, COVARIANCE, rtol=1e-6, atol=1e-6 * 1e-4)
    sd = np.sqrt(np.diag(COVARIANCE))
    np.testing.assert_allclose((outcome.approximation.mean - MEAN) / sd, 0.0, atol=1e-4)
    best = 1.0 / np.sqrt(np.diag(np.linalg.inv(COVARIANCE)))
    np.testing.assert_allclose(outcome.approximation.scale, best, rtol=1e-4)
    np.testing.assert_allclose(outcome.history["mean_se"][-1] / sd, 0.0, atol=1e-4)
    elbo = 2.5 + 0.5 * (2.0 * np.log(best).sum() - np.linalg.slogdet(COVARIANCE)[1])
    np.testing.assert_allclose(outcome.history["elbo"][-1], elbo, atol=1e-6)


def test_a_good_start_costs_few_gradients():
    target = normal_target()
    run(target, FullRank.from_covariance(MEAN, COVARIANCE))
    assert target.counts.gradients <= 10 * 30


@pytest.mark.parametrize("width", [1, 40])
def test_few_and_many_free_numbers(width):
    """More free numbers than draws: means and scales are still exact where these are independent."""
    scale = np.geomspace(0.1, 10.0, width)
    outcome = run(gaussian(scale, np.diag(scale**-2.0)), tol=1e-10)
    assert outcome.converged
    np.testing.assert_allclose(outcome.approximation.mean, scale, rtol=1e-4)
    np.testing.assert_allclose(outcome.approximation.scale, scale, rtol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(outcome.covariance)), scale, rtol=1e-6)


@pytest.mark.parametrize(("n_draws", "width"), [(30, 1), (30, 15), (30, 40), (2, 3)])
def test_noise_is_paired_and_has_the_moments_of_the_normal(n_draws, width):
    noise = mirrored(np.random.RandomState(0), n_draws, width)
    np.testing.assert_array_equal(noise[: n_draws // 2], -noise[n_draws // 2 :])
    moments = noise.T @ noise / n_draws
    np.testing.assert_allclose(np.diag(moments), 1.0)
    if width <= n_draws // 2:
        np.testing.assert_allclose(moments, np.eye(width), atol=1e-10)


def logistic_problem():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 3)) @ np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 1.0]])
    y = (rng.uniform(size=300) < 1.0 / (1.0 + np.exp(-X @ [1.0, -1.0, 0.5]))).astype(int)
    return X, y


def test_logistic_regression_agrees_with_importance_weights():
    X, y = logistic_problem()
    target = counted(LogisticModel(), X, y.astype(float))
    outcome = run(target)
    rng = np.random.RandomState(1)
    q = FullRank.from_covariance(outcome.approximation.mean, 1.1 * outcome.covariance)
    drawn = q.draw(rng.normal(size=(20_000, q.n_noise)))
    weights = target.log_density(drawn.z) - drawn.log_density
    weights = np.exp(weights - weights.max())
    mean = np.average(drawn.z, axis=0, weights=weights)
    sd = np.sqrt(np.average((drawn.z - mean) ** 2, axis=0, weights=weights))
    np.testing.assert_allclose((outcome.approximation.mean - mean) / sd, 0.0, atol=0.05)
    np.testing.assert_allclose(np.sqrt(np.diag(outcome.covariance)), sd, rtol=0.03)
    assert (outcome.approximation.scale < 0.97 * sd).any()


@pytest.fixture
def skewed():
    return of_density(lambda z: np.sum(2.0 * z - np.exp(z), axis=1), lambda z: 2.0 - np.exp(z), 2)


def test_standard_errors_of_means_are_those_of_other_draws(skewed):
    """On a skewed target, up to a factor: fits of few draws know the spread of their slopes but roughly."""
    outcomes = [run(skewed, seed=seed, accuracy=math.inf) for seed in range(30)]
    found = np.std([outcome.approximation.mean for outcome in outcomes], axis=0)
    claimed = np.mean([outcome.history["mean_se"][-1] for outcome in outcomes], axis=0)
    assert (found < 2.0 * claimed).all()
    assert (claimed < 0.2).all()


def test_draws_are_doubled_until_means_are_accurate(skewed):
    outcome = run(skewed, accuracy=0.001, n_draws=10, max_draws=50)
    assert outcome.history["n_draws"] == [10, 20, 40]
    assert "raise n_draws" in outcome.reason
    assert not outcome.converged


@pytest.mark.parametrize("start", [0.3, -1.5])
def test_starts_without_a_density_are_survived(start):
    target = half_line(400.0, 40.0)
    outcome = run(target, MeanField(np.array([start]), np.ones(1)))
    assert outcome.converged
    np.testing.assert_allclose(outcome.approximation.mean, 10.0, atol=0.1)
    np.testing.assert_allclose(np.sqrt(outcome.covariance), 0.5, rtol=0.05)


def test_no_density_anywhere_gives_words():
    nowhere = of_density(lambda z: np.full(len(z), -np.inf), lambda z: np.full(z.shape, np.nan), 2)
    outcome = run(nowhere)
    assert not outcome.converged
    assert outcome.covariance is None
    assert "not finite" in outcome.reason


def test_steps_that_do_not_suffice_are_told():
    outcome = run(normal_target(), max_iter=3)
    assert not outcome.converged
    assert outcome.n_steps == 3
    assert "raise max_iter" in outcome.reason
    assert np.isfinite(outcome.approximation.parameters).all()


def test_above_the_limit_there_is_no_covariance():
    target = student(8.0, 30)
    outcome = run(target, max_linear_response=20)
    assert outcome.converged
    assert outcome.covariance is None
    assert "linear response" in outcome.reason
    np.testing.assert_allclose(outcome.approximation.mean, 0.0, atol=1e-3)


def test_the_same_seed_gives_the_same_bits_and_observers_can_stop():
    observer, target = Observer(stop_after=4), normal_target()
    outcome = run(target, observer=observer)
    assert outcome.history["elbo"] == observer.bounds
    assert observer.begun == [0, 1, 2, 3]
    assert outcome.n_steps == 4
    assert "stopped" in outcome.reason
    one, two = run(target), run(target)
    np.testing.assert_array_equal(one.approximation.parameters, two.approximation.parameters)
