"""Kernels of models' gradients against plain numpy; the file also runs without compilation."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvi.kernels import gradients, simd
from tests.reference import gradients as plain

# Draws, columns, rows of the table, rows in use, hidden units: one block of rows, and two.
SHAPES = [(1, 1, 1, 1, 1), (3, 2, 9, 5, 3), (5, 8, 40, 17, 4), (2, 3, 300, 131, 9)]
LIKELIHOODS = [gradients.NORMAL, gradients.CLASSES, gradients.COUNTS]
KERNELS = gradients.kernels_of_gradients()
PRIORS = np.array([0.5, 2.0, 0.3, 3.0, 0.7])


def arguments(name, n_draws, n_columns, n_rows, n_used, size, *, learned, likelihood, weight, prior):
    rng = np.random.default_rng(0)
    n_weights = n_columns if name == "linear_gradient" else size * (n_columns + 2) + 1
    intercepts = size if name == "linear_gradient" else 0
    places = intercepts + learned + (likelihood == gradients.NORMAL)
    x = np.abs(0.5 * rng.standard_normal((n_draws, n_weights + places)))
    x[:, :n_weights] *= rng.choice([-1.0, 1.0], (n_draws, n_weights))
    precisions = np.empty(0) if learned else rng.random(n_weights)
    rows = np.sort(rng.permutation(n_rows)[:n_used])
    data = rng.standard_normal((n_rows, n_columns)), rows, rng.integers(0, 2, n_rows).astype(float), rng.random(n_rows)
    return x, *data, weight, size, precisions, likelihood, PRIORS, prior, np.full(x.shape, np.nan)


def both(name, given):
    ours, theirs = given, [np.copy(one) if isinstance(one, np.ndarray) else one for one in given]
    getattr(gradients, name)(KERNELS, *ours)
    getattr(plain, name)(KERNELS, *theirs)
    for one, other in zip(ours, theirs, strict=True):
        scale = np.abs(other).max() if np.size(other) else 1.0
        assert_allclose(one, other, rtol=1e-12, atol=1e-13 * scale)


@pytest.mark.parametrize("name", ["linear_gradient", "network_gradient"])
def test_twins_have_the_same_signature(name):
    kernel = getattr(gradients, name)
    assert inspect.signature(getattr(kernel, "py_func", kernel)) == inspect.signature(getattr(plain, name))


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("n_draws", "n_columns", "n_rows", "n_used", "n_hidden"), SHAPES)
def test_kernels_are_their_twins(n_draws, n_columns, n_rows, n_used, n_hidden, likelihood, learned):
    shape = n_draws, n_columns, n_rows, n_used
    options = {"learned": learned, "likelihood": likelihood}
    for intercepts in (0, 1):
        both("linear_gradient", arguments("linear_gradient", *shape, intercepts, weight=7.0, prior=True, **options))
    both("network_gradient", arguments("network_gradient", *shape, n_hidden, weight=7.0, prior=True, **options))


@pytest.mark.parametrize(("name", "size"), [("linear_gradient", 1), ("network_gradient", 3)])
def test_weights_and_prior_are_left_out_where_they_are_not_asked_for(name, size):
    options = {"learned": True, "likelihood": gradients.NORMAL}
    both(name, arguments(name, 3, 2, 9, 5, size, weight=0.0, prior=False, **options))


@pytest.mark.parametrize(("name", "size"), [("linear_gradient", 1), ("network_gradient", 3)])
def test_a_draw_that_is_not_finite_disturbs_no_other(name, size):
    options = {"learned": True, "likelihood": gradients.CLASSES, "weight": 0.0, "prior": True}
    given, clean = (arguments(name, 6, 2, 9, 5, size, **options) for _ in range(2))
    given[0][2] = np.nan
    for one in (given, clean):
        getattr(gradients, name)(KERNELS, *one)
    others = [0, 1, 3, 4, 5]
    assert np.isnan(given[-1][2]).any()
    assert_array_equal(given[-1][others], clean[-1][others])


@pytest.mark.parametrize("output", [700.0, 600.0, 1.0, -1.0, -800.0])
def test_counts_at_the_ends_of_the_numbers(output):
    x, out = np.array([[output]]), np.empty((1, 1))
    data = np.ones((1, 1)), np.zeros(1, dtype=np.intp), np.zeros(1), np.ones(1)
    gradients.linear_gradient(KERNELS, x, *data, 0.0, 0, np.zeros(1), gradients.COUNTS, PRIORS, True, out)
    assert_allclose(out, -np.exp(min(output, 600.0)), rtol=1e-14, atol=1e-300)


def test_lanes_are_chosen_where_others_are_positive():
    from skvi._numba import jit

    def chosen(x, y, out):
        simd.store(out, 0, 0, simd.where_positive(simd.load(x, 0, 0), simd.load(y, 0, 0)))

    x, out = np.array([[1.0, -1.0, 0.0, -0.0, np.nan, np.inf, -np.inf, 1e-310]]), np.empty((1, 8))
    jit(chosen)(x, np.arange(1.0, 9.0)[None], out)
    assert_array_equal(out, [[1.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0, 8.0]])
