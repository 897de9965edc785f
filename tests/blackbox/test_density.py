"""Densities on arrays as models."""

import pickle

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skvi.blackbox import check_model, from_density

DRAWS = np.random.default_rng(0).standard_normal((20, 3))
SCALES = np.array([1.0, 2.0, 0.5])


def log_density(draws):
    return -0.5 * np.sum((draws / SCALES) ** 2, axis=1)


def gradient(draws):
    return -draws / SCALES**2


@numba.njit
def jitted_log_density(draw):
    return -0.5 * np.sum((draw / SCALES) ** 2)


@numba.njit
def jitted_gradient(draw):
    return -draw / SCALES**2


MODELS = {
    "batched": from_density(log_density, gradient, 3),
    "compiled": from_density(jitted_log_density, jitted_gradient, 3),
    "mixed": from_density(jitted_log_density, gradient, 3),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
class TestModels:
    def test_the_check_passes(self, model):
        check_model(model)

    def test_the_density_is_the_prior(self, model):
        theta = {"theta": DRAWS}
        assert_allclose(model.log_prior(theta), log_density(DRAWS), rtol=1e-14)
        assert_allclose(model.grad_log_prior(theta)["theta"], gradient(DRAWS), rtol=1e-14)
        assert not hasattr(model, "log_likelihood")
        assert not hasattr(model, "predict")

    def test_copies_are_the_same(self, model):
        for copy in (clone(model), pickle.loads(pickle.dumps(model))):
            assert_array_equal(copy.log_prior({"theta": DRAWS}), model.log_prior({"theta": DRAWS}))


def test_gradients_may_lack():
    model = from_density(log_density, n_parameters=3)
    assert not hasattr(model, "grad_log_prior")
    check_model(model)


def test_parameters_have_starts_and_scales():
    model = from_density(log_density, start=[1.0, 2.0, 3.0], scale=[0.1, 0.2, 0.3])
    (parameter,) = model.parameters()
    assert (parameter.name, parameter.shape) == ("theta", (3,))
    assert_allclose(parameter.start, [1.0, 2.0, 3.0])
    assert_allclose(parameter.scale, [0.1, 0.2, 0.3])


@pytest.mark.parametrize("kind", ["batched", "compiled", "mixed"])
def test_parameters_may_have_names_and_shapes(kind):
    vector = MODELS[kind]
    model = from_density(
        vector.log_density, vector.gradient, start=[1.0, 2.0, 3.0], scale=SCALES, shapes={"slopes": (1, 2), "noise": ()}
    )
    slopes, noise = model.parameters()
    assert (slopes.name, slopes.shape, noise.name, noise.shape) == ("slopes", (1, 2), "noise", ())
    assert_allclose(slopes.start, [[1.0, 2.0]])
    assert_allclose(noise.scale, 0.5)
    check_model(clone(model))
    check_model(pickle.loads(pickle.dumps(model)))
    theta = {"noise": DRAWS[:, 2], "slopes": DRAWS[:, None, :2]}
    assert_allclose(model.log_prior(theta), log_density(DRAWS), rtol=1e-14)
    gradients = model.grad_log_prior(theta)
    assert_allclose(gradients["slopes"], gradient(DRAWS)[:, None, :2], rtol=1e-14)
    assert_allclose(gradients["noise"], gradient(DRAWS)[:, 2], rtol=1e-14)


def test_wrong_gradients_are_found():
    with pytest.raises(ValueError, match=r"wrong sign at 3 of 3 coordinates: theta\[0\]"):
        check_model(from_density(log_density, lambda draws: draws / SCALES**2, 3))


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"log_density": 3.0, "n_parameters": 2}, TypeError, "log_density=3.0: give a function"),
        ({"log_density": log_density, "gradient": 1, "n_parameters": 2}, TypeError, "gradient=1: give a function"),
        ({"log_density": log_density}, ValueError, "n_parameters=None: give the number of parameters"),
        ({"log_density": log_density, "n_parameters": 0}, ValueError, "n_parameters=0"),
        ({"log_density": log_density, "n_parameters": 2.0}, ValueError, "n_parameters=2.0"),
        ({"log_density": log_density, "n_parameters": 2, "start": [1.0] * 3}, ValueError, "start of parameter 'theta'"),
        ({"log_density": log_density, "n_parameters": 2, "shapes": {"w": 3}}, ValueError, "hold 3: leave it out"),
        ({"log_density": log_density, "shapes": {}}, ValueError, "n_parameters=0"),
        (
            {"log_density": log_density, "shapes": {"w": 3, "b": ()}, "start": [1.0, 2.0]},
            ValueError,
            "'w, b' has shape",
        ),
        ({"log_density": log_density, "n_parameters": 2, "scale": -1.0}, ValueError, "give positive numbers"),
    ],
)
def test_wrong_arguments_are_explained(arguments, kind, words):
    with pytest.raises(kind, match=words):
        from_density(**arguments)
