"""Scatters of full Gaussians in expanded form: products of matrices where most rows matter to most components.

About one center o that all components share, y = x - o, moments are sums of r y and r y y', moved to the means by
the parallel-axis rule. The products y y' are made once for all components, and sums over rows fill the registers.
What cancels is of the size of m - o beside a component's width: those that are too far, or too thin, go by
differences. Shapes as in `moments`; near (K,) marks the others.
"""

import numpy as np

from skvi._numba import jit, jit_helper
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.gaussian import shared_center
from skvi.kernels.moments import LARGEST_RATIO, active_rows, add_picked, difference_scratch, row_scratch
from skvi.kernels.products import GROUP, TILE, add_weighted
from skvi.kernels.simd import LANES, load, minus, splat, store, times

# Doubles of the circles of a chunk of rows, which stay in a first-level cache beside a tile of their products.
_CHUNK_DOUBLES = 2688
# Work of moments by products, for each component that takes part and to begin with, where 1 is what one component
# takes of rows that it picks.
_SHARE = 0.6
_BEGIN = 3.0


@jit
def expanded_full_moments(x, table, responsibilities, means, near, count, first, second):
    """Do as `full_moments`; `second` is (K, D8, D8)."""
    n_components, n_rows = responsibilities.shape
    rows, zeros = row_scratch(n_rows)
    masses = np.empty(n_components)
    chosen = np.zeros(n_components + GROUP, np.int64)
    n_chosen = 0
    work = 0.0
    for k in range(n_components):
        n_active, masses[k] = active_rows(responsibilities, k, zeros, rows)
        count[k] += masses[k]
        if near[k] and n_active > _SHARE * n_rows:
            chosen[n_chosen] = k
            n_chosen += 1
            work += n_active / n_rows
    if work < _BEGIN + _SHARE * n_chosen:
        n_chosen = 0
    center = shared_center(means)
    sums = _product_moments(table, center.reshape((1, center.size)), responsibilities, chosen, n_chosen)
    d, e = difference_scratch(table.shape[1])
    offset = np.empty(table.shape[1])
    j = 0
    for k in range(n_components):
        if j < n_chosen and chosen[j] == k:
            j += 1
            if _add_about_mean(sums[j - 1], masses[k], means[k], center, offset, first[k], second[k]):
                continue
        n_active, _ = active_rows(responsibilities, k, zeros, rows)
        add_picked(table, means, responsibilities, k, rows, n_active, d, e, first, second[k])


@jit_helper
def _product_moments(table, center, responsibilities, chosen, n_chosen):
    """Sums of r y and r y y' of the chosen components.

    Products stand in units of D8, one for each distance s: y_i y_(i + s), features counted round in a circle. Every
    pair of features is at a distance of at most half the circle. The first unit is y itself.
    """
    n_rows, columns = table.shape
    left, right = _factors_of_products(columns)
    sums = aligned_empty(-(-n_chosen // GROUP) * GROUP, LANES * left.size)
    sums[:] = 0.0
    if n_chosen == 0:
        return sums
    width = _circle_width(columns)
    chunk = max(_CHUNK_DOUBLES // width, 8)
    circle = aligned_empty(chunk, width)
    features = aligned_empty(chunk, TILE)
    for start in range(0, n_rows, chunk):
        n = min(chunk, n_rows - start)
        _center_rows(table, start, n, center, circle)
        for v in range(0, left.size, 4):
            _multiply(circle, n, left, right, v, features)
            add_weighted(features, n, responsibilities, start, chosen, v * LANES, sums)
    return sums


@jit_helper
def _factors_of_products(columns):
    """Where in a row of the circle the two factors of each eight products begin, to fill whole tiles."""
    units = 2 + columns // 2
    n = -(-units * columns // TILE) * TILE // LANES
    left, right = np.empty((2, n), np.int64)
    for v in range(n):
        unit, i = divmod(v * LANES, columns)
        left[v] = i
        # The first unit is multiplied by the ones that end a row; so is what is beyond the last.
        right[v] = i + unit - 1 if 0 < unit < units else _circle_width(columns) - LANES
    return left, right


@jit_helper
def _circle_width(columns):
    """Columns of one and a half circles and eight ones."""
    return columns + (columns // 2 + LANES - 1) // LANES * LANES + LANES


@jit_helper
def _center_rows(table, start, n, center, circle):
    """circle[b] = y_b, its first half once more, then ones, for n rows."""
    columns = table.shape[1]
    for b in range(n):
        for i in range(0, columns, LANES):
            y = minus(load(table, start + b, i), load(center, 0, i))
            store(circle, b, i, y)
            if 2 * i < columns:
                store(circle, b, columns + i, y)
        store(circle, b, circle.shape[1] - LANES, splat(1.0))


@jit_helper
def _multiply(circle, n, left, right, v, features):
    """Set a tile of features to products of two of y's."""
    l0, l1, l2, l3 = left[v], left[v + 1], left[v + 2], left[v + 3]
    r0, r1, r2, r3 = right[v], right[v + 1], right[v + 2], right[v + 3]
    for b in range(n):
        store(features, b, 0, times(load(circle, b, l0), load(circle, b, r0)))
        store(features, b, 8, times(load(circle, b, l1), load(circle, b, r1)))
        store(features, b, 16, times(load(circle, b, l2), load(circle, b, r2)))
        store(features, b, 24, times(load(circle, b, l3), load(circle, b, r3)))


@jit_helper
def _add_about_mean(sums, mass, mean, center, offset, first, second):
    """Add the sums of one component, about its own mean; return whether enough digits are left."""
    columns = mean.size
    for i in range(columns):
        offset[i] = mean[i] - center[i]
        square = sums[columns + i]
        if not (square - offset[i] * (2.0 * sums[i] - mass * offset[i])) * LARGEST_RATIO >= square:
            return False
    for i in range(columns):
        first[i] += sums[i] - mass * offset[i]
        # sum r (y - n)(y - n)' = sum r y y' - n s' - (s - mass n) n', s = sum r y
        left = sums[i] - mass * offset[i]
        for j in range(i + 1):
            second[i, j] -= offset[i] * sums[j] + left * offset[j]
    half = columns // 2
    for s in range(half + 1):
        unit = (1 + s) * columns
        for j in range(half if s == half else columns - s):
            second[j + s, j] += sums[unit + j]
        for i in range(columns - s if s < half else columns, columns):
            second[i, i + s - columns] += sums[unit + i]
    return True
