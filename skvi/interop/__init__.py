"""Densities that other libraries state, as models of `skvi.blackbox`; each library is imported when it is used."""

from skvi.interop._bridgestan import from_bridgestan
from skvi.interop._jax import from_jax
from skvi.interop._pymc import from_pymc

__all__ = ["from_bridgestan", "from_jax", "from_pymc"]
