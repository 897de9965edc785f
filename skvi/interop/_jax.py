"""Densities written with JAX."""

import numpy as np

from skvi.blackbox import from_density
from skvi.interop._extras import require


def from_jax(log_density, n_parameters, start=None, scale=1.0):
    """A model from a log density of one draw written with `jax.numpy`; JAX differentiates and batches it.

    Everything is computed in 64 bits, whatever `jax_enable_x64` says; arrays that the function closes over keep the
    precision in which they were made. JAX compiles once for each number of draws.

    Parameters
    ----------
    log_density : callable
        Takes a vector (P,) of real numbers, returns a number. Keep parameters that are constrained within it as
        maps of real ones, with the log-determinant of the map.
    n_parameters : int
    start, scale
        As in `skvi.blackbox.from_density`.

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
    """
    require("jax", "from_jax")
    return from_density(
        _JaxFunction(log_density), _JaxFunction(log_density, gradient=True), n_parameters, start=start, scale=scale
    )


class _JaxFunction:
    """A JAX function of one draw, or its gradient, from arrays of draws to arrays; copies share what is compiled."""

    def __init__(self, function, gradient=False):
        self.function = function
        self.gradient = gradient
        self._compiled = None

    def __call__(self, draws):
        jax = require("jax", "from_jax")
        enable_x64 = getattr(jax, "enable_x64", None) or require("jax.experimental", "from_jax").enable_x64
        if self._compiled is None:
            self._compiled = jax.jit(jax.vmap(jax.grad(self.function) if self.gradient else self.function))
        with enable_x64(True):
            # A copy, because JAX's own memory cannot be written to.
            return np.array(self._compiled(np.asarray(draws, dtype=np.float64)))

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        return {**vars(self), "_compiled": None}
