"""A pass: all that a task does to its rows, without coming back to Python between kernels.

Threads that ask for the interpreter's lock after every kernel wait for each other longer than the kernels take
on rows of few features.
"""

import numpy as np

from skvi._numba import call, entries, entry, jit, value_of
from skvi.kernels.arrays import aligned_empty, aligned_flat
from skvi.kernels.assignments import soften
from skvi.kernels.blocks import load_block


@jit
def soft_pass(kernels, rows, weights, width, columns, heard, about, count, first, second):
    """Soften the scores of all rows, block by block, and add their moments; return the sum of their entropies.

    Parameters
    ----------
    kernels : from `soft_kernels`
    rows, weights : (N, D), any dtype and layout, and (N,)
    width, columns : int
        Rows of a block, and columns of its table: D8, or 0 where the moments read x alone.
    heard : tuple of arrays
        What the scores take between the block and their own array: means (K, D4), factors, constants (K,) ...
    about : tuple of arrays
        What the moments take between responsibilities and sums: their reference (K, D8) ...
    count, first, second : (K,), (K, D8), (K or 1, D8 or 1, D8)
        The sums.
    """
    load, score, assign, gather = kernels
    n_components, depth = heard[0].shape
    x = aligned_empty(depth, width)
    table = aligned_empty(width, columns)
    scores = aligned_empty(n_components, width)
    block_weights, row_bounds = aligned_flat(width), aligned_flat(width)
    entropy = 0.0
    for start in range(0, rows.shape[0], width):
        call(load, (rows, weights, start, x, table, block_weights))
        call(score, (x, *heard, scores))
        entropy += value_of(assign, (scores, block_weights, row_bounds))
        call(gather, (x, table, scores, *about, count, first, second))
    return entropy


_compiled = {}


def soft_kernels(score, gather, block, heard, about):
    """What a `soft_pass` calls for rows like those of a block: `score` for scores and `gather` for moments."""
    # Asking numba for the types takes longer than a pass over small data.
    key = score, gather, block.layout
    if key not in _compiled:
        vector, matrix, cube = np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0))
        _compiled[key] = entries(
            entry(load_block, block.values, block.weights, 0, matrix, matrix, vector),
            entry(score, matrix, *heard, matrix),
            entry(soften, matrix, vector, vector),
            entry(gather, matrix, matrix, matrix, *about, vector, matrix, cube),
        )
    return _compiled[key]
