"""Likelihoods: derivatives against finite differences, expectations against quadrature of high order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from skvi.models.likelihoods import (
    BernoulliLogit,
    GammaLog,
    JaakkolaLogit,
    Likelihood,
    NegativeBinomialLog,
    PoissonLog,
    StudentT,
    softplus_moments,
)


class Probit(Likelihood):
    """What a user may write: no closed form."""

    def log_prob(self, y, eta):
        return stats.norm.logcdf(np.where(y > 0, eta, -eta))

    def slope(self, y, eta):
        sign = np.where(y > 0, 1.0, -1.0)
        return sign * np.exp(stats.norm.logpdf(eta) - stats.norm.logcdf(sign * eta))

    def curvature(self, y, eta):
        slope = self.slope(y, eta)
        return slope * (slope + eta)

    def link(self, mean):
        return stats.norm.ppf(mean)


CASES = [
    (BernoulliLogit(), [0.0, 1.0]),
    (PoissonLog(), [0.0, 0.3, 1.0, 7.0]),
    (NegativeBinomialLog(2.5), [0.0, 1.0, 12.0]),
    (GammaLog(3.0), [0.1, 1.0, 5.0]),
    (StudentT(4.0, 0.7), [-2.0, 0.0, 3.0]),
    (Probit(), [0.0, 1.0]),
]
IDS = [type(likelihood).__name__ for likelihood, _ in CASES]


@pytest.mark.parametrize(("likelihood", "targets"), CASES, ids=IDS)
def test_derivatives(likelihood, targets):
    y, eta = (grid.ravel() for grid in np.meshgrid(targets, np.linspace(-3.0, 3.0, 13)))
    h = 1e-5
    slope = (likelihood.log_prob(y, eta + h) - likelihood.log_prob(y, eta - h)) / (2.0 * h)
    curvature = -(likelihood.slope(y, eta + h) - likelihood.slope(y, eta - h)) / (2.0 * h)
    assert_allclose(likelihood.slope(y, eta), slope, rtol=1e-7, atol=1e-8)
    assert_allclose(likelihood.curvature(y, eta), curvature, rtol=1e-7, atol=1e-8)


def by_trapezoid(function, mean, var):
    t = np.linspace(-13.0, 13.0, 8001)
    mass = np.exp(-0.5 * t**2)
    return function(mean[:, None] + np.sqrt(var)[:, None] * t) @ (mass / mass.sum())


@pytest.mark.parametrize("variance", [0.0, 1e-14, 1e-6, 0.05, 0.3, 1.0])
@pytest.mark.parametrize(("likelihood", "targets"), CASES, ids=IDS)
def test_expectations(likelihood, targets, variance):
    y, mean = (grid.ravel() for grid in np.meshgrid(targets, np.linspace(-2.0, 2.0, 5)))
    var = np.full(len(y), variance)
    column = y[:, None]
    exact = [
        by_trapezoid(lambda eta, f=f: f(column, eta), mean, var)
        for f in (likelihood.log_prob, likelihood.slope, likelihood.curvature)
    ]
    # Gauss-Hermite rules of 32 nodes lose digits as the poles of a Student-t come near.
    tolerance = 2e-5 if isinstance(likelihood, StudentT) and variance > 0.01 else 1e-8
    for got, expected in zip(likelihood.expected(y, mean, var), exact, strict=True):
        assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("likelihood", "targets"), [*CASES, (JaakkolaLogit(), [0.0, 1.0])])
def test_expectations_are_each_others_derivatives(likelihood, targets):
    y, mean = (grid.ravel() for grid in np.meshgrid(targets, np.linspace(-1.5, 1.5, 4)))
    var, h = np.full(len(y), 0.4), 1e-4
    _, slope, curvature = likelihood.expected(y, mean, var)
    in_mean = likelihood.expected(y, mean + h, var)[0] - likelihood.expected(y, mean - h, var)[0]
    in_var = likelihood.expected(y, mean, var + h)[0] - likelihood.expected(y, mean, var - h)[0]
    assert_allclose(slope, in_mean / (2.0 * h), rtol=1e-6, atol=1e-7)
    assert_allclose(curvature, -in_var / h, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("var", [0.0, 0.01, 0.25, 0.7, 1.0, 9.0, 100.0, 3000.0, 5000.0, 1e6])
def test_softplus_moments(var):
    mean = np.array([-40.0, -3.0, -0.7, 0.0, 0.3, 2.0, 11.0, 3.0 * np.sqrt(var)])
    t = np.linspace(-13.0, 13.0, 400001)
    mass = np.exp(-0.5 * t**2) / np.exp(-0.5 * t**2).sum()
    for m, got in zip(mean, np.transpose(softplus_moments(mean, np.full(8, var))), strict=True):
        eta = m + np.sqrt(var) * t
        sigma = 1.0 / (1.0 + np.exp(-np.maximum(eta, -700.0)))
        expected = [mass @ np.logaddexp(0.0, eta), mass @ sigma, mass @ (sigma * (1.0 - sigma))]
        assert_allclose(got, expected, rtol=1e-9, atol=1e-10)


def test_jaakkola_is_below_and_touches_at_a_symmetric_point():
    rng = np.random.default_rng(0)
    y, mean, var = rng.integers(2, size=200), 3.0 * rng.normal(size=200), 5.0 * rng.uniform(size=200)
    exact, bound = BernoulliLogit().expected(y, mean, var)[0], JaakkolaLogit().expected(y, mean, var)[0]
    assert (bound < exact).all()
    point = np.array([1.0]), np.array([0.7]), np.array([0.0])
    assert_allclose(JaakkolaLogit().expected(*point)[0], BernoulliLogit().expected(*point)[0], rtol=1e-12)


DENSITIES = [
    (NegativeBinomialLog(2.5), lambda y, eta: stats.nbinom.logpmf(y, 2.5, 2.5 / (2.5 + np.exp(eta)))),
    (GammaLog(3.0), lambda y, eta: stats.gamma.logpdf(y, 3.0, scale=np.exp(eta) / 3.0)),
    (PoissonLog(), lambda y, eta: stats.poisson.logpmf(y, np.exp(eta))),
    (StudentT(4.0, 0.7), lambda y, eta: stats.t.logpdf(y, 4.0, eta, 0.7)),
]


@pytest.mark.parametrize(("likelihood", "log_density"), DENSITIES)
def test_densities_are_those_of_scipy(likelihood, log_density):
    y, eta = np.array([1.0, 3.0, 8.0]), np.array([-0.4, 0.9, 2.0])
    assert_allclose(likelihood.log_prob(y, eta), log_density(y, eta), rtol=1e-12)


def test_predictive_probabilities_add_up_to_one():
    from skvi.models.glm_predictive import log_predictive

    counts = np.arange(400.0)
    for mean, var in [(0.0, 0.5), (2.0, 0.1), (-3.0, 1.0)]:
        log_density = log_predictive(PoissonLog(), counts, np.full(400, mean), np.full(400, var))
        assert_allclose(np.exp(log_density).sum(), 1.0, rtol=1e-5)


@pytest.mark.parametrize(("y", "mean", "var"), [(1e6, 13.0, 0.5), (0.0, 3.0, 4.0), (5.0, -8.0, 2.0), (3.0, 1.0, 1e-9)])
def test_predictive_density_by_adaptive_quadrature(y, mean, var):
    from skvi.models.glm_predictive import log_predictive

    likelihood = PoissonLog()
    got = log_predictive(likelihood, *[np.array([value]) for value in (y, mean, var)])[0]
    grid = mean + np.sqrt(var) * np.linspace(-20.0, 20.0, 2000001)
    heights = likelihood.log_prob(y, grid) + stats.norm.logpdf(grid, mean, np.sqrt(var))
    top = heights.max()
    assert got == pytest.approx(top + np.log(integrate.trapezoid(np.exp(heights - top), grid)), abs=1e-8)
