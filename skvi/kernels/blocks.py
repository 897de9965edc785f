"""Blocks: how rows of any dtype and layout reach the kernels.

A block holds the same rows twice, as C-contiguous float64: `x` (D4, B) with the rows in the fastest axis, so that
eight rows share an instruction in scores; and `table` (B, D8) with the features in the fastest axis, so that
eight features do in moments, and single rows can be picked out. Features are padded to multiples of 4 and 8, rows
to a multiple of 32, with zeros in both and in the weights.
"""

from skvi._numba import jit, jit_helper

FEATURE_TILE = 4
TABLE_TILE = 8
ROW_TILE = 32


def padded(n, tile):
    """Round n up to a multiple of tile."""
    return -(-n // tile) * tile


@jit_helper
def _fill(rows, table):
    """Set table[:n, :D] = rows; the rest becomes zero."""
    n, d = rows.shape
    for b in range(n):
        for i in range(d):
            table[b, i] = rows[b, i]
        for i in range(d, table.shape[1]):
            table[b, i] = 0.0
    for b in range(n, table.shape[0]):
        for i in range(table.shape[1]):
            table[b, i] = 0.0


@jit_helper
def _transpose(rows, x):
    """Set x[:D, :n] = rows.T by tiles of eight rows; the rest becomes zero."""
    n, d = rows.shape
    whole = n - n % 8
    for start in range(0, whole, 8):
        for i in range(d):
            for j in range(8):
                x[i, start + j] = rows[start + j, i]
    for b in range(whole, n):
        for i in range(d):
            x[i, b] = rows[b, i]
    for i in range(x.shape[0]):
        for b in range(n if i < d else 0, x.shape[1]):
            x[i, b] = 0.0


@jit_helper
def _clear(x, table, b):
    for i in range(x.shape[0]):
        x[i, b] = 0.0
    for i in range(table.shape[1]):
        table[b, i] = 0.0


@jit_helper
def _load_weights(weights, block_weights):
    """Set block_weights[:n] = weights, the rest zero; return how many of the weights are zero."""
    absent = 0
    for b in range(weights.size):
        block_weights[b] = weights[b]
        absent += weights[b] == 0.0
    for b in range(weights.size, block_weights.size):
        block_weights[b] = 0.0
    return absent


@jit
def load_block(rows, weights, start, x, table, block_weights):
    """Fill a block from the rows that begin at `start`: x[:D, :n] = part.T, table[:n, :D] = part; the rest is zero.

    n is the width of the block, or the number of rows left. A table without columns is left out. Rows of
    weight zero become zero too: whatever they hold is absent.
    """
    stop = min(start + x.shape[1], rows.shape[0])
    part = rows[start:stop]
    _transpose(part, x)
    if table.shape[1]:
        _fill(part, table)
    if _load_weights(weights[start:stop], block_weights):
        for b in range(part.shape[0]):
            if block_weights[b] == 0.0:
                _clear(x, table, b)
