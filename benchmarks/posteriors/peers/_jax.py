"""The posteriors' log densities in jax."""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp

from benchmarks.posteriors.peers import _densities

# Peers may have the digits that skvi has.
jax.config.update("jax_enable_x64", True)

#: step sizes of Adam and numbers of steps; each peer is given those with which it reaches the largest bound
STEPS = ((0.03, 10_000), (0.01, 10_000), (0.003, 50_000))

_JAX = _densities.Mathematics(
    array=jnp,
    log_sigmoid=jax.nn.log_sigmoid,
    sigmoid=jax.nn.sigmoid,
    logsumexp=logsumexp,
    cholesky=jnp.linalg.cholesky,
    solve_lower=lambda matrix, vector: solve_triangular(matrix, vector, lower=True),
    scan=jax.lax.scan,
)


def log_density(posterior):
    """A function of free numbers z (P,), not compiled yet."""
    return _densities.log_density(posterior, _JAX)
