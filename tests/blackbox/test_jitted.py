"""Compiled functions of one draw against the batched methods that say the same."""

import pickle

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor

from skvi.blackbox import Parameter, batched, check_model, from_density
from skvi.gradient.draws import call_each, loop_each
from skvi.gradient.parameters import Layout
from skvi.kernels.draws import loop_of_arrays, loop_of_numbers
from tests.blackbox.models import (
    JittedLinear,
    JittedLogistic,
    Linear,
    jitted_log_likelihood,
    jitted_log_prior,
    linear_data,
)
from tests.reference import draws as plain

X, Y = linear_data()
LAYOUT = Layout(Linear().parameters(X))
VECTORS = np.random.default_rng(1).uniform(0.5, 2.0, (50, 4))
THETA = {"beta": VECTORS[:, :3], "sigma": VECTORS[:, 3]}
WEIGHTS = np.random.default_rng(2).uniform(size=len(X))

CALLS = {
    "log_prior": (),
    "log_likelihood": (X, Y),
    "grad_log_prior": (),
    "grad_log_likelihood": (X, Y, WEIGHTS),
    "predict": (X,),
}


def results(model, method, arguments, theta=THETA):
    result = getattr(model, method)(theta, *arguments)
    return result if isinstance(result, dict) else {"": result}


@pytest.mark.parametrize(("method", "arguments"), CALLS.items(), ids=CALLS)
def test_compiled_methods_equal_batched_ones(method, arguments):
    got, expected = (results(model, method, arguments) for model in (batched(JittedLinear()), Linear()))
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        assert got[name].shape == values.shape
        assert_allclose(got[name], values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("method", "arguments"), CALLS.items(), ids=CALLS)
def test_threads_change_no_bit(method, arguments, monkeypatch):
    monkeypatch.setattr("skvi.gradient.draws._WORTH_THREADS", 0.0)
    one, four = (results(batched(JittedLinear(), n_jobs), method, arguments) for n_jobs in (1, 4))
    for name, values in one.items():
        assert_array_equal(values, four[name])


def test_batched_leaves_other_models_alone():
    model = Linear()
    assert batched(model) is model
    density = from_density(np.negative, n_parameters=1)
    assert batched(density, 2) is density


def test_batched_takes_the_threads_of_the_last_call():
    assert batched(batched(JittedLinear()), 2).n_jobs == 2
    model = from_density(jitted_log_prior, n_parameters=4)
    assert batched(model, 2).n_jobs == 2
    assert batched(from_density(jitted_log_prior, n_parameters=4, n_jobs=1), 2).n_jobs == 1


def test_adapters_show_what_the_model_is():
    regressor, classifier = batched(JittedLinear()), batched(JittedLogistic())
    assert is_regressor(regressor)
    assert is_classifier(classifier)
    assert not hasattr(classifier, "grad_log_prior")
    assert not hasattr(regressor, "sample")
    assert "JittedLinear" in repr(regressor)


def test_methods_that_are_not_compiled_stay_batched():
    model = batched(JittedLogistic())
    theta = {"beta": VECTORS[:, :3]}
    positive = np.exp(model.log_likelihood(theta, X, np.ones(len(X), dtype=int)))
    assert_allclose(model.predict(theta, X)[:, :, 1], positive, rtol=1e-12)
    assert model.predict(theta, X).shape == (50, 40, 2)


def test_vectors_are_in_the_order_of_parameters():
    model = batched(JittedLinear())
    model.parameters(X, Y)
    turned = {name: THETA[name] for name in reversed(THETA)}
    assert_array_equal(model.log_prior(turned), model.log_prior(THETA))
    gradients = model.grad_log_likelihood(turned, X, Y, WEIGHTS)
    assert_array_equal(gradients["beta"], model.grad_log_likelihood(THETA, X, Y, WEIGHTS)["beta"])


@pytest.mark.parametrize("rows", [X.astype(np.float32), np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]])
def test_rows_of_any_kind_are_taken(rows):
    got = batched(JittedLinear()).predict(THETA, rows)
    assert_allclose(got, Linear().predict(THETA, X), rtol=1e-5)


def test_read_only_rows_are_taken():
    rows = X.copy()
    rows.flags.writeable = False
    assert_array_equal(batched(JittedLinear()).predict(THETA, rows), batched(JittedLinear()).predict(THETA, X))


def test_models_can_be_cloned_and_pickled():
    for model in (clone(JittedLinear()), pickle.loads(pickle.dumps(JittedLinear()))):
        assert_array_equal(batched(model).log_prior(THETA), batched(JittedLinear()).log_prior(THETA))
    assert_array_equal(pickle.loads(pickle.dumps(batched(JittedLinear()))).log_prior(THETA), Linear().log_prior(THETA))


@numba.njit
def short_gradient(vector):
    return vector[:2].copy()


@numba.njit
def takes_a_dictionary(theta, X, y):
    return X @ theta["beta"] - y


@numba.njit
def needs_weights(vector, X, y, row_weight):
    return row_weight * X.sum(axis=1)


@numba.njit
def uneven(vector):
    return vector[: int(vector[0])].copy()


def with_method(**methods):
    return type("Broken", (JittedLinear,), {name: staticmethod(function) for name, function in methods.items()})()


def test_functions_that_became_methods_are_explained():
    broken = type("Broken", (JittedLinear,), {"log_prior": jitted_log_prior})()
    with pytest.raises(TypeError, match=r"write log_prior = staticmethod\(function\)"):
        batched(broken)


def test_short_gradients_are_explained():
    with pytest.raises(ValueError, match=r"short_gradient returns an array of shape \(2,\) for one draw: give \(4,\)"):
        check_model(with_method(grad_log_prior=short_gradient), X, Y)


def test_functions_that_do_not_compile_are_explained():
    words = (
        r"raises TypeError: numba cannot compile takes_a_dictionary for \(array of float64 with 1 axes, "
        r"array of float64 with 2 axes, array of float64 with 1 axes\): .* takes one draw: the vector"
    )
    with pytest.raises(ValueError, match=words) as raised:
        check_model(with_method(log_likelihood=takes_a_dictionary), X, Y)
    assert isinstance(raised.value.__cause__, TypeError)


def test_functions_of_other_arguments_are_explained():
    with pytest.raises(ValueError, match=r"log_likelihood\(theta, X, y\) raises TypeError: not enough arguments"):
        check_model(with_method(log_likelihood=needs_weights), X, Y)


def test_arrays_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="arrays of other shapes for other draws"):
        loop_each(uneven, np.array([[1.0, 1.0], [2.0, 1.0]]))


class Unsupervised(BaseEstimator):
    """Rows without targets, which reach the function as None."""

    @staticmethod
    @numba.njit
    def log_likelihood(vector, X, y):
        return -0.5 * (X[:, 0] - vector[0]) ** 2

    def parameters(self, X, y=None):
        return [Parameter("mean")]

    def log_prior(self, theta):
        return -0.5 * theta["mean"] ** 2


def test_models_without_targets_are_taken():
    check_model(Unsupervised(), X)


# Loops against their plain twins


@pytest.mark.parametrize(
    ("make", "twin", "function", "arguments", "shape"),
    [
        (loop_of_numbers, plain.loop_of_numbers, jitted_log_prior, (), ()),
        (loop_of_arrays, plain.loop_of_arrays, jitted_log_likelihood, (X, Y), (40,)),
    ],
)
def test_loops_equal_their_twins(make, twin, function, arguments, shape):
    got, expected = np.full((2, 50, *shape), np.nan)
    make(function)(VECTORS, arguments, 3, 41, got)
    twin(function.py_func)(VECTORS, arguments, 3, 41, expected)
    assert_allclose(got, expected, rtol=1e-12)
    assert np.isnan(got[:3]).all()
    assert np.isnan(got[41:]).all()


@pytest.mark.parametrize("n_draws", [1, 2, 3, 100])
@pytest.mark.parametrize("worth", [0.0, np.inf])
def test_each_draw_is_called_once(n_draws, worth, monkeypatch):
    monkeypatch.setattr("skvi.gradient.draws._WORTH_THREADS", worth)
    seen = []

    def function(vector):
        seen.append(vector[0])
        return 2.0 * vector

    vectors = np.arange(2.0 * n_draws).reshape(n_draws, 2)
    assert_array_equal(call_each(function, vectors, n_jobs=3), 2.0 * vectors)
    assert sorted(seen) == vectors[:, 0].tolist()
