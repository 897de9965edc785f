"""Targets that count."""

import numpy as np

from skvi.blackbox import from_density
from skvi.gradient.counting import CountedTarget
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target


def log_density(draws):
    return np.log(draws[:, 0])


def gradient(draws):
    return 1.0 / draws


def test_evaluations_and_those_that_are_not_finite_are_counted():
    model = from_density(log_density, gradient, n_parameters=1)
    target = CountedTarget(Target(model, Layout(model.parameters())))
    z = np.array([[1.0], [-1.0], [0.0]])
    np.testing.assert_array_equal(target.log_density(z), [0.0, -np.inf, -np.inf])
    np.testing.assert_array_equal(target.gradient(z), [[1.0], [-1.0], [np.nan]])
    assert (target.counts.densities, target.counts.gradients, target.counts.nonfinite) == (3, 3, 3)
