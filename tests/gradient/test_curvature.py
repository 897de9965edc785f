"""Inverse Hessians of quasi-Newton paths against the recursion, and the normals made of them."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skvi.gradient.curvature import Stretched, inverse_hessian_times, make_pair, stretches, updated_diagonal
from tests.gradient.cases import numerical_gradient


def pairs(width, memory, n_known, seed=0):
    """A diagonal and pairs of a normal target, leading rows zero where fewer are known than memory."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(width, width))
    hessian = root @ root.T + np.eye(width)
    steps, turns = np.zeros((2, memory, width))
    for row in range(memory - n_known, memory):
        step = rng.normal(size=(1, width))
        (steps[row],), (turns[row],), useful = make_pair(step, step @ hessian)
        assert useful.all()
    return 0.5 + rng.random(width), steps, turns


def recursive(diagonal, steps, turns):
    """The update of Broyden, Fletcher, Goldfarb and Shanno, pair by pair."""
    inverse = np.diag(diagonal)
    for step, turn in zip(steps, turns, strict=True):
        if step.any():
            keep = np.eye(len(diagonal)) - np.outer(step, turn) / (step @ turn)
            inverse = keep @ inverse @ keep.T + np.outer(step, step) / (step @ turn)
    return inverse


CASES = [(1, 3, 1), (1, 2, 2), (4, 3, 0), (4, 3, 2), (4, 3, 3), (3, 5, 5), (9, 3, 3)]


@pytest.mark.parametrize(("width", "memory", "n_known"), CASES)
def test_products_are_those_of_the_recursion(width, memory, n_known):
    diagonal, steps, turns = pairs(width, memory, n_known)
    inverse = recursive(diagonal, steps, turns)
    vector = np.random.default_rng(1).normal(size=width)
    found = inverse_hessian_times(diagonal[None], steps[None], turns[None], vector[None])[0]
    np.testing.assert_allclose(found, inverse @ vector, rtol=1e-11, atol=1e-12 * np.abs(inverse).max())


@pytest.mark.parametrize(("width", "memory", "n_known"), CASES)
def test_stretches_make_the_covariance(width, memory, n_known):
    diagonal, steps, turns = pairs(width, memory, n_known)
    inverse = recursive(diagonal, steps, turns)
    directions, stretch = stretches(diagonal[None], steps[None], turns[None])
    normal = Stretched(np.zeros(width), np.sqrt(diagonal), directions[0], stretch[0])
    np.testing.assert_allclose(normal.covariance, inverse, rtol=1e-11, atol=1e-12 * np.abs(inverse).max())
    np.testing.assert_allclose(normal.log_det, np.linalg.slogdet(inverse)[1], rtol=1e-10, atol=1e-11)


def test_pairs_that_say_nothing_about_curvature_are_not_useful():
    step = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    turn = np.array([[1.0, 2.0], [-1.0, 0.0], [1e-300, 1e150], [0.0, 0.0]])
    np.testing.assert_array_equal(make_pair(step, turn)[2], [True, False, False, False])


def test_diagonal_of_a_scaled_identity_fits_the_pair():
    step, turn, _ = make_pair(np.array([[1.0, 2.0]]), np.array([[4.0, 8.0]]))
    found = updated_diagonal(np.ones((1, 2)), step, turn)
    np.testing.assert_allclose(found, updated_diagonal(np.full((1, 2), 7.0), step, turn))
    np.testing.assert_allclose(found, [[0.25, 0.25]])


@pytest.fixture
def stretched():
    diagonal, steps, turns = pairs(3, 2, 2)
    directions, stretch = stretches(diagonal[None], steps[None], turns[None])
    return Stretched(np.array([1.0, -2.0, 0.5]), np.sqrt(diagonal), directions[0], stretch[0])


def test_draws_are_normal(stretched):
    noise = np.random.default_rng(2).normal(size=(5, 3))
    drawn = stretched.draw(noise)
    reference = multivariate_normal(stretched.mean, stretched.covariance)
    np.testing.assert_allclose(drawn.log_density, reference.logpdf(drawn.z), rtol=1e-12)
    np.testing.assert_allclose(stretched.log_density(drawn.z), drawn.log_density, rtol=1e-12)
    np.testing.assert_allclose(stretched.entropy, reference.entropy(), rtol=1e-12)
    np.testing.assert_allclose(stretched.variances, np.diag(stretched.covariance), rtol=1e-12)
    np.testing.assert_allclose(stretched.whiten(drawn.z), noise, rtol=1e-11)
    for z, score in zip(drawn.z, drawn.score, strict=True):
        expected = numerical_gradient(lambda place: stretched.log_density(place[None])[0], z)
        np.testing.assert_allclose(score, expected, rtol=1e-6, atol=1e-7)


def test_gradients_in_the_parameters(stretched):
    rng = np.random.default_rng(3)
    noise, slopes, weights = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)

    def value(parameters):
        drawn = stretched.with_parameters(parameters).draw(noise)
        return np.sum(slopes * drawn.z) + weights @ drawn.log_density

    expected = numerical_gradient(value, stretched.parameters)
    np.testing.assert_allclose(stretched.draw(noise).pull_back(slopes, weights), expected, rtol=1e-6, atol=1e-7)
    slope = numerical_gradient(lambda parameters: stretched.with_parameters(parameters).entropy, stretched.parameters)
    np.testing.assert_allclose(stretched.entropy_slope, slope, rtol=1e-6, atol=1e-8)
    logs = np.log(np.abs(stretched.parameters[stretched.diagonal])).sum() + np.log(stretched.stretch).sum()
    np.testing.assert_allclose(stretched.entropy, 1.5 * np.log(2.0 * np.pi * np.e) + logs)
