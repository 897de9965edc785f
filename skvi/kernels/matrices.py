"""Batches of small symmetric matrices: what families of precisions ask of them.

Shapes: scales (K, D, D), factors and means alike; dofs (K,). All loops run along rows, so that the compiler
vectorises them; for matrices of a few rows calls of a library would take longer than the work.
"""

import math

from skvi._numba import jit, jit_helper
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import LANES, fma, load, splat, store
from skvi.kernels.special import digamma

_LOG_2 = math.log(2.0)
_LOG_PI = math.log(math.pi)


@jit_helper
def _add_multiple(factor, source, i, start, stop, target, h):
    """Add a multiple of row i of the source to row h of the target, by whole vectors that cover the columns named."""
    f = splat(factor)
    for j in range(start - start % LANES, stop, LANES):
        store(target, h, j, fma(f, load(source, i, j), load(target, h, j)))


@jit
def wishart_parts(dofs, scales, factors, means, expected_log_dets):
    """What a Wishart distribution W(W, nu) with W^-1 = scale is made of; return the sum of log-normalisers.

    Lower-triangular F with F' F = E[L], E[L] = nu W itself, and E[log |L|]. The sum is NaN where a scale is not
    positive definite or a dof is not above D - 1.
    """
    d = scales.shape[1]
    columns = -(-d // LANES) * LANES
    # Rows of A and I side by side, which elimination turns into U and F with U' U = A and F = U'^-1: how rows are
    # scaled does not disturb it. Beside them, below F, the sum F' F.
    system = aligned_empty(d, 2 * columns)
    inverse = aligned_empty(d, 2 * columns)
    log_normalizer = dofs.size * 0.25 * d * (d - 1) * _LOG_PI
    for k in range(dofs.size):
        dof = dofs[k] if dofs[k] > d - 1.0 else math.nan
        for i in range(d):
            for j in range(columns):
                system[i, j] = scales[k, i, j] if j < d else 0.0
                system[i, columns + j] = 1.0 if i == j else 0.0
                inverse[i, columns + j] = 0.0
        log_det = d * _LOG_2
        for i in range(d):
            pivot = system[i, i]
            if not 0.0 < pivot < math.inf:
                return math.nan
            log_det -= math.log(pivot)
            scale = 1.0 / math.sqrt(pivot)
            for j in range(2 * columns):
                system[i, j] *= scale
            for h in range(i + 1, d):
                _add_multiple(-system[i, h], system, i, h, columns + i + 1, system, h)
            for h in range(i + 1):
                _add_multiple(system[i, columns + h], system, i, columns, columns + i + 1, inverse, h)
        root = math.sqrt(dof)
        log_normalizer += 0.5 * dof * log_det
        for i in range(d):
            log_det += digamma(0.5 * (dof - i))
            log_normalizer += math.lgamma(0.5 * (dof - i))
            for j in range(d):
                factors[k, i, j] = root * system[i, columns + j]
                means[k, i, j] = dof * inverse[i, columns + j]
        expected_log_dets[k] = log_det
    return log_normalizer
