"""Minimising a smooth function that may be infinite in places: L-BFGS with a search that only compares values."""

from dataclasses import dataclass

import numpy as np

# Sufficient decrease and curvature (Nocedal and Wright 2006, section 3.1).
_DECREASE = 1e-4
_CURVATURE = 0.9
_MOST_TRIALS = 40
_LONGEST_START = 2.0
# Steps that lower the function by no more than rounding, in a row.
_IDLE_STEPS = 3
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Point:
    """A place x, the function's value and its gradient there."""

    x: np.ndarray
    value: float
    gradient: np.ndarray


class QuasiNewton:
    """Inverse curvature of the last steps, by the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4).

    Parameters
    ----------
    memory : int, default=10
    """

    def __init__(self, memory=10):
        self.memory = memory
        self.pairs = []

    def observe(self, step, change):
        """Take in a step and the change of the gradient along it; one without positive curvature is left out."""
        product = float(step @ change)
        if product > 1e-12 * float(change @ change):
            self.pairs = [*self.pairs, (step, change, 1.0 / product)][-self.memory :]

    def solve(self, gradient):
        """Inverse curvature times a gradient."""
        r, parts = gradient.copy(), []
        for step, change, inverse in reversed(self.pairs):
            parts.append(inverse * (step @ r))
            r -= parts[-1] * change
        if self.pairs:
            _, change, inverse = self.pairs[-1]
            r /= inverse * (change @ change)
        for (step, change, inverse), part in zip(self.pairs, reversed(parts), strict=True):
            r += (part - inverse * (change @ r)) * step
        return r


def search(function, point, direction, length):
    """A point along a direction where the function is lower and flatter, or at least lower; None where there is none.

    Bisection and doubling under the weak Wolfe conditions (Lewis and Overton 2013, algorithm 2.6): values that are not
    finite only count as too high.
    """
    slope = float(point.gradient @ direction)
    low, high, best = 0.0, np.inf, None
    for _ in range(_MOST_TRIALS):
        trial = function(point.x + length * direction)
        if not trial.value <= point.value + _DECREASE * length * slope:
            high = length
        else:
            best = trial
            if float(trial.gradient @ direction) >= _CURVATURE * slope:
                return trial
            low = length
        # Beyond a wall of infinite values a lower point is good enough.
        if np.isfinite(high) and best is not None and high - low <= 0.1 * high:
            return best
        length = 0.5 * (low + high) if np.isfinite(high) else 2.0 * length
    return best


def descend(function, start, tol, max_iter):
    """Points of a descent from a point where the function is finite, the last of them the lowest.

    Parameters
    ----------
    function : callable
        Gives the `Point` at a place.
    start : Point
    tol : float
        The descent ends where a Newton step would lower the function by less than this.
    max_iter : int

    Yields
    ------
    Point, bool
        And whether the descent has come to its end there.
    """
    curvature, point, idle = QuasiNewton(), start, 0
    for _ in range(max_iter):
        direction = -curvature.solve(point.gradient)
        if 0.5 * abs(float(direction @ point.gradient)) < tol:
            yield point, True
            return
        length = 1.0 if curvature.pairs else min(1.0, _LONGEST_START / np.abs(direction).max())
        new = search(function, point, direction, length)
        if new is None:
            if not curvature.pairs:
                return
            curvature = QuasiNewton()
            continue
        idle = idle + 1 if point.value - new.value <= _ROUNDING * abs(point.value) else 0
        curvature.observe(new.x - point.x, new.gradient - point.gradient)
        point = new
        if idle == _IDLE_STEPS:
            yield point, True
            return
        yield point, False
