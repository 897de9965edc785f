"""What a precision for each coefficient asks for: its system in units of the prior's widths, and the best precision."""

import math

from skvi._numba import jit, jit_helper, wide_vectors

_STEP = math.exp(0.25)
_DOUBLINGS = 8
_MOST_STEPS = 80
_ACCURACY = 1e-13


@jit
def scaled_system(gram, scale, widths, out):
    """Upper triangle of 1 + scale diag(widths) gram diag(widths), row by row; what is below it stays."""
    wide_vectors()
    for i in range(gram.shape[0]):
        own = scale * widths[i]
        for j in range(i, gram.shape[0]):
            out[i, j] = gram[i, j] * widths[j] * own
        out[i, i] += 1.0


@jit_helper
def _slope(x, rest, fit, n_outputs, shape, rate):
    """(x + rest)^2 times the slope in log x of `best_precisions`, a cubic in x, and its derivative."""
    total, pull = x + rest, shape - rate * x
    value = 0.5 * n_outputs * rest * total - 0.5 * fit * x + pull * total * total
    return value, 0.5 * (n_outputs * rest - fit) + total * (2.0 * pull - rate * total)


@jit_helper
def _root(near, far, rest, fit, n_outputs, shape, rate):
    """Root of the cubic between two places of opposite signs, by Newton's steps where they stay in between."""
    rising = _slope(near, rest, fit, n_outputs, shape, rate)[0] > 0.0
    x = math.sqrt(near) * math.sqrt(far)
    for _ in range(_MOST_STEPS):
        value, derivative = _slope(x, rest, fit, n_outputs, shape, rate)
        if (value > 0.0) == rising:
            near = x
        else:
            far = x
        moved = x - value / derivative
        if not min(near, far) < moved < max(near, far):
            moved = math.sqrt(near) * math.sqrt(far)
        step = moved - x
        x = moved
        if abs(step) <= _ACCURACY * x:
            break
    return x


@jit
def best_precisions(precisions, var, squares, n_outputs, shape, rate, out):
    """Expected precisions at the first maximum of the bound uphill, one coefficient at a time; arrays (n,).

    A walk in log r whose steps double, from a quarter on, leads past it. With t = 1 / var and s = t - r the slope of
    the bound in log r is

        (n / 2) s / (r + s) - squares t^2 r / (2 (r + s)^2) + shape - rate r,

    var and squares being those at the first r. In units of t no scale of a column makes it overflow.
    """
    for i in range(precisions.size):
        total = 1.0 / var[i]
        x, fit, own_rate = precisions[i] / total, squares[i] * total, rate[i] * total
        rest = max(1.0 - x, 0.0)
        rising = _slope(x, rest, fit, n_outputs, shape[i], own_rate)[0] > 0.0
        factor = _STEP if rising else 1.0 / _STEP
        met = False
        for _ in range(_DOUBLINGS):
            far = x * factor
            met = (_slope(far, rest, fit, n_outputs, shape[i], own_rate)[0] > 0.0) != rising
            if met:
                x = _root(x, far, rest, fit, n_outputs, shape[i], own_rate)
                break
            x = far
            factor *= factor
        out[i] = x * total
