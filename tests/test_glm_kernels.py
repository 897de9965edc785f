"""Kernels of generalised linear models against their plain twins; the file also runs without compilation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi.kernels import logistic, predictors
from skvi.kernels.simd import LANES
from skvi.models import likelihoods
from tests.reference import logistic as plain_logistic
from tests.reference import predictors as plain_predictors

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
    rows = LAYOUTS[layout](rng.normal(size=(n, d)))
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
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_site_pass(n, d, k, layout):
    rng, columns = np.random.default_rng(1), -(-d // 8) * 8
    rows = LAYOUTS[layout](rng.normal(size=(n, d)))
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
