"""Kernels of networks against plain numpy."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvi.gradient.layers import HiddenLayer
from skvi.kernels import networks
from tests.reference import networks as plain

SHAPES = [(1, 1, 1, 1), (2, 3, 1, 5), (3, 4, 2, 16), (2, 7, 3, 33), (1, 50, 1, 100)]


@pytest.mark.parametrize("name", ["activate", "combine", "pull_back"])
def test_twins_have_the_same_signature(name):
    kernel, twin = getattr(networks, name), getattr(plain, name)
    assert inspect.signature(getattr(kernel, "py_func", kernel)) == inspect.signature(twin)


def _both(name, *arguments):
    """Arguments after the kernel and after its twin."""
    ours, theirs = ([np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments] for _ in range(2))
    getattr(networks, name)(*ours)
    getattr(plain, name)(*theirs)
    return zip(ours, theirs, strict=True)


def _padded(rng, *shape, n):
    values = np.zeros((*shape, -(-n // networks.TILE) * networks.TILE))
    values[..., :n] = rng.standard_normal((*shape, n))
    return values


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize(("n_draws", "n_hidden", "n_outputs", "n_rows"), SHAPES)
def test_kernels_are_their_twins(n_draws, n_hidden, n_outputs, n_rows, rectified):
    rng = np.random.default_rng(0)
    inputs = _padded(rng, 3, n=n_rows)
    layers, weights = rng.standard_normal((n_draws, n_hidden, 3)), rng.standard_normal((n_draws, n_outputs, n_hidden))
    hidden = np.empty((n_draws, n_hidden, inputs.shape[1]))
    outputs, slopes = np.empty((n_draws, n_outputs, inputs.shape[1])), _padded(rng, n_draws, n_outputs, n=n_rows)
    activated = _both("activate", layers, inputs, 0.0 if rectified else -np.inf, hidden)
    combined = _both("combine", weights, np.tanh(layers @ inputs), outputs)
    rows, own = _padded(rng, inputs.shape[1], n=3), np.empty_like(weights)
    layer_gradient, bias_gradient = np.empty((n_draws, n_hidden, 2)), np.empty((n_draws, n_hidden))
    activations = np.maximum(layers @ inputs, 0.0) if rectified else np.tanh(layers @ inputs)
    gradients = own, layer_gradient, bias_gradient
    pulled = _both("pull_back", weights, slopes, rows, rectified, activations, *gradients)
    for one, other in [*activated, *combined, *pulled]:
        assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_activations_keep_nan():
    hidden = np.empty((1, 1, networks.TILE))
    networks.activate(np.full((1, 1, 1), np.nan), np.ones((1, networks.TILE)), 0.0, hidden)
    assert np.isnan(hidden).all()


@pytest.mark.parametrize("rectified", [True, False])
def test_gradients_of_a_layer_are_its_slopes(rectified):
    rng = np.random.default_rng(1)
    theta = [rng.standard_normal(shape) for shape in [(2, 5, 3), (2, 5), (2, 4, 5), (2, 4)]]
    rows, slopes = rng.standard_normal((7, 3)), rng.standard_normal((2, 4, 7))

    def value(theta):
        return np.sum(slopes * HiddenLayer(*theta, rectified).outputs(rows), axis=(1, 2))

    layer = HiddenLayer(*theta, rectified)
    layer.outputs(rows)
    for place, gradient in enumerate(layer.pull_back(slopes)):
        line = rng.standard_normal(gradient.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = list(theta)
            moved[place] = moved[place] + step * line
            ends.append(value(moved))
        assert_allclose((gradient * line).reshape(2, -1).sum(axis=1), (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-7)


def test_a_draw_does_not_depend_on_the_others():
    rng = np.random.default_rng(2)
    theta = [rng.standard_normal(shape) for shape in [(3, 6, 2), (3, 6), (3, 1, 6), (3, 1)]]
    rows = rng.standard_normal((9, 2))
    together = HiddenLayer(*theta, True).outputs(rows)
    for t in range(3):
        assert_array_equal(HiddenLayer(*(part[t : t + 1] for part in theta), True).outputs(rows), together[t : t + 1])
