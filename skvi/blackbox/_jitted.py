"""Models whose methods are functions of one draw, compiled by numba: they are offered as the batched protocol asks."""

import functools

import numpy as np

from skvi.blackbox._density import DensityModel
from skvi.gradient.draws import is_jitted, loop_each

#: methods that may be functions of one draw
LOOPED = ("log_prior", "log_likelihood", "grad_log_prior", "grad_log_likelihood", "predict")


def batched(model, n_jobs=None):
    """A model as its protocol says, whatever its methods are.

    Where methods are functions of one draw that numba compiled, the model comes back in an adapter that loops them
    over the draws in parallel without the GIL, with the same bits for any n_jobs; all else comes back as it is.

    Parameters
    ----------
    model : object
    n_jobs : int, default=None
        Threads; None is all cores.

    Returns
    -------
    model

    Raises
    ------
    TypeError
        Where such a function was made a method: it takes a vector of parameters, not `self`.
    """
    if isinstance(model, JittedModel):
        return JittedModel(model.model, n_jobs)
    if isinstance(model, DensityModel):
        return model.with_threads(n_jobs)
    methods = {name: getattr(model, name, None) for name in LOOPED}
    for name, method in methods.items():
        if is_jitted(getattr(method, "__func__", None)):
            raise TypeError(
                f"{type(model).__name__}.{name} is a compiled function that became a method, which would hand it the "
                f"model as its first argument: write {name} = staticmethod(function)"
            )
    return JittedModel(model, n_jobs) if any(map(is_jitted, methods.values())) else model


class JittedModel:
    """The batched protocol for a model with compiled functions of one draw, named in `LOOPED`.

    Everything else is the model's own, so that whatever it lacks is lacking here.
    """

    def __init__(self, model, n_jobs=None):
        self.model = model
        self.n_jobs = n_jobs
        self._names = None

    def parameters(self, X, y=None):
        """Parameters of the model, whose order is that of the vectors."""
        parameters = self.model.parameters(X, y)
        self._names = [parameter.name for parameter in parameters]
        return parameters

    def __getattr__(self, name):
        if name == "model" or (name.startswith("__") and name != "__sklearn_tags__"):
            raise AttributeError(name)
        attribute = getattr(self.model, name)
        if name not in LOOPED or not is_jitted(attribute):
            return attribute
        looped = self._gradients if name.startswith("grad_") else self._values
        return functools.partial(looped, attribute)

    def __repr__(self):
        return f"batched({self.model!r})"

    def _ordered(self, theta):
        """Parameters in the order of `parameters`, which is that of a layout's dictionaries."""
        return {name: theta[name] for name in self._names or theta}

    def _values(self, function, theta, *arguments):
        vectors = _vectors(self._ordered(theta))
        return loop_each(function, vectors, tuple(map(_plain, arguments)), self.n_jobs)

    def _gradients(self, function, theta, *arguments):
        theta = self._ordered(theta)
        vectors = _vectors(theta)
        gradients = loop_each(function, vectors, tuple(map(_plain, arguments)), self.n_jobs)
        if gradients.shape != vectors.shape:
            raise ValueError(
                f"{function.__name__} returns an array of shape {gradients.shape[1:]} for one draw: give "
                f"{vectors.shape[1:]}, one number for each of {', '.join(theta)}"
            )
        return _split(gradients, theta)


def _plain(argument):
    """An argument as compiled functions see it, so that they are compiled for few kinds of arrays."""
    if argument is None:
        return None
    argument = np.asarray(argument)
    return np.ascontiguousarray(argument, dtype=np.float64 if argument.dtype.kind == "f" else None)


def _vectors(theta):
    """All parameters of each draw side by side."""
    return np.concatenate([np.reshape(values, (len(values), -1)) for values in theta.values()], axis=1)


def _split(vectors, theta):
    sizes = [np.size(values[0]) for values in theta.values()]
    parts = np.split(vectors, np.cumsum(sizes)[:-1], axis=1)
    return {name: part.reshape(np.shape(theta[name])) for name, part in zip(theta, parts, strict=True)}
