"""Targets that count."""

import numpy as np

from tests.gradient.cases import of_density


def test_evaluations_and_those_that_are_not_finite_are_counted():
    target = of_density(lambda z: np.log(z[:, 0]), lambda z: 1.0 / z, 1)
    z = np.array([[1.0], [-1.0], [0.0]])
    np.testing.assert_array_equal(target.log_density(z), [0.0, -np.inf, -np.inf])
    np.testing.assert_array_equal(target.gradient(z), [[1.0], [-1.0], [np.nan]])
    assert (target.counts.densities, target.counts.gradients, target.counts.nonfinite) == (3, 3, 3)
