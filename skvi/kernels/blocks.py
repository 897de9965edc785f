"""Blocks: how rows of any dtype and layout reach the kernels.

A block is a C-contiguous float64 array (features, rows) with the rows in the fastest axis, so that eight
rows share an instruction. Both axes are padded: features to a multiple of 4, rows to a multiple of 32, with
zeros in X and in the weights.
"""

from skvi._numba import jit

FEATURE_TILE = 4
ROW_TILE = 32


def padded(n, tile):
    """Round n up to a multiple of tile."""
    return -(-n // tile) * tile


@jit
def load_block(rows, weights, block, block_weights):
    """Set block[:D, :n] = rows.T and block_weights[:n] = weights; the rest becomes zero."""
    n, d = rows.shape
    for b in range(n):
        block_weights[b] = weights[b]
        for i in range(d):
            block[i, b] = rows[b, i]
    for b in range(n, block.shape[1]):
        block_weights[b] = 0.0
        for i in range(d):
            block[i, b] = 0.0
    for i in range(d, block.shape[0]):
        for b in range(block.shape[1]):
            block[i, b] = 0.0
