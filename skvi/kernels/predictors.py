"""Passes over rows for linear predictors: their normal moments, and the sums that follow from these.

Two passes with Python in between, once for many blocks: likelihoods are written in numpy. The compiled parts are
those of Gaussian mixtures, whose scores are variances and whose moments are weighted Gram matrices.
"""

import numpy as np

from skvi._numba import call, entries, entry, jit, jit_helper
from skvi.kernels.blocks import load_block
from skvi.kernels.gaussian import full_scores
from skvi.kernels.moments import full_moments
from skvi.kernels.simd import aligned_empty


@jit_helper
def _project(x, center, direction, out):
    """out[b] = direction' (x[:, b] - center)."""
    for b in range(x.shape[1]):
        out[b] = 0.0
    for i in range(x.shape[0]):
        for b in range(x.shape[1]):
            out[b] += direction[i] * (x[i, b] - center[i])


@jit
def predictor_pass(kernels, rows, weights, width, center, directions, means, factors, constants, mean, var):
    """mean[k, n] = directions[k]'(rows[n] - center), var[k, n] = |factors[k] (rows[n] - means[k])|^2 + constants[k].

    Parameters
    ----------
    kernels : from `predictor_kernels`
    rows, weights : (N, D), any dtype and layout, and (N,)
    width : int
        Rows of a block.
    center, directions, means, factors, constants : (1, D4), (K, D4), (K, D4), (K, D4, D4), (K,)
    mean, var : (K, N)
    """
    load, score = kernels
    n_sets = directions.shape[0]
    x, no_table = aligned_empty(center.shape[1], width), np.empty((width, 0))
    scores, along, block_weights = aligned_empty(n_sets, width), np.empty(width), np.empty(width)
    for start in range(0, rows.shape[0], width):
        call(load, (rows, weights, start, x, no_table, block_weights))
        call(score, (x, means, factors, constants, scores))
        n = min(width, rows.shape[0] - start)
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
    for start in range(0, rows.shape[0], width):
        n = min(width, rows.shape[0] - start)
        for b in range(width):
            for i in range(columns):
                table[b, i] = rows[start + b, i] if b < n and i < rows.shape[1] else 0.0
        for k in range(n_sets):
            for b in range(width):
                weights[k, b] = curvature[k, start + b] if b < n else 0.0
            for b in range(n):
                g = slope[k, start + b]
                for i in range(columns):
                    slopes[k, i] += g * (table[b, i] - centers[k, i])
        call(kernels[0], (no_x, table, weights, centers, count, first, second))


_compiled = {}


def predictor_kernels(rows, weights):
    """What a `predictor_pass` calls for rows and weights like these."""
    # Asking numba for the types takes longer than a pass over small data.
    key = tuple((a.dtype, a.flags.c_contiguous, a.flags.f_contiguous, a.flags.writeable) for a in (rows, weights))
    if key not in _compiled:
        vector, matrix, cube = np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0))
        _compiled[key] = entries(
            entry(load_block, rows, weights, 0, matrix, matrix, vector),
            entry(full_scores, matrix, matrix, cube, vector, matrix),
        )
    return _compiled[key]


def site_kernels():
    """What a `site_pass` calls."""
    if None not in _compiled:
        vector, matrix, cube = np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0))
        _compiled[None] = entries(entry(full_moments, matrix, matrix, matrix, matrix, vector, matrix, cube))
    return _compiled[None]
