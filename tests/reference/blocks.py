"""Twins of `skvi.kernels.blocks`."""


def load_block(rows, weights, x, table, block_weights):
    n, d = rows.shape
    for array in (x, table, block_weights):
        array[:] = 0.0
    x[:d, :n] = rows.T
    if table.shape[1]:
        table[:n, :d] = rows
    block_weights[:n] = weights
