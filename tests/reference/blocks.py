"""Twins of `skvi.kernels.blocks`."""


def load_block(rows, weights, block, block_weights):
    n, d = rows.shape
    block[:] = 0.0
    block[:d, :n] = rows.T
    block_weights[:] = 0.0
    block_weights[:n] = weights
