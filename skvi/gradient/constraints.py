"""Constraints of parameters: smooth maps from all real numbers onto what is allowed, and the chain rule.

Arrays have draws in their first axis. A map u -> x changes a density by log |dx/du|, so that the gradient of
log p(x(u)) + log |dx/du| is what `pull_back` makes of the gradient of log p at x.
"""

import numpy as np
from scipy.special import expit, log_expit, logit


def _sum(values):
    """Sum over all axes but that of the draws."""
    return values.reshape(len(values), -1).sum(axis=1)


class Real:
    """Any real number."""

    name = "real"

    def free_shape(self, shape):
        """Shape of the free numbers behind a parameter of a shape."""
        return shape

    def constrain(self, u):
        """The parameter at free numbers."""
        return u

    def free(self, x):
        """The free numbers at a parameter's value."""
        return x

    def log_jacobian(self, u):
        """Log-determinant of the map, for each draw."""
        return np.zeros(len(u))

    def pull_back(self, u, gradient):
        """Gradient in u of a function of x plus the log-determinant, from the function's gradient in x."""
        return gradient

    def allows(self, x):
        """Whether a value is inside."""
        return bool(np.isfinite(x).all())

    def __repr__(self):
        return f"{type(self).__name__}()"


class Positive(Real):
    """Positive numbers: x = exp(u)."""

    name = "positive"

    def constrain(self, u):
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(u)

    def free(self, x):
        return np.log(x)

    def log_jacobian(self, u):
        return _sum(u)

    def pull_back(self, u, gradient):
        return gradient * self.constrain(u) + 1.0

    def allows(self, x):
        return super().allows(x) and bool((x > 0.0).all())


class Interval(Real):
    """Numbers between two ends: x = low + (high - low) / (1 + exp(-u)).

    Parameters
    ----------
    low, high : float
        With low < high; the ends are outside.
    """

    name = "interval"

    def __init__(self, low=0.0, high=1.0):
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"Interval(low={low!r}, high={high!r}): give two finite numbers with low < high")
        self.low = float(low)
        self.high = float(high)

    def constrain(self, u):
        x = self.low + (self.high - self.low) * expit(u)
        return np.clip(x, np.nextafter(self.low, self.high), np.nextafter(self.high, self.low))

    def free(self, x):
        return logit((x - self.low) / (self.high - self.low))

    def log_jacobian(self, u):
        return _sum(np.log(self.high - self.low) + log_expit(u) + log_expit(-u))

    def pull_back(self, u, gradient):
        share = expit(u)
        return gradient * ((self.high - self.low) * share * expit(-u)) + 1.0 - 2.0 * share

    def allows(self, x):
        return super().allows(x) and bool(((x > self.low) & (x < self.high)).all())

    def __repr__(self):
        return f"Interval({self.low:g}, {self.high:g})"


class Ordered(Real):
    """Increasing numbers along the last axis: x_1 = u_1, x_k = x_{k-1} + exp(u_k)."""

    name = "ordered"

    def constrain(self, u):
        with np.errstate(over="ignore", under="ignore"):
            steps = np.exp(u)
            steps[..., 0] = u[..., 0]
            return np.cumsum(steps, axis=-1)

    def free(self, x):
        return np.concatenate([x[..., :1], np.log(np.diff(x, axis=-1))], axis=-1)

    def log_jacobian(self, u):
        return _sum(u[..., 1:])

    def pull_back(self, u, gradient):
        later = np.cumsum(gradient[..., ::-1], axis=-1)[..., ::-1]
        with np.errstate(over="ignore", under="ignore"):
            rest = later[..., 1:] * np.exp(u[..., 1:]) + 1.0
        return np.concatenate([later[..., :1], rest], axis=-1)

    def allows(self, x):
        return super().allows(x) and bool((np.diff(x, axis=-1) > 0.0).all())


class Simplex(Real):
    """Positive numbers that sum to one along the last axis, by breaking a stick.

    The share z_k = 1 / (1 + exp(log(K - k) - u_k)) of what is left goes to x_k; u = 0 gives equal parts (Stan
    reference manual, "Unit simplex").
    """

    name = "simplex"

    def free_shape(self, shape):
        return (*shape[:-1], shape[-1] - 1)

    def constrain(self, u):
        shifted = u - _log_sticks(u)
        log_left = np.cumsum(log_expit(-shifted), axis=-1)
        first = np.zeros_like(log_left[..., :1])
        parts = np.concatenate([log_expit(shifted), first], axis=-1) + np.concatenate([first, log_left], axis=-1)
        return np.exp(parts)

    def free(self, x):
        left = np.cumsum(x[..., ::-1], axis=-1)[..., ::-1]
        u = np.log(x[..., :-1]) - np.log(left[..., 1:])
        return u + _log_sticks(u)

    def log_jacobian(self, u):
        shifted = u - _log_sticks(u)
        log_rest = log_expit(-shifted)
        log_left = np.cumsum(log_rest, axis=-1) - log_rest
        return _sum(log_expit(shifted) + log_rest + log_left)

    def pull_back(self, u, gradient):
        share = expit(u - _log_sticks(u))
        pulls = gradient * self.constrain(u)
        later = np.cumsum(pulls[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        # Each stick that is broken later adds one through the log of what is left.
        later = later + np.arange(u.shape[-1] - 1, -1, -1)
        return (1.0 - share) * pulls[..., :-1] - share * later + 1.0 - 2.0 * share

    def allows(self, x):
        return super().allows(x) and bool((x > 0.0).all() and np.allclose(x.sum(axis=-1), 1.0, rtol=0.0, atol=1e-8))


def _log_sticks(u):
    """Logs of the numbers of parts that are still to come, so that zeros break the stick into equal parts."""
    return np.log(np.arange(u.shape[-1], 0, -1.0))


_BY_NAME = {kind.name: kind for kind in (Real, Positive, Interval, Ordered, Simplex)}


def make_constraint(constraint):
    """The constraint that a name or an instance stands for.

    Raises
    ------
    ValueError
        Where it is neither.
    """
    if isinstance(constraint, Real):
        return constraint
    if isinstance(constraint, str) and constraint in _BY_NAME:
        return _BY_NAME[constraint]()
    raise ValueError(
        f"constraint={constraint!r}: give one of {', '.join(map(repr, _BY_NAME))}, or Interval(low, high) from "
        "skvi.blackbox"
    )
