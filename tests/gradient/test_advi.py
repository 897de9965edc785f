"""Stochastic ascent: what it finds, when it says so, and what it survives."""

import numpy as np
import pytest

from skvi.blackbox import LinearModel, LogisticModel
from skvi.gradient.advi import advi
from skvi.gradient.black_box_alpha import BlackBoxAlpha
from skvi.gradient.charts import chart_of
from skvi.gradient.counting import CountedTarget
from skvi.gradient.flows import planar_flow
from skvi.gradient.noise import matched
from skvi.gradient.normals import FullRank, LowRank, MeanField
from skvi.gradient.objectives import ELBO, ScoreFunction
from skvi.gradient.renyi import RenyiBound
from tests.gradient.cases import Observer, banana, counted, gaussian, half_line, of_density

MEAN = np.array([3.0, -1.0, 0.5])
COVARIANCE = np.array([[1.0, 0.6, -0.2], [0.6, 2.0, 0.3], [-0.2, 0.3, 0.5]])
PRECISION = np.linalg.inv(COVARIANCE)


def wide(scale=1.0):
    """A correlated normal target, its means and widths times a scale."""
    return gaussian(scale * MEAN, PRECISION / scale**2)


def starts(width=3):
    return MeanField(np.zeros(width), np.ones(width)), FullRank(np.zeros(width), np.eye(width))


def climb(target, start, seed=0, **options):
    return advi(target, start, np.random.RandomState(seed), **options)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "dowg"])
@pytest.mark.parametrize("entropy", ["closed", "stl"])
def test_mean_field_finds_the_known_optimum(entropy, optimizer):
    outcome = climb(wide(), starts()[0], optimizer=optimizer, objective=ELBO(entropy))
    scale = 1.0 / np.sqrt(np.diag(PRECISION))
    assert outcome.converged
    assert (np.abs(outcome.approximation.mean - MEAN) < 0.05 * scale).all()
    np.testing.assert_allclose(outcome.approximation.scale, scale, rtol=0.08)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_start_may_be_far_off(scale):
    outcome = climb(wide(scale), starts()[0])
    width = scale / np.sqrt(np.diag(PRECISION))
    assert outcome.converged
    assert outcome.n_steps < 3000
    assert (np.abs(outcome.approximation.mean - scale * MEAN) < 0.05 * width).all()
    np.testing.assert_allclose(outcome.approximation.scale, width, rtol=0.08)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_full_rank_recovers_a_normal_target_to_the_digits_asked_for(optimizer):
    outcome = climb(wide(), starts()[1], optimizer=optimizer, tol=1e-7)
    assert outcome.converged
    np.testing.assert_allclose(outcome.approximation.mean, MEAN, atol=1e-6)
    np.testing.assert_allclose(outcome.approximation.covariance, COVARIANCE, atol=1e-6)


def test_full_rank_with_the_closed_entropy_is_right_within_its_error():
    outcome = climb(wide(), starts()[1], objective=ELBO("closed"))
    assert outcome.converged
    np.testing.assert_allclose(outcome.approximation.mean, MEAN, atol=0.03)
    np.testing.assert_allclose(outcome.approximation.covariance, COVARIANCE, atol=0.2)


def test_low_rank_finds_correlations():
    factor = np.array([[1.0], [0.8], [0.5], [-0.7]])
    covariance = factor @ factor.T + 0.25 * np.eye(4)
    target = gaussian(np.ones(4), np.linalg.inv(covariance))
    start = LowRank(np.zeros(4), np.ones(4), 0.1 * np.ones((4, 1)))
    outcome = climb(target, start, max_iter=4000)
    np.testing.assert_allclose(outcome.approximation.covariance, covariance, atol=0.1)


def rows(n_rows=400):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n_rows, 2))
    return X, X @ [1.0, -0.5] + 0.3 + 0.5 * rng.normal(size=n_rows), rng


@pytest.mark.parametrize("anchored", [True, False])
def test_mini_batches_come_close_to_all_rows(anchored):
    X, y, _ = rows()
    target = counted(LinearModel(), X, y)
    start = MeanField(np.zeros(target.n_parameters), np.ones(target.n_parameters))
    whole = climb(target, start)
    some = climb(target, start, batch_size=50, anchored=anchored, max_iter=2500)
    scale = whole.approximation.scale
    assert whole.converged
    assert some.converged or not anchored
    near = 0.1 if anchored else 0.4
    assert (np.abs(some.approximation.mean - whole.approximation.mean) < near * scale).all()
    np.testing.assert_allclose(some.approximation.scale, scale, rtol=near)
    # The last look of both is at all rows.
    assert abs(some.history["elbo"][-1] - whole.history["elbo"][-1]) < near


@pytest.fixture(scope="module")
def logistic():
    X, score, rng = rows(200)
    return counted(LogisticModel(), X, (score + rng.logistic(size=200) > 0.0).astype(int))


def test_logistic_regression_ends_where_the_bound_is_flat(logistic):
    outcome = climb(logistic, starts()[1])
    noise = matched(np.random.default_rng(0), 4000, 3)
    slope = ELBO("stl").slope(logistic, outcome.approximation, noise)
    assert outcome.converged
    # Natural gradients are distances in standard deviations.
    assert np.abs(chart_of(outcome.approximation).pull(slope)).max() < 0.05


@pytest.mark.parametrize("objective", [RenyiBound(0.5, 5), ScoreFunction()], ids=lambda one: type(one).__name__)
def test_other_objectives_climb_too(objective, logistic):
    reference = climb(logistic, starts()[0]).approximation
    outcome = climb(logistic, starts()[0], objective=objective, max_iter=1500, tol=0.05)
    assert (np.abs(outcome.approximation.mean - reference.mean) < 0.4 * reference.scale).all()
    np.testing.assert_allclose(outcome.approximation.scale, reference.scale, rtol=0.35)


def test_black_box_alpha_widens_as_its_expansion_says(logistic):
    # To the second order alpha takes alpha / 2 of the curvature away, and leaves scales wider by 1 / sqrt(1 - alpha).
    reference = climb(logistic, starts()[0]).approximation.scale
    outcome = climb(logistic, starts()[0], objective=BlackBoxAlpha(0.5), max_iter=1500, tol=0.05)
    np.testing.assert_allclose(outcome.approximation.scale, np.sqrt(2.0) * reference, rtol=0.2)


class Opaque:
    """As a flow: nothing is known of it but its draws."""

    entropy = diagonal = None

    def __init__(self, parameters):
        self.parameters = np.asarray(parameters, dtype=float)
        self.width = self.n_noise = len(parameters) // 2

    def with_parameters(self, parameters):
        return Opaque(parameters)

    def draw(self, noise):
        return MeanField(*np.split(self.parameters, 2)).draw(noise)


@pytest.mark.parametrize("entropy", ["closed", "stl"])
def test_approximations_of_unknown_entropy_climb_too(entropy):
    start = Opaque([0.0, 0.0, 0.7, 1.4])
    outcome = climb(gaussian([0.5, -0.5], np.eye(2)), start, objective=ELBO(entropy))
    assert outcome.converged
    np.testing.assert_allclose(outcome.approximation.parameters, [0.5, -0.5, 1.0, 1.0], atol=0.1)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "dowg"])
def test_regions_without_a_density_are_survived(optimizer):
    outcome = climb(half_line(3.0, 1.0), MeanField([1.0], [2.0]), optimizer=optimizer, max_iter=2000)
    assert np.isfinite(outcome.approximation.parameters).all()
    assert np.isfinite(outcome.history["elbo"]).all()
    assert 2.0 < outcome.approximation.mean[0] < 6.0


def test_a_start_among_points_without_a_density_is_narrowed():
    def log_density(z):
        return 3.0 * np.log(1.0 - (1e3 * z[:, 0]) ** 2)

    def gradient(z):
        return np.where(np.abs(z) < 1e-3, -6e6 * z / (1.0 - (1e3 * z) ** 2), np.nan)

    outcome = climb(of_density(log_density, gradient, 1), MeanField([1e-4], [1e3]), max_iter=1000)
    assert abs(outcome.approximation.mean[0]) < 2e-4
    assert 2e-4 < outcome.approximation.scale[0] < 6e-4


def test_a_density_that_is_nowhere_finite_ends_in_words():
    target = of_density(lambda z: np.full(len(z), np.nan), lambda z: np.full(z.shape, np.nan), 1)
    outcome = climb(target, MeanField([0.0], [1.0]))
    assert not outcome.converged
    assert "not finite near the start" in outcome.reason
    target = of_density(lambda z: -(z[:, 0] ** 2), lambda z: np.full(z.shape, np.nan), 1)
    outcome = climb(target, MeanField([0.0], [1.0]), max_iter=100)
    assert not outcome.converged
    assert "the gradient is not finite at most draws" in outcome.reason
    assert np.isfinite(outcome.approximation.parameters).all()


def test_a_start_at_the_optimum_is_kept_but_for_noise():
    start = FullRank.from_covariance(MEAN, COVARIANCE)
    outcome = climb(wide(), start, objective=ELBO("closed"), max_iter=100)
    # The target's divergence from the answer: at the target itself every other normal is worse.
    ratio = PRECISION @ outcome.approximation.covariance
    shift = outcome.approximation.mean - MEAN
    assert 0.5 * (np.trace(ratio) - 3.0 - np.linalg.slogdet(ratio)[1] + shift @ PRECISION @ shift) < 0.03


def test_too_few_steps_are_told():
    outcome = climb(banana(), starts(2)[0], max_iter=60)
    assert not outcome.converged
    assert "drift after max_iter=60 steps" in outcome.reason
    assert outcome.n_steps == 60
    assert outcome.history["n_steps"] == [50, 60]


def test_a_fixed_step_and_free_noise_do_as_well():
    outcome = climb(wide(), starts()[0], step_size=0.05, antithetic=False, n_draws=20)
    assert outcome.converged
    assert outcome.history["step_size"][0] == 0.05
    np.testing.assert_allclose(outcome.approximation.scale, 1.0 / np.sqrt(np.diag(PRECISION)), rtol=0.08)


def test_batches_of_all_rows_are_no_batches():
    X, y, _ = rows(60)
    found = []
    for options in ({}, {"batch_size": 60}):
        target = counted(LinearModel(), X, y)
        start = MeanField(np.zeros(target.n_parameters), np.ones(target.n_parameters))
        found.append(climb(target, start, max_iter=100, **options))
        assert target.counts.gradients == 1000
    np.testing.assert_array_equal(found[0].approximation.parameters, found[1].approximation.parameters)


def test_more_threads_change_no_bit():
    X, y, _ = rows()
    found = []
    for n_jobs in (1, 3):
        target = counted(LinearModel(), X, y)
        target.target.n_jobs = n_jobs
        start = MeanField(np.zeros(target.n_parameters), np.ones(target.n_parameters))
        found.append(climb(target, start, batch_size=100, max_iter=100))
    np.testing.assert_array_equal(found[0].approximation.parameters, found[1].approximation.parameters)
    assert found[0].history == found[1].history


def test_densities_alone_serve_the_score_function():
    target = CountedTarget(banana().target)
    climb(target, starts(2)[0], objective=ScoreFunction(), max_iter=100)
    assert target.counts.gradients == 0


def test_an_observer_may_stop():
    observer = Observer(stop_after=3)
    outcome = climb(wide(), starts()[0], observer=observer)
    assert observer.begun == [0, 1, 2]
    assert np.isfinite(observer.bounds).all()
    assert outcome.n_steps == 150
    assert outcome.reason == "it was stopped"
    assert outcome.history["n_steps"] == [50, 100, 150]


def test_a_flow_goes_beyond_the_best_normal():
    target = banana(bend=1.0, tightness=4.0)
    normal = climb(target, starts(2)[1], max_iter=500).approximation
    outcome = climb(target, planar_flow(normal, np.random.RandomState(0), n_layers=4), max_iter=800)
    noise = np.random.default_rng(0).normal(size=(2000, 2))
    gain = ELBO("stl").value(target, outcome.approximation, noise) - ELBO("stl").value(target, normal, noise)
    assert gain > 0.05
