"""Log densities of observations given a model's outputs, and their slopes in these: draws (T, N) by rows."""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.logistic import log1p_unit
from skvi.kernels.simd import LANES, drop_below, load, maximum, minus, over, plus, splat, store, times
from skvi.kernels.special import exp_nonpositive


@jit_helper
def sigma(x):
    """1 / (1 + exp(-x)) of eight numbers."""
    zero, one = splat(0.0), splat(1.0)
    e = exp_nonpositive(minus(zero, maximum(x, minus(zero, x))))
    # One where x >= 0, else nought; where x is too small to tell, both values of sigma are alike.
    positive = drop_below(one, minus(one, x))
    return over(plus(times(positive, minus(one, e)), e), plus(one, e))


@jit_helper
def _log_sigma(x):
    """-log(1 + exp(-x)) of eight numbers."""
    zero = splat(0.0)
    minus_x = minus(zero, x)
    e = exp_nonpositive(minus(zero, maximum(x, minus_x)))
    log_more = log1p_unit(e, over(splat(1.0), plus(splat(2.0), e)))
    return minus(zero, plus(maximum(minus_x, zero), log_more))


@jit
def logistic_slopes(outputs, targets, row_weight):
    """outputs <- row_weight (targets - 1 / (1 + exp(-outputs)))."""
    wide_vectors()
    n_rows = outputs.shape[1]
    row = np.zeros((1, -(-n_rows // LANES) * LANES))
    for t in range(outputs.shape[0]):
        row[0, :n_rows] = outputs[t]
        for b in range(0, n_rows, LANES):
            store(row, 0, b, sigma(load(row, 0, b)))
        for i in range(n_rows):
            outputs[t, i] = row_weight[i] * (targets[i] - row[0, i])


@jit
def logistic_densities(outputs, targets):
    """outputs <- -log(1 + exp(-outputs)) where targets are one, else -log(1 + exp(outputs)); -inf in place of NaN."""
    wide_vectors()
    n_rows = outputs.shape[1]
    row = np.zeros((1, -(-n_rows // LANES) * LANES))
    for t in range(outputs.shape[0]):
        for i in range(n_rows):
            row[0, i] = (2.0 * targets[i] - 1.0) * outputs[t, i]
        for b in range(0, n_rows, LANES):
            store(row, 0, b, _log_sigma(load(row, 0, b)))
        for i in range(n_rows):
            density = row[0, i]
            outputs[t, i] = density if density == density else -np.inf


@jit
def normal_slopes(means, targets, row_weight, precision, squares):
    """With r = targets - means: means <- precision row_weight r, squares[t] = sum_i row_weight[i] r[t, i]^2."""
    for t in range(means.shape[0]):
        total = 0.0
        for i in range(means.shape[1]):
            residual = targets[i] - means[t, i]
            weighted = row_weight[i] * residual
            total += weighted * residual
            means[t, i] = precision[t] * weighted
        squares[t] = total
