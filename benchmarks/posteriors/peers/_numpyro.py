"""NumPyro's automatic guides."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from numpyro import distributions
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal

from benchmarks.posteriors._contestants import normal_found
from benchmarks.posteriors.peers._jax import STEPS, log_density

_SITE = "z"


class Numpyro:
    """A guide fitted by Adam, compiled as a whole.

    Parameters
    ----------
    name : str
    guide : class
    n_steps : int, default=10000
    step_size : float, default=0.01
    """

    def __init__(self, name, guide, n_steps=10_000, step_size=0.01):
        self.name = f"numpyro {name}"
        self.guide = guide
        self.n_steps = n_steps
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
        real = distributions.constraints.real_vector

        def model():
            z = numpyro.sample(_SITE, distributions.ImproperUniform(real, (), (n_free,)))
            numpyro.factor("density", density(z))

        svi = SVI(model, self.guide(model), numpyro.optim.Adam(self.step_size), Trace_ELBO())
        run = jax.jit(lambda key: svi.run(key, self.n_steps, progress_bar=False).params)

        def fit(seed):
            parameters = jax.block_until_ready(run(jax.random.PRNGKey(seed)))
            return lambda: normal_found(posterior, *_normal(parameters), self.n_steps)

        return fit


def _normal(parameters):
    """Mean and factor of a guide."""
    if "auto_scale_tril" in parameters:
        return parameters["auto_loc"], parameters["auto_scale_tril"]
    mean, scale = (np.asarray(parameters[f"{_SITE}_auto_{part}"]) for part in ("loc", "scale"))
    return jnp.atleast_1d(mean), np.diag(np.atleast_1d(scale))


def contestants():
    """NumPyro's guides, mean-field and full-rank."""
    return [
        [Numpyro(name, guide, step_size=step_size, n_steps=n_steps) for step_size, n_steps in STEPS]
        for name, guide in (("normal", AutoNormal), ("multivariate", AutoMultivariateNormal))
    ]
