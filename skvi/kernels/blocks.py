"""Blocks: how rows of any dtype and layout reach the kernels.

A block holds the same rows twice, as C-contiguous float64: `x` (D4, B) with the rows in the fastest axis, so that
eight rows share an instruction in scores; and `table` (B, D8) with the features in the fastest axis, so that
eight features do in moments, and single rows can be picked out. Features are padded to multiples of 4 and 8, rows
to a multiple of 32, with zeros in both and in the weights.
"""

from skvi._numba import jit

FEATURE_TILE = 4
TABLE_TILE = 8
ROW_TILE = 32


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
    for b in range(x.shape[1]):
        present = b < n and weights[start + b] != 0.0
        block_weights[b] = weights[start + b] if present else 0.0
        for i in range(x.shape[0]):
            x[i, b] = rows[start + b, i] if present and i < d else 0.0
        for i in range(table.shape[1]):
            table[b, i] = rows[start + b, i] if present and i < d else 0.0
