"""Where fits begin, and the priors they take from the data."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_wine

from skvi.models.priors import FLOOR, default_covariance, describe
from skvi.models.rows import Rows
from skvi.models.starts import Sample, row_keys
from tests.mixture.cases import blobs, separated


def sample_of(X, n_components, weights=None):
    rows = Rows.of(X, weights)
    return Sample(rows, row_keys(rows, describe(rows)), n_components)


def inertia(X, centers):
    return ((X[:, None] - centers) ** 2).sum(axis=2).min(axis=1).sum()


def test_k_means_is_as_good_as_scikit_learns():
    X, _ = blobs(2_000, 3, 8, spread=2.0)
    ours = [inertia(X, sample_of(X, 8).k_means(8, np.random.RandomState(seed))) for seed in range(10)]
    theirs = [KMeans(8, n_init=1, random_state=seed).fit(X).inertia_ for seed in range(10)]
    assert np.median(ours) < 1.03 * np.median(theirs)


def test_samples_of_large_tables_find_the_same_centres():
    X, labels = separated(200_000, 5)
    sample = sample_of(X, 5)
    assert len(sample.values) < 10_000
    shares = [sample.weights[np.abs(sample.values[:, 0] - 30.0 * k) < 15.0].sum() for k in range(5)]
    np.testing.assert_allclose(shares / np.sum(shares), np.bincount(labels) / len(X), rtol=0.1)
    centers = sample.k_means(5, np.random.RandomState(0))
    expected = np.array([X[labels == k].mean(axis=0) for k in range(5)])
    np.testing.assert_allclose(centers[np.argsort(centers[:, 0])], expected, atol=0.2)


def test_weights_are_repetition_in_samples_of_large_tables():
    X, _ = separated(60_000, 5)
    counts = np.random.default_rng(0).integers(0, 4, size=len(X))
    weighted, repeated = sample_of(X, 5, counts.astype(float)), sample_of(np.repeat(X, counts, axis=0), 5)
    np.testing.assert_allclose(weighted.values, repeated.values)
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=1e-9)


def test_samples_represent_weights():
    X, labels = separated(50_000, 2)
    sample = sample_of(X, 2, np.where(labels == 0, 1.0, 4.0))
    near = sample.values[:, 0] < 15.0
    share = sample.weights[near].sum() / sample.weights.sum()
    assert share == pytest.approx((labels == 0).sum() / ((labels == 0).sum() + 4.0 * (labels == 1).sum()), rel=0.02)


def test_duplicates_are_one_row_of_a_sample():
    X = np.repeat([[0.0, 1.0], [2.0, 3.0], [4.0, 4.0]], [5, 1, 3], axis=0)
    sample = sample_of(X, 2)
    assert sorted(map(tuple, sample.values)) == [(0.0, 1.0), (2.0, 3.0), (4.0, 4.0)]
    assert sorted(sample.weights) == [1.0, 3.0, 5.0]
    assert len(sample.draw(7, np.random.RandomState(0))) == 7


def test_draws_follow_the_weights():
    X = np.arange(4.0)[:, None]
    sample = sample_of(X, 1, np.array([1.0, 2.0, 3.0, 4.0]))
    rng = np.random.RandomState(0)
    draws = np.array([sample.draw(1, rng)[0, 0] for _ in range(4_000)])
    np.testing.assert_allclose(np.bincount(draws.astype(int)) / 4_000, [0.1, 0.2, 0.3, 0.4], atol=0.03)


def test_units_change_no_draw():
    X, _ = blobs(500, 3, 4)
    for moved in (1e-3 * X, 1e-3 * X + 1e3):
        plain, other = sample_of(X, 4), sample_of(moved, 4)
        one = plain.k_means(4, np.random.RandomState(0))
        two = other.k_means(4, np.random.RandomState(0))
        np.testing.assert_allclose(two, moved[0] + 1e-3 * (one - X[0]), rtol=1e-9, atol=1e-9)


def covariance(X, weights=None):
    return default_covariance(describe(Rows.of(np.asarray(X, dtype=float), weights)))


def test_default_covariance_is_the_empirical_one():
    X = load_wine().data
    np.testing.assert_allclose(covariance(X), np.cov(X.T), rtol=1e-10)
    weights = np.random.default_rng(0).integers(0, 4, size=len(X))
    expected = np.cov(X.T, fweights=weights)
    np.testing.assert_allclose(covariance(X, weights.astype(float)), expected, rtol=1e-10)
    np.testing.assert_allclose(covariance(1e-3 * X + 1e6), 1e-6 * np.cov(X.T), rtol=1e-4, atol=1e-12)


def test_default_covariance_is_a_floored_diagonal_where_the_data_are_singular():
    rng = np.random.default_rng(0)
    few = rng.normal(size=(4, 6)) * [1.0, 1.0, 1.0, 1.0, 1e-4, 0.0]
    variances = few.var(axis=0, ddof=1)
    expected = np.diag(np.maximum(variances, FLOOR * variances.mean()))
    np.testing.assert_allclose(covariance(few), expected, rtol=1e-10)
    x = rng.normal(size=50)
    collinear = np.column_stack([x, 2.0 * x])
    np.testing.assert_allclose(covariance(collinear), np.diag(collinear.var(axis=0, ddof=1)), rtol=1e-10)


def test_default_covariance_of_rounding_noise_is_none():
    X = np.column_stack([np.full(30, 0.1) + 1e6, np.arange(30.0)])
    X[::2, 0] = np.nextafter(X[::2, 0], 0.0)
    variance = np.arange(30.0).var(ddof=1)
    np.testing.assert_allclose(covariance(X), np.diag([FLOOR * variance / 2.0, variance]), rtol=1e-10)
    np.testing.assert_array_equal(covariance(np.full((5, 3), 7.0)), np.eye(3))
    np.testing.assert_array_equal(covariance([[1.0, 2.0]]), np.eye(2))


def test_default_covariance_scales_with_the_data():
    for X in (load_wine().data, np.random.default_rng(0).normal(size=(3, 5))):
        np.testing.assert_allclose(covariance(1e3 * X), 1e6 * covariance(X), rtol=1e-10)


def test_small_weights_use_the_sum_as_divisor():
    X = np.array([[0.0], [2.0], [4.0]])
    weights = np.array([0.2, 0.2, 0.2])
    np.testing.assert_allclose(covariance(X, weights), [[8.0 / 3.0]], rtol=1e-12)


@pytest.mark.parametrize("outlier", [1e6, 1e11, 1e12, 1e15])
def test_one_extreme_row_leaves_a_sample_of_the_others(outlier):
    X = np.vstack([np.random.default_rng(0).normal(size=(34_000, 2)), [[outlier, outlier]]])
    assert len(sample_of(X, 3).values) > 1_000


def test_rows_without_weight_change_no_sample_of_a_large_table():
    X, _ = blobs(40_000, 3, 4)
    weights = np.ones(len(X))
    weights[30_000:] = 0.0
    with_them, without = sample_of(X, 4, weights), sample_of(X[:30_000], 4)
    np.testing.assert_array_equal(with_them.values, without.values)
    np.testing.assert_allclose(with_them.weights, without.weights)
