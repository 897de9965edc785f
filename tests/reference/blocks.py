"""Twins of `skvi.kernels.blocks`."""

import numpy as np


def load_block(rows, weights, x, table, block_weights):
    n, d = rows.shape
    for array in (x, table, block_weights):
        array[:] = 0.0
    used = np.where(weights[:, None] > 0.0, rows, 0.0)
    x[:d, :n] = used.T
    if table.shape[1]:
        table[:n, :d] = used
    block_weights[:n] = weights
