"""Kernels of steps, coordinates and observations against plain numpy; the file also runs without compilation."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi.kernels import coordinates, observations, steps
from tests.reference import coordinates as plain_coordinates
from tests.reference import observations as plain_observations
from tests.reference import steps as plain_steps

TWINS = {steps: plain_steps, coordinates: plain_coordinates, observations: plain_observations}
CLASSES = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0])
CASES = [
    (steps.rms_increment, lambda draw: (draw(7), 0.9, 0.1, 1e-6, draw(7) ** 2, np.empty(7))),
    (steps.add_way, lambda draw: (draw(5, 3), draw(5, 3), draw(3) ** 2)),
    (steps.add_motion, lambda draw: (draw(5, 3), draw(5, 3), draw(3), draw(3))),
    (coordinates.spread, lambda draw: (draw(4, 5), draw(5), draw(5) ** 2, np.array([1, 4]), np.empty((4, 5)))),
    (coordinates.gather_slopes, lambda draw: (draw(4, 5), draw(5), draw(5) ** 2, np.array([1, 4]), draw(4, 5))),
    (observations.logistic_slopes, lambda draw: (5.0 * draw(3, 9), CLASSES, draw(9) ** 2)),
    (observations.logistic_densities, lambda draw: (5.0 * draw(3, 9), CLASSES)),
    (observations.normal_slopes, lambda draw: (draw(3, 9), draw(9), draw(9) ** 2, draw(3) ** 2, np.empty(3))),
]


@pytest.mark.parametrize(("kernel", "arguments"), CASES, ids=[kernel.__name__ for kernel, _ in CASES])
def test_kernels_are_their_twins(kernel, arguments):
    plain = getattr(kernel, "py_func", kernel)
    twin = next(
        getattr(twins, plain.__name__) for module, twins in TWINS.items() if module.__name__ == plain.__module__
    )
    assert inspect.signature(plain) == inspect.signature(twin)
    draw = np.random.default_rng(0).standard_normal
    ours = arguments(lambda *shape: draw(shape))
    theirs = [np.copy(a) if isinstance(a, np.ndarray) else a for a in ours]
    kernel(*ours)
    twin(*theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert_allclose(one, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("output", [np.nan, np.inf, -np.inf, 800.0, -800.0, 1e-300])
def test_classes_at_the_ends_of_the_numbers(output):
    slopes, densities = np.full((2, 1, 2), output)
    observations.logistic_slopes(slopes, np.array([0.0, 1.0]), np.ones(2))
    observations.logistic_densities(densities, np.array([0.0, 1.0]))
    expected = np.full((2, 1, 2), output)
    plain_observations.logistic_slopes(expected[0], np.array([0.0, 1.0]), np.ones(2))
    plain_observations.logistic_densities(expected[1], np.array([0.0, 1.0]))
    assert_allclose(slopes, expected[0], rtol=1e-14, atol=1e-300)
    assert_allclose(densities, expected[1], rtol=1e-14, atol=1e-300)
