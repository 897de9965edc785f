"""Products of matrices in register tiles: for scores and moments of rows that matter to most components.

Both are linear in features t of a row: scores take sum_p coefficients[k, p] t_p, moments sum_b r[k, b] t(row b).
Four components at a time meet 32 rows, or 32 columns of features, so that sixteen sums stay in registers.
"""

from skvi._numba import jit_helper
from skvi.kernels.simd import LANES, broadcast, fma, load, splat, store

#: rows, or columns of features, of a tile
TILE = 32
#: components of a tile
GROUP = 4


@jit_helper
def fill_tile(values, start, scores):
    """scores[k, start:start + 32] = values[k]."""
    for k in range(scores.shape[0]):
        value = splat(values[k])
        for b in range(start, start + TILE, LANES):
            store(scores, k, b, value)


@jit_helper
def add_products(coefficients, first, features, n, start, scores):
    """scores[k, start:start + 32] += sum over p < n of coefficients[k, first + p] features[p]."""
    last = scores.shape[0] - 1
    for k in range(0, last + 1, GROUP):
        # Beyond the last component its sums are found once more.
        group = k, min(k + 1, last), min(k + 2, last), min(k + 3, last)
        _add_tile(coefficients, group, first, features, 0, n, scores, group, start)


@jit_helper
def add_weighted(features, n, responsibilities, start, chosen, column, sums):
    """sums[j, column:] += sum over b < n of responsibilities[chosen[j], start + b] features[b].

    Features have a multiple of 32 columns, and sums a multiple of 4 rows.
    """
    for j in range(0, sums.shape[0], GROUP):
        group = chosen[j], chosen[j + 1], chosen[j + 2], chosen[j + 3]
        for i in range(0, features.shape[1], TILE):
            _add_tile(responsibilities, group, start, features, i, n, sums, (j, j + 1, j + 2, j + 3), column + i)


@jit_helper
def _add_tile(weights, rows, first, features, column, n, sums, places, start):
    """sums[j, start:start + 32] += sum over p < n of weights[k, first + p] features[p, column:column + 32].

    For four rows k of the weights, and places j of theirs among the sums.
    """
    k0, k1, k2, k3 = rows
    j0, j1, j2, j3 = places
    a0, a1, a2, a3 = _loaded(sums, j0, start)
    b0, b1, b2, b3 = _loaded(sums, j1, start)
    c0, c1, c2, c3 = _loaded(sums, j2, start)
    d0, d1, d2, d3 = _loaded(sums, j3, start)
    for p in range(n):
        y0, y1, y2, y3 = _loaded(features, p, column)
        w = broadcast(weights, k0, first + p)
        a0, a1, a2, a3 = fma(w, y0, a0), fma(w, y1, a1), fma(w, y2, a2), fma(w, y3, a3)
        w = broadcast(weights, k1, first + p)
        b0, b1, b2, b3 = fma(w, y0, b0), fma(w, y1, b1), fma(w, y2, b2), fma(w, y3, b3)
        w = broadcast(weights, k2, first + p)
        c0, c1, c2, c3 = fma(w, y0, c0), fma(w, y1, c1), fma(w, y2, c2), fma(w, y3, c3)
        w = broadcast(weights, k3, first + p)
        d0, d1, d2, d3 = fma(w, y0, d0), fma(w, y1, d1), fma(w, y2, d2), fma(w, y3, d3)
    _stored(sums, j0, start, a0, a1, a2, a3)
    _stored(sums, j1, start, b0, b1, b2, b3)
    _stored(sums, j2, start, c0, c1, c2, c3)
    _stored(sums, j3, start, d0, d1, d2, d3)


@jit_helper
def _loaded(array, i, b):
    return load(array, i, b), load(array, i, b + 8), load(array, i, b + 16), load(array, i, b + 24)


@jit_helper
def _stored(array, i, b, v0, v1, v2, v3):
    store(array, i, b, v0)
    store(array, i, b + 8, v1)
    store(array, i, b + 16, v2)
    store(array, i, b + 24, v3)
