"""Beta-distributed sticks, of which each breaks off a part of what those before it left; arrays (K,)."""

import math

from skvi._numba import jit
from skvi.kernels.special import digamma, log_beta


@jit
def stick_parts(a, b, counts, parts):
    """What is known of sticks Beta(a, b) once there are counts of the weights that they leave.

    `parts` (5, K) becomes a plus what stops at a stick, b plus what passes it, E[log v] and E[log(1 - v)] of the new
    sticks v, and E[log pi] of the weights. Return the sum of log-normalisers, or NaN where an a or b is not positive.
    """
    log_normalizer = 0.0
    passing = 0.0
    for k in range(a.size - 1, -1, -1):
        stop, go_on = a[k] + counts[k], b[k] + passing
        passing += counts[k]
        parts[0, k], parts[1, k] = stop, go_on
        if not (stop > 0.0 and go_on > 0.0):
            log_normalizer = math.nan
            continue
        log_normalizer += log_beta(stop, go_on)
        both = digamma(stop + go_on)
        parts[2, k] = digamma(stop) - both
        parts[3, k] = digamma(go_on) - both
    left = 0.0
    for k in range(a.size):
        parts[4, k] = parts[2, k] + left
        left += parts[3, k]
    return log_normalizer


@jit
def stick_gain(prior_parts, counts, parts):
    """<m(q), p + S - q> of sticks q after a prior p and counts S, from `stick_parts` of p and q."""
    # Of the counts a stick gains those that stop at it and those that pass it, which makes E[log pi] of them.
    value = 0.0
    for k in range(counts.size):
        value += parts[4, k] * counts[k]
        value += parts[2, k] * (prior_parts[0, k] - parts[0, k]) + parts[3, k] * (prior_parts[1, k] - parts[1, k])
    return value
