"""PyMC's automatic differentiation variational inference."""

import logging

import numpy as np
import pymc
from pytensor import tensor
from pytensor.tensor import linalg

from benchmarks.posteriors._contestants import normal_found
from benchmarks.posteriors.peers import _densities


def _log_sigmoid(x):
    return -tensor.softplus(-x)


_PYTENSOR = _densities.Mathematics(
    array=tensor,
    log_sigmoid=_log_sigmoid,
    sigmoid=tensor.sigmoid,
    logsumexp=tensor.logsumexp,
    cholesky=linalg.cholesky,
    solve_lower=lambda matrix, vector: linalg.solve_triangular(matrix, vector, lower=True, b_ndim=1),
)


class Advi:
    """Mean-field or full-rank ADVI for PyMC's own number of steps; every fit builds and compiles its step anew.

    Parameters
    ----------
    name : str
    method : class
    step_size : float, default=None
        Of Adam; None is PyMC's own optimizer.
    n_steps : int, default=10000
    """

    def __init__(self, name, method, step_size=None, n_steps=10_000):
        self.name = f"pymc {name}"
        self.method = method
        self.step_size = step_size
        self.n_steps = n_steps

    @property
    def setting(self):
        """What tells this contestant from others of its name."""
        size = "its own size" if self.step_size is None else f"{self.step_size:g}"
        return f"{self.n_steps} steps of {size}"

    def suits(self, posterior):
        """Whether there is a form of the posterior for this contestant."""
        return not isinstance(posterior.model, _densities.RECURSIVE)

    def prepare(self, posterior):
        """A function of a seed that fits, and returns a function that looks at what came of it."""
        logging.getLogger("pymc").setLevel(logging.ERROR)
        with pymc.Model() as model:
            z = pymc.Flat("z", shape=posterior.layout.n_free, initval=np.zeros(posterior.layout.n_free))
            pymc.Potential("density", _densities.log_density(posterior, _PYTENSOR)(z))
        optimizer = {} if self.step_size is None else {"obj_optimizer": pymc.adam(learning_rate=self.step_size)}

        def fit(seed):
            method = self.method(model=model, random_seed=seed)
            approximation = method.fit(self.n_steps, progressbar=False, **optimizer)
            return lambda: normal_found(posterior, *_normal(approximation), self.n_steps)

        return fit


def _normal(approximation):
    """Mean and factor of an approximation."""
    covariance = np.atleast_2d(approximation.cov.eval())
    return np.atleast_1d(approximation.mean.eval()), np.linalg.cholesky(covariance)


def contestants():
    """PyMC's ADVI, mean-field and full-rank."""
    return [
        [Advi(name, method, step_size) for step_size in (None, 0.01)]
        for name, method in (("mean-field", pymc.ADVI), ("full-rank", pymc.FullRankADVI))
    ]
