"""Kernels of pairs and Stein's method against plain twins and closed forms; the file also runs without compilation."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvi._numba import DISABLED
from skvi.gradient.distances import median_square
from skvi.gradient.rounds import n_groups, play, rounds
from skvi.gradient.stein import KERNELS, kernel_stein_discrepancy, median_bandwidth, stein_direction
from skvi.kernels import clouds, pairs
from tests.reference import clouds as plain_clouds
from tests.reference import pairs as plain

compiled = pytest.mark.skipif(DISABLED, reason="too many pairs for plain Python")

SHAPES = [(1, 1), (2, 3), (31, 8), (33, 1), (70, 7), (40, 17)]


def particles(n, p, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), rng.normal(size=(n, p))


def panels_of(rows):
    n, p = rows.shape
    panels = np.full((-(-n // pairs.BLOCK) * p, pairs.BLOCK), np.nan)
    pairs.load_panels(rows, panels)
    return panels


def table_of(x, *arguments, module=pairs):
    n, p = x.shape
    table = np.full((-(-n // pairs.BLOCK) * pairs.BLOCK, -(-(p + 1) // 8) * 8), np.nan)
    module.load_table(x, *arguments, table)
    return table


def no_tiles():
    return np.empty((0, pairs.BLOCK))


def empty_tiles(n):
    n_blocks = -(-n // pairs.BLOCK)
    return np.full((n_blocks * (n_blocks + 1) // 2 * pairs.BLOCK, pairs.BLOCK), np.nan)


def distances_of(x, tiles, module=pairs):
    """Distances of all pairs, which are kept in the tiles too."""
    n = len(x)
    squares = np.full(n * (n - 1) // 2, np.nan)
    module.pair_distances(panels_of(x), n, *np.triu_indices(-(-n // pairs.BLOCK)), tiles, squares)
    return squares


def ranges(n):
    """Ranges of blocks: within all, and between the first and the rest."""
    last = -(-n // pairs.BLOCK)
    return [((0, last), (0, last))] + ([((0, 1), (1, last))] if last > 1 else [])


# Each kernel against its twin


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_panels_tables_and_directions(n, p):
    x, g = particles(n, p)
    expected = np.full_like(panels_of(x), np.nan)
    plain.load_panels(x, expected)
    assert_array_equal(panels_of(x), expected)
    inputs = x, g, x.mean(axis=0), 1.0, 0.3
    table = table_of(*inputs)
    assert_allclose(table[:n], table_of(*inputs, module=plain)[:n], rtol=1e-14, atol=1e-14)
    got, wanted = np.full((2, n, p), np.nan)
    pairs.directions(x, g, x.mean(axis=0), table, got)
    plain.directions(x, g, x.mean(axis=0), table, wanted)
    assert_allclose(got, wanted, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("name", ["rbf_sums", "imq_sums"])
def test_sums(n, p, name):
    x, g = particles(n, p)
    tables = [table_of(x, g, x.mean(axis=0), 1.0, 0.3)]
    if name == "imq_sums":
        tables.append(table_of(x, g, x.mean(axis=0), 0.0, 1.0))
    tiles = empty_tiles(n)
    distances_of(x, tiles)
    for first, second in ranges(n):
        got, again, expected = np.ones((3, *tables[0].shape))
        getattr(pairs, name)(panels_of(x), no_tiles(), *tables, n, first, second, 0.4, got)
        getattr(pairs, name)(panels_of(x), tiles, *tables, n, first, second, 0.4, again)
        getattr(plain, name)(panels_of(x), tiles, *tables, n, first, second, 0.4, expected)
        assert_allclose(got[:n], expected[:n], rtol=1e-12, atol=1e-13)
        assert_array_equal(again[:n], got[:n])


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_pair_distances(n, p):
    x = particles(n, p)[0]
    expected = distances_of(x, no_tiles(), plain)
    assert_allclose(distances_of(x, no_tiles()), expected, rtol=1e-13)
    kept, wanted = empty_tiles(n), empty_tiles(n)
    assert_array_equal(distances_of(x, kept), distances_of(x, no_tiles()))
    distances_of(x, wanted, plain)
    inside = np.isfinite(wanted)
    assert_allclose(kept[inside], wanted[inside], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_stein_kernel_sum(n, p):
    x, s = map(panels_of, particles(n, p))
    for first, second in ranges(n):
        expected = plain.stein_kernel_sum(x, s, n, first, second, 0.4)
        assert_allclose(pairs.stein_kernel_sum(x, s, n, first, second, 0.4), expected, rtol=1e-11)


# Rounds


@pytest.mark.parametrize(("n_blocks", "groups"), [(1, 1), (2, 2), (5, 4), (8, 8), (37, 16)])
def test_all_blocks_meet_once_and_none_twice_in_a_round(n_blocks, groups):
    met = np.zeros((n_blocks, n_blocks), int)
    for meetings in rounds(n_blocks, groups):
        busy = np.zeros(n_blocks, int)
        for first, second in meetings:
            part = met[slice(*first), slice(*second)]
            part += np.triu(np.ones_like(part)) if first == second else 1
            busy[slice(*first)] += 1
            if first != second:
                busy[slice(*second)] += 1
        assert busy.max() == 1
    assert_array_equal(met, np.triu(np.ones_like(met)))


def test_groups_grow_with_cost_and_results_keep_their_order():
    assert n_groups(1, 1e12) == 1
    assert n_groups(100, 1e3) == 1
    assert [n_groups(100, cost) for cost in (1e7, 1e8, 1e12)] == [1, 4, 64]
    plan = rounds(9, 4)
    assert play(plan, lambda *meeting: meeting, 2) == [meeting for meetings in plan for meeting in meetings]


# The direction


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("n", "p"), [*SHAPES, (3, 300)])
def test_direction(n, p, name):
    x, g = particles(n, p)
    h, repulsion = 0.7 * np.sqrt(p), 0.3
    expected = plain.stein_direction(x, g, name, h, repulsion)
    assert_allclose(stein_direction(x, g, name, h, repulsion=repulsion), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("n", "p"), [(1, 2), (40, 5), pytest.param(800, 3, marks=compiled)])
def test_direction_at_the_median_bandwidth(n, p, name):
    x, g = particles(n, p)
    assert_array_equal(stein_direction(x, g, name), stein_direction(x, g, name, median_bandwidth(x)))


@compiled
@pytest.mark.parametrize("name", KERNELS)
def test_direction_in_rounds(name):
    n, p, h = 1300, 12, 3.0
    x, g = particles(n, p)
    assert n_groups(-(-n // pairs.BLOCK), n**2 * (p + 8)) > 1
    some = x[::40, None]
    weights = plain.kernel(name, x, some, h)
    expected = (weights @ g + plain.kernel_gradient(name, x, some, h).sum(axis=1)) / n
    assert_allclose(stein_direction(x, g, name, h)[::40], expected, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", KERNELS)
def test_repulsion_is_the_gradient_of_the_kernel(name):
    x, _ = particles(9, 3)
    h, step = 1.3, 1e-6
    expected = np.zeros_like(x)
    for p in range(3):
        up, down = x.copy(), x.copy()
        up[:, p] += step
        down[:, p] -= step
        change = plain.kernel(name, up, x[:, None], h) - plain.kernel(name, down, x[:, None], h)
        expected[:, p] = change.sum(axis=1) / (2.0 * step * len(x))
    assert_allclose(stein_direction(x, np.zeros_like(x), name, h), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_one_particle_follows_its_gradient(name):
    x, g = particles(1, 4)
    assert_array_equal(stein_direction(x, g, name, median_bandwidth(x)), g)


@pytest.mark.parametrize("name", KERNELS)
def test_order_of_particles(name):
    x, g = particles(70, 5)
    order = np.random.default_rng(1).permutation(70)
    moved = stein_direction(x[order], g[order], name, 1.5)
    assert_allclose(moved, stein_direction(x, g, name, 1.5)[order], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", KERNELS)
def test_repeated_particles_are_as_good_as_once(name):
    x, g = particles(20, 3)
    twice = stein_direction(np.repeat(x, 2, axis=0), np.repeat(g, 2, axis=0), name, 1.1)
    assert_allclose(twice[::2], stein_direction(x, g, name, 1.1), rtol=1e-12, atol=1e-15)
    assert_allclose(twice[1::2], twice[::2], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units(name, scale):
    x, g = particles(40, 3)
    moved = stein_direction(scale * x, g / scale, name, scale * 1.1)
    assert_allclose(moved * scale, stein_direction(x, g, name, 1.1), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", KERNELS)
def test_far_offset(name):
    x, g = particles(40, 3)
    # A grid that an offset of 1e6 keeps exactly.
    x = np.round(x * 2**20) / 2**20
    moved = stein_direction(x + 1e6, g, name, 1.1)
    assert_allclose(moved, stein_direction(x, g, name, 1.1), rtol=1e-11, atol=1e-13)
    assert median_bandwidth(x + 1e6) == median_bandwidth(x)
    discrepancy = kernel_stein_discrepancy(x, g, 1.1)
    assert_allclose(kernel_stein_discrepancy(x + 1e6, g, 1.1), discrepancy, rtol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_particles_that_nearly_coincide_far_from_the_others(name):
    # A pair 1e-3 bandwidths apart, 1e6 bandwidths from the centre: products of coordinates would know its squared
    # distance of 1e-6 to 1e-3 only.
    gap, h, p = 2.0**-10, 1.0, 3
    x = np.zeros((4, p))
    x[0] = 1e6
    x[1] = 1e6 + np.array([gap, 0.0, 0.0])
    x[2], x[3] = -1e6, -2e6
    phi = stein_direction(x, np.zeros_like(x), name, h)
    expected = plain.kernel_gradient(name, x[1], x[0], h) / len(x)
    distance = np.linalg.norm(x[0] - x.mean(axis=0))
    assert_allclose(phi[0], expected, rtol=0.0, atol=4.0 * np.spacing(distance) / h**2)
    assert_allclose(phi[0, 0], expected[0], rtol=1e-5)
    # The kernel value itself, by a gradient of the other particle alone.
    g = np.zeros_like(x)
    g[1, 1] = 1.0
    drive = stein_direction(x, g, name, h, repulsion=0.0)
    assert_allclose(len(x) * drive[0, 1], plain.kernel(name, x[0], x[1], h), rtol=1e-15)


@pytest.mark.parametrize("name", KERNELS)
def test_isolated_particles_follow_their_gradients(name):
    x, g = particles(12, 2)
    x *= 1e9
    assert_allclose(len(x) * stein_direction(x, g, name, 1e-3), g, rtol=1e-10, atol=1e-10)


def test_isolated_particles_of_a_gaussian_kernel_keep_every_bit():
    x, g = particles(12, 2)
    assert_array_equal(stein_direction(1e6 * x, g, "rbf", 1e-3), g / len(x))


@pytest.mark.parametrize("name", KERNELS)
def test_float32_and_any_layout(name):
    x, g = (np.asfortranarray(a, dtype=np.float32) for a in particles(20, 3))
    got = stein_direction(x, g, name, 1.1)
    assert got.dtype == np.float64
    assert_array_equal(got, stein_direction(x.astype(float), g.astype(float), name, 1.1))


@compiled
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("n", "p"), [(900, 50), (1300, 12)])
def test_threads_change_no_bit(n, p, name):
    x, g = particles(n, p)
    h = median_bandwidth(x, n_jobs=1)
    directions = [stein_direction(x, g, name, h, n_jobs) for n_jobs in (1, 2, 5)]
    assert median_bandwidth(x, n_jobs=3) == h
    assert_array_equal(directions[0], directions[1])
    assert_array_equal(directions[0], directions[2])
    assert kernel_stein_discrepancy(x, g, h, 1) == kernel_stein_discrepancy(x, g, h, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": "cosine"}, "kernel='cosine': give one of 'rbf', 'imq'"),
        ({"bandwidth": 0.0}, "bandwidth=0.0: it must be positive"),
        ({"bandwidth": np.nan}, "bandwidth=nan: it must be positive"),
        ({"bandwidth": 1e-200}, "bandwidth=1e-200: it must be positive"),
        ({"gradients": np.ones((2, 3))}, r"gradients have shape \(2, 3\), particles \(2, 2\)"),
        ({"particles": np.ones(2)}, r"particles have shape \(2,\)"),
        ({"particles": np.ones((0, 2))}, r"particles have shape \(0, 2\)"),
    ],
)
def test_messages(change, message):
    arguments = {"particles": np.ones((2, 2)), "gradients": np.ones((2, 2)), "kernel": "rbf", "bandwidth": 1.0}
    with pytest.raises(ValueError, match=message):
        stein_direction(**arguments | change)


# The bandwidth


@pytest.mark.parametrize(("n", "p"), [(2, 3), (3, 1), (4, 2), (31, 8), (64, 1), (65, 4), (100, 5)])
def test_median_is_exact(n, p):
    x, _ = particles(n, p)
    assert_allclose(median_bandwidth(x), plain.median_bandwidth(x), rtol=1e-14)


@compiled
@pytest.mark.parametrize("n", [723, 724])
def test_median_is_exact_up_to_the_stated_number(n):
    x, _ = particles(n, 2)
    assert_allclose(median_bandwidth(x), plain.median_bandwidth(x), rtol=1e-14)


@compiled
@pytest.mark.parametrize(("n", "p", "tolerance"), [(1025, 1, 1e-2), (2000, 2, 6e-3), (3001, 50, 2e-3)])
def test_median_of_a_sample(n, p, tolerance):
    x, _ = particles(n, p)
    sampled, exact = median_bandwidth(x), median_bandwidth(x, n_pairs=np.inf)
    assert_allclose(exact, plain.median_bandwidth(x) if n < 1500 else exact, rtol=1e-14)
    assert sampled != exact
    assert_allclose(sampled, exact, rtol=tolerance)
    assert median_bandwidth(x[np.random.default_rng(1).permutation(n)]) == sampled


def test_small_sample():
    x, _ = particles(400, 2)
    sampled, exact = median_square(x, 1, 2**12), median_square(x, 1, np.inf)
    assert sampled != exact
    assert_allclose(sampled, exact, rtol=0.1)
    assert median_square(x[::-1], 1, 2**12) == sampled


def test_bandwidth_of_particles_that_coincide():
    assert median_bandwidth(np.ones((1, 3))) == 1.0
    assert median_bandwidth(np.full((50, 3), 0.1)) == 1.0
    x = np.zeros((50, 2))
    x[0] = 3.0, 4.0
    mean = 2 * 49 * 25.0 / 50**2
    assert_allclose(median_bandwidth(x), np.sqrt(0.5 * mean / np.log(51.0)))


# The discrepancy


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_discrepancy(n, p):
    x, g = particles(n, p)
    expected = np.sqrt(plain.stein_kernel(x, g, 1.0 / 0.8**2).mean())
    assert_allclose(kernel_stein_discrepancy(x, g, 0.8), expected, rtol=1e-10)
    assert kernel_stein_discrepancy(x, g) == kernel_stein_discrepancy(x, g, median_bandwidth(x))


def test_stein_kernel_by_differences():
    # u = s't k + s'grad_y k + t'grad_x k + trace of the mixed second derivatives
    (x, y), (s, t) = particles(2, 2)
    h, step = 0.9, 1e-4
    u = plain.kernel("imq", x, y, h) * (s @ t)
    for e in step * np.eye(2):
        ahead, back = plain.kernel("imq", x, y + e, h), plain.kernel("imq", x, y - e, h)
        u += s @ (e / step) * (ahead - back) / (2.0 * step)
        ahead, back = plain.kernel("imq", x + e, y, h), plain.kernel("imq", x - e, y, h)
        u += t @ (e / step) * (ahead - back) / (2.0 * step)
        same = plain.kernel("imq", x + e, y + e, h) + plain.kernel("imq", x - e, y - e, h)
        opposite = plain.kernel("imq", x + e, y - e, h) + plain.kernel("imq", x - e, y + e, h)
        u += (same - opposite) / (4.0 * step**2)
    own = s @ s + t @ t + 2 * 2 / h**2
    got = kernel_stein_discrepancy(np.array([x, y]), np.array([s, t]), h) ** 2
    assert_allclose(got, (2.0 * u + own) / 4.0, rtol=1e-6)


@compiled
def test_discrepancy_of_draws_is_as_small_as_their_number_says():
    h, p, repeats = 1.0, 2, 20
    for n in (100, 900):
        squares = []
        for seed in range(repeats):
            x = np.random.default_rng(seed).normal(size=(n, p))
            squares.append(kernel_stein_discrepancy(x, -x, h) ** 2)
        expected = (p + p / h**2) / n
        assert abs(np.mean(squares) - expected) < 4.0 * np.std(squares) / np.sqrt(repeats)


@pytest.mark.parametrize("off", [lambda x: x + 0.7, lambda x: 2.0 * x, lambda x: 0.3 * x, np.abs])
def test_discrepancy_grows_off_target(off):
    x, _ = particles(90, 2)
    wrong = off(x)
    assert kernel_stein_discrepancy(wrong, -wrong, 1.0) > 1.5 * kernel_stein_discrepancy(x, -x, 1.0)


@compiled
@pytest.mark.parametrize("name", KERNELS)
def test_descent_reaches_a_gaussian(name):
    x, _ = particles(100, 2)
    x, mean, var = 0.2 * x - 4.0, np.array([1.0, -2.0]), np.array([1.0, 4.0])
    before = kernel_stein_discrepancy(x, (mean - x) / var, 1.0)
    for _ in range(3000):
        x = x + 0.3 * stein_direction(x, (mean - x) / var, name, median_bandwidth(x))
    assert_allclose(x.mean(axis=0), mean, atol=0.02)
    assert_allclose(x.var(axis=0), var, rtol=0.15)
    assert kernel_stein_discrepancy(x, (mean - x) / var, 1.0) < 0.05 * before


@pytest.mark.parametrize("name", ["cloud_distances", "cloud_directions"])
def test_twins_of_few_particles_have_the_same_signature(name):
    kernel = getattr(clouds, name)
    assert inspect.signature(getattr(kernel, "py_func", kernel)) == inspect.signature(getattr(plain_clouds, name))


@pytest.mark.parametrize("normal", [True, False])
@pytest.mark.parametrize(("n", "p"), [(1, 1), (5, 3), (33, 7), (70, 16)])
def test_few_particles_in_two_calls_are_their_twins(n, p, normal):
    x, g = particles(n, p)
    first, second = np.triu_indices(-(-n // pairs.BLOCK))
    n_rows = -(-n // pairs.BLOCK) * pairs.BLOCK
    panels, tiles = (
        np.empty((n_rows * p // pairs.BLOCK, pairs.BLOCK)),
        np.empty((len(first) * pairs.BLOCK, pairs.BLOCK)),
    )
    squares, expected = np.empty((2, n * (n - 1) // 2))
    kernels = clouds.kernels_of_clouds(normal)
    clouds.cloud_distances(kernels, x, first, second, panels, tiles, squares)
    plain_clouds.cloud_distances(kernels, x, first, second, panels.copy(), tiles.copy(), expected)
    assert_allclose(squares, expected, rtol=1e-13)
    tables, (out, wanted) = np.empty((3, n_rows, -(-(p + 1) // 8) * 8)), np.empty((2, n, p))
    for kept in (tiles, np.empty((0, pairs.BLOCK))):
        clouds.cloud_directions(kernels, x, g, normal, 0.3, 0.7, panels, kept, *tables, out)
        plain_clouds.cloud_directions(kernels, x, g, normal, 0.3, 0.7, panels, kept, *tables, wanted)
        assert_allclose(out, wanted, rtol=1e-12, atol=1e-13)
