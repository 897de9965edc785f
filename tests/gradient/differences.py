"""Gradients by differences, the reference of all gradients written by hand."""

import numpy as np


def numerical_gradient(function, x, step=1e-5):
    """Central differences of a function of one vector, of the fourth order."""
    gradient = np.empty(len(x))
    for i in range(len(x)):
        shift = np.zeros(len(x))
        shift[i] = step * max(1.0, abs(x[i]))
        near = function(x + shift) - function(x - shift)
        far = function(x + 2.0 * shift) - function(x - 2.0 * shift)
        gradient[i] = (8.0 * near - far) / (12.0 * shift[i])
    return gradient
