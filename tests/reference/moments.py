"""Twins of `skvi.kernels.moments`."""

import numpy as np


def full_moments(x, table, responsibilities, means, count, first, second):
    """Fills whole matrices; only their lower triangles are meant."""
    for k in range(len(means)):
        d = table - means[k]
        count[k] += responsibilities[k].sum()
        first[k] += responsibilities[k] @ d
        second[k % len(second)] += (responsibilities[k] * d.T) @ d


def low_moments(x, table, responsibilities, means, count, first, second):
    for k in range(len(means)):
        d = x.T - means[k, :4]
        count[k] += responsibilities[k].sum()
        first[k, :4] += responsibilities[k] @ d
        second[k % len(second), :4, :4] += (responsibilities[k] * d.T) @ d


def mirror(second):
    lower = np.tril(second)
    second[:] = lower + np.swapaxes(np.tril(second, -1), 1, 2)
