"""Descents: known minima, and functions with walls."""

import math

import numpy as np
import pytest

from skvi.gradient.descent import Point, QuasiNewton, descend


def rosenbrock(x):
    value = 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    slope = 200.0 * (x[1] - x[0] ** 2)
    return Point(x, value, np.array([-2.0 * x[0] * slope - 2.0 * (1.0 - x[0]), slope]))


def barrier(x):
    """x - log(x), infinite from zero down."""
    with np.errstate(all="ignore"):
        value = float(x[0] - np.log(x[0])) if x[0] > 0.0 else math.inf
        return Point(x, value, np.where(x > 0.0, 1.0 - 1.0 / x, np.nan))


@pytest.mark.parametrize(
    ("function", "start", "minimum"),
    [(rosenbrock, [-1.2, 1.0], [1.0, 1.0]), (barrier, [50.0], [1.0]), (barrier, [1e-3], [1.0])],
)
def test_minima_are_found(function, start, minimum):
    points = list(descend(function, function(np.array(start)), 1e-12, 200))
    assert points[-1][1]
    np.testing.assert_allclose(points[-1][0].x, minimum, rtol=1e-5)
    values = [point.value for point, _ in points]
    assert (np.diff(values) <= 0.0).all()


def test_a_minimum_is_left_alone():
    start = rosenbrock(np.ones(2))
    ((point, settled),) = descend(rosenbrock, start, 1e-8, 10)
    assert point is start
    assert settled


def test_descents_end_in_time():
    points = list(descend(rosenbrock, rosenbrock(np.array([-1.2, 1.0])), 1e-12, 3))
    assert [settled for _, settled in points] == [False] * 3


def test_a_function_without_a_minimum_is_followed_far_down():
    def line(x):
        return Point(x, float(x[0]), np.ones(1))

    points = [point for point, _ in descend(line, line(np.zeros(1)), 1e-8, 20)]
    assert points[-1].value < -1e6


def test_inverse_curvature_is_exact_after_as_many_steps_as_dimensions():
    """On conjugate steps (Nocedal and Wright 2006, theorem 6.1)."""
    curvature, matrix = QuasiNewton(), np.diag([1.0, 4.0, 9.0])
    for step in np.eye(3):
        curvature.observe(step, matrix @ step)
    np.testing.assert_allclose(curvature.solve(np.ones(3)), [1.0, 0.25, 1.0 / 9.0])
