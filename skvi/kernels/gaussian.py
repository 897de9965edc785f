"""Gaussian kernels in difference form: squared distances and moments about a reference per component.

Shapes: x (D4, B) is a block (see `blocks`), D4 and B its padded sizes; means (K, D4); responsibilities and
scores (K, B). Features beyond D are zero everywhere. A component touches only the rows that matter to it:
where they are few they are gathered first, and the tiles run over the gathered rows.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import append_greater, fma, load, minus, splat, store, total
from skvi.kernels.special import NEGATIVE_INFINITY

# A responsibility below 1e-14 does not enter the statistics: exp(-32.24) = 1e-14.
CUT = 32.24
# Leading features that a first, cheap distance looks at; it pays from twice as many features on.
SCREEN_DEPTH = 8
SCATTER_ROWS = 256


@jit_helper
def _gather_differences(x, mean, rows, start, n, out):
    """out[i, j] = x[i, np.uint64(rows[start + j])] - mean[i] for j < n, zero up to the next multiple of 8."""
    wide_vectors()
    for i in range(x.shape[0]):
        m = mean[i]
        for j in range(n):
            out[i, j] = x[i, np.uint64(rows[start + j])] - m
        for j in range(n, -(-n // 8) * 8):
            out[i, j] = 0.0


@jit_helper
def _squared_norms(d, factor, depth, out, k, start):
    """out[k, start + j] = |factor d[:, j]|^2 over 32 columns j, factor lower triangular."""
    for b in range(0, 32, 16):
        zero = splat(0.0)
        s0 = zero
        s1 = zero
        for j in range(0, depth, 4):
            y00 = zero
            y01 = zero
            y10 = zero
            y11 = zero
            y20 = zero
            y21 = zero
            y30 = zero
            y31 = zero
            for i in range(j + 4):
                x0 = load(d, i, b)
                x1 = load(d, i, b + 8)
                f = splat(factor[j, i])
                y00 = fma(f, x0, y00)
                y01 = fma(f, x1, y01)
                f = splat(factor[j + 1, i])
                y10 = fma(f, x0, y10)
                y11 = fma(f, x1, y11)
                f = splat(factor[j + 2, i])
                y20 = fma(f, x0, y20)
                y21 = fma(f, x1, y21)
                f = splat(factor[j + 3, i])
                y30 = fma(f, x0, y30)
                y31 = fma(f, x1, y31)
            s0 = fma(y30, y30, fma(y20, y20, fma(y10, y10, fma(y00, y00, s0))))
            s1 = fma(y31, y31, fma(y21, y21, fma(y11, y11, fma(y01, y01, s1))))
        store(out, k, start + b, s0)
        store(out, k, start + b + 8, s1)


@jit_helper
def _distances(x, mean, factor, rows, n, tile, out):
    """out[0, j] = |factor (x[:, rows[j]] - mean)|^2 for j < n, by tiles of 32 gathered rows."""
    depth = x.shape[0]
    for start in range(0, n, 32):
        _gather_differences(x, mean, rows, start, min(32, n - start), tile)
        _squared_norms(tile, factor, depth, out, 0, start)


@jit_helper
def _dense_scores(x, mean, factor, constant, depth, tile, scores, k):
    """Scores of component k in all rows, from their first `depth` features."""
    half = splat(-0.5)
    c = splat(constant)
    for start in range(0, scores.shape[1], 32):
        for i in range(depth):
            m = splat(mean[i])
            for j in range(0, 32, 8):
                store(tile, i, j, minus(load(x, i, start + j), m))
        _squared_norms(tile, factor, depth, scores, k, start)
        for b in range(start, start + 32, 8):
            store(scores, k, b, fma(half, load(scores, k, b), c))


@jit_helper
def _best_guess(scores, best):
    """Set best[b] to the component of the largest score; return the rows ordered by it, and where each starts."""
    wide_vectors()
    n_components, n_rows = scores.shape
    largest = np.empty((1, n_rows))
    for b in range(n_rows):
        best[b] = 0
        largest[0, b] = scores[0, b]
    for k in range(1, n_components):
        for b in range(n_rows):
            score = scores[k, b]
            best[b] = k if score > largest[0, b] else best[b]
            largest[0, b] = score if score > largest[0, b] else largest[0, b]
    first = np.empty(n_components + 2, np.int64)
    for k in range(n_components + 2):
        first[k] = 0
    for b in range(n_rows):
        first[best[b] + 2] += 1
    for k in range(n_components):
        first[k + 2] += first[k + 1]
    order = np.empty(n_rows, np.int64)
    for b in range(n_rows):
        order[first[best[b] + 1]] = b
        first[best[b] + 1] += 1
    return order, first


@jit_helper
def _complete_best(x, means, factors, constants, scores, best, bounds):
    """Complete each row's best guess: its score goes to scores[best[b], b] and, less `CUT`, to bounds[0, b]."""
    depth, n_rows = x.shape
    order, first = _best_guess(scores, best)
    tile = np.empty((depth, 32))
    distances = np.empty((1, n_rows + 32))
    for k in range(scores.shape[0]):
        rows = order[first[k] : first[k + 1]]
        _distances(x, means[k], factors[k], rows, rows.size, tile, distances)
        for j in range(rows.size):
            score = constants[k] - 0.5 * distances[0, j]
            scores[k, rows[j]] = score
            bounds[0, rows[j]] = score - CUT


@jit_helper
def _complete_rest(x, mean, factor, constant, scores, k, bounds, rows, distances, tile):
    """Complete component k in the rows where it may still matter; elsewhere its score becomes -inf."""
    n_rows = scores.shape[1]
    n = 0
    for b in range(0, n_rows, 8):
        n = append_greater(scores, k, b, bounds, rows, n)
    if 2 * n > n_rows:
        _dense_scores(x, mean, factor, constant, x.shape[0], tile, scores, k)
        return
    _distances(x, mean, factor, rows, n, tile, distances)
    for b in range(n_rows):
        scores[k, b] = NEGATIVE_INFINITY
    for j in range(n):
        scores[k, rows[j]] = constant - 0.5 * distances[0, j]


@jit
def full_scores(x, means, factors, constants, scores):
    """scores[k, b] = constants[k] - |factors[k] (x[:, b] - means[k])|^2 / 2."""
    tile = np.empty((x.shape[0], 32))
    for k in range(scores.shape[0]):
        _dense_scores(x, means[k], factors[k], constants[k], x.shape[0], tile, scores, k)


@jit
def screened_full_scores(x, means, factors, constants, scores):
    """Do as `full_scores`, but a score more than `CUT` below the row's largest may come out as -inf.

    A squared distance over the leading features never exceeds the whole one, so that it bounds the score.
    """
    n_components, n_rows = scores.shape
    tile = np.empty((x.shape[0], 32))
    for k in range(n_components):
        _dense_scores(x, means[k], factors[k], constants[k], SCREEN_DEPTH, tile, scores, k)
    best = np.empty(n_rows, np.int64)
    bounds = np.empty((1, n_rows))
    _complete_best(x, means, factors, constants, scores, best, bounds)
    rows = np.empty(n_rows + 8, np.int64)
    distances = np.empty((1, n_rows + 32))
    for k in range(n_components):
        _complete_rest(x, means[k], factors[k], constants[k], scores, k, bounds, rows, distances, tile)


@jit
def whiten(x, center, factor, out):
    """out[:, b] = factor (x[:, b] - center), factor lower triangular."""
    depth, n_rows = x.shape
    d = np.empty((depth, 32))
    for start in range(0, n_rows, 32):
        for i in range(depth):
            for j in range(32):
                d[i, j] = x[i, start + j] - center[i]
        for i in range(depth):
            for b in range(0, 32, 8):
                y = splat(0.0)
                for j in range(i + 1):
                    y = fma(splat(factor[i, j]), load(d, j, b), y)
                store(out, i, start + b, y)


@jit
def diagonal_scores(x, means, precisions, constants, scores):
    """scores[k, b] = constants[k] - sum_i precisions[k, i] (x[i, b] - means[k, i])^2 / 2."""
    n_components, n_rows = scores.shape
    depth = x.shape[0]
    for k in range(n_components):
        half = splat(-0.5)
        for b in range(0, n_rows, 32):
            zero = splat(0.0)
            s0 = zero
            s1 = zero
            s2 = zero
            s3 = zero
            for i in range(depth):
                m = splat(means[k, i])
                p = splat(precisions[k, i])
                d0 = minus(load(x, i, b), m)
                d1 = minus(load(x, i, b + 8), m)
                d2 = minus(load(x, i, b + 16), m)
                d3 = minus(load(x, i, b + 24), m)
                s0 = fma(fma(p, d0, zero), d0, s0)
                s1 = fma(fma(p, d1, zero), d1, s1)
                s2 = fma(fma(p, d2, zero), d2, s2)
                s3 = fma(fma(p, d3, zero), d3, s3)
            c = splat(constants[k])
            store(scores, k, b, fma(half, s0, c))
            store(scores, k, b + 8, fma(half, s1, c))
            store(scores, k, b + 16, fma(half, s2, c))
            store(scores, k, b + 24, fma(half, s3, c))


@jit_helper
def _active(responsibilities, k, zeros, rows):
    """List the rows with a positive responsibility; where they are most rows, say that it is dense."""
    n = 0
    n_rows = responsibilities.shape[1]
    for b in range(0, n_rows, 8):
        n = append_greater(responsibilities, k, b, zeros, rows, n)
    return (n_rows, True) if 2 * n > n_rows else (n, False)


@jit_helper
def _gather(x, mean, responsibilities, k, rows, start, n, dense, d, r):
    """Fill d with n rows' differences from the mean and r[0] with their responsibilities; return the sum of r."""
    if dense:
        for i in range(x.shape[0]):
            m = splat(mean[i])
            for j in range(0, n, 8):
                store(d, i, j, minus(load(x, i, start + j), m))
        for j in range(n):
            r[0, j] = responsibilities[k, start + j]
    else:
        _gather_differences(x, mean, rows, start, n, d)
        for j in range(n):
            r[0, j] = responsibilities[k, np.uint64(rows[start + j])]
        for j in range(n, -(-n // 8) * 8):
            r[0, j] = 0.0
    s = splat(0.0)
    one = splat(1.0)
    for j in range(0, n, 8):
        s = fma(one, load(r, 0, j), s)
    return total(s)


@jit_helper
def _scatter(d, e, depth, width, second):
    """Add the lower triangle of d e' (whole 4 x 4 tiles) to second."""
    zero = splat(0.0)
    for i in range(0, depth, 4):
        for j in range(0, i + 4, 4):
            s00 = zero
            s01 = zero
            s02 = zero
            s03 = zero
            s10 = zero
            s11 = zero
            s12 = zero
            s13 = zero
            s20 = zero
            s21 = zero
            s22 = zero
            s23 = zero
            s30 = zero
            s31 = zero
            s32 = zero
            s33 = zero
            for b in range(0, width, 8):
                x0 = load(d, j, b)
                x1 = load(d, j + 1, b)
                x2 = load(d, j + 2, b)
                x3 = load(d, j + 3, b)
                y = load(e, i, b)
                s00 = fma(y, x0, s00)
                s01 = fma(y, x1, s01)
                s02 = fma(y, x2, s02)
                s03 = fma(y, x3, s03)
                y = load(e, i + 1, b)
                s10 = fma(y, x0, s10)
                s11 = fma(y, x1, s11)
                s12 = fma(y, x2, s12)
                s13 = fma(y, x3, s13)
                y = load(e, i + 2, b)
                s20 = fma(y, x0, s20)
                s21 = fma(y, x1, s21)
                s22 = fma(y, x2, s22)
                s23 = fma(y, x3, s23)
                y = load(e, i + 3, b)
                s30 = fma(y, x0, s30)
                s31 = fma(y, x1, s31)
                s32 = fma(y, x2, s32)
                s33 = fma(y, x3, s33)
            second[i, j] += total(s00)
            second[i, j + 1] += total(s01)
            second[i, j + 2] += total(s02)
            second[i, j + 3] += total(s03)
            second[i + 1, j] += total(s10)
            second[i + 1, j + 1] += total(s11)
            second[i + 1, j + 2] += total(s12)
            second[i + 1, j + 3] += total(s13)
            second[i + 2, j] += total(s20)
            second[i + 2, j + 1] += total(s21)
            second[i + 2, j + 2] += total(s22)
            second[i + 2, j + 3] += total(s23)
            second[i + 3, j] += total(s30)
            second[i + 3, j + 1] += total(s31)
            second[i + 3, j + 2] += total(s32)
            second[i + 3, j + 3] += total(s33)


@jit_helper
def _low_moments(x, responsibilities, k, mean, count, first, second):
    """Moments of component k where there are at most four features: all sums stay in registers."""
    zero = splat(0.0)
    one = splat(1.0)
    m0, m1, m2, m3 = splat(mean[0]), splat(mean[1]), splat(mean[2]), splat(mean[3])
    n = zero
    s0 = zero
    s1 = zero
    s2 = zero
    s3 = zero
    s00 = zero
    s10 = zero
    s11 = zero
    s20 = zero
    s21 = zero
    s22 = zero
    s30 = zero
    s31 = zero
    s32 = zero
    s33 = zero
    for b in range(0, x.shape[1], 8):
        r = load(responsibilities, k, b)
        d0 = minus(load(x, 0, b), m0)
        d1 = minus(load(x, 1, b), m1)
        d2 = minus(load(x, 2, b), m2)
        d3 = minus(load(x, 3, b), m3)
        n = fma(r, one, n)
        e = fma(r, d0, zero)
        s0 = fma(e, one, s0)
        s00 = fma(e, d0, s00)
        e = fma(r, d1, zero)
        s1 = fma(e, one, s1)
        s10 = fma(e, d0, s10)
        s11 = fma(e, d1, s11)
        e = fma(r, d2, zero)
        s2 = fma(e, one, s2)
        s20 = fma(e, d0, s20)
        s21 = fma(e, d1, s21)
        s22 = fma(e, d2, s22)
        e = fma(r, d3, zero)
        s3 = fma(e, one, s3)
        s30 = fma(e, d0, s30)
        s31 = fma(e, d1, s31)
        s32 = fma(e, d2, s32)
        s33 = fma(e, d3, s33)
    count[k] += total(n)
    first[k, 0] += total(s0)
    first[k, 1] += total(s1)
    first[k, 2] += total(s2)
    first[k, 3] += total(s3)
    second[0, 0] += total(s00)
    second[1, 0] += total(s10)
    second[1, 1] += total(s11)
    second[2, 0] += total(s20)
    second[2, 1] += total(s21)
    second[2, 2] += total(s22)
    second[3, 0] += total(s30)
    second[3, 1] += total(s31)
    second[3, 2] += total(s32)
    second[3, 3] += total(s33)


@jit
def low_moments(x, responsibilities, means, count, first, second):
    """Do as `full_moments`, for at most four features."""
    for k in range(responsibilities.shape[0]):
        _low_moments(x, responsibilities, k, means[k], count, first, second[k % second.shape[0]])


@jit
def full_moments(x, responsibilities, means, count, first, second):
    """Add a block's moments about the means: sums of r, r d and r d d' with d = x - mean.

    `second` is (K, D4, D4), or (1, D4, D4) where all components share one scatter; only its lower triangle
    is meant (see `mirror`).
    """
    n_components, n_rows = responsibilities.shape
    depth = x.shape[0]
    rows = np.empty(n_rows + 8, np.int64)
    zeros = np.empty((1, n_rows))
    for b in range(n_rows):
        zeros[0, b] = 0.0
    d = np.empty((depth, SCATTER_ROWS))
    e = np.empty((depth, SCATTER_ROWS))
    r = np.empty((1, SCATTER_ROWS))
    zero = splat(0.0)
    one = splat(1.0)
    for k in range(n_components):
        n_active, dense = _active(responsibilities, k, zeros, rows)
        for start in range(0, n_active, SCATTER_ROWS):
            n = min(SCATTER_ROWS, n_active - start)
            count[k] += _gather(x, means[k], responsibilities, k, rows, start, n, dense, d, r)
            for i in range(depth):
                s = zero
                for b in range(0, n, 8):
                    product = fma(load(d, i, b), load(r, 0, b), zero)
                    store(e, i, b, product)
                    s = fma(one, product, s)
                first[k, i] += total(s)
            _scatter(d, e, depth, n, second[k % second.shape[0]])


@jit
def mirror(second):
    """Copy the lower triangle of each matrix to its upper one."""
    for k in range(second.shape[0]):
        for i in range(second.shape[1]):
            for j in range(i):
                second[k, j, i] = second[k, i, j]


@jit
def diagonal_moments(x, responsibilities, means, count, first, second):
    """Add a block's moments about the means: sums of r, r d and r d^2 with d = x - mean, per feature."""
    n_components, n_rows = responsibilities.shape
    depth = x.shape[0]
    rows = np.empty(n_rows + 8, np.int64)
    zeros = np.empty((1, n_rows))
    for b in range(n_rows):
        zeros[0, b] = 0.0
    d = np.empty((depth, SCATTER_ROWS))
    r = np.empty((1, SCATTER_ROWS))
    zero = splat(0.0)
    one = splat(1.0)
    for k in range(n_components):
        n_active, dense = _active(responsibilities, k, zeros, rows)
        for start in range(0, n_active, SCATTER_ROWS):
            n = min(SCATTER_ROWS, n_active - start)
            count[k] += _gather(x, means[k], responsibilities, k, rows, start, n, dense, d, r)
            for i in range(depth):
                s1 = zero
                s2 = zero
                for b in range(0, n, 8):
                    y = load(d, i, b)
                    product = fma(y, load(r, 0, b), zero)
                    s1 = fma(one, product, s1)
                    s2 = fma(product, y, s2)
                first[k, i] += total(s1)
                second[k, i] += total(s2)


@jit
def project(x, center, direction, out):
    """out[b] = direction' (x[:, b] - center), summed in the order of features: equal rows give equal bits."""
    for b in range(x.shape[1]):
        out[b] = 0.0
    for i in range(x.shape[0]):
        for b in range(x.shape[1]):
            out[b] += direction[i] * (x[i, b] - center[i])
