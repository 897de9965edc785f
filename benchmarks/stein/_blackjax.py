"""Stein variational gradient descent as blackjax runs it, where it is installed."""

from importlib.util import find_spec

import numpy as np

BLACKJAX = "blackjax"

#: arrays of all pairs and parameters that may need more than this are left out
_MOST_BYTES = 2e9
_DECAY = 0.9


def installed():
    """Whether there is a blackjax."""
    return find_spec(BLACKJAX) is not None


def _jax():
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def compiled_step(x):
    """One step in 64 bits with the gradient of a standard normal, compiled when first called; None where too large."""
    if not installed() or 8.0 * x.shape[0] ** 2 * x.shape[1] > _MOST_BYTES:
        return None
    import blackjax
    import optax

    jax = _jax()
    svgd = blackjax.svgd(lambda particle: -particle, optax.sgd(1e-3))
    state = svgd.init(jax.numpy.asarray(x))
    step = jax.jit(svgd.step)
    return lambda: jax.block_until_ready(step(state))


def descend_logistic(model, particles, batch_size, n_steps, step_size):
    """Particles of a `Logistic` model after so many steps with RMSprop, over the same mini-batches as `descend`."""
    import blackjax
    import optax

    jax = _jax()
    X, y = jax.numpy.asarray(model.X), jax.numpy.asarray(model.y)
    density = _logistic_density(jax.numpy, len(y) / batch_size, model.shape, model.rate)
    svgd = blackjax.svgd(jax.grad(density), optax.rmsprop(step_size, _DECAY))

    def step(state, number):
        rows = (number * batch_size + jax.numpy.arange(batch_size)) % len(y)
        return svgd.step(state, X=X[rows], y=y[rows]), None

    run = jax.jit(lambda state: jax.lax.scan(step, state, jax.numpy.arange(n_steps))[0])
    return np.array(run(svgd.init(jax.numpy.asarray(particles))).particles)


def _logistic_density(jnp, scale, shape, rate):
    """Log posterior of weights and the logarithm of their precision, its likelihood estimated from some rows."""

    def density(particle, X, y):
        weights, log_precision = particle[:-1], particle[-1]
        precision, eta = jnp.exp(log_precision), X @ weights
        likelihood = scale * (y @ eta - jnp.logaddexp(0.0, eta).sum())
        prior = 0.5 * (len(weights) * log_precision - precision * (weights @ weights))
        return likelihood + prior + shape * log_precision - rate * precision

    return density
