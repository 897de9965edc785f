"""Kernels of generalised linear models against their plain twins; the file also runs without compilation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi.kernels import logistic, predictors, softmax
from skvi.kernels.arrays import read_only
from skvi.kernels.simd import LANES
from skvi.models import likelihoods
from skvi.models import softmax as softmax_rules
from tests.reference import logistic as plain_logistic
from tests.reference import predictors as plain_predictors
from tests.reference import softmax as plain_softmax

WIDTHS = [0.0, 1e-8, 0.1, 0.5, 0.6, 1.0, 2.0, 7.0, 30.0]


@pytest.mark.parametrize("width", WIDTHS)
def test_logistic_moments(width):
    mean = np.linspace(-30.0, 30.0, 2 * LANES)[None] * max(1.0, 0.1 * width)
    inputs = mean, np.full_like(mean, width), likelihoods._WIDTHS, *likelihoods._rules()
    got, expected = np.full((2, 3, 1, mean.size), np.nan)
    logistic.logistic_moments(*inputs, *got)
    plain_logistic.logistic_moments(*inputs, *expected)
    assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


def test_logistic_moments_of_eight_rows_go_by_the_widest():
    mean, deviation = np.zeros((1, LANES)), np.zeros((1, LANES))
    deviation[0, 3] = 20.0
    inputs = mean, deviation, likelihoods._WIDTHS, *likelihoods._rules()
    got, expected = np.empty((2, 3, 1, LANES))
    logistic.logistic_moments(*inputs, *got)
    plain_logistic.logistic_moments(*inputs, *expected)
    assert_allclose(got, expected, rtol=1e-10)


LAYOUTS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "float32": lambda rows: rows.astype(np.float32)}
SHAPES = [(1, 1, 1), (7, 3, 1), (40, 5, 2), (33, 9, 1)]


def padded(array, *shape):
    out = np.zeros(shape)
    out[tuple(slice(n) for n in array.shape)] = array
    return out


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_predictor_pass(n, d, k, layout):
    rng, depth = np.random.default_rng(0), -(-d // 4) * 4
    rows = read_only(LAYOUTS[layout](rng.normal(size=(n, d))))
    inputs = (
        predictors.predictor_kernels(),
        rows,
        32,
        padded(rng.normal(size=(1, d)), 1, depth),
        padded(rng.normal(size=(k, d)), k, depth),
        padded(rng.normal(size=(k, d)), k, depth),
        padded(np.tril(rng.normal(size=(k, d, d))), k, depth, depth),
        rng.uniform(size=k),
    )
    got, expected = np.full((2, 2, k, n), np.nan)
    predictors.predictor_pass(*inputs, *got)
    plain_predictors.predictor_pass(*inputs, *expected)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "d", "_"), SHAPES)
def test_independent_pass(n, d, _, layout):
    rng = np.random.default_rng(0)
    rows = read_only(LAYOUTS[layout](rng.normal(size=(n, d))))
    inputs = rows, *rng.normal(size=(3, d)), rng.uniform(size=d)
    got, expected = np.full((2, 2, n), np.nan)
    predictors.independent_pass(*inputs, *got)
    plain_predictors.independent_pass(*inputs, *expected)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_site_pass(n, d, k, layout):
    rng, columns = np.random.default_rng(1), -(-d // 8) * 8
    rows = read_only(LAYOUTS[layout](rng.normal(size=(n, d))))
    curvature = rng.uniform(size=(k, n))
    curvature[:, ::3] = 0.0
    centers = padded(rng.normal(size=(k, d)), k, columns)
    inputs = predictors.site_kernels(), rows, rng.normal(size=(k, n)), curvature, 32, centers
    shapes = (k, columns), (k,), (k, columns), (k, columns, columns)
    got, expected = [np.ones(shape) for shape in shapes], [np.ones(shape) for shape in shapes]
    predictors.site_pass(*inputs, *got)
    plain_predictors.site_pass(*inputs, *expected)
    for a, b in zip(got[:3], expected[:3], strict=True):
        assert_allclose(a[..., :d] if a.ndim > 1 else a, b[..., :d] if b.ndim > 1 else b, rtol=1e-12, atol=1e-12)
    assert_allclose(np.tril(got[3])[:, :d, :d], np.tril(expected[3])[:, :d, :d], rtol=1e-12, atol=1e-12)


def softmax_inputs(mean, deviation):
    """Arguments of the kernel for eight rows under one rule."""
    widest = np.full(1, deviation.max())
    _, level = softmax_rules._by_level(widest)
    plan, base, n_points = softmax_rules._plan(mean, deviation, level)
    origin = -np.euler_gamma - 0.5 * softmax_rules._STEP
    return mean - base, deviation, origin, plan, *softmax_rules._gauss_rules(), softmax_rules._grid(n_points)


@pytest.mark.parametrize("width", [0.0, 0.1, 0.2, 0.3, 0.45, 0.5, 2.0])
@pytest.mark.parametrize("alike", [True, False])
def test_softmax_moments(width, alike):
    rng = np.random.default_rng(0)
    mean, deviation = 3.0 * rng.normal(size=(3, LANES)), np.full((3, LANES), width)
    if not alike:
        deviation[1:] *= rng.choice([0.01, 0.6, 1.0], size=(2, LANES))
        mean[2] -= 50.0
    inputs = softmax_inputs(mean, deviation)
    got, expected = ([np.full(shape, np.nan) for shape in ((1, LANES), (3, LANES), (3, LANES))] for _ in range(2))
    softmax.softmax_moments(*inputs, *got)
    plain_softmax.softmax_moments(*inputs, *expected)
    for a, b in zip(got, expected, strict=True):
        assert_allclose(a, b, rtol=1e-8, atol=5e-9)
