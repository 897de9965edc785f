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
    for k0 in range(0, last + 1, GROUP):
        # Beyond the last component its sums are found once more.
        k1, k2, k3 = min(k0 + 1, last), min(k0 + 2, last), min(k0 + 3, last)
        a0, a1, a2, a3 = _loaded(scores, k0, start)
        b0, b1, b2, b3 = _loaded(scores, k1, start)
        c0, c1, c2, c3 = _loaded(scores, k2, start)
        d0, d1, d2, d3 = _loaded(scores, k3, start)
        for p in range(n):
            y0, y1, y2, y3 = _loaded(features, p, 0)
            f = broadcast(coefficients, k0, first + p)
            a0, a1, a2, a3 = fma(f, y0, a0), fma(f, y1, a1), fma(f, y2, a2), fma(f, y3, a3)
            f = broadcast(coefficients, k1, first + p)
            b0, b1, b2, b3 = fma(f, y0, b0), fma(f, y1, b1), fma(f, y2, b2), fma(f, y3, b3)
            f = broadcast(coefficients, k2, first + p)
            c0, c1, c2, c3 = fma(f, y0, c0), fma(f, y1, c1), fma(f, y2, c2), fma(f, y3, c3)
            f = broadcast(coefficients, k3, first + p)
            d0, d1, d2, d3 = fma(f, y0, d0), fma(f, y1, d1), fma(f, y2, d2), fma(f, y3, d3)
        _stored(scores, k0, start, a0, a1, a2, a3)
        _stored(scores, k1, start, b0, b1, b2, b3)
        _stored(scores, k2, start, c0, c1, c2, c3)
        _stored(scores, k3, start, d0, d1, d2, d3)


@jit_helper
def add_weighted(features, n, responsibilities, start, chosen, column, sums):
    """sums[j, column:] += sum over b < n of responsibilities[chosen[j], start + b] features[b].

    Features have a multiple of 32 columns, and sums a multiple of 4 rows.
    """
    for j in range(0, sums.shape[0], GROUP):
        k0, k1, k2, k3 = chosen[j], chosen[j + 1], chosen[j + 2], chosen[j + 3]
        for i in range(0, features.shape[1], TILE):
            a0, a1, a2, a3 = _loaded(sums, j, column + i)
            b0, b1, b2, b3 = _loaded(sums, j + 1, column + i)
            c0, c1, c2, c3 = _loaded(sums, j + 2, column + i)
            d0, d1, d2, d3 = _loaded(sums, j + 3, column + i)
            for b in range(n):
                y0, y1, y2, y3 = _loaded(features, b, i)
                r = broadcast(responsibilities, k0, start + b)
                a0, a1, a2, a3 = fma(r, y0, a0), fma(r, y1, a1), fma(r, y2, a2), fma(r, y3, a3)
                r = broadcast(responsibilities, k1, start + b)
                b0, b1, b2, b3 = fma(r, y0, b0), fma(r, y1, b1), fma(r, y2, b2), fma(r, y3, b3)
                r = broadcast(responsibilities, k2, start + b)
                c0, c1, c2, c3 = fma(r, y0, c0), fma(r, y1, c1), fma(r, y2, c2), fma(r, y3, c3)
                r = broadcast(responsibilities, k3, start + b)
                d0, d1, d2, d3 = fma(r, y0, d0), fma(r, y1, d1), fma(r, y2, d2), fma(r, y3, d3)
            _stored(sums, j, column + i, a0, a1, a2, a3)
            _stored(sums, j + 1, column + i, b0, b1, b2, b3)
            _stored(sums, j + 2, column + i, c0, c1, c2, c3)
            _stored(sums, j + 3, column + i, d0, d1, d2, d3)


@jit_helper
def _loaded(array, i, b):
    return load(array, i, b), load(array, i, b + 8), load(array, i, b + 16), load(array, i, b + 24)


@jit_helper
def _stored(array, i, b, v0, v1, v2, v3):
    store(array, i, b, v0)
    store(array, i, b + 8, v1)
    store(array, i, b + 16, v2)
    store(array, i, b + 24, v3)
