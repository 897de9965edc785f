"""Pathfinder on targets whose modes and curvatures are known."""

import numpy as np
import pytest
from scipy.linalg import eigh

from skvi.gradient.pathfinder import pathfinder
from tests.gradient.cases import Observer, half_line, of_density, random_gaussian


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_normal_targets_are_found(width, unit):
    target, mean, covariance = random_gaussian(width, unit=unit)
    outcome = pathfinder(target, None, np.random.RandomState(0), tol=1e-16, n_paths=2)
    spread = np.sqrt(np.diag(covariance))
    found = outcome.approximation
    assert outcome.converged
    np.testing.assert_allclose((found.mean - mean) / spread, 0.0, atol=5e-3 if width < 3 else 0.1)
    # Steps that are not exact line searches leave a few directions short of pairs.
    ratios = eigh(found.covariance, covariance, eigvals_only=True)
    np.testing.assert_allclose(ratios, 1.0, atol=0.03 if width < 3 else 0.7)


def test_the_bound_is_the_log_evidence_of_a_target_that_is_met():
    target, _, _ = random_gaussian(1)
    outcome = pathfinder(target, None, np.random.RandomState(0), tol=1e-20)
    np.testing.assert_allclose(outcome.history["path_elbo"], 2.5, atol=1e-6)


def test_the_best_mode_wins_and_the_others_are_kept():
    def log_density(z):
        return np.logaddexp(-0.5 * (z[:, 0] - 4.0) ** 2, 2.0 - 0.5 * (z[:, 0] + 4.0) ** 2)

    def gradient(z):
        weight = np.exp(-0.5 * (z - 4.0) ** 2 - log_density(z)[:, None])
        return -weight * (z - 4.0) - (1.0 - weight) * (z + 4.0)

    target = of_density(log_density, gradient, 1)
    outcome = pathfinder(target, np.array([[5.0], [-5.0], [3.0]]), np.random.RandomState(0))
    np.testing.assert_allclose(outcome.approximation.mean, [-4.0], atol=1e-3)
    np.testing.assert_allclose(sorted(normal.mean[0] for normal in outcome.normals), [-4.0, 4.0, 4.0], atol=1e-3)


def two_ridges(apart, widths):
    """Two normals of these deviations, apart along the first number."""

    def log_densities(z):
        off = np.stack([z, z], axis=1) / widths
        off[:, 0, 0] -= apart / widths[0]
        off[:, 1, 0] += apart / widths[0]
        return off, -0.5 * np.sum(off**2, axis=2)

    def gradient(z):
        off, logs = log_densities(z)
        shares = np.exp(logs - np.logaddexp(*logs.T)[:, None])
        return -np.einsum("tk,tkp->tp", shares, off) / widths

    return of_density(lambda z: np.logaddexp(*log_densities(z)[1].T), gradient, len(widths))


@pytest.mark.parametrize("widths", [[0.3, 0.3], [0.1, 0.003, 0.03, 0.3, 1.0]])
def test_no_mode_is_given_up_for_another(widths):
    """Far out the rise along narrow directions hides the valley between the modes."""
    outcome = pathfinder(two_ridges(2.0, np.array(widths)), None, np.random.RandomState(0), n_paths=16)
    assert {-2, 2} <= {round(normal.mean[0]) for normal in outcome.normals}


def test_paths_to_one_mode_are_given_up():
    target, mean, covariance = random_gaussian(5)
    outcome = pathfinder(target, None, np.random.RandomState(0), n_paths=16)
    assert outcome.converged
    assert len(outcome.normals) == 1
    np.testing.assert_allclose(outcome.approximation.mean, mean, atol=0.1 * np.sqrt(np.diag(covariance)).min())
    assert target.counts.gradients < 100


def test_regions_without_a_density_are_survived():
    """Half of the starts miss the half line."""
    target = half_line(1.0, 1.0, edge=-0.5, width=2)
    outcome = pathfinder(target, None, np.random.RandomState(0), n_paths=8)
    assert outcome.converged
    assert target.counts.nonfinite > 0
    assert 1 <= len(outcome.normals) <= 8
    assert all(np.isfinite(normal.parameters).all() for normal in outcome.normals)
    assert np.isfinite(outcome.history["path_elbo"]).all()


def test_targets_without_a_finite_start_raise():
    target = of_density(lambda z: np.full(len(z), np.nan), lambda z: z, 2)
    with pytest.raises(FloatingPointError, match="not finite at any of"):
        pathfinder(target, None, np.random.RandomState(0))


def test_flat_and_rising_targets_end():
    flat = pathfinder(of_density(lambda z: np.zeros(len(z)), np.zeros_like, 3), None, np.random.RandomState(0))
    assert np.isfinite(flat.approximation.parameters).all()
    rising = of_density(lambda z: z.sum(axis=1), np.ones_like, 3)
    outcome = pathfinder(rising, None, np.random.RandomState(0), max_iter=30)
    assert not outcome.converged
    assert "still climbing" in outcome.reason
    assert np.isfinite(outcome.approximation.parameters).all()


def test_threads_change_no_bit():
    first, second = (
        pathfinder(random_gaussian(4, n_jobs=n_jobs)[0], None, np.random.RandomState(0)) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(first.approximation.parameters, second.approximation.parameters)


def test_the_observer_sees_the_bound():
    observer = Observer()
    outcome = pathfinder(random_gaussian(2)[0], None, np.random.RandomState(0), observer=observer)
    assert observer.begun == [0]
    assert observer.bounds == [outcome.history["path_elbo"][0]]


def test_normals_on_the_way_are_compared_on_the_paths_that_are_ahead():
    """log x - x at x = exp(z), a gamma density of log x: the last normals of climbs are not the best for all starts."""
    target = of_density(lambda z: np.sum(z - np.exp(z), axis=1), lambda z: 1.0 - np.exp(z), 3)
    outcome = pathfinder(target, 2.0 * np.random.default_rng(0).normal(size=(10, 3)), np.random.RandomState(0))
    path_bounds = outcome.history["path_elbo"]
    assert 1 <= len(outcome.normals) == len(path_bounds) <= 10
    assert path_bounds == sorted(path_bounds, reverse=True)
    assert max(outcome.history["elbo"]) == path_bounds[0]
    assert 1 < len(outcome.history["elbo"]) <= 8
    # Exactly 0 is the log evidence.
    assert path_bounds[0] < 0.05
    assert target.counts.densities <= 16 * (10 + 10 * 7) + 100 * 10
