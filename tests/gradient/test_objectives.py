"""Objectives: their gradients are those of bounds by quadrature, and what their variances are."""

import numpy as np
import pytest

from skvi.blackbox import LogisticModel
from skvi.gradient.black_box_alpha import BlackBoxAlpha
from skvi.gradient.normals import FullRank, MeanField
from skvi.gradient.objectives import ELBO, ScoreFunction
from skvi.gradient.renyi import RenyiBound
from tests.gradient.cases import (
    SMALL,
    banana,
    counted,
    gaussian,
    half_line,
    nodes,
    numerical_gradient,
    of_density,
    skewed,
)

# Nodes for each number that leave errors below the tolerances, by the number of noise numbers.
N_NODES = {1: 40, 2: 24, 3: 12, 4: 7}


def integrate(function, n_draws, n_noise, n_nodes=None):
    """Expectation over independent noise of n_draws draws of a function of the noise."""
    n_numbers = n_draws * n_noise
    places, weights = nodes(n_numbers, n_nodes or N_NODES[n_numbers])
    return sum(w * function(place.reshape(n_draws, n_noise)) for w, place in zip(weights, places, strict=True))


def expected_slope(objective, target, approximation, n_draws, n_nodes=None):
    def slope(noise):
        return objective.value_and_slope(target, approximation, noise)[1]

    return integrate(slope, n_draws, approximation.n_noise, n_nodes)


def slope_of_bound(bound, target, approximation, n_draws, n_nodes=None):
    """Differences of the expectation of bound(log w) over the draws of a group."""
    n_numbers = n_draws * approximation.n_noise
    places, weights = nodes(n_numbers, n_nodes or N_NODES[n_numbers])
    noise = places.reshape(-1, approximation.n_noise)

    def value(parameters):
        drawn = approximation.with_parameters(parameters).draw(noise)
        ratios = target.log_density(drawn.z) - drawn.log_density
        return weights @ bound(ratios.reshape(-1, n_draws))

    return numerical_gradient(value, approximation.parameters, step=1e-4)


def mean(ratios):
    return ratios.mean(axis=1)


@pytest.fixture(params=SMALL)
def small(request):
    return SMALL[request.param]


@pytest.fixture(scope="module")
def logistic():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(6, 1))
    return counted(LogisticModel(), X, np.arange(6) % 2)


@pytest.mark.parametrize(
    "objective", [ELBO("closed"), ELBO("stl"), ScoreFunction("none")], ids=lambda one: type(one).__name__
)
def test_slopes_of_the_bound_are_unbiased(objective, small):
    target, approximation = small
    found = expected_slope(objective, target, approximation, 1)
    np.testing.assert_allclose(found, slope_of_bound(mean, target, approximation, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("baseline", ["leave-one-out", "control-variates"])
def test_baselines_leave_no_bias(baseline):
    target, approximation = SMALL["skewed"]
    n_draws = 2 if baseline == "leave-one-out" else 4
    found = expected_slope(ScoreFunction(baseline), target, approximation, n_draws)
    expected = slope_of_bound(mean, target, approximation, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-3 if n_draws == 4 else 1e-6)


@pytest.mark.parametrize("doubly", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0, 1.5])
def test_slopes_of_renyi_bounds_are_unbiased(alpha, doubly):
    target, approximation = SMALL["skewed"]
    found = expected_slope(RenyiBound(alpha, 2, doubly), target, approximation, 2)

    def bound(ratios):
        return np.log(np.mean(np.exp((1.0 - alpha) * ratios), axis=1)) / (1.0 - alpha)

    np.testing.assert_allclose(found, slope_of_bound(bound, target, approximation, 2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("doubly", [True, False])
def test_slopes_of_renyi_bounds_are_unbiased_in_two_dimensions(doubly):
    target, approximation = SMALL["banana, full rank"]
    found = slopes(RenyiBound(0.5, 2, doubly), target, approximation, n_draws=1000, n_times=40)

    def bound(ratios):
        return 2.0 * np.log(np.mean(np.exp(0.5 * ratios), axis=1))

    gaps = found.mean(axis=0) - slope_of_bound(bound, target, approximation, 2, n_nodes=10)
    assert (np.abs(gaps) < 4.0 * found.std(axis=0) / np.sqrt(40)).all()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_slope_of_black_box_alpha_is_unbiased(alpha, logistic):
    approximation = MeanField([0.2, -0.3], [0.5, 0.7])
    # Both sides are of the same nodes, few of which integrate the mean score, a polynomial, to zero.
    found = expected_slope(BlackBoxAlpha(alpha), logistic, approximation, 2, n_nodes=3)
    places, weights = nodes(4, 3)

    def energy(parameters):
        drawn = approximation.with_parameters(parameters).draw(places.reshape(-1, 2))
        likelihoods, prior = logistic.parts(drawn.z)
        sites = likelihoods + ((prior - drawn.log_density) / 6.0)[:, None]
        sites = sites.reshape(-1, 2, 6)
        each = sites.mean(axis=1) if alpha == 0.0 else np.log(np.mean(np.exp(alpha * sites), axis=1)) / alpha
        return weights @ each.sum(axis=1)

    np.testing.assert_allclose(found, numerical_gradient(energy, approximation.parameters, 1e-4), rtol=1e-4, atol=1e-5)


def slopes(objective, target, approximation, n_draws=20, n_times=200):
    rng = np.random.RandomState(0)
    noise = [objective.noise(rng, n_draws, approximation.n_noise) for _ in range(n_times)]
    return np.array([objective.slope(target, approximation, one) for one in noise])


def spread(objective, target, approximation, **options):
    """Total variance of the slopes."""
    return slopes(objective, target, approximation, **options).var(axis=0).sum()


@pytest.mark.parametrize(
    "objective", [ELBO("closed"), ELBO("stl"), RenyiBound(0.5, 5)], ids=lambda one: type(one).__name__
)
def test_noise_in_pairs_leaves_no_bias(objective):
    target, approximation = SMALL["banana"]
    paired = slopes(objective, target, approximation)
    rng = np.random.RandomState(1)
    free = [
        objective.slope(target, approximation, rng.standard_normal((20, approximation.n_noise))) for _ in range(200)
    ]
    error = np.sqrt(paired.var(axis=0) / len(paired) + np.var(free, axis=0) / len(free))
    assert (np.abs(paired.mean(axis=0) - np.mean(free, axis=0)) < 4.0 * error).all()


def test_reparameterization_varies_less_than_the_score_function():
    target = gaussian(np.full(30, 2.0), np.eye(30))
    approximation = MeanField(np.zeros(30), np.full(30, 0.9))
    by_path = spread(ELBO("stl"), target, approximation)
    baselines = {name: spread(ScoreFunction(name), target, approximation) for name in ("leave-one-out", "none")}
    assert 100.0 * by_path < baselines["leave-one-out"] < 0.5 * baselines["none"]


@pytest.mark.parametrize("name", ["banana", "banana, full rank"])
def test_baselines_vary_less_than_none(name):
    target, approximation = SMALL[name]
    found = {
        baseline: spread(ScoreFunction(baseline), target, approximation, n_draws=100, n_times=60)
        for baseline in ("none", "leave-one-out", "control-variates")
    }
    assert max(found["leave-one-out"], found["control-variates"]) < 0.7 * found["none"]


def test_control_variates_do_not_feel_constants():
    target, approximation = SMALL["banana"]
    noise = np.random.default_rng(0).normal(size=(40, 2))
    shifted = of_density(lambda z: 1e6 + target.log_density(z), target.gradient, 2)
    for baseline in ("leave-one-out", "control-variates"):
        found = [ScoreFunction(baseline).slope(one, approximation, noise) for one in (target, shifted)]
        np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-7)


def test_sticking_the_landing_has_no_variance_at_the_target():
    precision = np.array([[2.0, 0.6], [0.6, 1.0]])
    target = gaussian([1.0, -1.0], precision)
    best = FullRank.from_covariance([1.0, -1.0], np.linalg.inv(precision))
    for objective in (ELBO("stl"), RenyiBound(0.0, 5), RenyiBound(1.0, 5)):
        assert np.abs(slopes(objective, target, best, n_times=3)).max() < 1e-13
    assert spread(ELBO("closed"), target, best) > 1e-3
    np.testing.assert_allclose(ELBO("stl").value(target, best, np.ones((3, 2))), 0.0, atol=1e-14)


def test_doubly_reparameterized_slopes_vary_less():
    for alpha in (0.0, 0.5):
        target, approximation = SMALL["banana"]
        found = [spread(RenyiBound(alpha, 10, doubly), target, approximation) for doubly in (True, False)]
        assert 1.5 * found[0] < found[1]


@pytest.mark.parametrize("alpha", [1.0, 1.0 - 1e-9, 1.0 + 1e-9])
def test_renyi_bounds_become_the_evidence_lower_bound(alpha, small):
    target, approximation = small
    noise = np.random.default_rng(0).normal(size=(20, approximation.n_noise))
    value, slope = RenyiBound(alpha, 10).value_and_slope(target, approximation, noise)
    np.testing.assert_allclose(value, ELBO("stl").value(target, approximation, noise), rtol=1e-7)
    np.testing.assert_allclose(slope, ELBO("stl").slope(target, approximation, noise), rtol=1e-6, atol=1e-7)


def test_black_box_alpha_becomes_the_evidence_lower_bound(logistic):
    approximation = MeanField([0.2, -0.3], [0.5, 0.7])
    noise = np.random.default_rng(0).normal(size=(20, 2))
    for alpha in (0.0, 1e-9):
        value, slope = BlackBoxAlpha(alpha).value_and_slope(logistic, approximation, noise)
        np.testing.assert_allclose(value, ELBO("stl").value(logistic, approximation, noise), rtol=1e-7)
        np.testing.assert_allclose(slope, ELBO("stl").slope(logistic, approximation, noise), rtol=1e-6)


def test_black_box_alpha_scales_mini_batches(logistic):
    doubled = counted(LogisticModel(), np.tile(logistic.target.X, (2, 1)), np.tile(logistic.target.y, 2))
    approximation, noise = MeanField([0.2, -0.3], [0.5, 0.7]), np.random.default_rng(0).normal(size=(5, 2))
    whole = BlackBoxAlpha(0.5).value_and_slope(doubled, approximation, noise)
    half = BlackBoxAlpha(0.5).value_and_slope(doubled.minibatch(np.arange(6)), approximation, noise)
    for one, other in zip(whole, half, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


def test_bounds_grow_as_alpha_falls(small):
    target, approximation = small
    noise = np.random.default_rng(0).normal(size=(400, approximation.n_noise))
    values = [RenyiBound(alpha, 400).value(target, approximation, noise) for alpha in (2.0, 1.0, 0.5, 0.0, -1.0)]
    assert (np.diff(values) > 0.0).all()


ALL = [ELBO(), ELBO("stl"), *map(ScoreFunction, ("none", "leave-one-out", "control-variates")), RenyiBound(0.5, 4)]


@pytest.mark.parametrize(
    "objective", [*ALL, RenyiBound(2.0, 4), RenyiBound(0.5, 4, False)], ids=lambda one: type(one).__name__
)
def test_draws_that_are_not_finite_are_left_out(objective):
    approximation = MeanField([0.4], [1.0])
    noise = np.random.default_rng(0).normal(size=(16, 1))
    value, slope = objective.value_and_slope(half_line(1.0, 1.0), approximation, noise)
    nothing = objective.value_and_slope(half_line(1.0, 1.0), MeanField([-50.0], [1.0]), noise)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert nothing[0] == -np.inf
    assert np.isnan(nothing[1]).all()


@pytest.mark.parametrize("objective", ALL, ids=lambda one: type(one).__name__)
def test_values_and_slopes_alone_are_those_together(objective):
    target, approximation = SMALL["banana"]
    noise = np.random.default_rng(0).normal(size=(8, 2))
    value, slope = objective.value_and_slope(target, approximation, noise)
    assert objective.value(target, approximation, noise) == value
    np.testing.assert_array_equal(objective.slope(target, approximation, noise), slope)


def test_the_score_function_asks_for_no_gradient():
    target = banana()
    ScoreFunction().value_and_slope(target, MeanField([0.3, 0.2], [0.6, 0.5]), np.ones((4, 2)))
    assert (target.counts.gradients, target.counts.densities) == (0, 4)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="entropy='open': give one of 'closed', 'stl'"):
        ELBO("open")
    with pytest.raises(ValueError, match="baseline='best': give one of"):
        ScoreFunction("best")
    with pytest.raises(ValueError, match="n_inner=0"):
        RenyiBound(0.5, 0)
    for kind in (RenyiBound, BlackBoxAlpha):
        with pytest.raises(ValueError, match="alpha=nan: give a finite number"):
            kind(np.nan)
    with pytest.raises(ValueError, match="7 draws make no groups of n_inner=5"):
        RenyiBound(0.5, 5).value(skewed(), MeanField([0.0], [1.0]), np.zeros((7, 1)))
    with pytest.raises(ValueError, match="DensityModel has no log_likelihood of rows: give a model with "):
        BlackBoxAlpha().value(skewed(), MeanField([0.0], [1.0]), np.zeros((2, 1)))
