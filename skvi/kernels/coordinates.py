"""Free numbers and what stands behind them, column by column, for many draws (T, P) at once."""

import math

from skvi._numba import jit, wide_vectors


@jit
def spread(z, start, scale, exponential, out):
    """out = start + scale z, and e to the power of it in the columns that `exponential` names."""
    wide_vectors()
    for t in range(z.shape[0]):
        for p in range(z.shape[1]):
            out[t, p] = start[p] + scale[p] * z[t, p]
        for p in exponential:
            out[t, p] = math.exp(out[t, p])


@jit
def gather_slopes(z, start, scale, exponential, slopes):
    """Slopes in z of a log density and the log-determinant, in place of those in what `spread` makes of z."""
    wide_vectors()
    for t in range(z.shape[0]):
        for p in exponential:
            slopes[t, p] = slopes[t, p] * math.exp(start[p] + scale[p] * z[t, p]) + 1.0
        for p in range(z.shape[1]):
            slopes[t, p] *= scale[p]
