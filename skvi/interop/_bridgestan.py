"""Densities of Stan models."""

import threading
from collections import Counter

import numpy as np

from skvi.blackbox import from_density
from skvi.blackbox._density import EachDraw
from skvi.interop._extras import require

#: without STAN_THREADS all models of a process share one stack of derivatives
_ONE_AT_A_TIME = threading.Lock()


def from_bridgestan(stan_model, start=None, scale=1.0, n_jobs=None):
    """A model from a Stan model with its data, through BridgeStan.

    The parameters are Stan's unconstrained ones in the order of `stan_model.param_unc_names()`, those of one name as
    one vector: a matrix in Stan's order, its columns after each other. The density has all constants (propto=False)
    and the log-determinants of Stan's maps (jacobian=True). Where Stan rejects a draw the log density is minus
    infinity and the gradient not a number.

    Parameters
    ----------
    stan_model : bridgestan.StanModel
    start, scale
        As in `skvi.blackbox.from_density`.
    n_jobs : int, default=None
        Threads, None being all cores. More than one are used where the model was compiled with
        `make_args=["STAN_THREADS=true"]`; otherwise Stan must not run twice at once in a process.

    Returns
    -------
    skvi.blackbox.DensityModel
        It can be cloned but not pickled, as `StanModel` cannot.

    Raises
    ------
    ImportError
        Where BridgeStan is not installed.
    TypeError
        Where `stan_model` is no `StanModel`.
    ValueError
        Where it has no parameters.

    Notes
    -----
    Tested in full where BridgeStan is installed, and elsewhere against a stand-in with the interface of BridgeStan 2:
    `param_unc_num`, `param_unc_names`, `log_density`, `log_density_gradient` and `model_info`.

    Examples
    --------
    >>> import bridgestan  # doctest: +SKIP
    >>> stan_model = bridgestan.StanModel(  # doctest: +SKIP
    ...     "model.stan", "data.json", make_args=["STAN_THREADS=true"])
    >>> model = from_bridgestan(stan_model)  # doctest: +SKIP
    """
    bridgestan = require("bridgestan", "from_bridgestan")
    if not isinstance(stan_model, bridgestan.StanModel):
        raise TypeError(f"stan_model is a {type(stan_model).__name__}: give a bridgestan.StanModel")
    if not stan_model.param_unc_num():
        raise ValueError("the Stan model has no parameters: there is nothing to infer")
    shapes = _shapes(stan_model.param_unc_names())
    threaded = "stan_threads=true" in stan_model.model_info().lower()
    functions = [
        EachDraw(_StanFunction(stan_model, gradient, threaded), n_jobs if threaded else 1) for gradient in (False, True)
    ]
    return from_density(*functions, start=start, scale=scale, shapes=shapes)


def _shapes(labels):
    """Shapes by name of numbers that Stan labels such as sigma, beta.1, beta.2."""
    lengths = Counter(label.partition(".")[0] for label in labels)
    return {name: () if name in labels else (length,) for name, length in lengths.items()}


class _StanFunction:
    """The log density of a Stan model at one draw, or its gradient."""

    def __init__(self, stan_model, gradient, threaded):
        self.stan_model = stan_model
        self.gradient = gradient
        self.threaded = threaded

    def __call__(self, draw):
        if self.threaded:
            return self._evaluate(draw)
        with _ONE_AT_A_TIME:
            return self._evaluate(draw)

    def _evaluate(self, draw):
        kind = {"propto": False, "jacobian": True}
        try:
            if self.gradient:
                return self.stan_model.log_density_gradient(draw, **kind)[1]
            return self.stan_model.log_density(draw, **kind)
        except RuntimeError:
            # Stan throws where it rejects a draw: outside the support, or a matrix that is not definite.
            return np.full(len(draw), np.nan) if self.gradient else -np.inf
