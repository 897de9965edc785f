"""Gaussian scores of rows, from squared distances in difference form.

Shapes: x (D4, B) is a block (see `blocks`), D4 and B its padded sizes; means (K, D4); scores (K, B). Features
beyond D are zero everywhere. Where a component matters to few rows they are gathered first, and the tiles run
over the gathered rows.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import append_greater, broadcast, fma, load, minus, splat, store
from skvi.kernels.special import NEGATIVE_INFINITY

# A responsibility below 1e-14 does not enter the statistics: exp(-32.24) = 1e-14.
CUT = 32.24
# Leading features that a first, cheap distance looks at; it pays from twice as many features on.
SCREEN_DEPTH = 8
# Rows of a block that tell whether screening pays.
SAMPLE = 32


@jit
def shift_to_center(means, spans, factors, shifts, extents):
    """shifts[k] = factors[k] (center - means[k]), and how far a component reaches from the center that all share.

    factors[k] (x - means[k]) = factors[k] (x - center) + shifts[k], so that components share the differences of a row
    from the center. What rounding does to that grows with extents[k] = ||factors[k]| w|^2, w being the distance of the
    mean from the center and spans[k] more. The last of K + 1 shifts is zero.
    """
    n_components, depth = means.shape
    center = shared_center(means)
    shifts[n_components] = 0.0
    for k in range(n_components):
        extents[k] = 0.0
        for j in range(depth):
            shift = 0.0
            extent = 0.0
            for i in range(j + 1):
                gap = center[i] - means[k, i]
                shift += factors[k, j, i] * gap
                extent += abs(factors[k, j, i]) * (abs(gap) + spans[k, i])
            shifts[k, j] = shift
            extents[k] += extent * extent


@jit_helper
def _nearest_first(near):
    """Components, those that are near the shared center first, and how many those are."""
    order = np.empty(near.size, np.int64)
    n_near = 0
    for wanted in (1, 0):
        for k in range(near.size):
            if near[k] == wanted:
                order[n_near] = k
                n_near += 1
    return order, n_near


@jit_helper
def _differences(x, mean, depth, start, out):
    """out[i, j] = x[i, start + j] - mean[i] for 32 rows."""
    for i in range(depth):
        m = splat(mean[i])
        for j in range(0, 32, 8):
            store(out, i, j, minus(load(x, i, start + j), m))


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
def _repeated(array, i, j):
    value = broadcast(array, i, j)
    return value, value, value, value


@jit_helper
def _columns(d, i):
    return load(d, i, 0), load(d, i, 8), load(d, i, 16), load(d, i, 24)


@jit_helper
def _add_times(factor, j, i, x, y):
    """Return y + factor[j, i] x, of 32 columns."""
    f = broadcast(factor, j, i)
    return fma(f, x[0], y[0]), fma(f, x[1], y[1]), fma(f, x[2], y[2]), fma(f, x[3], y[3])


@jit_helper
def _add_squares(y, s):
    return fma(y[0], y[0], s[0]), fma(y[1], y[1], s[1]), fma(y[2], y[2], s[2]), fma(y[3], y[3], s[3])


@jit_helper
def _score_tile(d, factor, shifts, shift, constant, depth, out, k, start):
    """out[k, start:start + 32] = constant - |factor d + shifts[shift]|^2 / 2; factor is lower triangular."""
    zero = splat(0.0)
    s = (zero, zero, zero, zero)
    for j in range(0, depth, 4):
        y0, y1 = _repeated(shifts, shift, j), _repeated(shifts, shift, j + 1)
        y2, y3 = _repeated(shifts, shift, j + 2), _repeated(shifts, shift, j + 3)
        for i in range(j):
            x = _columns(d, i)
            y0 = _add_times(factor, j, i, x, y0)
            y1 = _add_times(factor, j + 1, i, x, y1)
            y2 = _add_times(factor, j + 2, i, x, y2)
            y3 = _add_times(factor, j + 3, i, x, y3)
        # The triangle in which these four rows end.
        x = _columns(d, j)
        y0 = _add_times(factor, j, j, x, y0)
        y1 = _add_times(factor, j + 1, j, x, y1)
        y2 = _add_times(factor, j + 2, j, x, y2)
        y3 = _add_times(factor, j + 3, j, x, y3)
        x = _columns(d, j + 1)
        y1 = _add_times(factor, j + 1, j + 1, x, y1)
        y2 = _add_times(factor, j + 2, j + 1, x, y2)
        y3 = _add_times(factor, j + 3, j + 1, x, y3)
        x = _columns(d, j + 2)
        y2 = _add_times(factor, j + 2, j + 2, x, y2)
        y3 = _add_times(factor, j + 3, j + 2, x, y3)
        y3 = _add_times(factor, j + 3, j + 3, _columns(d, j + 3), y3)
        s = _add_squares(y3, _add_squares(y2, _add_squares(y1, _add_squares(y0, s))))
    c, half = splat(constant), splat(-0.5)
    store(out, k, start, fma(half, s[0], c))
    store(out, k, start + 8, fma(half, s[1], c))
    store(out, k, start + 16, fma(half, s[2], c))
    store(out, k, start + 24, fma(half, s[3], c))


@jit_helper
def _score_all(x, heard, about, depth, tile, scores, begin, end):
    """Scores of all components in a range of rows, from their first `depth` features."""
    means, factors, constants = heard
    center, shifts, order, n_near = about
    for start in range(begin, end, 32):
        _differences(x, center, depth, start, tile)
        for j in range(order.size):
            k = shift = order[j]
            if j >= n_near:
                shift = order.size
                _differences(x, means[k], depth, start, tile)
            _score_tile(tile, factors[k], shifts, shift, constants[k], depth, scores, k, start)


@jit_helper
def _gathered_scores(x, heard, k, shifts, rows, n, tile, out):
    """Scores out[0, j] of component k in rows[j] for j < n, by tiles of 32 gathered rows."""
    means, factors, constants = heard
    depth = x.shape[0]
    for start in range(0, n, 32):
        _gather_differences(x, means[k], rows, start, min(32, n - start), tile)
        _score_tile(tile, factors[k], shifts, means.shape[0], constants[k], depth, out, 0, start)


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
def _screen(x, heard, about, scores, bounds, tile, begin, end):
    """Score a range of rows by their leading features; complete each row's best guess.

    The guess's score is right then, and less `CUT` it is bounds[0, b]: what others must exceed to matter.
    """
    _score_all(x, heard, about, SCREEN_DEPTH, tile, scores, begin, end)
    best = np.empty(end, np.int64)
    order, first = _best_guess(scores, best, begin, end)
    whole = np.empty((1, end + 32))
    for k in range(scores.shape[0]):
        rows = order[first[k] : first[k + 1]]
        _gathered_scores(x, heard, k, about[1], rows, rows.size, tile, whole)
        for j in range(rows.size):
            score = whole[0, j]
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
def _complete(x, heard, shifts, scores, k, bounds, rows, whole, tile, begin):
    """Complete component k in the rows from `begin` on where it may still matter; elsewhere its score becomes -inf."""
    n_rows = scores.shape[1]
    n = _surviving(scores, k, bounds, rows, begin, n_rows)
    _gathered_scores(x, heard, k, shifts, rows, n, tile, whole)
    for b in range(begin, n_rows):
        scores[k, b] = NEGATIVE_INFINITY
    for j in range(n):
        scores[k, rows[j]] = whole[0, j]


@jit_helper
def _screening_pays(x, heard, about, scores, bounds, tile, rows, n_rows):
    """Whether few components would survive screening in the first rows, whose scores are known."""
    n_components = scores.shape[0]
    leading = aligned_empty(n_components, n_rows)
    for b in range(n_rows):
        largest = scores[0, b]
        for k in range(1, n_components):
            largest = max(largest, scores[k, b])
        bounds[0, b] = largest - CUT
    _score_all(x, heard, about, SCREEN_DEPTH, tile, leading, 0, n_rows)
    survivors = 0
    for k in range(n_components):
        survivors += _surviving(leading, k, bounds, rows, 0, n_rows)
    return 2 * survivors <= n_components * n_rows


@jit
def full_scores(x, means, factors, constants, scores):
    """scores[k, b] = constants[k] - |factors[k] (x[:, b] - means[k])|^2 / 2."""
    depth, n_rows = x.shape
    tile = aligned_empty(depth, 32)
    unshifted = aligned_empty(1, depth)
    for i in range(depth):
        unshifted[0, i] = 0.0
    for k in range(scores.shape[0]):
        for start in range(0, n_rows, 32):
            _differences(x, means[k], depth, start, tile)
            _score_tile(tile, factors[k], unshifted, 0, constants[k], depth, scores, k, start)


@jit
def screened_full_scores(x, means, factors, constants, shifts, near, scores):
    """Do as `full_scores`, but a score more than `CUT` below the row's largest may come out as -inf.

    A squared distance over the leading features never exceeds the whole one, so that it bounds the score. Where
    more than half would survive that in the first rows, it is not tried on the others. Components near the shared
    center go by their shifts (see `shift_to_center`), the others by differences from their own means.
    """
    n_components, n_rows = scores.shape
    depth = x.shape[0]
    heard = means, factors, constants
    about = shared_center(means), shifts, *_nearest_first(near)
    tile = aligned_empty(depth, 32)
    bounds = np.empty((1, n_rows))
    rows = np.empty(n_rows + 8, np.int64)
    sample = min(SAMPLE, n_rows)
    _score_all(x, heard, about, depth, tile, scores, 0, sample)
    if not _screening_pays(x, heard, about, scores, bounds, tile, rows, sample):
        _score_all(x, heard, about, depth, tile, scores, sample, n_rows)
        return
    _screen(x, heard, about, scores, bounds, tile, sample, n_rows)
    whole = np.empty((1, n_rows + 32))
    for k in range(n_components):
        _complete(x, heard, about[1], scores, k, bounds, rows, whole, tile, sample)


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
