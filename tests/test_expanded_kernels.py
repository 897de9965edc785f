"""Scatters about a shared center against scatters by differences; the file also runs without compilation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvi.families import NormalWishart
from skvi.kernels.blocks import padded
from skvi.kernels.expanded import expanded_full_moments
from skvi.mixture import VariationalGaussianMixture
from skvi.models import gaussian
from tests.reference import expanded as plain

N_COMPONENTS = 13


def problem(n_features, n_rows, distance=1.0):
    """Block, responsibilities and means, zero beyond the features and rows that there are."""
    rng = np.random.default_rng([n_features, n_rows])
    columns, width = padded(n_features, 8), padded(n_rows, 32)
    means, table = np.zeros((N_COMPONENTS, columns)), np.zeros((width, columns))
    means[:, :n_features] = distance * rng.normal(size=(N_COMPONENTS, n_features))
    labels = rng.integers(N_COMPONENTS, size=n_rows)
    table[:n_rows, :n_features] = means[labels, :n_features] + rng.normal(size=(n_rows, n_features))
    responsibilities = np.zeros((N_COMPONENTS, width))
    responsibilities[:, :n_rows] = rng.dirichlet(np.ones(N_COMPONENTS), size=n_rows).T
    return np.ascontiguousarray(table.T), table, responsibilities, means


def moments(kernel, inputs, near):
    """Count, first and lower triangle of second moments that a kernel adds to ones."""
    columns = inputs[1].shape[1]
    out = [np.ones(shape) for shape in [N_COMPONENTS, (N_COMPONENTS, columns), (N_COMPONENTS, columns, columns)]]
    kernel(*inputs, near, *out)
    return out[0], out[1], np.tril(out[2])


def check(inputs, near, tol=1e-11):
    got, expected = (moments(kernel, inputs, near) for kernel in (expanded_full_moments, plain.expanded_full_moments))
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=tol, atol=tol)


@pytest.mark.parametrize("n_rows", [1, 33, 300])
@pytest.mark.parametrize("n_features", [1, 8, 16, 17, 32, 33, 41, 64])
def test_moments_are_those_by_differences(n_features, n_rows):
    check(problem(n_features, n_rows), np.ones(N_COMPONENTS, dtype=bool))


def test_components_that_are_not_near_go_by_differences():
    _, table, responsibilities, means = problem(16, 96)
    # Component 3 has rows of its own, so far off that its scatter about a shared center would keep no digit.
    own = np.arange(96) % 2 == 0
    means[3] += 1e9
    table[own] += 1e9
    responsibilities[:] = np.where(own, np.arange(N_COMPONENTS)[:, None] == 3, responsibilities)
    inputs = np.ascontiguousarray(table.T), table, responsibilities, means
    near = np.arange(N_COMPONENTS) != 3
    got, expected = (moments(kernel, inputs, near) for kernel in (expanded_full_moments, plain.expanded_full_moments))
    assert_allclose(got[2][3], expected[2][3], rtol=1e-11, atol=1e-11)


def test_components_that_matter_to_few_rows_pick_them():
    x, table, responsibilities, means = problem(17, 96)
    responsibilities[::4, np.arange(96) % 5 != 0] = 0.0
    check((x, table, responsibilities, means), np.ones(N_COMPONENTS, dtype=bool))


def test_scatters_without_digits_left_are_taken_again():
    check(problem(16, 300, distance=1e5), np.ones(N_COMPONENTS, dtype=bool))


def test_rows_without_weight_change_nothing():
    x, table, responsibilities, means = problem(16, 64)
    for sums in moments(expanded_full_moments, (x, table, 0.0 * responsibilities, means), np.ones(N_COMPONENTS, bool)):
        assert_array_equal(sums, np.tril(np.ones(sums.shape)) if sums.ndim == 3 else 1.0)


def components(spread=1.0, correlation=0.0):
    """A posterior of components of dimension 16, 100 rows each; the first two features may be correlated."""
    scale = np.eye(16)
    scale[0, 1] = scale[1, 0] = correlation
    means = spread * np.random.default_rng(0).normal(size=(N_COMPONENTS, 16))
    counts = np.full(N_COMPONENTS, 100.0)
    return NormalWishart(means, counts, counts, np.array([100.0 * scale] * N_COMPONENTS))


@pytest.mark.parametrize(
    ("q", "expected"),
    [(components(), True), (components(spread=1e3), False), (components(correlation=1.0 - 1e-9), False)],
    ids=["overlapping", "far", "thin"],
)
def test_components_near_their_center(q, expected):
    messages = gaussian.FullComponents().messages(q, np.zeros(N_COMPONENTS))
    assert_array_equal(messages.scores[-1], expected)
    assert_array_equal(messages.moments[0], expected)


def test_the_bound_of_a_fit_is_that_by_differences(monkeypatch):
    rng = np.random.default_rng(0)
    X = 1e3 + rng.normal(size=(400, 16)) * rng.uniform(0.1, 10.0, size=16)
    settings = {"n_components": 10, "random_state": 0, "max_iter": 5, "tol": 0.0, "init_params": "random"}

    def fitted():
        with pytest.warns(match="converge"):
            return VariationalGaussianMixture(**settings).fit(X)

    expanded = fitted()
    monkeypatch.setattr(gaussian, "_LARGEST_EXTENT", 0.0)
    by_differences = fitted()
    assert_allclose(expanded.elbo_history_, by_differences.elbo_history_, rtol=1e-11)
    assert_allclose(expanded.covariances_, by_differences.covariances_, rtol=1e-7)
