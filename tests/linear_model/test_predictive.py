"""Predictive densities and intervals against general quadrature, over all shapes of the noise."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import norm, t

from skvi.models.predictive import half_width, log_density

SHAPES = [0.5, 0.8, 1.0, 3.0, 50.0, 1e3, 1e5]
VARIANCES = [0.0, 1e-6, 0.1, 1.0, 100.0]
RESIDUALS = [0.0, 1.0, 30.0, 1e4]
RATES = [0.1, 7.0]


def log_integral(log_integrand, shape, rate):
    """Log of the integral over u = log alpha of exp(log_integrand), in pieces around its peak."""
    grid = np.log(shape / rate) + np.linspace(-60.0, 10.0, 351)
    best = int(np.argmax([log_integrand(u) for u in grid]))
    bounds = (grid[best - 1], grid[best + 1])
    found = minimize_scalar(lambda u: -log_integrand(u), bounds=bounds, method="bounded", options={"xatol": 1e-9})
    peak, top = found.x, -found.fun
    reach = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 20.0, 50.0, 100.0, 300.0]) / np.sqrt(shape + 0.5)
    edges = np.concatenate([peak - reach[:0:-1], peak + reach])
    pieces = itertools.pairwise(edges)
    total = sum(
        quad(lambda u: np.exp(log_integrand(u) - top), *piece, epsabs=1e-13, epsrel=1e-10)[0]
        for piece in pieces
        if piece[0] < peak + 40.0
    )
    return top + np.log(total)


def expected_log_density(residuals, variances, shape, rate):
    def log_integrand(u):
        if u > 300.0:
            return -np.inf
        total = variances + np.exp(-u)
        return shape * u - rate * np.exp(u) - 0.5 * np.sum(np.log(total) + residuals**2 / total)

    constant = shape * np.log(rate) - gammaln(shape) - 0.5 * len(residuals) * np.log(2.0 * np.pi)
    return constant + log_integral(log_integrand, shape, rate)


@pytest.mark.parametrize("shape", SHAPES)
def test_log_density_is_that_of_general_quadrature(shape):
    for variance, residual, rate in itertools.product(VARIANCES, RESIDUALS, RATES[:1]):
        unit = np.sqrt(rate / shape)
        for units in ([[residual, variance]], [[residual, variance], [0.3, 0.5 * variance], [-1.0, 0.0]]):
            residuals, variances = (unit * np.array(units)[:, 0], unit**2 * np.array(units)[:, 1])
            got = log_density(residuals[:, None], variances[:, None], shape, rate)
            assert_allclose(got, expected_log_density(residuals, variances, shape, rate), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", SHAPES)
def test_without_uncertainty_of_the_coefficients_it_is_a_student_t(shape, rate):
    twin = t(2.0 * shape, scale=np.sqrt(rate / shape))
    residuals = twin.std() * np.array(RESIDUALS) if shape > 1.0 else np.array(RESIDUALS)
    assert_allclose(log_density(residuals[None], np.zeros((1, 4)), shape, rate), twin.logpdf(residuals), rtol=1e-8)
    for level in (0.1, 0.9, 0.999):
        expected = twin.ppf(0.5 * (1.0 + level))
        assert_allclose(half_width(np.zeros(1), level, shape, rate), expected, rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_predictive_density_integrates_to_one_and_half_width_inverts_it(shape):
    rate = 2.0
    for variance, level in itertools.product([0.0, 0.3, 100.0], [0.5, 0.99]):
        half = float(half_width(np.array([variance]), level, shape, rate)[0])

        unit = np.sqrt(rate / shape + variance)
        edge = np.arcsinh(half / unit)
        # Tails fall as exp(-2 shape z), and no slower than those of a normal.
        far = edge + 2.0 + 45.0 / max(1.0, shape)
        inside, outside = (_mass(*ends, unit, variance, shape, rate) for ends in ((0.0, edge), (edge, far)))
        assert inside == pytest.approx(level, abs=1e-8)
        assert inside + outside == pytest.approx(1.0, abs=1e-8)


def _mass(low, high, unit, variance, shape, rate):
    """Predictive probability of low < arcsinh(|residual| / unit) < high, which takes heavy tails in."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    z = 0.5 * (high + low + (high - low) * nodes)
    residuals = unit * np.sinh(z)[None]
    density = np.exp(log_density(residuals, np.full(residuals.shape, variance), shape, rate))
    return (high - low) * weights @ (density * unit * np.cosh(z))


def test_rows_do_not_depend_on_their_neighbours():
    rng = np.random.default_rng(0)
    residuals, variances = 10.0 ** rng.uniform(-3, 6, size=(2, 500)), 10.0 ** rng.uniform(-6, 2, size=(2, 500))
    together = log_density(residuals, variances, 4.0, 0.5)
    alone = [log_density(residuals[:, i : i + 1], variances[:, i : i + 1], 4.0, 0.5)[0] for i in range(500)]
    assert_allclose(together, alone, rtol=1e-10)
    widths = half_width(variances[0], 0.9, 4.0, 0.5)
    assert_allclose(widths, [half_width(variances[0, i : i + 1], 0.9, 4.0, 0.5)[0] for i in range(500)], rtol=1e-9)


def test_narrow_noise_is_a_normal():
    variances = np.array([0.0, 2.0])
    total = np.sqrt(variances + 0.25)
    assert_allclose(log_density(np.ones((1, 2)), variances[None], 4e8, 1e8), norm(scale=total).logpdf(1.0), rtol=1e-7)
    assert_allclose(half_width(variances, 0.95, 4e8, 1e8), total * norm.ppf(0.975), rtol=1e-7)


@pytest.mark.parametrize("shape", [0.02, 0.06])
def test_noise_all_but_unknown_stays_within_float64(shape):
    density = log_density(np.array([[0.0, 3.0]]), np.array([[0.0, 2.0]]), shape, 1e-3)
    assert np.isfinite(density).all()
    assert np.isfinite(half_width(np.array([0.0, 1.0]), 0.5, shape, 1e-3)).all()
