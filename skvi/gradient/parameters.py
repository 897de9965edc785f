"""Named parameters of a model, and how they lie side by side in one vector of free numbers."""

import math
from itertools import accumulate

import numpy as np

from skvi.gradient.constraints import Ordered, Positive, Real, Simplex, make_constraint
from skvi.kernels import coordinates


class Parameter:
    """One parameter of a model: its name, its shape, where it may lie, and where a search for it starts.

    Parameters
    ----------
    name : str
        Key of the parameter in the dictionaries that the model's methods take and return.
    shape : int or tuple of int, default=()
        Shape for one draw; the library puts the draws in front.
    constraint : {"real", "positive", "interval", "ordered", "simplex"} or Interval, default="real"
        "interval" is the unit interval; `Interval(low, high)` is any other. "ordered" and "simplex" are along the
        last axis. The model's densities are those of the constrained parameter: the library owns the map from
        real numbers, its Jacobian and the chain rule.
    start : array-like, default=None
        A value inside, which broadcasts to the shape, about which searches start. None is where the free numbers
        are zero: 0, 1, the middle, (0, 1, 2, ...), equal parts.
    scale : array-like, default=1.0
        The unit in which steps of the free numbers are measured, and how far starting values lie apart: one
        number or one for each free number. It changes no posterior.

    Raises
    ------
    ValueError
        Where one of them makes no sense, or `start` lies outside the constraint.

    Examples
    --------
    >>> from skvi.blackbox import Parameter
    >>> Parameter("weights", (3, 2))
    Parameter('weights', shape=(3, 2), constraint=Real())
    """

    def __init__(self, name, shape=(), constraint="real", start=None, scale=1.0):
        if not isinstance(name, str) or not name:
            raise ValueError(f"Parameter name={name!r}: give a string that is not empty")
        self.name = name
        self.shape = (int(shape),) if np.ndim(shape) == 0 else tuple(int(n) for n in shape)
        if any(n < 1 for n in self.shape):
            raise ValueError(f"parameter {name!r} has shape {self.shape}: give lengths of at least 1")
        self.constraint = make_constraint(constraint)
        self._check_axis()
        self.free_shape = self.constraint.free_shape(self.shape)
        self.start = self._free_start(start)
        self.scale = self._free_scale(scale)

    def _check_axis(self):
        needed = {Ordered: 1, Simplex: 2}.get(type(self.constraint), 0)
        if needed and (not self.shape or self.shape[-1] < needed):
            raise ValueError(
                f"parameter {self.name!r} is {self.constraint.name} and has shape {self.shape}: give a last axis of "
                f"{needed} or more"
            )

    def _free_start(self, start):
        if start is None:
            return np.zeros(self.free_shape)
        try:
            start = np.broadcast_to(np.asarray(start, dtype=np.float64), self.shape)
        except (TypeError, ValueError):
            raise ValueError(
                f"start of parameter {self.name!r} has shape {np.shape(start)}: give numbers of shape {self.shape}"
            ) from None
        if not self.constraint.allows(start):
            raise ValueError(f"start of parameter {self.name!r} lies outside {self.constraint!r}: give a value inside")
        return self.constraint.free(start)

    def _free_scale(self, scale):
        try:
            scale = np.broadcast_to(np.asarray(scale, dtype=np.float64), self.free_shape)
        except (TypeError, ValueError):
            raise ValueError(
                f"scale of parameter {self.name!r} has shape {np.shape(scale)}: give one number or numbers of shape "
                f"{self.free_shape}"
            ) from None
        if not (np.isfinite(scale).all() and (scale > 0.0).all()):
            raise ValueError(f"scale of parameter {self.name!r}: give positive numbers")
        return scale

    @property
    def n_free(self):
        """How many free numbers there are."""
        return math.prod(self.free_shape)

    @property
    def labels(self):
        """Name of each number of the parameter: the name itself, or with its place in brackets."""
        return self._labels(self.shape)

    @property
    def free_labels(self):
        """Name of each free number."""
        return self._labels(self.free_shape)

    def _labels(self, shape):
        if not shape:
            return [self.name]
        return [f"{self.name}[{','.join(map(str, index))}]" for index in np.ndindex(shape)]

    def __repr__(self):
        return f"Parameter({self.name!r}, shape={self.shape}, constraint={self.constraint!r})"


class Layout:
    """Parameters side by side: z, of shape (T, P), holds for each draw the free numbers of all of them.

    z is in units of each parameter's scale about its start: u = start + scale z, and x = constrain(u).

    Parameters
    ----------
    parameters : sequence of Parameter
    """

    def __init__(self, parameters):
        self.parameters = tuple(parameters)
        ends = list(accumulate(parameter.n_free for parameter in self.parameters))
        self.n_free = ends[-1] if ends else 0
        self._slices = [slice(end - p.n_free, end) for end, p in zip(ends, self.parameters, strict=True)]
        self._start = np.concatenate([np.empty(0), *(np.ravel(p.start) for p in self.parameters)])
        self._scale = np.concatenate([np.empty(0), *(np.ravel(p.scale) for p in self.parameters)])
        self._log_scale = float(np.log(self._scale).sum())
        # Maps number by number are made for all columns at once.
        places = list(zip(self.parameters, self._slices, strict=True))
        exponential = [range(place.start, place.stop) for p, place in places if type(p.constraint) is Positive]
        self._exponential = np.array([column for columns in exponential for column in columns], dtype=np.intp)
        self._others = [p.name for p in self.parameters if type(p.constraint) not in (Real, Positive)]

    @property
    def labels(self):
        """Names of all numbers of the constrained parameters."""
        return [label for parameter in self.parameters for label in parameter.labels]

    @property
    def free_labels(self):
        """Names of all free numbers, after the parameters behind which they stand."""
        return [label for parameter in self.parameters for label in parameter.free_labels]

    def _free(self, z):
        """Pairs of a parameter and its free numbers u, of shape (T, *free_shape)."""
        u = self._scale * z
        u += self._start
        for parameter, place in zip(self.parameters, self._slices, strict=True):
            yield parameter, u[:, place].reshape(len(z), *parameter.free_shape)

    @staticmethod
    def _own(z, parameter, place):
        """The free numbers of one parameter."""
        return parameter.start + parameter.scale * z[:, place].reshape(len(z), *parameter.free_shape)

    @property
    def is_side_by_side(self):
        """Whether `spread` gives all parameters: each number of them stands where its free number does."""
        return not self._others

    def spread(self, z):
        """Free numbers in their own units, and in place of positive parameters' these themselves, shape (T, P)."""
        z = np.ascontiguousarray(z, dtype=np.float64)
        x = np.empty(z.shape)
        coordinates.spread(z, self._start, self._scale, self._exponential, x)
        return x

    def gather(self, z, slopes):
        """Slopes in z of a log density and the log-determinant, written over those in what `spread` gives."""
        coordinates.gather_slopes(
            np.ascontiguousarray(z, dtype=np.float64), self._start, self._scale, self._exponential, slopes
        )
        return slopes

    def constrain(self, z):
        """The parameters at free numbers: a dictionary of arrays of shape (T, *shape)."""
        x, theta = self.spread(z), {}
        for parameter, place in zip(self.parameters, self._slices, strict=True):
            part = x[:, place].reshape(len(z), *parameter.free_shape)
            theta[parameter.name] = part if parameter.name not in self._others else parameter.constraint.constrain(part)
        return theta

    def free(self, theta):
        """The free numbers at parameters, of shape (T, P)."""
        n_draws = len(next(iter(theta.values())))
        parts = [
            (parameter.constraint.free(theta[parameter.name]) - parameter.start) / parameter.scale
            for parameter in self.parameters
        ]
        return np.concatenate([part.reshape(n_draws, -1) for part in parts], axis=1)

    def log_jacobian(self, z):
        """Log-determinant of the map from z to the parameters, shape (T,)."""
        return self._log_scale + sum(p.constraint.log_jacobian(u) for p, u in self._free(z))

    def pull_back(self, z, gradients):
        """Gradient in z of a log density of the parameters plus the log-determinant, shape (T, P).

        Gradients of the log density in the parameters are a dictionary of arrays of shape (T, *shape).
        """
        pulled = np.empty(np.shape(z))
        for parameter, place in zip(self.parameters, self._slices, strict=True):
            part = np.asarray(gradients[parameter.name])
            if parameter.name in self._others:
                part = parameter.constraint.pull_back(self._own(z, parameter, place), part)
            pulled[:, place] = part.reshape(len(z), -1)
        return self.gather(z, pulled)

    def flatten(self, theta):
        """All numbers of the constrained parameters side by side, in the order of `labels`."""
        return np.concatenate([np.reshape(theta[p.name], (len(theta[p.name]), -1)) for p in self.parameters], axis=1)

    def unflatten(self, values):
        """The dictionary of parameters behind the rows that `flatten` gives."""
        sizes = [math.prod(p.shape) for p in self.parameters]
        parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
        return {p.name: part.reshape(len(values), *p.shape) for p, part in zip(self.parameters, parts, strict=True)}
