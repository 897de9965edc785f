"""Concentrations of a Dirichlet prior from expected logarithms under the posterior."""

import numpy as np
from scipy.special import polygamma, psi

_MOST_STEPS = 100
_SMALLEST, _LARGEST = 1e-8, 1e8


def fitted_concentration(concentration, logs, weight, symmetric):
    """Maximise <a, logs> - weight (sum_k log Gamma(a_k) - log Gamma(sum_k a_k)) over a > 0 (Minka 2000).

    The function is concave in a. Newton steps are taken in log a where the concentrations are equal, and by the
    structured inverse of the Hessian otherwise; a step that leaves the domain is shortened.

    Parameters
    ----------
    concentration : ndarray of shape (k,)
        Where to start; where the weight is zero, also the result.
    logs : ndarray of shape (k,)
        Sums over draws of the expected logarithms.
    weight : float
        Number of draws.
    symmetric : bool
        Whether all concentrations are equal.

    Returns
    -------
    ndarray of shape (k,)
    """
    if weight <= 0.0 or len(concentration) == 1:
        return concentration
    mean = logs / weight
    if symmetric:
        return np.full(len(mean), _equal(float(concentration.mean()), float(mean.mean()), len(mean)))
    return _free(np.array(concentration, dtype=float), mean)


def _equal(a, mean, k):
    """Root of psi(k a) - psi(a) + mean, by Newton steps in log a."""
    for _ in range(_MOST_STEPS):
        gradient = psi(k * a) - psi(a) + mean
        slope = a * (k * polygamma(1, k * a) - polygamma(1, a))
        step = np.clip(-gradient / slope, -2.0, 2.0)
        a = float(np.clip(a * np.exp(step), _SMALLEST, _LARGEST))
        if abs(step) < 1e-10:
            break
    return a


def _free(a, mean):
    """Root of psi(sum a) - psi(a) + mean: the Hessian is diagonal plus a constant (Minka 2000, eq. 15 to 18)."""
    for _ in range(_MOST_STEPS):
        gradient = psi(a.sum()) - psi(a) + mean
        diagonal = -polygamma(1, a)
        constant = polygamma(1, a.sum())
        shift = (gradient / diagonal).sum() / (1.0 / constant + (1.0 / diagonal).sum())
        step = (gradient - shift) / diagonal
        rate = min(1.0, 0.9 * float(np.min(np.where(step > 0.0, a / np.maximum(step, 1e-300), np.inf))))
        a = np.clip(a - rate * step, _SMALLEST, _LARGEST)
        if (np.abs(rate * step) <= 1e-10 * a).all():
            break
    return a
