"""Batches of small symmetric matrices: what families of precisions ask of them.

Shapes: matrices (K, D, D), factors and inverses alike; weights (K,), vectors (K, D). All loops run along rows, so
that the compiler vectorises them; for matrices of a few rows calls of a library would take longer than the work.
"""

import math

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import LANES, aligned_empty, fma, load, splat, store


@jit_helper
def _add_multiple(factor, source, i, start, stop, target, h):
    """Add a multiple of row i of the source to row h of the target, by whole vectors that cover the columns named."""
    f = splat(factor)
    for j in range(start - start % LANES, stop, LANES):
        store(target, h, j, fma(f, load(source, i, j), load(target, h, j)))


@jit_helper
def _invert(d, upper, factor, inverse):
    """Turn A and I into U and F with U' U = A and F = U'^-1, and zero into F' F; return log |A|, or NaN.

    Such elimination is not disturbed by how rows are scaled.
    """
    log_det = 0.0
    for i in range(d):
        if not 0.0 < upper[i, i] < math.inf:
            return math.nan
        log_det += math.log(upper[i, i])
        scale = 1.0 / math.sqrt(upper[i, i])
        for j in range(d):
            upper[i, j] *= scale
            factor[i, j] *= scale
        for h in range(i + 1, d):
            _add_multiple(-upper[i, h], upper, i, h, d, upper, h)
            _add_multiple(-upper[i, h], factor, i, 0, i + 1, factor, h)
        for h in range(i + 1):
            _add_multiple(factor[i, h], factor, i, 0, i + 1, inverse, h)
    return log_det


@jit
def invert_definite(matrices, factors, inverses, log_dets):
    """Lower-triangular F with F' F = A^-1, A^-1 and log |A| of each matrix A; log |A| is NaN where none is."""
    d = matrices.shape[1]
    columns = -(-d // LANES) * LANES
    upper = aligned_empty(d, columns)
    factor = aligned_empty(d, columns)
    inverse = aligned_empty(d, columns)
    for k in range(matrices.shape[0]):
        for i in range(d):
            for j in range(columns):
                upper[i, j] = matrices[k, i, j] if j < d else 0.0
                factor[i, j] = 1.0 if i == j else 0.0
                inverse[i, j] = 0.0
        log_dets[k] = _invert(d, upper, factor, inverse)
        for i in range(d):
            for j in range(d):
                factors[k, i, j] = factor[i, j]
                inverses[k, i, j] = inverse[i, j]


@jit
def add_cross_products(matrices, a, b, out):
    """out[k] = matrices[k] + a[k] b[k]' + b[k] a[k]'."""
    wide_vectors()
    for k in range(matrices.shape[0]):
        for i in range(matrices.shape[1]):
            for j in range(matrices.shape[1]):
                out[k, i, j] = matrices[k, i, j] + (a[k, i] * b[k, j] + b[k, i] * a[k, j])
