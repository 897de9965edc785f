"""Flows: Jacobians, densities, inverses and every gradient against differences; and what they gain over a normal."""

import functools
import pickle

import numpy as np
import pytest

from skvi import _threads
from skvi.gradient.coupling import Coupling
from skvi.gradient.flows import coupling_flow, planar_flow
from skvi.gradient.normals import FullRank, LowRank, MeanField
from skvi.gradient.optimizers import Adam
from skvi.gradient.planar import Planar, solve_crossing
from tests.gradient.cases import numerical_gradient


def normals(width):
    rng = np.random.default_rng(width)
    scale = 0.5 + rng.random(width)
    factor = np.tril(0.5 * rng.normal(size=(width, width)), -1) + np.diag(scale)
    return MeanField(rng.normal(size=width), scale), FullRank(rng.normal(size=width), factor)


def starts():
    for width in (1, 2, 5):
        for normal in normals(width):
            yield planar_flow(normal, np.random.RandomState(0), n_layers=3)
            if width > 1:
                yield coupling_flow(normal, np.random.RandomState(0), n_layers=4, n_hidden=3)


STARTS = list(starts())


def away(flow, size=0.5):
    """The flow at parameters that are nothing special."""
    shift = size * np.random.default_rng(3).normal(size=flow.parameters.size)
    shift[: flow.normal.parameters.size] = 0.0
    return flow.with_parameters(flow.parameters + shift)


@pytest.fixture(params=STARTS, ids=repr)
def start(request):
    return request.param


@pytest.fixture
def flow(start):
    return away(start)


@pytest.fixture
def noise(start):
    return np.random.default_rng(1).normal(size=(5, start.n_noise))


def jacobian(function, x):
    """Of a function of one vector, by differences: rows are outputs."""
    return np.array([numerical_gradient(lambda place: function(place)[i], x) for i in range(len(x))])  # noqa: B023


def test_start_is_the_normal(start, noise):
    drawn, expected = start.draw(noise), start.normal.draw(noise)
    np.testing.assert_array_equal(drawn.z, expected.z)
    np.testing.assert_array_equal(drawn.log_density, expected.log_density)
    np.testing.assert_array_equal(drawn.score, expected.score)
    assert start.width == start.normal.width


def test_no_layer_of_the_start_stands_still(start, noise):
    drawn = start.draw(noise)
    gradient = drawn.pull_back(np.sin(drawn.z) - drawn.score, np.zeros(5))
    end = start.normal.parameters.size
    for layer in start.layers:
        begin, end = end, end + layer.parameters.size
        assert np.abs(gradient[begin:end]).max() > 1e-3


def test_parameters_come_back(flow, noise):
    again = flow.with_parameters(flow.parameters)
    np.testing.assert_array_equal(again.draw(noise).z, flow.draw(noise).z)
    np.testing.assert_array_equal(again.parameters, flow.parameters)


def test_diagonal_is_that_of_the_normal(flow):
    stretched = flow.parameters
    stretched[flow.diagonal] *= 2.0
    difference = flow.with_parameters(stretched).normal.entropy - flow.normal.entropy
    np.testing.assert_allclose(difference, flow.width * np.log(2.0))
    assert flow.entropy is None
    assert flow.entropy_slope is None


def test_density_follows_the_jacobian(flow, noise):
    drawn = flow.draw(noise)
    base = -0.5 * (noise**2 + np.log(2.0 * np.pi)).sum(axis=1)
    for t, u in enumerate(noise):
        derivative = jacobian(lambda place: flow.draw(place[None]).z[0], u)
        expected = base[t] - np.linalg.slogdet(derivative)[1]
        np.testing.assert_allclose(drawn.log_density[t], expected, rtol=1e-7)


def test_whitened_draws_are_the_noise(flow, noise):
    z = flow.draw(noise).z
    np.testing.assert_allclose(flow.whiten(z), noise, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(flow.log_density(z), flow.draw(noise).log_density, rtol=1e-9)


def test_score_is_the_slope_of_the_log_density(flow, noise):
    drawn = flow.draw(noise)
    for t, z in enumerate(drawn.z):
        expected = numerical_gradient(lambda place: flow.log_density(place[None])[0], z)
        np.testing.assert_allclose(drawn.score[t], expected, rtol=1e-5, atol=1e-6)


def test_pull_back_is_the_gradient_in_the_parameters(flow, noise):
    rng = np.random.default_rng(2)
    slopes, weights = rng.normal(size=(5, flow.width)), rng.normal(size=5)

    def values(parameters):
        drawn = flow.with_parameters(parameters).draw(noise)
        return (slopes * drawn.z).sum(axis=1) + weights * drawn.log_density

    drawn = flow.draw(noise)
    expected = numerical_gradient(lambda parameters: values(parameters).sum(), flow.parameters)
    np.testing.assert_allclose(drawn.pull_back(slopes, weights), expected, rtol=1e-6, atol=1e-7)
    each = drawn.pull_back_each(slopes, weights)
    np.testing.assert_allclose(each.sum(axis=0), expected, rtol=1e-6, atol=1e-7)
    one = numerical_gradient(lambda parameters: values(parameters)[2], flow.parameters)
    np.testing.assert_allclose(each[2], one, rtol=1e-6, atol=1e-7)


def test_scores_average_to_zero_in_the_parameters(flow):
    # E[d log q(z) / d phi] = 0 at fixed z, which is what score functions need.
    drawn = flow.draw(np.random.default_rng(4).normal(size=(4000, flow.n_noise)))
    each = drawn.pull_back_each(-drawn.score, np.ones(4000))
    errors = np.abs(each.mean(axis=0)) / (each.std(axis=0) / np.sqrt(4000) + 1e-12)
    assert errors.max() < 5.0


@pytest.mark.parametrize("maker", [planar_flow, coupling_flow])
def test_density_integrates_to_one(maker):
    flow = away(maker(FullRank([0.0, 0.0], [[1.0, 0.0], [0.5, 1.0]]), np.random.RandomState(0), n_layers=4), 0.08)
    width = 0.08
    axis = np.arange(-16.0, 16.0, width)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(np.exp(flow.log_density(grid)).sum() * width**2, 1.0, rtol=1e-4)


def test_density_of_one_number_integrates_to_one():
    flow = away(planar_flow(MeanField([1.0], [2.0]), np.random.RandomState(0)))
    axis = np.linspace(-60.0, 60.0, 200_001)
    np.testing.assert_allclose(np.exp(flow.log_density(axis[:, None])).sum() * (axis[1] - axis[0]), 1.0, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-200, 1e-8, 1.0, 30.0, 1e3, 1e8])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_planar_layers_are_invertible_anywhere(size, sign):
    w = np.array([1.0, -0.5])
    layer = Planar(np.concatenate([w, sign * size * w, [0.3]]))
    x = np.random.default_rng(0).normal(size=(2, 50)) * np.geomspace(1e-3, 1e3, 50)
    passage = layer.forward(x)
    assert np.isfinite(passage.log_det).all()
    assert layer.w @ layer.v > -1.0
    pulled, gradient = passage.pull_back(np.ones((2, 50)), np.ones(50))
    assert all(np.isfinite(array).all() for array in (passage.push_score(x), pulled, gradient))
    # One rounding of y is worth as much in x as the layer compresses.
    back = layer.inverse(passage.y)
    np.testing.assert_allclose(layer.forward(back).y, passage.y, rtol=1e-12, atol=1e-12 * max(size, 1.0))
    if size <= 1.0:
        np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-9)


def test_planar_layer_without_a_plane_does_nothing():
    passage = Planar(np.zeros(5)).forward(np.ones((2, 3)))
    np.testing.assert_array_equal(passage.y, np.ones((2, 3)))
    _, gradient = passage.pull_back(np.ones((2, 3)), np.ones(3))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("above", [1e-6, 1e-3, 0.5, 1.0, 3.0, 1e4])
def test_crossings_are_roots(above):
    m = above - 1.0
    roots = np.concatenate([[0.0], np.geomspace(1e-12, 1e5, 60)])
    roots = np.concatenate([-roots, roots])
    targets = roots + m * np.tanh(roots)
    found = solve_crossing(targets, m, above)
    np.testing.assert_allclose(found + m * np.tanh(found), targets, rtol=1e-12, atol=1e-15 * (1.0 + above))


def test_coupling_layers_stay_finite():
    layer = Coupling.identity(3, slice(0, None, 2), slice(1, None, 2), 4, np.random.RandomState(0))
    layer = layer.with_parameters(1e6 * np.random.default_rng(0).normal(size=layer.parameters.size))
    x = np.random.default_rng(1).normal(size=(3, 20))
    passage = layer.forward(x)
    pulled, gradient = passage.pull_back(x, np.ones(20))
    for array in (passage.y, passage.log_det, passage.push_score(x), pulled, gradient):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(layer.inverse(passage.y), x, atol=1e-8)


def test_coupling_flow_moves_every_coordinate_by_every_other():
    flow = away(coupling_flow(MeanField(np.zeros(5), np.ones(5)), np.random.RandomState(0)))
    derivative = jacobian(lambda place: flow.draw(place[None]).z[0], np.full(5, 0.3))
    assert np.abs(derivative).min() > 1e-4


def test_one_number_has_no_coupling_flow():
    with pytest.raises(ValueError, match=r"RealNVP .*at least two free numbers.*got 1: take a planar flow"):
        coupling_flow(MeanField([0.0], [1.0]), np.random.RandomState(0))


def test_low_rank_normals_cannot_be_inverted():
    with pytest.raises(ValueError, match="takes 3 numbers of noise for 2 free numbers; give a flow a MeanField or"):
        planar_flow(LowRank(np.zeros(2), np.ones(2), np.ones((2, 1))), np.random.RandomState(0))


def test_flows_survive_pickling(flow, noise):
    again = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(again.draw(noise).z, flow.draw(noise).z)
    np.testing.assert_array_equal(again.log_density(noise), flow.log_density(noise))


def banana(z):
    """Log density and gradient of x ~ N(0, 1), y | x ~ N(x^2 - 1, 1/4)."""
    x, rest = z[:, 0], z[:, 1] - z[:, 0] ** 2 + 1.0
    value = -0.5 * x**2 - 2.0 * rest**2 - np.log(np.pi)
    return value, np.stack([-x + 8.0 * rest * x, -4.0 * rest], axis=1)


def two_modes(z):
    """Log density and gradient of two normal distributions of equal mass at x = -2 and 2, of width 0.7."""
    places = z[:, None, :] - np.array([[-2.0, 0.0], [2.0, 0.0]])
    logs = -0.5 * (places**2).sum(axis=2) / 0.49
    total = np.logaddexp(logs[:, 0], logs[:, 1])
    shares = np.exp(logs - total[:, None])
    value = total - np.log(2.0 * 2.0 * np.pi * 0.49)
    return value, -np.einsum("tk,tkp->tp", shares, places) / 0.49


def ascend(approximation, target, n_steps, step_size):
    """Climb the ELBO, sticking the landing."""
    rng, optimizer = np.random.RandomState(0), Adam(step_size)
    with _threads.single_threaded_blas():
        for step in range(n_steps):
            drawn = approximation.draw(rng.standard_normal((64, approximation.n_noise)))
            direction = drawn.pull_back((target(drawn.z)[1] - drawn.score) / 64.0, np.zeros(64))
            optimizer.step_size = step_size * min(1.0, 2.0 * (1.0 - step / n_steps))
            approximation = approximation.with_parameters(approximation.parameters + optimizer.increment(direction))
    return approximation


@functools.cache
def best_normal(target):
    return ascend(FullRank(np.zeros(2), np.eye(2)), target, 500, 0.02)


def elbo(approximation, target):
    drawn = approximation.draw(np.random.RandomState(1).standard_normal((20_000, 2)))
    return np.mean(target(drawn.z)[0] - drawn.log_density)


@pytest.mark.parametrize("target", [banana, two_modes])
def test_targets_have_their_gradient(target):
    z = np.array([0.4, -0.7])
    expected = numerical_gradient(lambda place: target(place[None])[0][0], z)
    np.testing.assert_allclose(target(z[None])[1][0], expected, rtol=1e-7)


@pytest.mark.parametrize("target", [banana, two_modes])
@pytest.mark.parametrize("maker", [planar_flow, coupling_flow])
def test_flows_gain_on_the_best_normal(target, maker):
    normal = best_normal(target)
    flow = ascend(maker(normal, np.random.RandomState(0)), target, 500, 0.02)
    assert elbo(normal, target) < -0.5
    assert elbo(flow, target) > -0.1
