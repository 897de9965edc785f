"""Twins of `skvi.kernels.special`, for arrays as well as numbers."""

import numpy as np
from scipy.special import betaln, gammaln, psi


def exp_nonpositive(x):
    return np.exp(np.maximum(x, -708.0))


def log_normal(x):
    return np.log(x)


def digamma(x):
    return psi(x)


def log_gamma(x):
    return gammaln(x)


def digamma_tail(y):
    return psi(y) - np.log(y)


def log_gamma_tail(y):
    return gammaln(y)


def log_beta(a, b):
    return betaln(a, b)


def stirling_rest(y):
    """Small beside its parts, so that it is exact to their rounding alone."""
    return gammaln(y) - ((y - 0.5) * np.log(y) - y + 0.5 * np.log(2.0 * np.pi))


def gamma_parts(x):
    """The same carrying by eight, term by term."""
    steps = x + np.arange(8.0)
    small = x < 8.0
    return x + 8.0 if small else x, np.prod(steps) if small else 1.0, (1.0 / steps).sum() if small else 0.0
