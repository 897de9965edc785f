"""Densities written with JAX."""

import numpy as np

from skvi.blackbox import from_density
from skvi.blackbox._density import named_parts
from skvi.interop._extras import require


def from_jax(log_density, n_parameters=None, start=None, scale=1.0, shapes=None):
    """A model from a log density of one draw written with `jax.numpy`; JAX differentiates and batches it.

    Everything is computed in 64 bits, whatever `jax_enable_x64` says. Arrays that the function closes over keep the
    precision in which they were made, so close over arrays of numpy, or make those of JAX with 64 bits: data rounded
    to float32 (JAX's default) move the density. JAX compiles once for each number of draws.

    Parameters
    ----------
    log_density : callable
        Takes a vector (P,) of real numbers, or with `shapes` a dictionary of arrays; returns a number. Keep parameters
        that are constrained within it as maps of real ones, with the log-determinant of the map.
    n_parameters : int, default=None
    start, scale
        As in `skvi.blackbox.from_density`.
    shapes : dict of str to int or tuple of int, default=None
        Parameters by name, as in `skvi.blackbox.from_density`.

    Returns
    -------
    skvi.blackbox.DensityModel
        It can be pickled where the function can.

    Raises
    ------
    ImportError
        Where JAX is not installed.

    Notes
    -----
    Tested in full where JAX is installed, and elsewhere against a stand-in with the documented interface of
    `jax.jit`, `jax.vmap`, `jax.grad` and `enable_x64` (of `jax` since 0.8, of `jax.experimental` before).

    Examples
    --------
    >>> import jax.numpy as jnp  # doctest: +SKIP
    >>> model = from_jax(lambda vector: -0.5 * jnp.sum(vector**2), n_parameters=3)  # doctest: +SKIP
    >>> model = from_jax(  # doctest: +SKIP
    ...     lambda theta: -0.5 * jnp.sum((theta["w"] - theta["b"]) ** 2) - 0.5 * theta["b"] ** 2,
    ...     shapes={"w": (3,), "b": ()})
    """
    require("jax", "from_jax")
    functions = [_JaxFunction(log_density, shapes, gradient) for gradient in (False, True)]
    return from_density(*functions, n_parameters, start=start, scale=scale, shapes=shapes)


class _JaxFunction:
    """A JAX function of one draw, or its gradient, from arrays of draws to arrays; copies share what is compiled."""

    def __init__(self, function, shapes=None, gradient=False):
        self.function = function
        self.shapes = shapes
        self.gradient = gradient
        self._compiled = None

    def __call__(self, draws):
        jax = require("jax", "from_jax")
        if self._compiled is None:
            self._compiled = jax.jit(jax.vmap(jax.grad(self._of_vector) if self.gradient else self._of_vector))
        with _enable_x64(jax)(True):
            # A copy, because JAX's own memory cannot be written to.
            return np.array(self._compiled(np.asarray(draws, dtype=np.float64)), dtype=np.float64)

    def _of_vector(self, vector):
        return self.function(vector if self.shapes is None else named_parts(vector, self.shapes))

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        return {**vars(self), "_compiled": None}


def _enable_x64(jax):
    """The context manager, which JAX moved out of `jax.experimental` in 0.8."""
    # What stands there has no truth value in JAX, so that `or` would raise.
    return jax.enable_x64 if hasattr(jax, "enable_x64") else require("jax.experimental", "from_jax").enable_x64
