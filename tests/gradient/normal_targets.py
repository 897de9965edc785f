"""Targets whose answers are known."""

import numpy as np

from skvi.blackbox import from_density
from skvi.gradient.counting import CountedTarget
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target


def counted(log_density, gradient, width, n_jobs=1):
    """A counted target of a density of real numbers."""
    model = from_density(log_density, gradient, n_parameters=width)
    return CountedTarget(Target(model, Layout(model.parameters()), n_jobs=n_jobs))


def normal_target(width, seed=0, unit=1.0, n_jobs=1):
    """A normal target, its mean and its covariance, in units of one's own."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(width, width))
    covariance = unit**2 * (root @ root.T / width + 0.1 * np.eye(width))
    precision, mean = np.linalg.inv(covariance), unit * rng.normal(size=width)

    def log_density(z):
        return -0.5 * np.einsum("tp,pq,tq->t", z - mean, precision, z - mean)

    return counted(log_density, lambda z: -(z - mean) @ precision, width, n_jobs), mean, covariance


class Observer:
    """Records calls, and stops after some."""

    def __init__(self, stop_after=np.inf):
        self.begun, self.bounds, self.stop_after = [], [], stop_after

    def begin(self, iteration):
        self.begun.append(iteration)

    def end(self, iteration, trace):
        self.bounds.append(trace.bound)
        return iteration + 1 >= self.stop_after
