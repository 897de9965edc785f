"""Gradients of ready models in compiled passes, which read a mini-batch's rows where they stand in the table."""

import numpy as np

from skvi.kernels import gradients
from skvi.kernels.arrays import read_only

#: kinds of likelihoods, given the outputs of a model
NORMAL, CLASSES, COUNTS = gradients.NORMAL, gradients.CLASSES, gradients.COUNTS
_LEARNED = np.empty(0)


class RowsGradient:
    """Gradient of log prior and log-likelihood of some rows in all numbers of a draw, which lie side by side.

    Parameters
    ----------
    kernel : callable
        `linear_gradient` or `network_gradient` of `skvi.kernels.gradients`.
    table, targets : ndarray of shape (N, D) and (N,)
    size : int
        Number of intercepts, or of hidden units.
    precisions : ndarray of shape (n_weights,) or None
        Of the prior of the weights; None where it is one of the numbers.
    likelihood : int
    priors : tuple of five floats
        As the kernels take them.
    """

    def __init__(self, kernel, table, targets, size, precisions, likelihood, priors):
        self._kernel = kernel
        self._table = table
        self._targets = targets
        given = _LEARNED if precisions is None else precisions
        self._rest = size, given, likelihood, np.array(priors, dtype=np.float64)

    def __call__(self, x, rows, row_weight, weight=0.0, prior=True):
        """Gradient at draws, shape (T, P).

        Parameters
        ----------
        x : ndarray of shape (T, P)
            All numbers of the constrained parameters, side by side.
        rows : ndarray of shape (n,)
            Places of the rows, which are inside the table.
        row_weight : ndarray of shape (N,)
            What each row of the table counts.
        weight : float, default=0.0
            Rows' weights are scaled so that they add up to it; zero leaves them.
        prior : bool, default=True
            Whether the prior is in it.
        """
        out = np.empty(x.shape)
        kernels = gradients.kernels_of_gradients()
        self._kernel(kernels, x, self._table, rows, self._targets, row_weight, weight, *self._rest, prior, out)
        return out


def linear_gradient(X, y, fit_intercept, precisions, likelihood, priors):
    """The `RowsGradient` of a linear model with one output; None for tables that the kernel does not read."""
    return _of_table(gradients.linear_gradient, X, y, int(fit_intercept), precisions, likelihood, priors)


def network_gradient(X, y, n_hidden, precisions, likelihood, priors):
    """The `RowsGradient` of a network of rectifiers with one output; None for tables that the kernel does not read."""
    return _of_table(gradients.network_gradient, X, y, int(n_hidden), precisions, likelihood, priors)


def _of_table(kernel, X, y, *rest):
    if not (isinstance(X, np.ndarray) and X.dtype == np.float64 and X.flags.c_contiguous):
        return None
    return RowsGradient(kernel, read_only(np.asarray(X)), read_only(np.ascontiguousarray(y, dtype=np.float64)), *rest)


def gradient_of_rows(model, parameters, X, y):
    """What the model's method of that name gives; None where it has none.

    None too where gradients were written anew below it: a subclass that states another prior or likelihood must not be
    given its parent's gradient.
    """
    lineage = type(model).__mro__
    places = {
        name: next((place for place, kind in enumerate(lineage) if name in vars(kind)), len(lineage))
        for name in ("gradient_of_rows", "parameters", "grad_log_prior", "grad_log_likelihood")
    }
    own = places.pop("gradient_of_rows")
    if own == len(lineage) or own > min(places.values()):
        return None
    return model.gradient_of_rows(parameters, X, y)
