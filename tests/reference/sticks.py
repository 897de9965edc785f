"""Twins of `skvi.kernels.sticks`."""

import numpy as np


def pending_stick_gain(prior_a, prior_b, counts, a, b, stop, go_on):
    passing = np.array([counts[k + 1 :].sum() for k in range(len(counts))])
    return stop @ (prior_a + counts - a) + go_on @ (prior_b + passing - b)
