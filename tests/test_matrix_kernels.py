"""The kernels of Wishart distributions and of conjugate updates; also runs without compilation."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi.kernels import conjugate, matrices, relevance, sticks, tridiagonal
from tests.reference import conjugate as plain_conjugate
from tests.reference import matrices as plain
from tests.reference import relevance as plain_relevance
from tests.reference import sticks as plain_sticks
from tests.reference import tridiagonal as plain_tridiagonal

SHAPES = [(1, 1), (1, 5), (3, 2), (4, 17), (2, 33)]
FORMS = ["full", "tied", "diag", "spherical"]


def definite(n, d, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, d, 2 * d))
    return noise @ np.swapaxes(noise, 1, 2)


def outputs(n, d):
    return np.empty((n, d, d)), np.empty((n, d, d)), np.empty(n)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_parts_of_wishart_distributions(n, d):
    inputs = d - 1.0 + np.geomspace(0.01, 1e6, n), definite(n, d)
    got, expected = outputs(n, d), outputs(n, d)
    value, expected_value = matrices.wishart_parts(*inputs, *got), plain.wishart_parts(*inputs, *expected)
    assert_allclose(value, expected_value, rtol=1e-12)
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=1e-11, atol=1e-12 * abs(other).max())


def test_factors_of_badly_scaled_matrices_keep_their_digits():
    units = 10.0 ** np.linspace(-60.0, 60.0, 6)
    correlations = definite(1, 6)
    factors, means, log_dets = outputs(1, 6)
    matrices.wishart_parts(np.full(1, 7.0), correlations * units * units[:, None], factors, means, log_dets)
    expected = np.sqrt(7.0) * np.linalg.inv(np.linalg.cholesky(correlations[0]))
    assert_allclose(np.tril(factors[0] * units), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spoiled", [0.0, -1.0, np.nan, np.inf])
def test_what_is_not_definite_is_told(spoiled):
    scales = definite(3, 4)
    scales[1] = np.diag([1.0, 2.0, spoiled, 1.0])
    for module in (matrices, plain):
        assert np.isnan(module.wishart_parts(np.full(3, 5.0), scales, *outputs(3, 4)))


@pytest.mark.parametrize("dof", [3.0, 0.0, -1.0, np.nan])
def test_too_few_degrees_of_freedom_are_told(dof):
    for module in (matrices, plain):
        assert np.isnan(module.wishart_parts(np.array([5.0, dof]), definite(2, 4), *outputs(2, 4)))


def second_moments(form, n, d, seed):
    scales = definite(n, d, seed)
    diagonals = np.einsum("kdd->kd", scales)[:, None]
    return {
        "full": scales,
        "tied": scales.sum(axis=0, keepdims=True),
        "diag": np.ascontiguousarray(diagonals),
        "spherical": diagonals.sum(axis=2, keepdims=True),
    }[form]


def moments(form, n, d, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(2, n, d))
    return vectors[0], rng.gamma(3.0, size=n), vectors[1], second_moments(form, n, d, seed)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_cross_products_are_added(n, d, form):
    a, _, b, second = moments(form, n, d, 1)
    got, expected = np.empty(second.shape), np.empty(second.shape)
    conjugate.add_cross_products(second, a, b, got)
    plain_conjugate.add_cross_products(second, a, b, expected)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("about_mean", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_moments_are_combined(n, d, form, about_mean):
    inputs = 1.7, moments(form, n, d, 1), -0.2, moments(form, n, d, 2), about_mean
    got, expected = [tuple(np.empty(part.shape) for part in inputs[1]) for _ in range(2)]
    conjugate.combine_moments(*inputs, got)
    plain_conjugate.combine_moments(*inputs, expected)
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-11 * abs(other).max())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_gain_of_gaussians(n, d, form):
    def parameters(seed):
        means, precisions, _, scales = moments(form, n, d, seed)
        return means, precisions, d + np.arange(1.0, len(scales) + 1.0), scales

    _, count, _, second = moments(form, n, d, 3)
    expectations = np.linspace(-1.0, 1.0, len(second)), second_moments(form, n, d, 4)
    inputs = parameters(1), parameters(2), expectations, count, second
    expected = plain_conjugate.gain_of_gaussians(*inputs)
    scale = np.sum(expectations[1] * (second + inputs[0][3] + inputs[1][3]))
    assert_allclose(conjugate.gain_of_gaussians(*inputs), expected, rtol=1e-12, atol=1e-13 * scale)


@pytest.mark.parametrize("n_dets", [1, 3])
def test_expected_log_norms(n_dets):
    rng = np.random.default_rng(n_dets)
    inputs = rng.normal(size=3), rng.normal(size=n_dets), rng.uniform(1.0, 5.0, size=3), 4
    got, expected = np.empty((2, 3))
    conjugate.expected_log_norms(*inputs, got)
    plain_conjugate.expected_log_norms(*inputs, expected)
    assert_allclose(got, expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_parts_of_sticks(n):
    rng = np.random.default_rng(n)
    a, b, counts = *10.0 ** rng.uniform(-3.0, 3.0, size=(2, n)), 10.0 * rng.uniform(size=n)
    got, expected = np.empty((2, 5, n))
    log_normalizers = sticks.stick_parts(a, b, counts, got), plain_sticks.stick_parts(a, b, counts, expected)
    assert_allclose(got, expected, rtol=1e-13, atol=1e-14 * np.abs(expected[2:]).max())
    assert_allclose(*log_normalizers, rtol=1e-13)
    # A whole number of factors, large next to b: 1 / B(n, b) = b (1 + b) (1 + b / 2) ... (1 + b / (n - 1)).
    none = np.zeros(n)
    for count in (1, 7, 8, 100_000):
        exact = -np.log(b).sum() - sum(math.fsum(np.log1p(x / np.arange(1.0, count))) for x in b)
        assert_allclose(sticks.stick_parts(np.full(n, float(count)), b, none, got), exact, rtol=1e-13, atol=1e-13)
    prior, other = np.empty((5, n)), rng.uniform(size=n)
    sticks.stick_parts(a, b, none, prior)
    sticks.stick_parts(a, b, counts, got)
    # Right after its own counts nothing is pending.
    scale = np.abs(got[2:4] * got[:2]).sum()
    assert_allclose(sticks.stick_gain(prior, counts, got), 0.0, atol=1e-14 * scale)
    expected_gain = plain_sticks.stick_gain(prior, other, got)
    assert_allclose(sticks.stick_gain(prior, other, got), expected_gain, atol=1e-14 * scale)
    b[-1] = 0.0
    assert np.isnan([twin.stick_parts(a, b, none, got) for twin in (sticks, plain_sticks)]).all()


@pytest.mark.parametrize("size", [1, 2, 3, 40])
@pytest.mark.parametrize("shift", [1e-8, 1.0, 1e8])
def test_inverse_diagonal_of_a_tridiagonal_matrix(size, shift):
    rng = np.random.default_rng(size)
    factor = np.diag(rng.normal(size=size)) + np.diag(rng.normal(size=size - 1), -1)
    matrix = factor @ factor.T + shift * np.eye(size)
    got, expected = np.full((2, size), np.nan)
    inputs = np.diagonal(matrix).copy(), np.diagonal(matrix, 1).copy()
    log_det = tridiagonal.inverse_diagonal(*inputs, got)
    assert_allclose(log_det, plain_tridiagonal.inverse_diagonal(*inputs, expected), rtol=1e-8)
    assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("diagonal", [[1.0, 0.5], [0.0, 1.0], [1.0, np.nan]])
def test_a_tridiagonal_matrix_that_is_not_definite_is_told(diagonal):
    assert np.isnan(tridiagonal.inverse_diagonal(np.array(diagonal), np.array([1.0]), np.empty(2)))


def test_system_in_units_of_widths():
    gram, widths = definite(1, 5)[0], np.geomspace(1e-3, 1e3, 5)
    got, expected = np.full((2, 5, 5), 7.0)
    relevance.scaled_system(gram, 0.3, widths, got)
    plain_relevance.scaled_system(gram, 0.3, widths, expected)
    assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_best_precisions(n_outputs):
    rng = np.random.default_rng(0)
    precisions, own, squares, shape, rate = np.exp(3.0 * rng.standard_normal((5, 50)))
    var = 1.0 / (precisions + own)
    got, expected = np.empty((2, 50))
    inputs = precisions, var, squares * var, n_outputs, shape, rate
    relevance.best_precisions(*inputs, got)
    plain_relevance.best_precisions(*inputs, expected)
    assert_allclose(got, expected, rtol=1e-8)
