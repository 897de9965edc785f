"""The best precision of one coefficient, all others as they are (Tipping & Faul 2003, with a Gamma prior)."""

import numpy as np

_DOUBLINGS = 8
_HALVINGS = 40


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
    total = 1.0 / var
    own = np.maximum(total - precisions, 0.0)

    def slope(log_precision):
        r = np.exp(log_precision)
        # q / (r + s), the mean at r, is the mean as it is times a ratio that no scale of the column makes overflow.
        shift = total / (r + own)
        return 0.5 * (n_outputs * own / (r + own) - squares * r * shift**2) + shape - rate * r

    start = np.log(precisions)
    rising = slope(start) > 0.0
    near, far, width = start, start, np.where(rising, 0.25, -0.25)
    searching = np.ones(start.shape, bool)
    for _ in range(_DOUBLINGS):
        far = np.where(searching, near + width, far)
        searching = searching & ((slope(far) > 0.0) == rising)
        near = np.where(searching, far, near)
        width = 2.0 * width
        if not searching.any():
            break
    for _ in range(_HALVINGS):
        middle = 0.5 * (near + far)
        on = (slope(middle) > 0.0) == rising
        near, far = np.where(on, middle, near), np.where(on, far, middle)
    return np.exp(near)
