"""Rows picked out of a block."""

import numpy as np

from skvi._numba import jit_helper, wide_vectors


@jit_helper
def gather_differences(x, mean, rows, start, n, out):
    """out[i, j] = x[i, np.uint64(rows[start + j])] - mean[i] for j < n, zero up to the next multiple of 8."""
    wide_vectors()
    for i in range(x.shape[0]):
        m = mean[i]
        for j in range(n):
            out[i, j] = x[i, np.uint64(rows[start + j])] - m
        for j in range(n, -(-n // 8) * 8):
            out[i, j] = 0.0
