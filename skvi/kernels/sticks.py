"""Beta-distributed sticks, of which each breaks off a part of what those before it left; all arrays (K,)."""

import math

from skvi._numba import jit
from skvi.kernels.special import digamma, log_beta


@jit
def stick_parts(a, b, stop, go_on, expected_log):
    """What is known of sticks Beta(a, b); return the sum of log-normalisers, or NaN where an a or b is not positive.

    E[log v] and E[log(1 - v)] of the sticks, and E[log pi] of the weights that they leave.
    """
    log_normalizer = 0.0
    left = 0.0
    for k in range(a.size):
        if not (a[k] > 0.0 and b[k] > 0.0):
            return math.nan
        log_normalizer += log_beta(a[k], b[k])
        both = digamma(a[k] + b[k])
        stop[k] = digamma(a[k]) - both
        go_on[k] = digamma(b[k]) - both
        expected_log[k] = stop[k] + left
        left += go_on[k]
    return log_normalizer


@jit
def add_counts(a, b, counts, new_a, new_b):
    """Add to a what stops at a stick, and to b what passes it."""
    passing = 0.0
    for k in range(a.size - 1, -1, -1):
        new_a[k] = a[k] + counts[k]
        new_b[k] = b[k] + passing
        passing += counts[k]


@jit
def pending_stick_gain(prior_a, prior_b, counts, a, b, stop, go_on):
    """<m(q), p + S - q> where stop and go_on are m(q), E[log v] and E[log(1 - v)].

    Of the counts a stick gains those that stop at it, and those that pass it.
    """
    value = 0.0
    passing = 0.0
    for k in range(a.size - 1, -1, -1):
        value += stop[k] * (prior_a[k] + counts[k] - a[k])
        value += go_on[k] * (prior_b[k] + passing - b[k])
        passing += counts[k]
    return value
