"""The best precision of one coefficient, all others as they are (Tipping & Faul 2003, with a Gamma prior)."""

import numpy as np

from skvi.kernels import relevance


def best_precisions(precisions, var, squares, n_outputs, shape, rate):
    """Expected precisions that raise the bound most, one at a time: the maximum uphill from where each is.

    Without its prior precision r a coefficient has precision s and, in units of it, the mean q / s. The bound as a
    function of r is

        n / 2 (log r - log(r + s)) + q^2 / (2 (r + s)) + a log r - b r + constant.

    Parameters
    ----------
    precisions, var, squares : ndarray of one shape
        E[lambda], the posterior variance, and the squared posterior mean summed over outputs.
    n_outputs : int
        Coefficients under each precision.
    shape, rate : ndarray
        Of the Gamma prior.

    Returns
    -------
    ndarray of the same shape
    """
    shape, rate = (np.broadcast_to(values, precisions.shape).ravel() for values in (shape, rate))
    out = np.empty(precisions.size)
    relevance.best_precisions(precisions.ravel(), var.ravel(), squares.ravel(), n_outputs, shape, rate, out)
    return out.reshape(precisions.shape)
