"""Batch and match and natural gradients against closed forms."""

import numpy as np
import pytest

from skvi.blackbox import LinearModel
from skvi.gradient.batch_match import batch_match, matched_scores
from skvi.gradient.frames import DiagonalFrame, FullFrame
from skvi.gradient.natural import averaged_curvature, natural
from skvi.gradient.normals import FullRank, MeanField
from skvi.linear_model import BayesianLinearRegressionVI
from tests.gradient.cases import Observer, counted, half_line, of_density, random_gaussian


def standard(width):
    return MeanField(np.zeros(width), np.ones(width))


@pytest.mark.parametrize(("n_draws", "width"), [(3, 8), (8, 8), (20, 4), (1, 3), (5, 1)])
@pytest.mark.parametrize("weight", [0.1, 0.9, 1.0 - 1e-3])
def test_batch_and_match_solves_its_equation(n_draws, width, weight):
    """Sigma U Sigma + Sigma = V with U and V in full, whether there are fewer draws than parameters or more."""
    rng = np.random.default_rng(0)
    u, h = rng.normal(size=(2, n_draws, width))
    shift, stretch = matched_scores(u, h, weight)
    lam = weight / (1.0 - weight)
    (u_mean, u_cov), (h_mean, h_cov) = (
        ((v.mean(axis=0), np.cov(v.T, ddof=0).reshape(width, width)) for v in (u, h))
        if (n_draws > 1)
        else ((v[0], np.zeros((width, width))) for v in (u, h))
    )
    first = lam * h_cov + weight * np.outer(h_mean, h_mean)
    second = np.eye(width) + lam * u_cov + weight * np.outer(u_mean, u_mean)
    covariance = stretch @ stretch.T
    np.testing.assert_allclose(
        covariance @ first @ covariance + covariance, second, rtol=1e-10, atol=1e-10 * np.abs(second).max()
    )
    np.testing.assert_allclose(shift, weight * (covariance @ h_mean + u_mean), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", [batch_match, natural])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("width", [1, 2, 20])
def test_normal_targets_are_met(method, unit, width):
    target, mean, covariance = random_gaussian(width, unit=unit)
    start = MeanField(np.zeros(width), np.full(width, unit))
    outcome = method(target, start, np.random.RandomState(0))
    spread = np.sqrt(np.diag(covariance))
    assert outcome.converged
    np.testing.assert_allclose(outcome.approximation.mean / spread, mean / spread, atol=1e-6)
    np.testing.assert_allclose(
        outcome.approximation.covariance / np.outer(spread, spread), covariance / np.outer(spread, spread), atol=1e-6
    )
    np.testing.assert_allclose(outcome.history["elbo"][-1], 2.5, atol=1e-6)
    assert outcome.n_steps < 25
    assert target.counts.gradients <= outcome.n_steps * FullFrame.enough_draws(width)


def test_fewer_draws_than_parameters_reach_a_normal_target():
    target, mean, covariance = random_gaussian(20)
    outcome = batch_match(target, standard(20), np.random.RandomState(0), n_draws=8, max_iter=300)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((outcome.approximation.mean - mean) / spread, 0.0, atol=0.1)
    np.testing.assert_allclose(np.sqrt(outcome.approximation.variances) / spread, 1.0, atol=0.1)


def linear_problem(noise_precision, weight_precision):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3)) @ np.array([[1.0, 0.8, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=30)
    precision = noise_precision * X.T @ X + weight_precision * np.eye(3)

    def gradient(w):
        return noise_precision * (y - w @ X.T) @ X - weight_precision * w

    def log_density(w):
        residuals = y - w @ X.T
        return -0.5 * (noise_precision * np.sum(residuals**2, axis=1) + weight_precision * np.sum(w**2, axis=1))

    return X, y, precision, of_density(log_density, gradient, 3)


def test_a_natural_step_of_one_is_the_conjugate_update():
    X, y, _, target = linear_problem(2.0, 0.5)
    conjugate = BayesianLinearRegressionVI(noise_precision=2.0, weight_precision=0.5, fit_intercept=False).fit(X, y)
    mean, factor = np.array([1.0, 2.0, 3.0]), 0.5 * np.tril(np.ones((3, 3)))
    frame = FullFrame(mean, factor)
    u, _ = frame.noise(8, 3, np.random.RandomState(0))
    h = frame.pull(target.gradient(frame.place(u)))
    found = frame.moved(*averaged_curvature(u, h, 1.0)).normal
    weights = conjugate.posterior_.weights
    np.testing.assert_allclose(found.mean, np.ravel(weights.mean), rtol=1e-8)
    np.testing.assert_allclose(found.variances, np.ravel(weights.var), rtol=1e-8)


def test_natural_steps_of_independent_parameters_are_those_of_coordinate_ascent():
    """The optimum has the target's mean and the conditional variances, 1 / precision_pp."""
    X, y, precision, target = linear_problem(2.0, 0.5)
    outcome = natural(target, standard(3), np.random.RandomState(0), family="meanfield", tol=0.005, n_draws=256)
    mean = np.linalg.solve(precision, 2.0 * X.T @ y)
    np.testing.assert_allclose(outcome.approximation.variances * np.diag(precision), 1.0, rtol=0.15)
    spread = 1.0 / np.sqrt(np.diag(precision))
    np.testing.assert_allclose((outcome.approximation.mean - mean) / spread, 0.0, atol=0.1)
    assert isinstance(outcome.approximation, MeanField)


def test_negative_curvature_leaves_a_positive_precision():
    rng = np.random.default_rng(0)
    u = rng.normal(size=(50, 4))
    shift, stretch = averaged_curvature(u, 3.0 * u, 1.0)
    assert np.isfinite(shift).all()
    np.testing.assert_allclose(np.linalg.inv(stretch @ stretch.T), (1.0 - 4.0 + 8.0) * np.eye(4), atol=1e-9)


def test_minibatches_reach_the_answer_of_all_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = X @ [1.0, -1.0] + 0.5 * rng.normal(size=400)
    target, rng = counted(LinearModel(), X, y), np.random.RandomState(0)
    whole = natural(target, standard(4), rng)
    start = FullRank.from_covariance(whole.approximation.mean + 0.1, 4.0 * whole.approximation.covariance)
    part = natural(target, start, rng, batch_size=100, tol=0.05, max_iter=400, step_size=0.5)
    spread = np.sqrt(whole.approximation.variances)
    np.testing.assert_allclose((part.approximation.mean - whole.approximation.mean) / spread, 0.0, atol=0.3)
    np.testing.assert_allclose(np.sqrt(part.approximation.variances) / spread, 1.0, atol=0.2)


@pytest.mark.parametrize("method", [batch_match, natural])
@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_regions_without_a_gradient_are_survived(method, spread):
    target = half_line(5.0, 5.0, edge=-1.0, width=2)
    outcome = method(target, MeanField(np.zeros(2), np.full(2, spread)), np.random.RandomState(0), max_iter=60)
    assert target.counts.nonfinite > 0
    assert np.isfinite(outcome.approximation.parameters).all()
    assert np.isfinite(outcome.history["elbo"]).all()


@pytest.mark.parametrize("method", [batch_match, natural])
def test_targets_without_any_gradient_end_in_words(method):
    target = of_density(lambda z: np.full(len(z), -np.inf), lambda z: np.full(z.shape, np.nan), 2)
    outcome = method(target, standard(2), np.random.RandomState(0))
    assert not outcome.converged
    assert "not finite" in outcome.reason
    assert np.isfinite(outcome.approximation.parameters).all()


@pytest.mark.parametrize("method", [batch_match, natural])
def test_skewed_targets_are_known_to_the_error_stated(method):
    """Fits of other noise differ by about the error at which they stopped."""
    fits = []
    for seed in range(6):
        target = of_density(lambda z: np.sum(z - 3.0 * np.exp(z / 3.0), axis=1), lambda z: 1.0 - np.exp(z / 3.0), 2)
        outcome = method(target, standard(2), np.random.RandomState(seed), tol=0.03)
        assert outcome.converged
        fits.append(np.concatenate([outcome.approximation.mean, np.sqrt(outcome.approximation.variances)]))
    assert np.std(fits, axis=0).max() / 1.7 < 0.06


@pytest.mark.parametrize("method", [batch_match, natural])
def test_threads_change_no_bit(method):
    fits = [method(random_gaussian(4, n_jobs=n_jobs)[0], standard(4), np.random.RandomState(0)) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(fits[0].approximation.parameters, fits[1].approximation.parameters)


def test_the_observer_sees_bounds_and_stops():
    observer = Observer(stop_after=1)
    outcome = natural(random_gaussian(3)[0], standard(3), np.random.RandomState(0), step_size=0.1, observer=observer)
    assert observer.begun == [0]
    assert outcome.n_steps == 5
    assert outcome.history["elbo"][1:] == observer.bounds


@pytest.mark.parametrize(("n_draws", "width"), [(32, 3), (33, 3), (10, 8), (9, 8), (4, 8)])
def test_noise_has_the_moments_it_can_have(n_draws, width):
    u, mirrored = FullFrame.noise(n_draws, width, np.random.RandomState(0))
    assert u.shape == (n_draws, width)
    assert mirrored == (n_draws == 32)
    if n_draws >= width + 2:
        np.testing.assert_allclose(u.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(u.T @ u / n_draws, np.eye(width), atol=1e-12)
    u, mirrored = DiagonalFrame.noise(n_draws, width, np.random.RandomState(0))
    np.testing.assert_allclose(u.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.mean(u**2, axis=0), 1.0)
    assert mirrored == (n_draws % 2 == 0)
