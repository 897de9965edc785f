"""Beta-distributed sticks, of which each breaks off a part of what those before it left."""

from skvi._numba import jit


@jit
def pending_stick_gain(prior_a, prior_b, counts, a, b, stop, go_on):
    """<m(q), p + S - q> where stop and go_on are m(q), E[log v] and E[log(1 - v)]; all of shape (K,).

    Of the counts a stick gains those that stop at it, and those that pass it.
    """
    value = 0.0
    passing = 0.0
    for k in range(a.size - 1, -1, -1):
        value += stop[k] * (prior_a[k] + counts[k] - a[k])
        value += go_on[k] * (prior_b[k] + passing - b[k])
        passing += counts[k]
    return value
