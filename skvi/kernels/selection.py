"""Coordinate ascent for spike-and-slab regression (Carbonetto & Stephens 2012, eqs. 8 to 10).

Each coefficient in turn becomes the best given the others. Shapes: order (D,); cross (D,) is X'Wy; noise is
E[alpha]; precision (D,) that of each slab; log_odds are those of inclusion before the data, plus half E[log lambda];
slab_mean and inclusion (D,) are overwritten.
"""

import math

import numpy as np

from skvi._numba import jit, jit_helper


@jit_helper
def _logistic(x):
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))


@jit
def select_by_gram(order, gram, cross, noise, precision, log_odds, slab_mean, inclusion, fitted):
    """One sweep on a Gram matrix (D, D); fitted (D,) is the matrix times the expected coefficients."""
    n_features = len(order)
    for j in order:
        before = inclusion[j] * slab_mean[j]
        pull = noise * (cross[j] - fitted[j] + gram[j, j] * before)
        slab_mean[j] = pull / precision[j]
        inclusion[j] = _logistic(log_odds + 0.5 * (pull * slab_mean[j] - math.log(precision[j])))
        change = inclusion[j] * slab_mean[j] - before
        if change != 0.0:
            for k in range(n_features):
                fitted[k] += gram[j, k] * change


@jit
def select_by_rows(order, columns, squares, noise, precision, log_odds, slab_mean, inclusion, residual):
    """One sweep on columns (D, N) with their squared norms (D,); residual (N,) is what the means leave of y."""
    n_rows = len(residual)
    for j in order:
        before = inclusion[j] * slab_mean[j]
        pull = noise * (squares[j] * before + np.dot(columns[j], residual))
        slab_mean[j] = pull / precision[j]
        inclusion[j] = _logistic(log_odds + 0.5 * (pull * slab_mean[j] - math.log(precision[j])))
        change = inclusion[j] * slab_mean[j] - before
        if change != 0.0:
            for i in range(n_rows):
                residual[i] -= columns[j, i] * change
