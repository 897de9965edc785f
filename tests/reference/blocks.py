"""Twins of `skvi.kernels.blocks`."""

import numpy as np


def load_block(rows, weights, start, x, table, block_weights):
    rows, weights = rows[start:], weights[start:]
    rows, weights = rows[: x.shape[1]], weights[: x.shape[1]]
    n, d = rows.shape
    for array in (x, table, block_weights):
        array[:] = 0.0
    used = np.where(weights[:, None] > 0.0, rows, 0.0)
    x[:d, :n] = used.T
    if table.shape[1]:
        table[:n, :d] = used
    block_weights[:n] = weights
