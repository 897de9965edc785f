"""Densities over a vector of real numbers, stated by a function or two."""

import math
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from skvi.gradient.draws import call_each, is_jitted, loop_each
from skvi.gradient.parameters import Parameter

NAME = "theta"


def from_density(log_density, gradient=None, n_parameters=None, start=None, scale=1.0, n_jobs=None, shapes=None):
    """A model that is nothing but a density over n_parameters real numbers; fit it with `fit(None)`.

    Parameters
    ----------
    log_density : callable
        Takes draws (T, P), returns the log density of each, (T,). It need not be normalised, but only with its
        constant is a bound on the log evidence one. A function that numba compiled takes one draw (P,) and returns
        a number; it is looped over the draws in parallel.
    gradient : callable, default=None
        Takes draws (T, P), returns the gradient of the log density at each, (T, P); compiled, one draw (P,) and
        (P,). None leaves it to central differences.
    n_parameters : int, default=None
        P; None is the length of `start`, or what `shapes` add up to.
    start : array-like of shape (P,), default=None
        Where searches start; None is zero.
    scale : float or array-like of shape (P,), default=1.0
        Unit of steps, and how far starting values lie apart.
    n_jobs : int, default=None
        Threads for compiled functions; None is all cores. It changes no bit.
    shapes : dict of str to int or tuple of int, default=None
        Parameters by name that lie side by side in a draw, with their shapes: ``{"slopes": (3,), "log_noise": ()}``.
        None is one, "theta" of shape (P,).

    Returns
    -------
    DensityModel
        With real parameters. It can be cloned, and pickled where its functions can.

    Raises
    ------
    TypeError
        Where `log_density` or `gradient` cannot be called.
    ValueError
        Where the number of parameters is not given, or contradicts `start` or `shapes`.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import check_model, from_density
    >>> def log_density(draws):
    ...     return -0.5 * np.sum(draws**2, axis=1)
    >>> model = from_density(log_density, gradient=np.negative, n_parameters=2)
    >>> check_model(model)
    """
    for name, function in [("log_density", log_density), ("gradient", gradient)]:
        if not callable(function) and not (name == "gradient" and function is None):
            raise TypeError(f"{name}={function!r}: give a function that takes draws of shape (n_draws, n_parameters)")
    model = DensityModel(log_density, gradient, n_parameters, start, scale, n_jobs, shapes)
    model.parameters()
    return model


def _has_gradient(model):
    return model.gradient is not None


class DensityModel(BaseEstimator):
    """A density over real numbers, as `from_density` makes it; the parameters are the same.

    Its density is the prior of a model without rows.
    """

    def __init__(self, log_density, gradient=None, n_parameters=None, start=None, scale=1.0, n_jobs=None, shapes=None):
        self.log_density = log_density
        self.gradient = gradient
        self.n_parameters = n_parameters
        self.start = start
        self.scale = scale
        self.n_jobs = n_jobs
        self.shapes = shapes

    def parameters(self, X=None, y=None):
        """The parts of the vector by name."""
        n_parameters = self._n_parameters()
        if self.shapes is None:
            return [Parameter(NAME, n_parameters, start=self.start, scale=self.scale)]
        whole = Parameter(", ".join(self.shapes), n_parameters, start=self.start, scale=self.scale)
        starts, scales = (named_parts(values, self.shapes) for values in (whole.start, whole.scale))
        return [Parameter(name, shape, start=starts[name], scale=scales[name]) for name, shape in self.shapes.items()]

    def _n_parameters(self):
        n_parameters = self.n_parameters
        if self.shapes is not None:
            total = sum(math.prod(_axes(shape)) for shape in self.shapes.values())
            if n_parameters not in (None, total):
                raise ValueError(
                    f"n_parameters={n_parameters!r}, but shapes={self.shapes!r} hold {total}: leave it out"
                )
            n_parameters = total
        elif n_parameters is None and self.start is not None:
            n_parameters = np.size(self.start)
        if not isinstance(n_parameters, Integral) or n_parameters < 1:
            raise ValueError(
                f"n_parameters={n_parameters!r}: give the number of parameters of the density, a positive integer"
            )
        return n_parameters

    def log_prior(self, theta):
        """Log density of each draw."""
        return self._each(self.log_density, self._side_by_side(theta))

    @available_if(_has_gradient)
    def grad_log_prior(self, theta):
        """Gradient of the log density at each draw."""
        gradient = self._each(self.gradient, self._side_by_side(theta))
        return {NAME: gradient} if self.shapes is None else named_parts(gradient, self.shapes)

    def _side_by_side(self, theta):
        if self.shapes is None:
            return theta[NAME]
        parts = [np.asarray(theta[name]) for name in self.shapes]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)

    def with_threads(self, n_jobs):
        """The model on so many threads, where it loops over draws and does not say how many itself."""
        loops = is_jitted(self.log_density) or is_jitted(self.gradient)
        if not loops or n_jobs is None or self.n_jobs is not None:
            return self
        settings = self.n_parameters, self.start, self.scale, n_jobs, self.shapes
        return DensityModel(self.log_density, self.gradient, *settings)

    def _each(self, function, draws):
        return loop_each(function, draws, n_jobs=self.n_jobs) if is_jitted(function) else function(draws)


def _axes(shape):
    return (shape,) if isinstance(shape, Integral) else tuple(shape)


def named_parts(vectors, shapes):
    """Parts of the last axis by name, in their shapes, of one vector or a batch; arrays may be any library's."""
    parts, stop = {}, 0
    for name, axes in ((name, _axes(shape)) for name, shape in shapes.items()):
        start, stop = stop, stop + math.prod(axes)
        parts[name] = vectors[..., start:stop].reshape((*vectors.shape[:-1], *axes))
    return parts


class EachDraw:
    """A function of a batch of draws (T, P) made from a Python function of one (P,).

    Threads help where the function releases the GIL. Copies share the function, which keeps no state.

    Parameters
    ----------
    function : callable
    n_jobs : int, default=1
    """

    def __init__(self, function, n_jobs=1):
        self.function = function
        self.n_jobs = n_jobs

    def __call__(self, draws):
        return call_each(self.function, np.ascontiguousarray(draws, dtype=np.float64), self.n_jobs)

    def __deepcopy__(self, memo):
        return self
