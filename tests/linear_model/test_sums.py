"""Sums over rows: the same whatever the origin, the blocks and the order of chunks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skvi.models.sums import DesignRows, DesignSums, summed

LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_array}


def table(shape, seed=0, n_outputs=2, density=1.0):
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(shape) < density, 1.0 + rng.standard_normal(shape), 0.0)
    return x, rng.standard_normal((shape[0], n_outputs)) - 4.0, rng.uniform(0.1, 3.0, size=shape[0])


def figures(design):
    """All that a design says, by name; rows themselves only through their products."""
    names = ("weight", "x_mean", "y_mean", "gram", "cross", "squares", "diagonal")
    return {name: getattr(design, name) for name in names}


def defined(x, y, weights, centered):
    """The same figures by definition."""
    x_mean, y_mean = np.zeros(x.shape[1]), np.zeros(y.shape[1])
    if centered:
        x_mean, y_mean = np.average(x, axis=0, weights=weights), np.average(y, axis=0, weights=weights)
    x, y = x - x_mean, y - y_mean
    gram = x.T @ (weights[:, None] * x)
    return {
        "weight": weights.sum(),
        "x_mean": x_mean,
        "y_mean": y_mean,
        "gram": gram,
        "cross": (weights[:, None] * y).T @ x,
        "squares": weights @ y**2,
        "diagonal": np.diagonal(gram),
    }


def assert_same(got, expected, rtol=1e-10, atol=1e-10):
    for name, value in expected.items():
        assert_allclose(got[name], value, rtol=rtol, atol=atol * (1.0 + np.abs(value).max()), err_msg=name)


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("density", [1.0, 0.3, 0.02])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(700, 9), (9, 9), (4, 9), (1, 3)], ids=str)
def test_designs_are_what_they_are_by_definition(shape, layout, density, centered):
    x, y, weights = table(shape, density=density)
    for w in (weights, np.ones(len(x)), np.where(np.arange(len(x)) % 3, weights, 0.0)):
        if not w.any():
            continue
        sums = summed(LAYOUTS[layout](x), y, w, 1)
        assert isinstance(sums, DesignRows) == (np.count_nonzero(w) <= shape[1])
        assert_same(figures(sums.design(centered)), defined(x, y, w, centered))
        assert sums.weight == pytest.approx(w.sum(), rel=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cuts", [[1], [1, 2, 3], [4, 8], [9], [8, 300], [300], [2, 690]], ids=str)
def test_chunks_add_up_to_the_whole(layout, cuts):
    x, y, weights = table((700, 9), density=0.5)
    parts = [np.arange(len(x))[part] for part in np.split(np.arange(len(x)), cuts)]
    total = None
    for part in parts:
        origin = None if total is None else total.origin
        sums = summed(LAYOUTS[layout](x[part]), y[part], weights[part], 1, origin)
        total = sums if total is None else total + sums
    for centered in (True, False):
        assert_same(figures(total.design(centered)), defined(x, y, weights, centered))


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("sizes", [(3, 4), (3, 40), (40, 3), (40, 40)], ids=str)
def test_sums_about_other_origins_and_of_other_layouts_add_up(first, second, sizes):
    x, y, weights = table((sum(sizes), 9), density=0.5)
    one, two = slice(sizes[0]), slice(sizes[0], None)
    given = summed(LAYOUTS[first](x[one]), y[one], weights[one], 1)
    for origin in (None, given.origin):
        other = summed(LAYOUTS[second](x[two]), y[two], weights[two], 1, origin)
        for total in (given + other, other + given):
            assert_same(figures(total.design(True)), defined(x, y, weights, True))
            assert_same(figures(total.design(False)), defined(x, y, weights, False))


def test_another_origin_changes_no_sum():
    x, y, weights = table((50, 4))
    sums = summed(x, y, weights, 1)
    origin = np.append(np.random.default_rng(1).standard_normal(6), 0.0)
    moved = sums.about(origin)
    a = np.column_stack([x, y, np.ones(len(x))]) - origin
    assert_allclose(moved.matrix, a.T @ (weights[:, None] * a), rtol=1e-12)
    assert_allclose(moved.about(sums.origin).matrix, sums.matrix, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", [(400, 5), (4, 9)], ids=str)
def test_columns_far_from_zero_keep_their_digits(shape):
    x, y, weights = table(shape)
    # Multiples of a power of two, so that nothing is rounded but sums.
    x, y = np.round(1024.0 * x) / 1024.0, np.round(1024.0 * y) / 1024.0
    for shift in (2.0**20, 2.0**33):
        far = figures(summed(x + shift, y - shift, weights, 1).design(True))
        expected = defined(x, y, weights, True)
        for name in ("gram", "cross", "squares"):
            assert_allclose(far[name], expected[name], rtol=1e-9, atol=1e-5 * shift / 2.0**33, err_msg=name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(40_000, 30), (60, 3_000)], ids=str)
def test_threads_change_no_bit(layout, shape):
    x, y, weights = table(shape, density=0.2)
    one, many = (summed(LAYOUTS[layout](x), y, weights, n_jobs) for n_jobs in (1, 3))
    for name in ("mean", "determined", "log_det", "residual_squares"):
        for shrinkage in (np.ones(shape[1]), np.linspace(0.5, 2.0, shape[1])):
            got = [getattr(s.design(True, k).system(shrinkage, 1.0), name) for s, k in ((one, 1), (many, 3))]
            assert_array_equal(*got, err_msg=name)


def test_rows_by_blocks_are_the_whole():
    # So many that they are cut into ranges, and ranges into chunks.
    x, y, weights = table((70_001, 4), n_outputs=1)
    a = np.column_stack([x, y, np.ones(len(x))])
    sums = summed(x, y, weights, 2)
    assert_allclose(sums.about(np.zeros(6)).matrix, a.T @ (weights[:, None] * a), rtol=1e-11)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_rows", [5, 57])
def test_constant_columns_do_not_vary_by_rounding(layout, n_rows):
    x, y, weights = table((n_rows, 8), density=0.5)
    x[:, 2], x[:, 5] = 0.1, 1e5 / 3.0
    diagonal = summed(LAYOUTS[layout](x), y, weights, 1).design(True).diagonal
    for j in (2, 5):
        # Below the square of the rounding error of one entry, where columns count as constant.
        assert diagonal[j] / weights.sum() <= (8.0 * np.finfo(float).eps * x[0, j]) ** 2


def test_single_precision_is_summed_in_double():
    x, y, weights = table((500, 3))
    x = x.astype(np.float32) + np.float32(1000.0)
    single, double = summed(x, y, weights, 1), summed(x.astype(float), y, weights, 1)
    assert single.matrix.dtype == np.float64
    assert_array_equal(single.matrix, double.matrix)


def test_rows_without_weight_are_not_looked_at():
    x, y, weights = table((30, 4))
    weights[::2] = 0.0
    wild = x.copy()
    wild[::2] = 1e99
    without = summed(x[1::2], y[1::2], weights[1::2], 1)
    assert_allclose(summed(wild, y, weights, 1).matrix, without.matrix, rtol=1e-12, atol=1e-12)
    assert isinstance(summed(x, y, weights, 1), DesignSums)
