"""Gradients of functions that come without one."""

import numpy as np

# The cube root of the rounding error balances it against the error of the second order (Nocedal, Wright 2006, 8.1).
_STEP = np.finfo(float).eps ** (1.0 / 3.0)


def central_gradient(function, z):
    """Central differences of a function of draws, (T, P) -> (T,), at each draw: (T, P).

    It takes 2 P calls with all draws each.
    """
    gradient = np.empty_like(z)
    for coordinate in range(z.shape[1]):
        step = _STEP * np.maximum(1.0, np.abs(z[:, coordinate]))
        above, below = z.copy(), z.copy()
        above[:, coordinate] += step
        below[:, coordinate] -= step
        width = above[:, coordinate] - below[:, coordinate]
        gradient[:, coordinate] = (function(above) - function(below)) / width
    return gradient
