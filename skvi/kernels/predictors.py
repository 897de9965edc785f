"""Passes over rows for linear predictors: their normal moments, and the sums that follow from these.

Two passes with Python in between, once for many blocks: likelihoods are written in numpy. The compiled parts are
those of Gaussian mixtures, whose scores are variances and whose moments are weighted Gram matrices.
"""

import numpy as np

from skvi._numba import call, entries, entry, jit, jit_helper
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.gaussian import full_scores
from skvi.kernels.moments import full_moments
from skvi.kernels.simd import LANES

# Rows of a block where nothing but their transposition costs: columns far apart in memory share lines of the cache.
_FEW_ROWS = 32


@jit_helper
def _transpose(rows, start, n, x):
    """x[:D, :n] = rows[start:start + n].T, by tiles of eight rows."""
    whole = n - n % LANES
    for b in range(0, whole, LANES):
        for i in range(rows.shape[1]):
            for j in range(LANES):
                x[i, b + j] = rows[start + b + j, i]
    for b in range(whole, n):
        for i in range(rows.shape[1]):
            x[i, b] = rows[start + b, i]


@jit_helper
def _project(x, center, direction, out):
    """out[b] = direction' (x[:, b] - center)."""
    for b in range(x.shape[1]):
        out[b] = 0.0
    for i in range(x.shape[0]):
        for b in range(x.shape[1]):
            out[b] += direction[i] * (x[i, b] - center[i])


@jit_helper
def _spread(x, center, variances, out):
    """out[b] = variances' (x[:, b] - center)^2."""
    for b in range(x.shape[1]):
        out[b] = 0.0
    for i in range(x.shape[0]):
        for b in range(x.shape[1]):
            out[b] += variances[i] * ((x[i, b] - center[i]) * (x[i, b] - center[i]))


@jit
def independent_pass(rows, center, direction, middle, variances, mean, var):
    """mean[n] = direction'(rows[n] - center), var[n] = variances'(rows[n] - middle)^2.

    Parameters
    ----------
    rows : (N, D), any dtype and layout
    center, direction, middle, variances : (D,)
    mean, var : (N,)
    """
    width = _FEW_ROWS
    x, along, spread = aligned_empty(rows.shape[1], width), np.empty(width), np.empty(width)
    x[:] = 0.0
    for start in range(0, rows.shape[0], width):
        n = min(width, rows.shape[0] - start)
        _transpose(rows, start, n, x)
        _project(x, center, direction, along)
        _spread(x, middle, variances, spread)
        mean[start : start + n] = along[:n]
        var[start : start + n] = spread[:n]


@jit
def predictor_pass(kernels, rows, width, center, directions, means, factors, constants, mean, var):
    """mean[k, n] = directions[k]'(rows[n] - center), var[k, n] = |factors[k] (rows[n] - means[k])|^2 + constants[k].

    Parameters
    ----------
    kernels : from `predictor_kernels`
    rows : (N, D), any dtype and layout
    width : int
        Rows of a block.
    center, directions, means, factors, constants : (1, D4), (K, D4), (K, D4), (K, D4, D4), (K,)
    mean, var : (K, N)
    """
    n_sets = directions.shape[0]
    x, scores, along = aligned_empty(center.shape[1], width), aligned_empty(n_sets, width), np.empty(width)
    x[:] = 0.0
    for start in range(0, rows.shape[0], width):
        n = min(width, rows.shape[0] - start)
        _transpose(rows, start, n, x)
        call(kernels[0], (x, means, factors, constants, scores))
        for k in range(n_sets):
            _project(x, center[0], directions[k], along)
            for b in range(n):
                mean[k, start + b] = along[b]
                # score = constant - squared norm / 2
                var[k, start + b] = 2.0 * (constants[k] - scores[k, b]) + constants[k]


@jit
def site_pass(kernels, rows, slope, curvature, width, centers, slopes, count, first, second):
    """Add sums over rows, d = row - centers[k]: of slope[k] d, and of curvature[k], curvature[k] d, curvature[k] d d'.

    Parameters
    ----------
    kernels : from `site_kernels`
    rows : (N, D), any dtype and layout
    slope, curvature : (K, N), the second not negative
    width : int
        Rows of a block.
    centers : (K, D8)
    slopes, count, first, second : (K, D8), (K,), (K, D8), (K, D8, D8)
        Of the last the lower triangle is meant.
    """
    n_sets, columns = centers.shape
    table, no_x = aligned_empty(width, columns), np.empty((0, width))
    weights = aligned_empty(n_sets, width)
    table[:] = 0.0
    for start in range(0, rows.shape[0], width):
        n = min(width, rows.shape[0] - start)
        for b in range(n):
            for i in range(rows.shape[1]):
                table[b, i] = rows[start + b, i]
        for k in range(n_sets):
            for b in range(width):
                weights[k, b] = curvature[k, start + b] if b < n else 0.0
            for b in range(n):
                g = slope[k, start + b]
                for i in range(columns):
                    slopes[k, i] += g * (table[b, i] - centers[k, i])
        call(kernels[0], (no_x, table, weights, centers, count, first, second))


_compiled = {}


def predictor_kernels():
    """What a `predictor_pass` calls."""
    if "predictor" not in _compiled:
        vector, matrix, cube = np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0))
        _compiled["predictor"] = entries(entry(full_scores, matrix, matrix, cube, vector, matrix))
    return _compiled["predictor"]


def site_kernels():
    """What a `site_pass` calls."""
    if "site" not in _compiled:
        vector, matrix, cube = np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0))
        _compiled["site"] = entries(entry(full_moments, matrix, matrix, matrix, matrix, vector, matrix, cube))
    return _compiled["site"]
