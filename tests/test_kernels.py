"""Each kernel against its plain twin; the file also runs without compilation."""

import ast
import importlib
import inspect
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skvi.kernels
from skvi.kernels import assignments, blocks, centers, diagonal, gaussian, moments, passes, selection, simd, special
from skvi.models.rows import Rows
from tests import reference
from tests.reference import assignments as plain_assignments
from tests.reference import blocks as plain_blocks
from tests.reference import centers as plain_centers
from tests.reference import diagonal as plain_diagonal
from tests.reference import gaussian as plain_gaussian
from tests.reference import moments as plain_moments
from tests.reference import passes as plain_passes
from tests.reference import selection as plain_selection
from tests.reference import special as plain_special

FEATURES = [1, 2, 3, 4, 5, 16, 17, 33]
ROWS = [1, 31, 32, 33, 300]
SHAPES = [(d, 33) for d in FEATURES] + [(5, n) for n in ROWS]
LOW_SHAPES = [(1, 33), (2, 1), (3, 32), (4, 33), (4, 300)]
DEEP_SHAPES = [(16, 33), (17, 300), (33, 31), (33, 33)]
PLAIN_FUNCTIONS = {"special": ["exp_nonpositive", "log_normal"]}


def public_kernels(path):
    """Names of the public functions of a kernel module that Python may call or that stand for themselves."""
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    compiled = [f.name for f in functions if any(ast.unparse(d) == "jit" for d in f.decorator_list)]
    return [name for name in compiled if not name.startswith("_")] + PLAIN_FUNCTIONS.get(path.stem, [])


KERNELS = [
    (path.stem, name)
    for path in sorted(Path(skvi.kernels.__file__).parent.glob("*.py"))
    for name in public_kernels(path)
]


def parameters(function):
    return list(inspect.signature(getattr(function, "py_func", function)).parameters)


@pytest.mark.parametrize(("module", "name"), KERNELS)
def test_every_public_kernel_has_a_twin_of_the_same_signature(module, name):
    kernel = getattr(importlib.import_module(f"skvi.kernels.{module}"), name)
    twin = getattr(importlib.import_module(f"{reference.__name__}.{module}"), name)
    assert parameters(kernel) == parameters(twin)


def test_public_kernels_are_found():
    assert {("gaussian", "full_scores"), ("blocks", "load_block"), ("special", "log_normal")} <= set(KERNELS)


# Elementary functions


@numba.njit
def apply_exp(x, out):
    for b in range(0, x.shape[1], simd.LANES):
        simd.store(out, 0, b, special.exp_nonpositive(simd.load(x, 0, b)))


@numba.njit
def apply_log(x, out):
    for b in range(x.shape[1]):
        out[0, b] = special.log_normal(x[0, b])


def applied(function, x):
    """The function of each element, the last vector filled up with -1."""
    filled = np.full((1, blocks.padded(len(x), simd.LANES)), -1.0)
    filled[0, : len(x)] = x
    out = np.empty_like(filled)
    function(filled, out)
    return out[0, : len(x)]


EXP_POINTS = {
    "dense near zero": -np.linspace(0.0, 2.0, 2001),
    "whole range": -np.linspace(0.0, 708.0, 2001),
    "tiny": -np.array([0.0, 5e-324, 1e-310, 1e-300, 1e-17, 1e-16, 1.2e-16, 1e-8]),
    "halves of ln 2": -np.log(2.0) * 0.5 * np.arange(1, 2000),
    "negative zero": np.array([-0.0]),
}


@pytest.mark.parametrize("points", EXP_POINTS.values(), ids=EXP_POINTS)
def test_exp_nonpositive_is_accurate(points):
    exact = plain_special.exp_nonpositive(points.astype(np.longdouble))
    assert np.max(np.abs(applied(apply_exp, points) - exact) / exact) < 4e-16


@pytest.mark.parametrize("x", [-708.0, -708.5, -745.0, -746.0, -1e4, -1e300, -np.inf])
def test_exp_nonpositive_stays_normal_where_exp_underflows(x):
    value = applied(apply_exp, np.array([x]))[0]
    assert np.finfo(float).tiny < value <= 3.4e-308
    assert_allclose(value, plain_special.exp_nonpositive(x), rtol=4e-16)


def test_exp_nonpositive_of_zero_is_one():
    assert_array_equal(applied(apply_exp, np.array([0.0, -0.0])), [1.0, 1.0])


@pytest.mark.parametrize("payload", [0, 1, 0x7A2])
def test_exp_nonpositive_keeps_nan(payload):
    x = np.array([0x7FF8000000000000 + payload, 0xFFF8000000000000 + payload], dtype=np.uint64).view(float)
    assert np.isnan(applied(apply_exp, x)).all()


LOG_POINTS = {
    "powers of ten": 10.0 ** np.linspace(-307.0, 308.0, 1231),
    "around one": np.concatenate([1.0 + np.linspace(-0.5, 1.0, 2001), np.nextafter(1.0, [0.0, 2.0])]),
    "around the root of a half": np.nextafter(np.sqrt(0.5), [0.0, 1.0]),
    "around the root of two": np.nextafter(np.sqrt(2.0), [0.0, 2.0]),
    "powers of two": 2.0 ** np.arange(-1022, 1024),
    "ends": np.array([np.finfo(float).tiny, np.finfo(float).max]),
}


@pytest.mark.parametrize("points", LOG_POINTS.values(), ids=LOG_POINTS)
def test_log_normal_is_accurate(points):
    exact = plain_special.log_normal(points.astype(np.longdouble))
    error = np.abs(applied(apply_log, points) - exact) / np.maximum(1.0, np.abs(exact))
    assert error.max() < 4e-16


# Blocks


def written(kernel, inputs, outputs):
    """What a kernel leaves in copies of the outputs, with what it returns in front."""
    outputs = [output.copy() for output in outputs]
    value = kernel(*inputs, *outputs)
    return [np.nan if value is None else value, *outputs]


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 32), (31, 32), (32, 32), (33, 64), (300, 320)])
def test_padded_rounds_up_to_whole_tiles(n, expected):
    assert blocks.padded(n, blocks.ROW_TILE) == expected


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda rows: np.repeat(rows, 2, axis=0)[::2],
}


def check_load_block(rows, n_features, n_rows):
    weights = np.random.default_rng(0).uniform(size=n_rows)
    weights[1::4] = 0.0
    width = blocks.padded(n_rows, blocks.ROW_TILE) + blocks.ROW_TILE
    depth, columns = (blocks.padded(n_features, tile) for tile in (blocks.FEATURE_TILE, blocks.TABLE_TILE))
    for table in [(width, columns), (width, 0)]:
        outputs = [np.full(shape, np.nan) for shape in [(depth, width), table, (width,)]]
        got = written(blocks.load_block, (rows, weights, 0), outputs)
        expected = written(plain_blocks.load_block, (rows, weights, 0), outputs)
        for one, other in zip(got[1:], expected[1:], strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize(("n_features", "n_rows"), [*SHAPES, (3, 0)])
def test_load_block_takes_rows_of_any_number(n_features, n_rows):
    check_load_block(np.random.default_rng(1).normal(size=(n_rows, n_features)), n_features, n_rows)


@pytest.mark.parametrize(
    ("dtype", "writeable"), [(np.float64, True), (np.float64, False), (np.float32, False), (np.int64, True)]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_load_block_takes_any_dtype_and_layout(dtype, writeable, layout):
    rows = LAYOUTS[layout]((100.0 * np.random.default_rng(2).normal(size=(33, 5))).astype(dtype))
    rows.flags.writeable = writeable
    check_load_block(rows, 5, 33)


# Assignments

N_COMPONENTS = 3


def overlapping(rng, n):
    return rng.normal(size=(N_COMPONENTS, n))


def separated(rng, n):
    return np.where(rng.integers(N_COMPONENTS, size=n) == np.arange(N_COMPONENTS)[:, None], -1.0, -500.0)


def low(rng, n):
    return -1e4 + 10.0 * rng.normal(size=(N_COMPONENTS, n))


def partly_impossible(rng, n):
    scores = rng.normal(size=(N_COMPONENTS, n))
    scores[rng.integers(N_COMPONENTS, size=n), np.arange(n)] = -np.inf
    scores[0, : n // 3] = -np.inf
    scores[1, : n // 3] = -np.inf
    scores[2, : n // 3] = -3.0
    return scores


def huge_gaps(rng, n):
    return -(10.0 ** rng.uniform(-3.0, 300.0, size=(N_COMPONENTS, n)))


def one_component(rng, n):
    return rng.normal(size=(1, n))


SCORES = [overlapping, separated, low, partly_impossible, huge_gaps, one_component]


def some_weights(rng, n):
    """Weights of which every third is zero, the first one excepted."""
    weights = rng.uniform(0.5, 2.0, size=n)
    weights[1::3] = 0.0
    return weights


def zero_padded(array, *shape):
    out = np.zeros(shape)
    out[tuple(slice(n) for n in array.shape)] = array
    return out


def padded_scores(make, n_rows):
    """Scores and weights of a block; in the padding both are zero."""
    rng = np.random.default_rng(n_rows)
    width = blocks.padded(n_rows, blocks.ROW_TILE)
    scores = make(rng, n_rows)
    return zero_padded(scores, len(scores), width), zero_padded(some_weights(rng, n_rows), width)


@pytest.mark.parametrize("n_rows", ROWS)
@pytest.mark.parametrize("make", SCORES)
def test_soften(make, n_rows):
    scores, weights = padded_scores(make, n_rows)
    outputs = [np.empty_like(weights)]
    got, expected = scores.copy(), scores.copy()
    got_entropy, got_bounds = written(assignments.soften, (got, weights), outputs)
    entropy, bounds = written(plain_assignments.soften, (expected, weights), outputs)
    assert_allclose(got_entropy, entropy, rtol=1e-12, atol=1e-11)
    assert_allclose(got_bounds, bounds, rtol=1e-14, atol=1e-14)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    assert_allclose(got.sum(axis=0), weights, rtol=1e-15)


def test_soften_takes_negligible_responsibilities_as_zero():
    scores = np.zeros((2, blocks.ROW_TILE))
    scores[1, :3] = np.log([0.9e-14, 1.1e-14, 0.5])
    assignments.soften(scores, np.ones(blocks.ROW_TILE), np.empty(blocks.ROW_TILE))
    assert_array_equal(scores[:, :3] > 0.0, [[True, True, True], [False, True, True]])


@pytest.mark.parametrize("n_rows", ROWS)
@pytest.mark.parametrize("make", SCORES)
def test_harden(make, n_rows):
    scores, weights = padded_scores(make, n_rows)
    outputs = [np.empty(len(weights), np.int64)]
    got, expected = scores.copy(), scores.copy()
    got_value, got_labels = written(assignments.harden, (got, weights), outputs)
    value, labels = written(plain_assignments.harden, (expected, weights), outputs)
    assert_allclose(got_value, value, rtol=1e-12)
    assert_array_equal(got_labels, labels)
    assert_array_equal(got, expected)


def test_harden_prefers_the_first_of_equals():
    scores, labels = np.array([[1.0, 2.0], [1.0, 3.0], [0.0, 3.0]]), np.empty(2, np.int64)
    assert assignments.harden(scores, np.array([2.0, 1.0]), labels) == 5.0
    assert_array_equal(labels, [0, 1])


# Centres


@pytest.mark.parametrize("most_moves", [0, 1, 50])
@pytest.mark.parametrize(("d", "n"), [(1, 1), (2, 64), (5, 300), (17, 33)])
def test_move_centers(d, n, most_moves):
    rng = np.random.default_rng(n)
    depth, width = blocks.padded(d, blocks.FEATURE_TILE), blocks.padded(n, blocks.ROW_TILE)
    x, weights = np.zeros((depth, width)), np.zeros(width)
    x[:d, :n], weights[:n] = rng.normal(size=(d, n)) + 1e3, rng.integers(0, 3, size=n)
    # The last is nearest to no row.
    start = np.vstack([x[:d, :3].T, np.full(d, -1e6)])
    got, expected = ([start.copy(), np.empty(width, np.int64), np.empty((4, width))] for _ in range(2))
    value = centers.move_centers(x, weights, most_moves, *got)
    assert_allclose(value, plain_centers.move_centers(x, weights, most_moves, *expected), rtol=1e-10, atol=1e-10)
    for array, other in zip(got, expected, strict=True):
        assert_allclose(array, other, rtol=1e-10, atol=1e-10)
    assert_array_equal(got[0][3], start[3])


def test_rows_go_to_the_first_of_equally_near_centers():
    x, labels = np.zeros((4, 32)), np.empty(32, np.int64)
    centers.move_centers(x, np.ones(32), 0, np.array([[2.0], [1.0], [-1.0]]), labels, np.empty((3, 32)))
    assert_array_equal(labels, 1)


# Gaussians


class Problem(NamedTuple):
    """A padded block with padded Gaussian components, as models hand them to the kernels."""

    x: np.ndarray
    table: np.ndarray
    centers: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    precisions: np.ndarray
    constants: np.ndarray
    responsibilities: np.ndarray


def sparse(responsibilities, rng):
    """Each component keeps a tenth of the rows, the last one none."""
    responsibilities = responsibilities * (rng.uniform(size=responsibilities.shape) < 0.1)
    responsibilities[-1] = 0.0
    return responsibilities


def make_problem(n_features, n_rows, distance=1.0, thin=False):
    rng = np.random.default_rng([n_features, n_rows])
    depth, width = blocks.padded(n_features, blocks.FEATURE_TILE), blocks.padded(n_rows, blocks.ROW_TILE)
    columns = blocks.padded(n_features, blocks.TABLE_TILE)
    means = distance * rng.normal(size=(N_COMPONENTS, n_features))
    labels = rng.integers(N_COMPONENTS, size=n_rows)
    rows = means[labels] + rng.normal(size=(n_rows, n_features))
    factors = np.tril(0.3 * rng.normal(size=(N_COMPONENTS, n_features, n_features)), -1) + np.eye(n_features)
    responsibilities = rng.dirichlet(np.ones(N_COMPONENTS), size=n_rows).T * some_weights(rng, n_rows)
    return Problem(
        x=zero_padded(rows.T, depth, width),
        table=zero_padded(rows, width, columns),
        centers=zero_padded(means, N_COMPONENTS, columns),
        weights=zero_padded(some_weights(rng, n_rows), width),
        means=zero_padded(means, N_COMPONENTS, depth),
        factors=zero_padded(factors, N_COMPONENTS, depth, depth),
        precisions=zero_padded(rng.gamma(2.0, size=(N_COMPONENTS, n_features)), N_COMPONENTS, depth),
        constants=rng.normal(size=N_COMPONENTS),
        responsibilities=zero_padded(sparse(responsibilities, rng) if thin else responsibilities, N_COMPONENTS, width),
    )


def both(name, inputs, outputs):
    """Outputs of the kernel of that name, and of its twin."""
    kernel, twin = kernel_and_twin(name)
    return written(kernel, inputs, outputs), written(twin, inputs, outputs)


def kernel_and_twin(name):
    """The kernel of that name, and its twin."""
    pairs = (moments, plain_moments), (diagonal, plain_diagonal), (gaussian, plain_gaussian)
    module, plain = next(pair for pair in pairs if hasattr(pair[1], name) and name in public_names(pair[0]))
    return getattr(module, name), getattr(plain, name)


def public_names(module):
    """Names of the public kernels that stand in a module."""
    return public_kernels(Path(module.__file__))


@pytest.mark.parametrize(("n_features", "n_rows"), SHAPES)
@pytest.mark.parametrize("name", ["full_scores", "diagonal_scores", "tied_scores"])
def test_scores(name, n_features, n_rows):
    p = make_problem(n_features, n_rows)
    factors = {"full_scores": p.factors, "diagonal_scores": p.precisions[:, None], "tied_scores": p.factors[:1]}
    inputs = p.x, p.means, factors[name], p.constants
    (_, got), (_, expected) = both(name, inputs, [np.full_like(p.responsibilities, np.nan)])
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def shared_precisions(p):
    """The first feature's precision for all features that are there."""
    return np.where(p.precisions > 0.0, p.precisions[:, :1], 0.0)


@pytest.mark.parametrize("distance", [1.0, 30.0, 1e6])
@pytest.mark.parametrize(("n_features", "n_rows"), SHAPES)
@pytest.mark.parametrize("name", ["expanded_diagonal_scores", "spherical_scores"])
def test_expanded_scores_keep_the_digits_of_what_matters(name, n_features, n_rows, distance):
    p = make_problem(n_features, n_rows, distance)
    p = p._replace(x=p.x + 1e5 * (p.x != 0.0), means=p.means + 1e5 * (p.means != 0.0))
    precisions = shared_precisions(p) if name == "spherical_scores" else p.precisions
    (_, got), (_, expected) = both(
        name, (p.x, p.means, precisions[:, None], p.constants), [np.full_like(p.responsibilities, np.nan)]
    )
    assert_allclose(got, expected, rtol=1e-12, atol=4e-12)


NEAR = {"near": [True] * 3, "far": [False] * 3, "mixed": [True, False, True]}


def about_center(means, factors, constants, near=NEAR["near"]):
    """What screened scores take of components that are near the shared center, or not."""
    shifts, extents = np.empty((len(means) + 1, means.shape[1])), np.empty(len(means))
    gaussian.shift_to_center(means, np.zeros_like(means), factors, shifts, extents)
    return means, factors, constants, shifts, np.array(near[: len(means)])


def test_shifts_to_the_center_and_how_far_components_reach():
    p = make_problem(5, 1)
    outputs = [np.full((N_COMPONENTS + 1, 8), np.nan), np.full(N_COMPONENTS, np.nan)]
    got, expected = both("shift_to_center", (p.means, np.abs(p.means[::-1]), p.factors), outputs)
    for one, other in zip(got[1:], expected[1:], strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("near", NEAR.values(), ids=NEAR)
@pytest.mark.parametrize("distance", [0.0, 0.3, 3.0, 100.0])
@pytest.mark.parametrize(("n_features", "n_rows"), DEEP_SHAPES)
def test_screened_scores_leave_out_only_what_does_not_matter(n_features, n_rows, distance, near):
    p = make_problem(n_features, n_rows, distance)
    inputs = p.x, *about_center(p.means, p.factors, p.constants, near)
    (_, got), (_, expected) = both("screened_full_scores", inputs, [np.full_like(p.responsibilities, np.nan)])
    left_out = np.isneginf(got)
    assert_allclose(got[~left_out], expected[~left_out], rtol=1e-12, atol=1e-12)
    assert (expected < expected.max(axis=0) - gaussian.CUT)[left_out].all()
    if distance == 0.0:
        assert not left_out[:, :n_rows].any()
    if distance == 100.0 and n_rows == 300:
        # In shorter blocks the padding is most of the rows, and components are not worth screening.
        assert_array_equal((~left_out[:, gaussian.SAMPLE : n_rows]).sum(axis=0), 1)


@pytest.mark.parametrize("feature", [0, 15])
def test_screening_keeps_scores_down_to_the_cut(feature):
    """The gap between two components grows from nothing to twice the cut, along a feature seen early or late."""
    gaps = np.linspace(0.0, 2.0 * gaussian.CUT, 320)
    means, scores = np.zeros((2, 16)), np.empty((2, 320))
    means[1, feature] = 10.0
    x = np.zeros((16, 320))
    # (x - 10)^2 / 2 - x^2 / 2 = gap
    x[feature] = 5.0 - gaps / 10.0
    gaussian.screened_full_scores(x, *about_center(means, np.stack(2 * [np.eye(16)]), np.zeros(2)), scores)
    assert np.isfinite(scores[:, gaps < gaussian.CUT - 1e-9]).all()
    assert np.isfinite(scores[0]).all()


@pytest.mark.parametrize("distance", [0.3, 3.0])
def test_screening_changes_no_responsibility(distance):
    p = make_problem(17, 300, distance)
    softened = []
    heard = p.means, p.factors, p.constants
    for kernel, given in [(gaussian.full_scores, heard), (gaussian.screened_full_scores, about_center(*heard))]:
        scores, row_bounds = np.empty_like(p.responsibilities), np.empty_like(p.weights)
        kernel(p.x, *given, scores)
        entropy = assignments.soften(scores, p.weights, row_bounds)
        softened.append(np.concatenate([scores.ravel(), row_bounds, [entropy]]))
    assert_allclose(softened[1], softened[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("thin", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("n_seconds", [1, N_COMPONENTS], ids=["tied", "full"])
@pytest.mark.parametrize(
    ("name", "n_features", "n_rows"),
    [("full_moments", *shape) for shape in SHAPES] + [("low_moments", *shape) for shape in LOW_SHAPES],
)
def test_moments_add_to_the_lower_triangle(name, n_features, n_rows, n_seconds, thin):
    p = make_problem(n_features, n_rows, thin=thin)
    rng = np.random.default_rng(0)
    columns = p.centers.shape[1]
    outputs = [rng.normal(size=shape) for shape in [(N_COMPONENTS,), p.centers.shape, (n_seconds, columns, columns)]]
    got, expected = both(name, (p.x, p.table, p.responsibilities, p.centers), outputs)
    assert_allclose(got[1], expected[1], rtol=1e-12)
    assert_allclose(got[2], expected[2], rtol=1e-11, atol=1e-11)
    assert_allclose(np.tril(got[3]), np.tril(expected[3]), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("thin", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(("n_features", "n_rows"), SHAPES)
def test_diagonal_moments_add(n_features, n_rows, thin):
    p = make_problem(n_features, n_rows, thin=thin)
    rng = np.random.default_rng(0)
    shapes = [(N_COMPONENTS,), p.centers.shape, (N_COMPONENTS, 1, p.centers.shape[1])]
    outputs = [rng.normal(size=shape) for shape in shapes]
    got, expected = both("diagonal_moments", (p.x, p.table, p.responsibilities, p.centers), outputs)
    for one, other in zip(got[1:], expected[1:], strict=True):
        assert_allclose(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("distance", [30.0, 1e6])
def test_diagonal_moments_keep_their_digits(distance):
    p = make_problem(5, 300, distance)
    kept = np.abs(p.table[:, None] - p.centers).max(axis=2).T < 100.0
    outputs = [np.zeros(shape) for shape in [(N_COMPONENTS,), p.centers.shape, (N_COMPONENTS, 1, 8)]]
    # One component after the other matters to all of its rows, and to no others.
    for k in range(N_COMPONENTS):
        rows = np.flatnonzero(kept[k])
        inputs = p.x[:, rows], p.table[rows], p.responsibilities[:, rows] * (np.arange(N_COMPONENTS) == k)[:, None]
        rest = -len(rows) % 32
        inputs = [
            np.pad(a, w)
            for a, w in zip(inputs, (((0, 0), (0, rest)), ((0, rest), (0, 0)), ((0, 0), (0, rest))), strict=True)
        ]
        got, expected = both("diagonal_moments", (*map(np.ascontiguousarray, inputs), p.centers), outputs)
        for one, other in zip(got[1:], expected[1:], strict=True):
            assert_allclose(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["full_moments", "low_moments", "diagonal_moments"])
def test_moments_of_rows_without_weight_change_nothing(name):
    p = make_problem(4, 33)
    columns = p.centers.shape[1]
    second = N_COMPONENTS, 1 if "diagonal" in name else columns, columns
    outputs = [np.ones(shape) for shape in [N_COMPONENTS, p.centers.shape, second]]
    inputs = p.x, p.table, np.zeros_like(p.responsibilities), p.centers
    got = written(kernel_and_twin(name)[0], inputs, outputs)
    for one, other in zip(got[1:], outputs, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 17])
def test_mirror(depth):
    second = np.random.default_rng(depth).normal(size=(N_COMPONENTS, depth, depth))
    (_, got), (_, expected) = both("mirror", (), [second])
    assert_array_equal(got, expected)
    assert_array_equal(np.tril(got), np.tril(second))


# Passes

FACTORS = {
    "tied_scores": lambda p: p.factors[:1],
    "expanded_diagonal_scores": lambda p: p.precisions[:, None],
    "spherical_scores": lambda p: np.repeat(p.precisions[:, :1, None], p.x.shape[0], axis=2),
}
PASSES = {
    "full, few features": (4, "full_scores", "low_moments"),
    "full": (5, "full_scores", "full_moments"),
    "full, many features": (17, "screened_full_scores", "full_moments"),
    "tied": (5, "tied_scores", "full_moments"),
    "diagonal": (5, "expanded_diagonal_scores", "diagonal_moments"),
    "spherical": (5, "spherical_scores", "diagonal_moments"),
}


@pytest.mark.parametrize("n_rows", [1, 33, 300])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n_features", "score", "gather"), PASSES.values(), ids=PASSES)
def test_soft_pass(n_features, score, gather, layout, n_rows):
    p = make_problem(n_features, n_rows)
    rows, weights = LAYOUTS[layout](p.table[:n_rows, :n_features]), p.weights[:n_rows]
    factors = FACTORS.get(score, lambda p: p.factors)(p)
    depth, columns = p.x.shape[0], p.table.shape[1]
    seconds = (1 if score == "tied_scores" else N_COMPONENTS, 1 if "diagonal" in gather else columns, columns)
    outputs = [np.ones(shape) for shape in [N_COMPONENTS, p.centers.shape, seconds]]
    heard, about = (p.means[:, :depth], factors, p.constants), (p.centers,)
    if score == "screened_full_scores":
        heard = about_center(*heard)
    (score_kernel, score_twin), (gather_kernel, gather_twin) = kernel_and_twin(score), kernel_and_twin(gather)
    kernels = passes.soft_kernels(score_kernel, gather_kernel, Rows(rows, weights), heard, about)
    table = 0 if gather == "low_moments" else columns
    got = written(passes.soft_pass, (kernels, rows, weights, 96, table, heard, about), outputs)
    twins = None, score_twin, None, gather_twin
    expected = written(plain_passes.soft_pass, (twins, rows, weights, 96, columns, heard, about), outputs)
    if seconds[1] > 1:
        got[3], expected[3] = np.tril(got[3]), np.tril(expected[3])
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=1e-11, atol=1e-11)


# Selection of coefficients


def selection_problem(n_rows, n_features):
    rng = np.random.default_rng(n_features)
    x, y = rng.standard_normal((n_rows, n_features)), rng.standard_normal(n_rows)
    state = {"slab_mean": rng.standard_normal(n_features), "inclusion": rng.random(n_features)}
    common = {"noise": 1.3, "precision": 0.7 + 1.3 * (x**2).sum(axis=0), "log_odds": -0.4}
    return x, y, rng.permutation(n_features), state, common


@pytest.mark.parametrize(("n_rows", "n_features"), [(20, 1), (30, 7), (5, 12)])
def test_selection_is_its_twins(n_rows, n_features):
    x, y, order, state, common = selection_problem(n_rows, n_features)
    means = state["inclusion"] * state["slab_mean"]
    by_gram = {"order": order, "gram": x.T @ x, "cross": x.T @ y, **common}
    by_rows = {"order": order, "columns": np.ascontiguousarray(x.T), "squares": (x**2).sum(axis=0), **common}
    for name, given, left in [
        ("select_by_gram", by_gram, {"fitted": x.T @ (x @ means)}),
        ("select_by_rows", by_rows, {"residual": y - x @ means}),
    ]:
        results = []
        for module in (selection, plain_selection):
            arguments = {**given, **{key: value.copy() for key, value in (state | left).items()}}
            function = getattr(module, name)
            function(*[arguments[key] for key in parameters(function)])
            results.append(arguments)
        for key in [*state, *left]:
            assert_allclose(results[0][key], results[1][key], atol=1e-10)
