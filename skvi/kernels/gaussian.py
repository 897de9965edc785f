"""Gaussian scores of rows, from squared distances in difference form.

Shapes: x (D4, B) is a block (see `blocks`), D4 and B its padded sizes; means (K, D4); scores (K, B). Features
beyond D are zero everywhere. Where a component matters to few rows they are gathered first, and the tiles run
over the gathered rows.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import aligned_empty, append_greater, broadcast, fma, load, minus, splat, store
from skvi.kernels.special import NEGATIVE_INFINITY

# A responsibility below 1e-14 does not enter the statistics: exp(-32.24) = 1e-14.
CUT = 32.24
# Leading features that a first, cheap distance looks at; it pays from twice as many features on.
SCREEN_DEPTH = 8
# Rows of a block that tell whether screening pays.
SAMPLE = 32


@jit_helper
def _gather_differences(x, mean, rows, start, n, out):
    """out[i, j] = x[i, rows[start + j]] - mean[i] for j < n, zero up to the next multiple of 32."""
    wide_vectors()
    for i in range(x.shape[0]):
        m = mean[i]
        for j in range(n):
            out[i, j] = x[i, np.uint64(rows[start + j])] - m
        for j in range(n, -(-n // 32) * 32):
            out[i, j] = 0.0


@jit_helper
def _squared_norms(d, factor, depth, out, k, start, n):
    """out[k, start + j] = |factor d[:, j]|^2 over n columns j, by 32; factor is lower triangular."""
    for b in range(0, n, 32):
        zero = splat(0.0)
        s0 = s1 = s2 = s3 = zero
        for j in range(0, depth, 4):
            y00 = y01 = y02 = y03 = zero
            y10 = y11 = y12 = y13 = zero
            y20 = y21 = y22 = y23 = zero
            y30 = y31 = y32 = y33 = zero
            for i in range(j + 4):
                x0, x1 = load(d, i, b), load(d, i, b + 8)
                x2, x3 = load(d, i, b + 16), load(d, i, b + 24)
                f = broadcast(factor, j, i)
                y00, y01, y02, y03 = fma(f, x0, y00), fma(f, x1, y01), fma(f, x2, y02), fma(f, x3, y03)
                f = broadcast(factor, j + 1, i)
                y10, y11, y12, y13 = fma(f, x0, y10), fma(f, x1, y11), fma(f, x2, y12), fma(f, x3, y13)
                f = broadcast(factor, j + 2, i)
                y20, y21, y22, y23 = fma(f, x0, y20), fma(f, x1, y21), fma(f, x2, y22), fma(f, x3, y23)
                f = broadcast(factor, j + 3, i)
                y30, y31, y32, y33 = fma(f, x0, y30), fma(f, x1, y31), fma(f, x2, y32), fma(f, x3, y33)
            s0 = fma(y30, y30, fma(y20, y20, fma(y10, y10, fma(y00, y00, s0))))
            s1 = fma(y31, y31, fma(y21, y21, fma(y11, y11, fma(y01, y01, s1))))
            s2 = fma(y32, y32, fma(y22, y22, fma(y12, y12, fma(y02, y02, s2))))
            s3 = fma(y33, y33, fma(y23, y23, fma(y13, y13, fma(y03, y03, s3))))
        store(out, k, start + b, s0)
        store(out, k, start + b + 8, s1)
        store(out, k, start + b + 16, s2)
        store(out, k, start + b + 24, s3)


@jit_helper
def _distances(x, mean, factor, rows, n, tile, out):
    """out[0, j] = |factor (x[:, rows[j]] - mean)|^2 for j < n, by tiles of 32 gathered rows."""
    depth = x.shape[0]
    for start in range(0, n, 32):
        m = min(32, n - start)
        _gather_differences(x, mean, rows, start, m, tile)
        _squared_norms(tile, factor, depth, out, 0, start, m)


@jit_helper
def _dense_scores(x, mean, factor, constant, depth, tile, scores, k, begin, end):
    """Scores of component k in a range of rows, from their first `depth` features."""
    half = splat(-0.5)
    c = splat(constant)
    for start in range(begin, end, 32):
        for i in range(depth):
            m = splat(mean[i])
            for j in range(0, 32, 8):
                store(tile, i, j, minus(load(x, i, start + j), m))
        _squared_norms(tile, factor, depth, scores, k, start, 32)
        for b in range(start, start + 32, 8):
            store(scores, k, b, fma(half, load(scores, k, b), c))


@jit_helper
def _best_guess(scores, best, begin, end):
    """Set best[b] to the component of the largest score; return the rows ordered by it, and where each starts."""
    wide_vectors()
    n_components = scores.shape[0]
    largest = np.empty((1, end))
    for b in range(begin, end):
        best[b] = 0
        largest[0, b] = scores[0, b]
    for k in range(1, n_components):
        for b in range(begin, end):
            score = scores[k, b]
            best[b] = k if score > largest[0, b] else best[b]
            largest[0, b] = score if score > largest[0, b] else largest[0, b]
    first = np.empty(n_components + 2, np.int64)
    for k in range(n_components + 2):
        first[k] = 0
    for b in range(begin, end):
        first[best[b] + 2] += 1
    for k in range(n_components):
        first[k + 2] += first[k + 1]
    order = np.empty(end - begin, np.int64)
    for b in range(begin, end):
        order[first[best[b] + 1]] = b
        first[best[b] + 1] += 1
    return order, first


@jit_helper
def _screen(x, means, factors, constants, scores, bounds, tile, begin, end):
    """Score a range of rows by their leading features; complete each row's best guess.

    The guess's score is right then, and less `CUT` it is bounds[0, b]: what others must exceed to matter.
    """
    n_components = scores.shape[0]
    for k in range(n_components):
        _dense_scores(x, means[k], factors[k], constants[k], SCREEN_DEPTH, tile, scores, k, begin, end)
    best = np.empty(end, np.int64)
    order, first = _best_guess(scores, best, begin, end)
    distances = np.empty((1, end + 32))
    for k in range(n_components):
        rows = order[first[k] : first[k + 1]]
        _distances(x, means[k], factors[k], rows, rows.size, tile, distances)
        for j in range(rows.size):
            score = constants[k] - 0.5 * distances[0, j]
            scores[k, rows[j]] = score
            # The relative part outlasts rounding where rows lie at extreme distances.
            bounds[0, rows[j]] = score - CUT - 1e-12 * abs(score)


@jit_helper
def _surviving(scores, k, bounds, rows, begin, end):
    """List the rows of a range in which component k may still matter; return their number."""
    n = 0
    for b in range(begin, end, 8):
        n = append_greater(scores, k, b, bounds, rows, n)
    return n


@jit_helper
def _complete(x, mean, factor, constant, scores, k, bounds, rows, distances, tile, begin):
    """Complete component k in the rows from `begin` on where it may still matter; elsewhere its score becomes -inf."""
    n_rows = scores.shape[1]
    n = _surviving(scores, k, bounds, rows, begin, n_rows)
    if 2 * n > n_rows - begin:
        _dense_scores(x, mean, factor, constant, x.shape[0], tile, scores, k, begin, n_rows)
        return
    _distances(x, mean, factor, rows, n, tile, distances)
    for b in range(begin, n_rows):
        scores[k, b] = NEGATIVE_INFINITY
    for j in range(n):
        scores[k, rows[j]] = constant - 0.5 * distances[0, j]


@jit_helper
def _screening_pays(x, means, factors, constants, scores, bounds, tile, rows, n_rows):
    """Whether few components would survive screening in the first rows, whose scores are known."""
    n_components = scores.shape[0]
    leading = aligned_empty(n_components, n_rows)
    for b in range(n_rows):
        largest = scores[0, b]
        for k in range(1, n_components):
            largest = max(largest, scores[k, b])
        bounds[0, b] = largest - CUT
    survivors = 0
    for k in range(n_components):
        _dense_scores(x, means[k], factors[k], constants[k], SCREEN_DEPTH, tile, leading, k, 0, n_rows)
        survivors += _surviving(leading, k, bounds, rows, 0, n_rows)
    return 2 * survivors <= n_components * n_rows


@jit_helper
def _score_all(x, means, factors, constants, scores, tile, begin, end):
    """Scores of all components in a range of rows."""
    for k in range(scores.shape[0]):
        _dense_scores(x, means[k], factors[k], constants[k], x.shape[0], tile, scores, k, begin, end)


@jit
def full_scores(x, means, factors, constants, scores):
    """scores[k, b] = constants[k] - |factors[k] (x[:, b] - means[k])|^2 / 2."""
    tile = aligned_empty(x.shape[0], 32)
    _score_all(x, means, factors, constants, scores, tile, 0, scores.shape[1])


@jit
def screened_full_scores(x, means, factors, constants, scores):
    """Do as `full_scores`, but a score more than `CUT` below the row's largest may come out as -inf.

    A squared distance over the leading features never exceeds the whole one, so that it bounds the score. Where
    more than half would survive that in the first rows, it is not tried on the others.
    """
    n_components, n_rows = scores.shape
    tile = aligned_empty(x.shape[0], 32)
    bounds = np.empty((1, n_rows))
    rows = np.empty(n_rows + 8, np.int64)
    sample = min(SAMPLE, n_rows)
    _score_all(x, means, factors, constants, scores, tile, 0, sample)
    if not _screening_pays(x, means, factors, constants, scores, bounds, tile, rows, sample):
        _score_all(x, means, factors, constants, scores, tile, sample, n_rows)
        return
    _screen(x, means, factors, constants, scores, bounds, tile, sample, n_rows)
    distances = np.empty((1, n_rows + 32))
    for k in range(n_components):
        _complete(x, means[k], factors[k], constants[k], scores, k, bounds, rows, distances, tile, sample)


@jit_helper
def shared_center(means):
    """The mean of the means."""
    center = np.zeros(means.shape[1])
    for k in range(means.shape[0]):
        for i in range(means.shape[1]):
            center[i] += means[k, i] / means.shape[0]
    return center


@jit_helper
def _whiten(x, center, factor, out):
    """out[:, b] = factor (x[:, b] - center), factor lower triangular."""
    depth, n_rows = x.shape
    d = aligned_empty(depth, 32)
    for start in range(0, n_rows, 32):
        for i in range(depth):
            for j in range(32):
                d[i, j] = x[i, start + j] - center[i]
        for i in range(depth):
            for b in range(0, 32, 8):
                y = splat(0.0)
                for j in range(i + 1):
                    y = fma(broadcast(factor, i, j), load(d, j, b), y)
                store(out, i, start + b, y)


@jit_helper
def diagonal_difference(x, mean, precision, constant, scores, k):
    """scores[k, b] = constant - sum_i precision[i] (x[i, b] - mean[i])^2 / 2."""
    half = splat(-0.5)
    zero = splat(0.0)
    c = splat(constant)
    for b in range(0, x.shape[1], 32):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        for i in range(x.shape[0]):
            m = splat(mean[i])
            p = splat(precision[i])
            d0 = minus(load(x, i, b), m)
            d1 = minus(load(x, i, b + 8), m)
            d2 = minus(load(x, i, b + 16), m)
            d3 = minus(load(x, i, b + 24), m)
            s0 = fma(fma(p, d0, zero), d0, s0)
            s1 = fma(fma(p, d1, zero), d1, s1)
            s2 = fma(fma(p, d2, zero), d2, s2)
            s3 = fma(fma(p, d3, zero), d3, s3)
        store(scores, k, b, fma(half, s0, c))
        store(scores, k, b + 8, fma(half, s1, c))
        store(scores, k, b + 16, fma(half, s2, c))
        store(scores, k, b + 24, fma(half, s3, c))


@jit
def diagonal_scores(x, means, factors, constants, scores):
    """scores[k, b] = constants[k] - sum_i factors[k, 0, i] (x[i, b] - means[k, i])^2 / 2: factors are precisions."""
    for k in range(scores.shape[0]):
        diagonal_difference(x, means[k], factors[k, 0], constants[k], scores, k)


@jit
def tied_scores(x, means, factors, constants, scores):
    """Do as `full_scores` with one factor for all: rows are whitened once, about the first mean."""
    depth, n_rows = x.shape
    factor, center = factors[0], means[0]
    whitened = aligned_empty(depth, n_rows)
    _whiten(x, center, factor, whitened)
    mean, ones = np.empty((2, depth))
    for k in range(scores.shape[0]):
        for i in range(depth):
            mean[i] = 0.0
            ones[i] = 1.0
            for j in range(i + 1):
                mean[i] += factor[i, j] * (means[k, j] - center[j])
        diagonal_difference(whitened, mean, ones, constants[k], scores, k)
