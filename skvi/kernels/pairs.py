"""Pairs of particles, block by block: distances, kernels, and the sums of Stein's method.

Shapes: `panels` (nb * P, B) holds nb blocks of B rows, each transposed, so that eight rows share an instruction;
tables (nb * B, C8) hold what is summed over particles. Rows beyond the last particle are zero. Distances come from
differences, not from products: particles that nearly coincide lose no digit, wherever they lie. Nothing is as large
as all pairs, and a block of kernel values serves both of its sides; only of few particles are distances kept, in
`tiles` (nt * B, B), one block of them below the other.
"""

import math

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import LANES, broadcast, drop_below, fma, load, minus, splat, store, times
from skvi.kernels.special import exp_nonpositive

#: rows of a block
BLOCK = 32
_TILE = 2 * LANES


@jit
def load_panels(rows, panels):
    """panels[b * P + p, j] = rows[b * B + j, p], zero beyond the last row."""
    n, depth = rows.shape
    for start in range(0, n, BLOCK):
        first = start // BLOCK * depth
        m = min(BLOCK, n - start)
        for p in range(depth):
            for j in range(m):
                panels[first + p, j] = rows[start + j, p]
            for j in range(m, BLOCK):
                panels[first + p, j] = 0.0


@jit
def load_table(rows, gradients, center, drive, repulsion, table):
    """table[i] = (drive gradients[i] - repulsion (rows[i] - center), repulsion, 0 ...)."""
    n, depth = rows.shape
    for i in range(n):
        for p in range(depth):
            table[i, p] = drive * gradients[i, p] - repulsion * (rows[i, p] - center[p])
        table[i, depth] = repulsion
        for p in range(depth + 1, table.shape[1]):
            table[i, p] = 0.0


@jit
def directions(rows, gradients, center, sums, out):
    """out[i] = (gradients[i] + sums[i, :P] + (rows[i] - center) sums[i, P]) / n."""
    n, depth = rows.shape
    for i in range(n):
        own = sums[i, depth]
        for p in range(depth):
            out[i, p] = (gradients[i, p] + sums[i, p] + own * (rows[i, p] - center[p])) / n


@jit_helper
def _panel(panels, depth, i):
    return panels[i * depth : (i + 1) * depth]


@jit_helper
def _size(n, i):
    """Rows of block i out of n rows in all."""
    return min(BLOCK, n - i * BLOCK)


@jit_helper
def _squared_distances(x, y, n_rows, n_columns, out):
    """out[i, j] = |x[:, i] - y[:, j]|^2 for i < n_rows and j < n_columns, and what follows up to whole tiles."""
    zero = splat(0.0)
    for i in range(0, n_rows, 8):
        for b in range(0, n_columns, _TILE):
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
            t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = zero
            for p in range(x.shape[0]):
                u, v = load(y, p, b), load(y, p, b + 8)
                c = broadcast(x, p, i)
                d, e = minus(u, c), minus(v, c)
                s0, t0 = fma(d, d, s0), fma(e, e, t0)
                c = broadcast(x, p, i + 1)
                d, e = minus(u, c), minus(v, c)
                s1, t1 = fma(d, d, s1), fma(e, e, t1)
                c = broadcast(x, p, i + 2)
                d, e = minus(u, c), minus(v, c)
                s2, t2 = fma(d, d, s2), fma(e, e, t2)
                c = broadcast(x, p, i + 3)
                d, e = minus(u, c), minus(v, c)
                s3, t3 = fma(d, d, s3), fma(e, e, t3)
                c = broadcast(x, p, i + 4)
                d, e = minus(u, c), minus(v, c)
                s4, t4 = fma(d, d, s4), fma(e, e, t4)
                c = broadcast(x, p, i + 5)
                d, e = minus(u, c), minus(v, c)
                s5, t5 = fma(d, d, s5), fma(e, e, t5)
                c = broadcast(x, p, i + 6)
                d, e = minus(u, c), minus(v, c)
                s6, t6 = fma(d, d, s6), fma(e, e, t6)
                c = broadcast(x, p, i + 7)
                d, e = minus(u, c), minus(v, c)
                s7, t7 = fma(d, d, s7), fma(e, e, t7)
            _store_column(out, i, b, s0, s1, s2, s3, s4, s5, s6, s7)
            _store_column(out, i, b + 8, t0, t1, t2, t3, t4, t5, t6, t7)


@jit_helper
def _store_column(out, i, b, v0, v1, v2, v3, v4, v5, v6, v7):
    store(out, i, b, v0)
    store(out, i + 1, b, v1)
    store(out, i + 2, b, v2)
    store(out, i + 3, b, v3)
    store(out, i + 4, b, v4)
    store(out, i + 5, b, v5)
    store(out, i + 6, b, v6)
    store(out, i + 7, b, v7)


@jit_helper
def _add_product(k, n_rows, n_terms, table, j0, out, i0):
    """out[i0 + i] += sum_j k[i, j] table[j0 + j] over j < n_terms, eight rows and sixteen columns at a time.

    Rows that follow up to a multiple of eight are left with anything.
    """
    width = table.shape[1]
    for b in range(0, width - LANES, _TILE):
        for i in range(0, n_rows, 8):
            r = i0 + i
            s0, t0 = load(out, r, b), load(out, r, b + 8)
            s1, t1 = load(out, r + 1, b), load(out, r + 1, b + 8)
            s2, t2 = load(out, r + 2, b), load(out, r + 2, b + 8)
            s3, t3 = load(out, r + 3, b), load(out, r + 3, b + 8)
            s4, t4 = load(out, r + 4, b), load(out, r + 4, b + 8)
            s5, t5 = load(out, r + 5, b), load(out, r + 5, b + 8)
            s6, t6 = load(out, r + 6, b), load(out, r + 6, b + 8)
            s7, t7 = load(out, r + 7, b), load(out, r + 7, b + 8)
            for j in range(n_terms):
                u, v = load(table, j0 + j, b), load(table, j0 + j, b + 8)
                c = broadcast(k, i, j)
                s0, t0 = fma(c, u, s0), fma(c, v, t0)
                c = broadcast(k, i + 1, j)
                s1, t1 = fma(c, u, s1), fma(c, v, t1)
                c = broadcast(k, i + 2, j)
                s2, t2 = fma(c, u, s2), fma(c, v, t2)
                c = broadcast(k, i + 3, j)
                s3, t3 = fma(c, u, s3), fma(c, v, t3)
                c = broadcast(k, i + 4, j)
                s4, t4 = fma(c, u, s4), fma(c, v, t4)
                c = broadcast(k, i + 5, j)
                s5, t5 = fma(c, u, s5), fma(c, v, t5)
                c = broadcast(k, i + 6, j)
                s6, t6 = fma(c, u, s6), fma(c, v, t6)
                c = broadcast(k, i + 7, j)
                s7, t7 = fma(c, u, s7), fma(c, v, t7)
            _store_column(out, r, b, s0, s1, s2, s3, s4, s5, s6, s7)
            _store_column(out, r, b + 8, t0, t1, t2, t3, t4, t5, t6, t7)
    if width % _TILE:
        _add_last_columns(k, n_rows, n_terms, table, j0, out, i0)


@jit_helper
def _add_last_columns(k, n_rows, n_terms, table, j0, out, i0):
    """Do as `_add_product` for the last eight columns."""
    b = table.shape[1] - LANES
    for i in range(0, n_rows, 8):
        r = i0 + i
        s0, s1, s2, s3 = load(out, r, b), load(out, r + 1, b), load(out, r + 2, b), load(out, r + 3, b)
        s4, s5, s6, s7 = load(out, r + 4, b), load(out, r + 5, b), load(out, r + 6, b), load(out, r + 7, b)
        for j in range(n_terms):
            u = load(table, j0 + j, b)
            s0, s1 = fma(broadcast(k, i, j), u, s0), fma(broadcast(k, i + 1, j), u, s1)
            s2, s3 = fma(broadcast(k, i + 2, j), u, s2), fma(broadcast(k, i + 3, j), u, s3)
            s4, s5 = fma(broadcast(k, i + 4, j), u, s4), fma(broadcast(k, i + 5, j), u, s5)
            s6, s7 = fma(broadcast(k, i + 6, j), u, s6), fma(broadcast(k, i + 7, j), u, s7)
        _store_column(out, r, b, s0, s1, s2, s3, s4, s5, s6, s7)


@jit_helper
def _clear_diagonal(k):
    for i in range(BLOCK):
        k[i, i] = 0.0


@jit_helper
def _tile(tiles, i, j):
    """Distances of block i from block j >= i."""
    place = (j * (j + 1) // 2 + i) * BLOCK
    return tiles[place : place + BLOCK]


@jit_helper
def _distances(panels, tiles, n, i, j, out):
    """Squared distances of block i from block j: those that are kept, or out."""
    if tiles.shape[0] > 0:
        return _tile(tiles, i, j)
    depth = panels.shape[0] // -(-n // BLOCK)
    _squared_distances(_panel(panels, depth, i), _panel(panels, depth, j), _size(n, i), _size(n, j), out)
    return out


@jit_helper
def _whole(n):
    """The next multiple of eight: numbers that products read and drop must not be what happens to be there."""
    return -(-n // LANES) * LANES


@jit_helper
def _rbf(d, scale, n_rows, n_columns, k):
    """k <- exp(-scale d / 2), zero below 1e-200: numbers so small that products lose their leading bit take long."""
    factor, negligible = splat(-0.5 * scale), splat(1e-200)
    for i in range(_whole(n_rows)):
        for b in range(0, n_columns, LANES):
            store(k, i, b, drop_below(exp_nonpositive(times(factor, load(d, i, b))), negligible))


@jit
def rbf_sums(panels, tiles, table, n, first, second, scale, out):
    """out[i] += sum_j exp(-scale |x_i - x_j|^2 / 2) table[j] over pairs i != j of two ranges of blocks, both ways.

    Parameters
    ----------
    panels : (nb * P, B)
    tiles : (nb * (nb + 1) / 2 * B, B)
        Squared distances of all pairs of blocks as `pair_distances` keeps them, or none at all.
    table, out : (nb * B, C8)
        What `out` holds beyond its first n rows has no meaning.
    n : int
        Particles.
    first, second : (start, stop)
        Blocks, of which the first do not come after the second; the same range twice for pairs within it.
    scale : float
    """
    k = aligned_empty(BLOCK, BLOCK)
    for i in range(first[0], first[1]):
        n_rows = _size(n, i)
        for j in range(max(i, second[0]), second[1]):
            n_columns = _size(n, j)
            _rbf(_distances(panels, tiles, n, i, j, k), scale, n_rows, n_columns, k)
            if i == j:
                _clear_diagonal(k)
            else:
                _add_product(k.T, n_columns, n_rows, table, i * BLOCK, out, j * BLOCK)
            _add_product(k, n_rows, n_columns, table, j * BLOCK, out, i * BLOCK)


@jit_helper
def _imq(d, scale, n_rows, n_columns, q, cube):
    """q = (1 + scale d)^(-1/2), cube = scale q^3."""
    wide_vectors()
    for i in range(_whole(n_rows)):
        for j in range(_whole(n_columns)):
            root = 1.0 / math.sqrt(1.0 + scale * d[i, j])
            q[i, j] = root
            cube[i, j] = scale * root * root * root


@jit
def imq_sums(panels, tiles, drive, repulsion, n, first, second, scale, out):
    """out[i] += sum_j q drive[j] + scale q^3 repulsion[j], q = (1 + scale |x_i - x_j|^2)^(-1/2); else as `rbf_sums`."""
    d, q, cube = aligned_empty(BLOCK, BLOCK), aligned_empty(BLOCK, BLOCK), aligned_empty(BLOCK, BLOCK)
    for i in range(first[0], first[1]):
        n_rows = _size(n, i)
        for j in range(max(i, second[0]), second[1]):
            n_columns = _size(n, j)
            _imq(_distances(panels, tiles, n, i, j, d), scale, n_rows, n_columns, q, cube)
            if i == j:
                _clear_diagonal(q)
                _clear_diagonal(cube)
            else:
                _add_product(q.T, n_columns, n_rows, drive, i * BLOCK, out, j * BLOCK)
                _add_product(cube.T, n_columns, n_rows, repulsion, i * BLOCK, out, j * BLOCK)
            _add_product(q, n_rows, n_columns, drive, j * BLOCK, out, i * BLOCK)
            _add_product(cube, n_rows, n_columns, repulsion, j * BLOCK, out, i * BLOCK)


@jit
def pair_distances(panels, n, first, second, tiles, out):
    """Squared distances of the pairs i < j of each two blocks first[t] <= second[t] of n rows, one after the other.

    Where there are tiles for all pairs of blocks, these are kept in them too.
    """
    depth = panels.shape[0] // -(-n // BLOCK)
    d = aligned_empty(BLOCK, BLOCK)
    position = 0
    for t in range(first.size):
        i, j = first[t], second[t]
        n_rows, n_columns = _size(n, i), _size(n, j)
        if tiles.shape[0] > 0:
            d = _tile(tiles, i, j)
        _squared_distances(_panel(panels, depth, i), _panel(panels, depth, j), n_rows, n_columns, d)
        for a in range(n_rows):
            start = a + 1 if i == j else 0
            for b in range(start, n_columns):
                out[position + b - start] = d[a, b]
            position += max(n_columns - start, 0)


@jit_helper
def _three_products(x, y, s, t, n_rows, n_columns, squares, scores, across):
    """|x_i - y_j|^2, s_i't_j and (s_i - t_j)'(x_i - y_j) of columns i < n_rows of x, s and j < n_columns of y, t."""
    zero = splat(0.0)
    for i in range(0, n_rows, 4):
        for b in range(0, n_columns, LANES):
            q0 = q1 = q2 = q3 = zero
            r0 = r1 = r2 = r3 = zero
            c0 = c1 = c2 = c3 = zero
            for p in range(x.shape[0]):
                u, v = load(y, p, b), load(t, p, b)
                d, g = minus(broadcast(x, p, i), u), broadcast(s, p, i)
                q0, r0, c0 = fma(d, d, q0), fma(g, v, r0), fma(d, minus(g, v), c0)
                d, g = minus(broadcast(x, p, i + 1), u), broadcast(s, p, i + 1)
                q1, r1, c1 = fma(d, d, q1), fma(g, v, r1), fma(d, minus(g, v), c1)
                d, g = minus(broadcast(x, p, i + 2), u), broadcast(s, p, i + 2)
                q2, r2, c2 = fma(d, d, q2), fma(g, v, r2), fma(d, minus(g, v), c2)
                d, g = minus(broadcast(x, p, i + 3), u), broadcast(s, p, i + 3)
                q3, r3, c3 = fma(d, d, q3), fma(g, v, r3), fma(d, minus(g, v), c3)
            _store_four(squares, i, b, q0, q1, q2, q3)
            _store_four(scores, i, b, r0, r1, r2, r3)
            _store_four(across, i, b, c0, c1, c2, c3)


@jit_helper
def _store_four(out, i, b, v0, v1, v2, v3):
    store(out, i, b, v0)
    store(out, i + 1, b, v1)
    store(out, i + 2, b, v2)
    store(out, i + 3, b, v3)


@jit_helper
def _add_stein_kernel(squares, scores, across, depth, scale, n_rows, n_columns, sums):
    """sums[j] += the kernel of `stein_kernel_sum` over i < n_rows, for j < n_columns."""
    wide_vectors()
    for i in range(n_rows):
        for j in range(n_columns):
            q2 = 1.0 / (1.0 + scale * squares[i, j])
            # scale |x - y|^2 q^2 = 1 - q^2
            rest = across[i, j] + depth - 3.0 * (1.0 - q2)
            sums[j] += math.sqrt(q2) * (scores[i, j] + scale * q2 * rest)


@jit
def stein_kernel_sum(panels, scores, n, first, second, scale):
    """Sum of the Stein kernel over pairs (i, j) and (j, i) of two ranges of blocks; pairs (i, i) are in once.

    With q = (1 + scale |x - y|^2)^(-1/2), s and t the scores at x and y (Gorham & Mackey 2017):
    q s't + scale q^3 (s - t)'(x - y) + scale q^3 P - 3 scale^2 q^5 |x - y|^2.

    Parameters
    ----------
    panels, scores : (nb * P, B)
    n : int
        Particles.
    first, second : (start, stop)
        Blocks; the same range twice for pairs within it.
    scale : float
    """
    depth = panels.shape[0] // -(-n // BLOCK)
    squares, products, across = aligned_empty(BLOCK, BLOCK), aligned_empty(BLOCK, BLOCK), aligned_empty(BLOCK, BLOCK)
    sums = np.empty(BLOCK)
    total = 0.0
    for i in range(first[0], first[1]):
        x, s = _panel(panels, depth, i), _panel(scores, depth, i)
        n_rows = _size(n, i)
        for j in range(max(i, second[0]), second[1]):
            n_columns = _size(n, j)
            y, t = _panel(panels, depth, j), _panel(scores, depth, j)
            _three_products(x, y, s, t, n_rows, n_columns, squares, products, across)
            sums[:] = 0.0
            _add_stein_kernel(squares, products, across, depth, scale, n_rows, n_columns, sums)
            for b in range(n_columns):
                total += sums[b] if i == j else 2.0 * sums[b]
    return total
