"""Moments of rows about a reference per component: what Gaussian components learn from.

Shapes: x (D4, B) is a block (see `blocks`), means (K, D4), responsibilities (K, B). A component touches only
the rows that matter to it: where they are few they are gathered first, and the tiles run over those.
"""

import numpy as np

from skvi._numba import jit, jit_helper
from skvi.kernels.blocks import FEATURE_TILE
from skvi.kernels.gather import gather_differences
from skvi.kernels.simd import append_greater, fma, load, minus, splat, store, total

SCATTER_ROWS = 256


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
        gather_differences(x, mean, rows, start, n, d)
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


def scatter_kernel(depth):
    """The kernel of first and second moments for so many padded features."""
    return low_moments if depth == FEATURE_TILE else full_moments


@jit
def label_sums(x, weights, labels, count, total):
    """Add weights and weighted rows to the count and total of the component that each row's label names."""
    n_features, n_rows = x.shape
    for b in range(n_rows):
        count[labels[b]] += weights[b]
    for i in range(n_features):
        for b in range(n_rows):
            total[labels[b], i] += weights[b] * x[i, b]


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
