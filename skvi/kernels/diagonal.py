"""Diagonal and spherical Gaussians in expanded form: products of matrices instead of differences.

About one center o that all components share, y = x - o and n = m - o, a score is linear in y and y^2:

    c - p' (y - n)^2 / 2  =  (c - p' n^2 / 2) + (p n)' y - (p / 2)' y^2,

and moments are sums of r y and r y^2. That takes half the arithmetic of differences, or less. What cancels is of
the size of p' n^2, or of r n^2: components where it is too large fall back to differences. Shapes as in `gaussian`
and `moments`.
"""

import numpy as np

from skvi._numba import jit, jit_helper
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.gaussian import diagonal_difference, shared_center
from skvi.kernels.moments import LARGEST_RATIO, active_rows, row_scratch
from skvi.kernels.products import TILE, add_products, fill_tile
from skvi.kernels.simd import LANES, broadcast, fma, load, minus, splat, store, total

# Components of a tile of moments: people ask for ten, twenty or fifty, and twenty sums fit into the registers.
_GROUP = 10
# Largest p' n^2: rounding changes a score by some 1e-12 at most.
LARGEST_SHIFT = 1e4


@jit_helper
def _linear_part(means, factors, constants, center, coefficients, offsets, shifts):
    """Coefficients of y, constants and p' n^2 of all components."""
    for k in range(means.shape[0]):
        shifts[k] = 0.0
        for i in range(means.shape[1]):
            n = means[k, i] - center[i]
            coefficients[k, i] = factors[k, 0, i] * n
            shifts[k] += factors[k, 0, i] * n * n
        offsets[k] = constants[k] - 0.5 * shifts[k]


@jit_helper
def _by_differences(x, means, factors, constants, shifts, scores):
    """Score the components that lie too far from the center again."""
    for k in range(scores.shape[0]):
        if not shifts[k] <= LARGEST_SHIFT:
            diagonal_difference(x, means[k], factors[k, 0], constants[k], scores, k)


@jit
def expanded_diagonal_scores(x, means, factors, constants, scores):
    """Do as `diagonal_scores`, in expanded form."""
    n_components, depth = means.shape
    center = shared_center(means)
    coefficients = np.empty((n_components, 2 * depth))
    offsets, shifts = np.empty((2, n_components))
    _linear_part(means, factors, constants, center, coefficients, offsets, shifts)
    for k in range(n_components):
        for i in range(depth):
            coefficients[k, depth + i] = -0.5 * factors[k, 0, i]
    features = aligned_empty(2 * depth, TILE)
    zero = splat(0.0)
    for start in range(0, x.shape[1], TILE):
        for i in range(depth):
            o = splat(center[i])
            for b in range(0, TILE, LANES):
                y = minus(load(x, i, start + b), o)
                store(features, i, b, y)
                store(features, depth + i, b, fma(y, y, zero))
        fill_tile(offsets, start, scores)
        add_products(coefficients, 0, features, features.shape[0], start, scores)
    _by_differences(x, means, factors, constants, shifts, scores)


@jit
def spherical_scores(x, means, factors, constants, scores):
    """Do as `diagonal_scores`, where all precisions of a component are the same, in expanded form."""
    n_components, depth = means.shape
    center = shared_center(means)
    coefficients = np.empty((n_components, depth + 1))
    offsets, shifts = np.empty((2, n_components))
    _linear_part(means, factors, constants, center, coefficients, offsets, shifts)
    for k in range(n_components):
        coefficients[k, depth] = -0.5 * factors[k, 0, 0]
    features = aligned_empty(depth + 1, TILE)
    for start in range(0, x.shape[1], TILE):
        for b in range(0, TILE, LANES):
            norm = splat(0.0)
            for i in range(depth):
                y = minus(load(x, i, start + b), splat(center[i]))
                store(features, i, b, y)
                norm = fma(y, y, norm)
            store(features, depth, b, norm)
        fill_tile(offsets, start, scores)
        add_products(coefficients, 0, features, features.shape[0], start, scores)
    _by_differences(x, means, factors, constants, shifts, scores)


@jit_helper
def _add_picked(table, means, responsibilities, k, rows, n, first, second):
    """Add r d and r d^2 of n picked rows to first[k] and second[k], for eight features at a time."""
    zero = splat(0.0)
    one = splat(1.0)
    for i in range(0, table.shape[1], 8):
        mean = load(means, k, i)
        s1 = load(first, k, i)
        s2 = load(second, k, i)
        t1 = zero
        t2 = zero
        for j in range(0, n - 1, 2):
            d = minus(load(table, rows[j], i), mean)
            e = fma(broadcast(responsibilities, k, rows[j]), d, zero)
            s1 = fma(one, e, s1)
            s2 = fma(e, d, s2)
            d = minus(load(table, rows[j + 1], i), mean)
            e = fma(broadcast(responsibilities, k, rows[j + 1]), d, zero)
            t1 = fma(one, e, t1)
            t2 = fma(e, d, t2)
        if n % 2 == 1:
            d = minus(load(table, rows[n - 1], i), mean)
            e = fma(broadcast(responsibilities, k, rows[n - 1]), d, zero)
            s1 = fma(one, e, s1)
            s2 = fma(e, d, s2)
        store(first, k, i, fma(one, s1, t1))
        store(second, k, i, fma(one, s2, t2))


@jit_helper
def _add_all(x, means, responsibilities, k, first, second):
    """Add r d and r d^2 of all rows to first[k] and second[k], eight rows and two features at a time."""
    zero = splat(0.0)
    for i in range(0, x.shape[0], 2):
        m = splat(means[k, i])
        o = splat(means[k, i + 1])
        s1 = zero
        s2 = zero
        t1 = zero
        t2 = zero
        for b in range(0, x.shape[1], 8):
            r = load(responsibilities, k, b)
            d = minus(load(x, i, b), m)
            s1 = fma(r, d, s1)
            s2 = fma(fma(r, d, zero), d, s2)
            d = minus(load(x, i + 1, b), o)
            t1 = fma(r, d, t1)
            t2 = fma(fma(r, d, zero), d, t2)
        first[k, i] += total(s1)
        second[k, i] += total(s2)
        first[k, i + 1] += total(t1)
        second[k, i + 1] += total(t2)


@jit_helper
def _weighted_sums(table, center, responsibilities, chosen, g, i, out):
    """out[j] = sums of r y and r y^2 over all rows, for features i..i+7 and the ten components chosen[g:g+10]."""
    k0, k1, k2, k3 = chosen[g], chosen[g + 1], chosen[g + 2], chosen[g + 3]
    k4, k5, k6, k7 = chosen[g + 4], chosen[g + 5], chosen[g + 6], chosen[g + 7]
    k8, k9 = chosen[g + 8], chosen[g + 9]
    zero = splat(0.0)
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = zero
    q0 = q1 = q2 = q3 = q4 = q5 = q6 = q7 = q8 = q9 = zero
    o = load(center, 0, i)
    for b in range(table.shape[0]):
        y = minus(load(table, b, i), o)
        z = fma(y, y, zero)
        r = broadcast(responsibilities, k0, b)
        s0, q0 = fma(r, y, s0), fma(r, z, q0)
        r = broadcast(responsibilities, k1, b)
        s1, q1 = fma(r, y, s1), fma(r, z, q1)
        r = broadcast(responsibilities, k2, b)
        s2, q2 = fma(r, y, s2), fma(r, z, q2)
        r = broadcast(responsibilities, k3, b)
        s3, q3 = fma(r, y, s3), fma(r, z, q3)
        r = broadcast(responsibilities, k4, b)
        s4, q4 = fma(r, y, s4), fma(r, z, q4)
        r = broadcast(responsibilities, k5, b)
        s5, q5 = fma(r, y, s5), fma(r, z, q5)
        r = broadcast(responsibilities, k6, b)
        s6, q6 = fma(r, y, s6), fma(r, z, q6)
        r = broadcast(responsibilities, k7, b)
        s7, q7 = fma(r, y, s7), fma(r, z, q7)
        r = broadcast(responsibilities, k8, b)
        s8, q8 = fma(r, y, s8), fma(r, z, q8)
        r = broadcast(responsibilities, k9, b)
        s9, q9 = fma(r, y, s9), fma(r, z, q9)
    depth = table.shape[1]
    store(out, 0, i, s0)
    store(out, 0, depth + i, q0)
    store(out, 1, i, s1)
    store(out, 1, depth + i, q1)
    store(out, 2, i, s2)
    store(out, 2, depth + i, q2)
    store(out, 3, i, s3)
    store(out, 3, depth + i, q3)
    store(out, 4, i, s4)
    store(out, 4, depth + i, q4)
    store(out, 5, i, s5)
    store(out, 5, depth + i, q5)
    store(out, 6, i, s6)
    store(out, 6, depth + i, q6)
    store(out, 7, i, s7)
    store(out, 7, depth + i, q7)
    store(out, 8, i, s8)
    store(out, 8, depth + i, q8)
    store(out, 9, i, s9)
    store(out, 9, depth + i, q9)


@jit_helper
def _add_about_mean(sums, j, mass, mean, center, first, second):
    """Add the sums of one component, about its own mean; return whether enough digits are left."""
    depth = mean.size
    for i in range(depth):
        n = mean[i] - center[0, i]
        left = sums[j, depth + i] - n * (2.0 * sums[j, i] - mass * n)
        if not left * LARGEST_RATIO >= sums[j, depth + i]:
            return False
    for i in range(depth):
        n = mean[i] - center[0, i]
        first[i] += sums[j, i] - mass * n
        second[i] += sums[j, depth + i] - n * (2.0 * sums[j, i] - mass * n)
    return True


@jit
def diagonal_moments(x, table, responsibilities, means, count, first, second):
    """Add a block's moments about the means: sums of r, r d and r d^2 with d = row - mean; `second` is (K, 1, D8).

    Components that matter to more than a quarter of the rows take part in products, others read only their rows.
    """
    n_components, n_rows = responsibilities.shape
    depth = table.shape[1]
    rows, zeros = row_scratch(n_rows)
    seconds = second.reshape((n_components, depth))
    masses = np.empty(n_components)
    chosen = np.zeros(n_components + _GROUP, np.int64)
    n_chosen = 0
    for k in range(n_components):
        n_active, masses[k] = active_rows(responsibilities, k, zeros, rows)
        count[k] += masses[k]
        if 4 * n_active > n_rows:
            chosen[n_chosen] = k
            n_chosen += 1
        else:
            _add_picked(table, means, responsibilities, k, rows, n_active, first, seconds)
    center = shared_center(means).reshape((1, depth))
    sums = aligned_empty(_GROUP, 2 * depth)
    for g in range(0, n_chosen, _GROUP):
        for i in range(0, depth, LANES):
            _weighted_sums(table, center, responsibilities, chosen, g, i, sums)
        for j in range(min(_GROUP, n_chosen - g)):
            k = chosen[g + j]
            if not _add_about_mean(sums, j, masses[k], means[k], center, first[k], seconds[k]):
                _add_all(x, means, responsibilities, k, first, seconds)
