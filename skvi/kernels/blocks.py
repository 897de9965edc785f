"""Blocks: how rows of any dtype and layout reach the kernels.

A block holds the same rows twice, as C-contiguous float64: `x` (D4, B) with the rows in the fastest axis, so that
eight rows share an instruction in scores; and `table` (B, D8) with the features in the fastest axis, so that
eight features do in moments, and single rows can be picked out. Features are padded to multiples of 4 and 8, rows
to a multiple of 32, with zeros in both and in the weights.
"""

from skvi._numba import jit, jit_helper
from skvi.kernels.arrays import prefetch
from skvi.kernels.simd import LANES, load, store, transposed

FEATURE_TILE = 4
TABLE_TILE = 8
ROW_TILE = 32
# How far ahead of the rows that are read others are fetched from memory; those of one line come by themselves.
_BYTES_AHEAD = 6144


def padded(n, tile):
    """Round n up to a multiple of tile."""
    return -(-n // tile) * tile


@jit
def load_block(rows, weights, start, x, table, block_weights):
    """Fill a block from the rows that begin at `start`: x[:D, :n] = part.T, table[:n, :D] = part; the rest is zero.

    n is the width of the block, or the number of rows left. A table without columns is left out. Rows of
    weight zero become zero too: whatever they hold is absent.
    """
    n = min(x.shape[1], rows.shape[0] - start)
    d = rows.shape[1]
    ahead = 1 + _BYTES_AHEAD // max(1, d * rows.itemsize)
    columns = table.shape[1]
    for b in range(x.shape[1]):
        present = b < n and weights[start + b] != 0.0
        block_weights[b] = weights[start + b] if present else 0.0
        for i in range(0, d if d > LANES else 0, LANES):
            prefetch(rows, min(start + b + ahead, rows.shape[0] - 1), i)
        for i in range(columns):
            table[b, i] = rows[start + b, i] if present and i < d else 0.0
        for i in range(x.shape[0] if columns == 0 else 0):
            x[i, b] = rows[start + b, i] if present and i < d else 0.0
    for i in range(0, columns, LANES):
        for b in range(0, x.shape[1], LANES):
            transpose_tile(table, b, i, x)


@jit_helper
def transpose_tile(table, b, i, x):
    """x[i:i + 8, b:b + 8] = table[b:b + 8, i:i + 8].T, as far as x reaches."""
    r0, r1, r2, r3 = load(table, b, i), load(table, b + 1, i), load(table, b + 2, i), load(table, b + 3, i)
    r4, r5, r6, r7 = load(table, b + 4, i), load(table, b + 5, i), load(table, b + 6, i), load(table, b + 7, i)
    x0, x1, x2, x3, x4, x5, x6, x7 = transposed(r0, r1, r2, r3, r4, r5, r6, r7)
    store(x, i, b, x0)
    store(x, i + 1, b, x1)
    store(x, i + 2, b, x2)
    store(x, i + 3, b, x3)
    if i + FEATURE_TILE < x.shape[0]:
        store(x, i + 4, b, x4)
        store(x, i + 5, b, x5)
        store(x, i + 6, b, x6)
        store(x, i + 7, b, x7)
