"""Log densities of priors, summed over the numbers of each draw, and their slopes."""

import numpy as np
from scipy.special import gammaln

LOG_2PI = np.log(2.0 * np.pi)

#: Free numbers far out make parameters that overflow or vanish: densities are then -inf, which needs no warning.
quiet = np.errstate(over="ignore", under="ignore", invalid="ignore")


def bounded(x):
    """Positive numbers, kept where their logarithms and quotients, and products with residuals, are finite."""
    return np.minimum(np.maximum(x, 1e-200), 1e200)


def never_nan(log_densities):
    """Log densities, written over with -inf where overflows of opposite signs met."""
    log_densities[np.isnan(log_densities)] = -np.inf
    return log_densities


def total(values):
    """Sum over all axes but that of the draws."""
    return values.reshape(len(values), -1).sum(axis=1)


def total_square(values):
    """Sum of squares over all axes but that of the draws."""
    flat = values.reshape(len(values), -1)
    return np.vecdot(flat, flat)


def trailing(values, like):
    """One number for each draw, with as many axes behind as another array has."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


@quiet
def log_normal(x, precision, mean=0.0):
    """Log density of independent normal numbers, shape (T,)."""
    return total(0.5 * (np.log(precision) - LOG_2PI - precision * (x - mean) ** 2))


@quiet
def log_gamma(x, shape, rate):
    """Log density of independent Gamma numbers, shape (T,)."""
    constant = shape * np.log(rate) - gammaln(shape)
    return total(constant + (shape - 1.0) * np.log(bounded(x)) - rate * x)


def gamma_slope(x, shape, rate):
    """Derivative of the log density of Gamma numbers."""
    return (shape - 1.0) / bounded(x) - rate
