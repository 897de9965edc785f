"""Log densities of two classes and of normal targets given a model's outputs (T, N), and their slopes in these.

Outputs that are C-contiguous and float64 are written over.
"""

import numpy as np

from skvi.kernels import observations


def _numbers(values):
    return np.ascontiguousarray(values, dtype=np.float64)


def class_slopes(outputs, y, row_weight):
    """Weighted slopes of the log-probabilities of classes 0 and 1 in their log-odds, shape (T, N)."""
    slopes = _numbers(outputs)
    observations.logistic_slopes(slopes, _numbers(y), _numbers(row_weight))
    return slopes


def class_densities(outputs, y):
    """Log-probabilities of classes 0 and 1 from their log-odds, shape (T, N); NaN counts as -inf."""
    densities = _numbers(outputs)
    observations.logistic_densities(densities, _numbers(y))
    return densities


def normal_slopes(means, y, row_weight, precision):
    """Weighted slopes of normal log densities in the means, shape (T, N), and weighted sums of squares, shape (T,)."""
    slopes, squares = _numbers(means), np.empty(len(means))
    observations.normal_slopes(slopes, _numbers(y), _numbers(row_weight), _numbers(precision), squares)
    return slopes, squares
