"""Twins of `skvi.kernels.moments`."""

import numpy as np


def full_moments(x, responsibilities, means, count, first, second):
    """Fills whole matrices; only their lower triangles are meant."""
    for k in range(len(means)):
        d = x - means[k][:, None]
        count[k] += responsibilities[k].sum()
        first[k] += d @ responsibilities[k]
        second[k % len(second)] += (responsibilities[k] * d) @ d.T


def low_moments(x, responsibilities, means, count, first, second):
    full_moments(x, responsibilities, means, count, first, second)


def label_sums(x, weights, labels, count, total):
    for column, weight, label in zip(x.T, weights, labels, strict=True):
        count[label] += weight
        total[label] += weight * column


def mirror(second):
    lower = np.tril(second)
    second[:] = lower + np.swapaxes(np.tril(second, -1), 1, 2)


def diagonal_moments(x, responsibilities, means, count, first, second):
    for k in range(len(means)):
        d = x - means[k][:, None]
        count[k] += responsibilities[k].sum()
        first[k] += d @ responsibilities[k]
        second[k] += d**2 @ responsibilities[k]
