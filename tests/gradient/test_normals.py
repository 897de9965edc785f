"""Normal approximations: moments, densities and every gradient against differences."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skvi.gradient.normals import FullRank, LowRank, MeanField
from tests.gradient.cases import numerical_gradient


def instances():
    rng = np.random.default_rng(0)
    for width in (1, 3):
        mean, scale = rng.normal(size=width), 0.5 + rng.random(width)
        factor = np.tril(rng.normal(size=(width, width)))
        factor[np.diag_indices(width)] = scale
        yield MeanField(mean, scale)
        yield FullRank(mean, factor)
        yield LowRank(mean, scale, rng.normal(size=(width, 2)))


NORMALS = list(instances())


@pytest.fixture(params=NORMALS, ids=repr)
def normal(request):
    return request.param


@pytest.fixture
def noise(normal):
    return np.random.default_rng(1).normal(size=(5, normal.n_noise))


def test_draws_have_the_density_of_a_normal(normal, noise):
    drawn = normal.draw(noise)
    reference = multivariate_normal(normal.mean, normal.covariance)
    np.testing.assert_allclose(drawn.log_density, np.atleast_1d(reference.logpdf(drawn.z)), rtol=1e-12)
    np.testing.assert_allclose(normal.log_density(drawn.z), drawn.log_density, rtol=1e-12)
    np.testing.assert_allclose(normal.entropy, reference.entropy(), rtol=1e-12)


def test_draws_have_the_covariance(normal):
    drawn = normal.draw(np.eye(normal.n_noise)).z - normal.mean
    np.testing.assert_allclose(drawn.T @ drawn, normal.covariance, atol=1e-12)
    np.testing.assert_allclose(normal.variances, np.diag(normal.covariance))


def test_parameters_come_back(normal, noise):
    again = normal.with_parameters(normal.parameters)
    np.testing.assert_array_equal(again.draw(noise).z, normal.draw(noise).z)
    np.testing.assert_array_equal(again.parameters, normal.parameters)


def test_whitened_draws_are_standard(normal, noise):
    z = normal.draw(noise).z
    whitened = normal.whiten(z)
    np.testing.assert_allclose(
        np.sum(whitened**2, axis=1),
        np.einsum("tp,pq,tq->t", z - normal.mean, np.linalg.inv(normal.covariance), z - normal.mean),
        rtol=1e-10,
    )


def test_score_is_the_slope_of_the_log_density(normal, noise):
    drawn = normal.draw(noise)
    for t, z in enumerate(drawn.z):
        expected = numerical_gradient(lambda place: normal.log_density(place[None])[0], z)
        np.testing.assert_allclose(drawn.score[t], expected, rtol=1e-6, atol=1e-7)


def test_pull_back_is_the_gradient_in_the_parameters(normal, noise):
    rng = np.random.default_rng(2)
    slopes, weights = rng.normal(size=(5, normal.width)), rng.normal(size=5)

    def value(parameters, t):
        drawn = normal.with_parameters(parameters).draw(noise[t : t + 1])
        return slopes[t] @ drawn.z[0] + weights[t] * drawn.log_density[0]

    each = normal.draw(noise).pull_back_each(slopes, weights)
    for t in range(5):
        expected = numerical_gradient(lambda parameters, t=t: value(parameters, t), normal.parameters)
        np.testing.assert_allclose(each[t], expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(normal.draw(noise).pull_back(slopes, weights), each.sum(axis=0), rtol=1e-10, atol=1e-12)


def test_entropy_slope_is_the_gradient_of_the_entropy(normal):
    expected = numerical_gradient(lambda parameters: normal.with_parameters(parameters).entropy, normal.parameters)
    np.testing.assert_allclose(normal.entropy_slope, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("normal", [normal for normal in NORMALS if normal.diagonal is not None], ids=repr)
def test_diagonal_holds_the_entropy(normal):
    logs = np.log(np.abs(normal.parameters[normal.diagonal])).sum()
    np.testing.assert_allclose(normal.entropy, 0.5 * normal.width * np.log(2.0 * np.pi * np.e) + logs)
