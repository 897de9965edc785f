"""Blackjax: normal approximations by stochastic gradients, and multi-path Pathfinder."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from blackjax.vi import fullrank_vi, meanfield_vi, multipathfinder

from benchmarks.posteriors._contestants import Found, normal_found
from benchmarks.posteriors.peers._jax import STEPS, log_density

_DRAWS = 20_000


class Blackjax:
    """A normal approximation fitted by Adam with blackjax's number of draws a step, compiled as a whole.

    Parameters
    ----------
    name : str
    algorithm : module
    n_steps, n_draws : int, default=10000 and 5
    step_size : float, default=0.01
    """

    def __init__(self, name, algorithm, n_steps=10_000, n_draws=5, step_size=0.01):
        self.name = f"blackjax {name}"
        self.algorithm = algorithm
        self.n_steps = n_steps
        self.n_draws = n_draws
        self.step_size = step_size

    @property
    def setting(self):
        """What tells this contestant from others of its name."""
        return f"{self.n_steps} steps of {self.step_size:g}"

    def suits(self, posterior):
        """Whether there is a form of the posterior for this contestant."""
        return True

    def prepare(self, posterior):
        """A function of a seed that fits, and returns a function that looks at what came of it."""
        density, n_free = log_density(posterior), posterior.layout.n_free
        method = self.algorithm.as_top_level_api(density, optax.adam(self.step_size), self.n_draws)

        @jax.jit
        def run(key):
            def step(state, one):
                return method.step(one, state)[0], None

            state, _ = jax.lax.scan(step, method.init(jnp.zeros(n_free)), jax.random.split(key, self.n_steps))
            return state

        def fit(seed):
            state = jax.block_until_ready(run(jax.random.PRNGKey(seed)))
            return lambda: normal_found(posterior, *_normal(state), self.n_steps * self.n_draws)

        return fit


def _normal(state):
    """Mean and factor of a state."""
    mean = np.asarray(state.mu)
    if hasattr(state, "rho"):
        return mean, np.diag(np.exp(np.asarray(state.rho)))
    return mean, fullrank_vi._unflatten_cholesky(state.chol_params, len(mean))


class Pathfinder:
    """Multi-path Pathfinder from standard normal starts, its draws importance-resampled.

    Gradients are counted as one for each iteration, as if none stopped early; there are as many densities as draws of
    all iterations besides.

    Parameters
    ----------
    n_paths, n_draws, max_iter : int, default=4, 1000 and 30
    """

    name = "blackjax pathfinder"
    setting = ""

    def __init__(self, n_paths=4, n_draws=1000, max_iter=30):
        self.n_paths = n_paths
        self.n_draws = n_draws
        self.max_iter = max_iter

    def suits(self, posterior):
        """Whether there is a form of the posterior for this contestant."""
        return True

    def prepare(self, posterior):
        """A function of a seed that fits, and returns a function that looks at what came of it."""
        density, layout = log_density(posterior), posterior.layout

        @jax.jit
        def run(key):
            start, paths, chosen = jax.random.split(key, 3)
            starts = jax.random.normal(start, (self.n_paths, layout.n_free))
            method = multipathfinder.as_top_level_api(density)
            state, _ = method.init(paths, starts, self.n_draws, maxiter=self.max_iter)
            return method.sample(chosen, state, _DRAWS), multipathfinder.psis_weights(state)[1]

        def fit(seed):
            draws, khat = jax.block_until_ready(run(jax.random.PRNGKey(seed)))
            most = self.n_paths * self.max_iter
            return lambda: Found(layout.constrain(np.array(draws)), most, khat=float(khat))

        return fit


def contestants():
    """Blackjax's approximations."""
    approximations = [
        [Blackjax(name, algorithm, step_size=step_size, n_steps=n_steps) for step_size, n_steps in STEPS]
        for name, algorithm in (("mean-field", meanfield_vi), ("full-rank", fullrank_vi))
    ]
    return [*approximations, [Pathfinder()]]
