"""Symmetric tridiagonal matrices that are positive definite, in order of their size."""

import math

import numpy as np

from skvi._numba import jit


@jit
def inverse_diagonal(diagonal, beside, out):
    """Diagonal of the inverse; returns the log-determinant, or NaN where a pivot is not positive.

    Pivots from above and from below meet at each place: 1 / S_ii = d_i + e_i - T_ii (Meurant 1992, th. 3.1).

    Parameters
    ----------
    diagonal, out : (M,)
    beside : (M - 1,)
    """
    m = diagonal.size
    pivot, log_det = diagonal[0], 0.0
    for i in range(m):
        if i > 0:
            pivot = diagonal[i] - beside[i - 1] * beside[i - 1] / pivot
        if not pivot > 0.0:
            return np.nan
        out[i] = pivot
        log_det += math.log(pivot)
    pivot = diagonal[m - 1]
    for i in range(m - 1, -1, -1):
        if i < m - 1:
            pivot = diagonal[i] - beside[i] * beside[i] / pivot
        total = out[i] + (pivot - diagonal[i])
        if not (pivot > 0.0 and total > 0.0):
            return np.nan
        out[i] = 1.0 / total
    return log_det
