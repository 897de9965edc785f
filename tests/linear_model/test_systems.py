"""The three linear systems against a dense inverse, and against each other."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from skvi.models.design import GramDesign
from skvi.models.sums import DesignRows, summed
from skvi.models.systems import GramSystem, RowSystem, SpectralSystem

N_OUTPUTS = 2
SHAPES = {"tall": (30, 6), "square": (7, 7), "wide": (5, 12), "one row": (1, 4), "one column": (9, 1)}
LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_array}
WAYS = {"spectral": SpectralSystem, "gram": GramSystem, "rows": RowSystem}
EQUAL = {"equal": lambda d: np.full(d, 0.7), "unequal": lambda d: np.linspace(0.2, 3.0, d)}
#: noise precisions: data that leave much open, and data that determine nearly everything
SCALES = [0.3, 1e4]


class Dense:
    """What a system is about, by definition."""

    def __init__(self, x, y, weights, centered, shrinkage, scale):
        self.x_mean, self.y_mean = np.zeros(x.shape[1]), np.zeros(y.shape[1])
        if centered:
            self.x_mean, self.y_mean = (np.average(table, axis=0, weights=weights) for table in (x, y))
        self.x, self.y = x - self.x_mean, y - self.y_mean
        self.weights, self.shrinkage = weights, shrinkage
        self.gram = self.x.T @ (weights[:, None] * self.x)
        self.precision = np.diag(shrinkage) + scale * self.gram
        self.covariance = np.linalg.inv(self.precision)
        self.mean = scale * (weights[:, None] * self.y).T @ self.x @ self.covariance

    @property
    def residual_squares(self):
        return self.weights @ (self.y - self.x @ self.mean.T) ** 2


def case(shape, layout, centered, equal, scale):
    """A design of weighted rows, and the same by definition."""
    rng = np.random.default_rng(shape)
    x = rng.standard_normal(shape)
    if layout == "sparse":
        x = np.where(rng.random(shape) < 0.5, x, 0.0)
        x[0] += 1.0
    y = x @ rng.standard_normal((shape[1], N_OUTPUTS)) + rng.standard_normal((shape[0], N_OUTPUTS))
    weights = rng.uniform(0.2, 2.0, size=shape[0])
    design = summed(LAYOUTS[layout](x), y, weights, 1).design(centered)
    return design, Dense(x, y, weights, centered, EQUAL[equal](shape[1]), scale)


def ways(design, equal):
    """Systems that can solve for a design."""
    general = GramSystem if isinstance(design, GramDesign) else RowSystem
    return [SpectralSystem, general] if equal == "equal" else [general]


CASES = list(itertools.product(SHAPES, LAYOUTS, [True, False], EQUAL))


def system(way, design, shrinkage, scale):
    if way is SpectralSystem:
        return way(design, float(shrinkage[0]), scale, slice(None))
    return way(design, shrinkage, scale, slice(None))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("shape", "layout", "centered", "equal"), CASES)
def test_systems_agree_with_a_dense_inverse(shape, layout, centered, equal, scale):
    design, dense = case(SHAPES[shape], layout, centered, equal, scale)
    groups = np.arange(SHAPES[shape][1]) % 3
    points = np.random.default_rng(0).standard_normal((4, SHAPES[shape][1]))
    # Where the data say 1e4 times as much as the prior, as many digits of the dense inverse are gone.
    close = dict(rtol=1e-11 * scale if scale > 1.0 else 1e-10, atol=1e-11 * np.abs(dense.covariance).max())
    for way in ways(design, equal):
        one = system(way, design, dense.shrinkage, scale)
        determined = 1.0 - dense.shrinkage * np.diagonal(dense.covariance)
        assert_allclose(one.mean, dense.mean, rtol=1e-7, atol=1e-8)
        assert_allclose(one.var, np.diagonal(dense.covariance), **close)
        assert_allclose(one.covariance, dense.covariance, **close)
        assert_allclose(one.determined, determined, rtol=1e-8, atol=1e-10)
        assert_allclose(one.log_det, np.linalg.slogdet(dense.precision)[1], rtol=1e-10, atol=1e-10)
        assert_allclose(one.quadratic(points), np.einsum("nd,de,ne->n", points, dense.covariance, points), **close)
        assert_allclose(one.residual_squares, dense.residual_squares, rtol=1e-7, atol=1e-10)
        for labels in (np.zeros_like(groups), groups):
            assert_allclose(one.norms(labels), np.bincount(labels, (dense.mean**2).sum(axis=0)), rtol=1e-7)
            assert_allclose(one.shares(labels), np.bincount(labels, determined), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("shape", "layout", "centered", "equal"), CASES)
def test_draws_have_the_covariance(shape, layout, centered, equal):
    design, dense = case(SHAPES[shape], layout, centered, equal, 2.0)
    n = 20_000
    widths = np.sqrt(np.diagonal(dense.covariance))
    for way in ways(design, equal):
        draws = system(way, design, dense.shrinkage, 2.0).noise(n, np.random.RandomState(1)) / widths
        expected = dense.covariance / np.multiply.outer(widths, widths)
        # A product of two standardised draws has a variance of at most two.
        assert np.abs(draws.T @ draws / n - expected).max() < 6.0 * np.sqrt(2.0 / n)
        assert np.abs(draws.mean(axis=0)).max() < 6.0 / np.sqrt(n)


@pytest.mark.parametrize(("shape", "layout"), list(itertools.product(SHAPES, LAYOUTS)))
def test_a_design_picks_the_smaller_side_and_the_eigenbasis(shape, layout):
    design, dense = case(SHAPES[shape], layout, True, "unequal", 1.0)
    n_rows, n_features = SHAPES[shape]
    picked = design.system(dense.shrinkage, 1.0)
    assert isinstance(design.system(np.ones(n_features), 1.0), SpectralSystem)
    if n_features > 1:
        assert type(picked) is (RowSystem if n_rows <= n_features else GramSystem)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("centered", [True, False])
def test_rows_and_gram_of_the_same_data_agree(layout, centered):
    design, dense = case(SHAPES["wide"], layout, centered, "unequal", 5.0)
    gram = GramDesign(design.weight, design.x_mean, design.y_mean, dense.gram, design.cross, design.squares)
    one, other = design.system(dense.shrinkage, 5.0), gram.system(dense.shrinkage, 5.0)
    assert [type(one), type(other)] == [RowSystem, GramSystem]
    for name in ("mean", "var", "covariance", "log_det", "determined", "residual_squares"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-8, atol=1e-10, err_msg=name)


def test_one_output_of_several_is_served_alone():
    design, dense = case(SHAPES["tall"], "dense", True, "unequal", 2.0)
    for t in range(N_OUTPUTS):
        one = design.system(dense.shrinkage, 2.0, slice(t, t + 1))
        assert_allclose(one.mean, dense.mean[t : t + 1], rtol=1e-9)
        assert_allclose(one.residual_squares, dense.residual_squares[t : t + 1], rtol=1e-9)


def test_variances_survive_data_that_determine_all_digits():
    # One less what is determined would be nothing but rounding.
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, 6)), rng.standard_normal((3, 1))
    x[:, 3:] *= 1e-9
    design = summed(x, y, np.ones(3), 1).design(False)
    for shrinkage in (np.full(6, 1e-6), np.linspace(1e-6, 2e-6, 6)):
        one = design.system(shrinkage, 1e14)
        least = 1.0 / (shrinkage + 1e14 * (x**2).sum(axis=0))
        assert (one.var >= 0.999 * least).all()


def test_rows_that_are_all_but_equal_have_short_eigenvectors():
    row = np.array([[820.9959369347351, 0.1, 1.0 / 3.0]])
    for x in (row, np.repeat(row, 3, axis=0), np.nextafter(np.repeat(row, 2, axis=0), 0.0)):
        for table in (x, sparse.csr_array(x)):
            weights = np.full(len(x), 0.7)
            design = summed(table, np.ones((len(x), 1)), weights, 1).design(True)
            assert isinstance(summed(table, np.ones((len(x), 1)), weights, 1), DesignRows)
            one = design.system(np.full(3, 2.0), 1.0)
            assert_allclose(one.var, 0.5, rtol=1e-6)
            assert_allclose(one.quadratic(np.eye(3)), 0.5, rtol=1e-6)
