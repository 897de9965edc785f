"""The contestants: one step of Stein variational gradient descent, its bandwidth included."""

import numpy as np

from skvi.gradient.stein import stein_direction

OURS = "skvi"


def cloud(n, p, seed=0):
    """Particles, and gradients of a standard normal log density at them."""
    x = np.random.default_rng(seed).normal(size=(n, p))
    return x, -x


def numpy_step(x, g):
    """The step with the Gaussian kernel, by products of matrices and arrays of all pairs."""
    norms = (x * x).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms - 2.0 * x @ x.T, 0.0)
    h2 = 0.5 * np.median(squares) / np.log(len(x) + 1.0)
    k = np.exp(-0.5 * squares / h2)
    return (k @ g + (x * k.sum(axis=1)[:, None] - k @ x) / h2) / len(x)


def our_step(x, g, kernel="rbf", n_jobs=None):
    """The step of skvi."""
    return stein_direction(x, g, kernel, n_jobs=n_jobs)
