"""Targets, approximations and references that the tests of gradients share."""

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


def of_density(log_density, gradient, width, n_jobs=1):
    """The counted target of a density."""
    target = counted(from_density(log_density, gradient, n_parameters=width))
    target.target.n_jobs = n_jobs
    return target


def gaussian(mean, precision, log_evidence=0.0, n_jobs=1):
    """A normal target."""
    mean, precision = np.asarray(mean, dtype=float), np.asarray(precision, dtype=float)
    constant = log_evidence + 0.5 * (np.linalg.slogdet(precision)[1] - len(mean) * np.log(2.0 * np.pi))

    def log_density(z):
        return constant - 0.5 * np.einsum("tp,pq,tq->t", z - mean, precision, z - mean)

    return of_density(log_density, lambda z: -(z - mean) @ precision, len(mean), n_jobs)


def random_gaussian(width, unit=1.0, n_jobs=1):
    """A normal target of correlated numbers in units of one's own and evidence 2.5, its mean and its covariance."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(width, width))
    covariance = unit**2 * (root @ root.T / width + 0.1 * np.eye(width))
    mean = unit * rng.normal(size=width)
    return gaussian(mean, np.linalg.inv(covariance), 2.5, n_jobs), mean, covariance


def student(dof, width):
    """Independent Student t variables of unit variance."""
    scale = dof - 2.0

    def log_density(z):
        return -0.5 * (dof + 1.0) * np.log1p(z**2 / scale).sum(axis=1)

    return of_density(log_density, lambda z: -(dof + 1.0) * z / (scale + z**2), width)


def skewed():
    """One free number with a skewed density."""
    return of_density(lambda z: 0.7 * z[:, 0] - np.exp(0.5 * z[:, 0]), lambda z: 0.7 - 0.5 * np.exp(0.5 * z), 1)


def banana(bend=0.4, tightness=1.0):
    """Two free numbers on a curve."""

    def log_density(z):
        return -0.5 * z[:, 0] ** 2 - tightness * (z[:, 1] - bend * z[:, 0] ** 2) ** 2

    def gradient(z):
        pull = 2.0 * tightness * (z[:, 1] - bend * z[:, 0] ** 2)
        return np.stack([-z[:, 0] + 2.0 * bend * pull * z[:, 0], -pull], axis=1)

    return of_density(log_density, gradient, 2)


def half_line(shape, rate, edge=0.0, width=1):
    """Independent gamma variables from an edge on: below it densities and gradients are NaN."""

    def log_density(z):
        return np.sum(shape * np.log(z - edge) - rate * z, axis=1)

    return of_density(log_density, lambda z: np.where(z > edge, shape / (z - edge) - rate, np.nan), width)


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


class Observer:
    """Records calls, and stops after some."""

    def __init__(self, stop_after=np.inf):
        self.begun, self.bounds, self.stop_after = [], [], stop_after

    def begin(self, iteration):
        self.begun.append(iteration)

    def end(self, iteration, trace):
        self.bounds.append(trace.bound)
        return iteration + 1 >= self.stop_after
