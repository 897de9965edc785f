"""The kernels of batches of matrices; also runs without compilation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvi.kernels import matrices
from tests.reference import matrices as plain

SHAPES = [(1, 1), (1, 5), (3, 2), (4, 17), (2, 33)]


def definite(n, d, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, d, 2 * d))
    return noise @ np.swapaxes(noise, 1, 2)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_invert_definite(n, d):
    scales = definite(n, d)
    got, expected = [[np.empty((n, d, d)), np.empty((n, d, d)), np.empty(n)] for _ in range(2)]
    matrices.invert_definite(scales, *got)
    plain.invert_definite(scales, *expected)
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=1e-11, atol=1e-12 * abs(other).max())


def test_factors_of_badly_scaled_matrices_keep_their_digits():
    units = 10.0 ** np.linspace(-60.0, 60.0, 6)
    correlations = definite(1, 6)
    factors, inverses, log_dets = np.empty((1, 6, 6)), np.empty((1, 6, 6)), np.empty(1)
    matrices.invert_definite(correlations * units * units[:, None], factors, inverses, log_dets)
    assert_allclose(
        np.tril(factors[0] * units), np.linalg.inv(np.linalg.cholesky(correlations[0])), rtol=1e-9, atol=1e-12
    )
    assert_allclose(log_dets, np.linalg.slogdet(correlations)[1] + 2.0 * np.log(units).sum(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spoiled", [0.0, -1.0, np.nan, np.inf])
def test_what_is_not_definite_is_told(spoiled):
    scales = definite(3, 4)
    scales[1] = np.diag([1.0, 2.0, spoiled, 1.0])
    for module in (matrices, plain):
        log_dets = np.empty(3)
        module.invert_definite(scales, np.empty((3, 4, 4)), np.empty((3, 4, 4)), log_dets)
        assert_array_equal(np.isnan(log_dets), [False, True, False])


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_cross_products_are_added(n, d):
    rng = np.random.default_rng(d)
    inputs = definite(n, d), rng.normal(size=(n, d)), rng.normal(size=(n, d))
    got, expected = np.empty((n, d, d)), np.empty((n, d, d))
    matrices.add_cross_products(*inputs, got)
    plain.add_cross_products(*inputs, expected)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
