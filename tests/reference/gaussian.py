"""Twins of `skvi.kernels.gaussian`."""

import numpy as np


def full_scores(x, means, factors, constants, scores):
    for k in range(len(means)):
        whitened = factors[k] @ (x - means[k][:, None])
        scores[k] = constants[k] - 0.5 * (whitened**2).sum(axis=0)


def shift_to_center(means, spans, factors, shifts, extents):
    gaps = means.mean(axis=0) - means
    shifts[:-1] = np.einsum("kji,ki->kj", factors, gaps)
    shifts[-1] = 0.0
    extents[:] = (np.einsum("kji,ki->kj", np.abs(factors), np.abs(gaps) + spans) ** 2).sum(axis=1)


def screened_full_scores(x, means, factors, constants, shifts, near, scores):
    """Exact: nothing is screened."""
    full_scores(x, means, factors, constants, scores)


def diagonal_scores(x, means, factors, constants, scores):
    for k in range(len(means)):
        squares = (x - means[k][:, None]) ** 2
        scores[k] = constants[k] - 0.5 * factors[k, 0] @ squares


def tied_scores(x, means, factors, constants, scores):
    full_scores(x, means, factors[[0] * len(means)], constants, scores)
