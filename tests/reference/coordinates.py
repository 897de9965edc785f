"""Twins of `skvi.kernels.coordinates`."""

import numpy as np


def spread(z, start, scale, exponential, out):
    out[:] = start + scale * z
    out[:, exponential] = np.exp(out[:, exponential])


def gather_slopes(z, start, scale, exponential, slopes):
    x = np.empty(z.shape)
    spread(z, start, scale, exponential, x)
    slopes[:, exponential] = slopes[:, exponential] * x[:, exponential] + 1.0
    slopes *= scale
