"""Small targets and approximations of the tests of gradients."""

import itertools

import numpy as np

from skvi.blackbox import from_density
from skvi.gradient.counting import CountedTarget
from skvi.gradient.normals import FullRank, LowRank, MeanField
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target


def counted(model, X=None, y=None):
    """The counted target of a model with rows that weigh one."""
    weight = None if X is None else np.ones(len(X))
    return CountedTarget(Target(model, Layout(model.parameters(X, y)), X, y, weight))


def of_density(log_density, gradient, width):
    """The counted target of a density."""
    return counted(from_density(log_density, gradient, n_parameters=width))


def gaussian(mean, precision):
    """A normalised normal target."""
    mean, precision = np.asarray(mean, dtype=float), np.asarray(precision, dtype=float)
    constant = 0.5 * (np.linalg.slogdet(precision)[1] - len(mean) * np.log(2.0 * np.pi))

    def log_density(z):
        return constant - 0.5 * np.einsum("tp,pq,tq->t", z - mean, precision, z - mean)

    return of_density(log_density, lambda z: -(z - mean) @ precision, len(mean))


def skewed():
    """One free number with a skewed density."""
    return of_density(lambda z: 0.7 * z[:, 0] - np.exp(0.5 * z[:, 0]), lambda z: 0.7 - 0.5 * np.exp(0.5 * z), 1)


def banana():
    """Two free numbers on a curve."""

    def log_density(z):
        return -0.5 * z[:, 0] ** 2 - (z[:, 1] - 0.4 * z[:, 0] ** 2) ** 2

    def gradient(z):
        gap = z[:, 1] - 0.4 * z[:, 0] ** 2
        return np.stack([-z[:, 0] + 1.6 * gap * z[:, 0], -2.0 * gap], axis=1)

    return of_density(log_density, gradient, 2)


#: targets and approximations that are not their best
SMALL = {
    "skewed": (skewed(), MeanField([0.5], [0.8])),
    "banana": (banana(), MeanField([0.3, 0.2], [0.6, 0.5])),
    "banana, full rank": (banana(), FullRank([0.3, 0.2], [[0.6, 0.0], [0.2, 0.5]])),
    "banana, low rank": (banana(), LowRank([0.3, 0.2], [0.5, 0.4], [[0.3], [0.2]])),
}


def nodes(n_numbers, n_each):
    """Gauss-Hermite nodes of standard normal numbers, (Q, n_numbers), and their weights, which sum to one."""
    places, weights = np.polynomial.hermite_e.hermegauss(n_each)
    weights = weights / weights.sum()
    grid = np.array(list(itertools.product(range(n_each), repeat=n_numbers)))
    return places[grid], weights[grid].prod(axis=1)
