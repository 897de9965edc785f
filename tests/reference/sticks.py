"""Twins of `skvi.kernels.sticks`."""

import numpy as np
from scipy.special import betaln, psi


def stick_parts(a, b, stop, go_on, expected_log):
    if not ((a > 0.0).all() and (b > 0.0).all()):
        return np.nan
    stop[:], go_on[:] = psi(a) - psi(a + b), psi(b) - psi(a + b)
    expected_log[:] = stop + np.append(0.0, np.cumsum(go_on)[:-1])
    return betaln(a, b).sum()


def add_counts(a, b, counts, new_a, new_b):
    new_a[:] = a + counts
    new_b[:] = b + [counts[k + 1 :].sum() for k in range(len(counts))]


def pending_stick_gain(prior_a, prior_b, counts, a, b, stop, go_on):
    passing = np.array([counts[k + 1 :].sum() for k in range(len(counts))])
    return stop @ (prior_a + counts - a) + go_on @ (prior_b + passing - b)
