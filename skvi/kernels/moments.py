"""Moments of rows about a reference per component: what Gaussian components learn from.

Shapes: `table` (B, D8) and `x` (D4, B) hold the rows of a block (see `blocks`), responsibilities (K, B), means
(K, D8). A component reads only the rows that matter to it.
"""

import numpy as np

from skvi._numba import jit, jit_helper
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import append_greater, broadcast, fma, load, minus, splat, store, total

# Doubles in a chunk of picked rows, which stays in a first-level cache while the tiles go over it.
_CHUNK_DOUBLES = 3072
_MOST_ROWS = 48
# Largest ratio of a sum of squares about a shared center to what is left of it about a component's own mean.
LARGEST_RATIO = 1e3


@jit_helper
def active_rows(responsibilities, k, zeros, rows):
    """List the rows with a positive responsibility; return their number and the sum of responsibilities."""
    n = 0
    one = splat(1.0)
    mass = splat(0.0)
    for b in range(0, responsibilities.shape[1], 8):
        n = append_greater(responsibilities, k, b, zeros, rows, n)
        mass = fma(one, load(responsibilities, k, b), mass)
    return n, total(mass)


@jit_helper
def row_scratch(n_rows):
    """A list of rows, and the zeros that positive responsibilities are told from."""
    zeros = np.empty((1, n_rows))
    for b in range(n_rows):
        zeros[0, b] = 0.0
    return np.empty(n_rows + 8, np.int64), zeros


@jit_helper
def _pick(table, means, responsibilities, k, rows, start, n, d, e):
    """Set d[j] to the differences of n picked rows from the mean, and e[j] to r d[j]."""
    zero = splat(0.0)
    for j in range(n):
        b = rows[start + j]
        r = broadcast(responsibilities, k, b)
        for i in range(0, table.shape[1], 8):
            difference = minus(load(table, b, i), load(means, k, i))
            store(d, j, i, difference)
            store(e, j, i, fma(r, difference, zero))


@jit_helper
def _add_rows(e, n, k, first):
    """Add the first n rows of e to first[k], in four sums that need not wait for each other."""
    one = splat(1.0)
    for i in range(0, e.shape[1], 8):
        s0 = load(first, k, i)
        s1 = splat(0.0)
        s2 = splat(0.0)
        s3 = splat(0.0)
        for j in range(0, n - 3, 4):
            s0 = fma(one, load(e, j, i), s0)
            s1 = fma(one, load(e, j + 1, i), s1)
            s2 = fma(one, load(e, j + 2, i), s2)
            s3 = fma(one, load(e, j + 3, i), s3)
        for j in range(n - n % 4, n):
            s0 = fma(one, load(e, j, i), s0)
        store(first, k, i, fma(one, s0, fma(one, s1, fma(one, s2, s3))))


@jit_helper
def _scatter(d, e, n, second):
    """Add the lower triangle of e' d over the first n rows, in whole 8 x 8 tiles that stay in registers."""
    for i in range(0, d.shape[1], 8):
        for j in range(0, i + 8, 8):
            s0 = load(second, i, j)
            s1 = load(second, i + 1, j)
            s2 = load(second, i + 2, j)
            s3 = load(second, i + 3, j)
            s4 = load(second, i + 4, j)
            s5 = load(second, i + 5, j)
            s6 = load(second, i + 6, j)
            s7 = load(second, i + 7, j)
            for b in range(n):
                x = load(d, b, j)
                s0 = fma(broadcast(e, b, i), x, s0)
                s1 = fma(broadcast(e, b, i + 1), x, s1)
                s2 = fma(broadcast(e, b, i + 2), x, s2)
                s3 = fma(broadcast(e, b, i + 3), x, s3)
                s4 = fma(broadcast(e, b, i + 4), x, s4)
                s5 = fma(broadcast(e, b, i + 5), x, s5)
                s6 = fma(broadcast(e, b, i + 6), x, s6)
                s7 = fma(broadcast(e, b, i + 7), x, s7)
            store(second, i, j, s0)
            store(second, i + 1, j, s1)
            store(second, i + 2, j, s2)
            store(second, i + 3, j, s3)
            store(second, i + 4, j, s4)
            store(second, i + 5, j, s5)
            store(second, i + 6, j, s6)
            store(second, i + 7, j, s7)


@jit
def full_moments(x, table, responsibilities, means, count, first, second):
    """Add a block's moments about the means: sums of r, r d and r d d' with d = row - mean.

    `second` is (K, D8, D8), or (1, D8, D8) where all components share one scatter; only its lower triangle
    is meant (see `mirror`).
    """
    n_components, n_rows = responsibilities.shape
    rows, zeros = row_scratch(n_rows)
    d, e = difference_scratch(table.shape[1])
    for k in range(n_components):
        n_active, mass = active_rows(responsibilities, k, zeros, rows)
        count[k] += mass
        add_picked(table, means, responsibilities, k, rows, n_active, d, e, first, second[k % second.shape[0]])


@jit_helper
def difference_scratch(columns):
    """Room for the differences of some rows from a mean, and for these times responsibilities."""
    chunk = max(min(_CHUNK_DOUBLES // columns, _MOST_ROWS), 1)
    return aligned_empty(chunk, columns), aligned_empty(chunk, columns)


@jit_helper
def add_picked(table, means, responsibilities, k, rows, n_active, d, e, first, second):
    """Add the moments of the rows listed, about the mean of component k."""
    chunk = d.shape[0]
    for start in range(0, n_active, chunk):
        n = min(chunk, n_active - start)
        _pick(table, means, responsibilities, k, rows, start, n, d, e)
        _add_rows(e, n, k, first)
        _scatter(d, e, n, second)


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
def low_moments(x, table, responsibilities, means, count, first, second):
    """Do as `full_moments`, for at most four features: from x, and with an empty table."""
    for k in range(responsibilities.shape[0]):
        _low_moments(x, responsibilities, k, means[k], count, first, second[k % second.shape[0]])


@jit
def mirror(second):
    """Copy the lower triangle of each matrix to its upper one."""
    for k in range(second.shape[0]):
        for i in range(second.shape[1]):
            for j in range(i):
                second[k, j, i] = second[k, i, j]
