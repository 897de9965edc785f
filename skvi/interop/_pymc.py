"""Densities of PyMC models."""

import threading

import numpy as np

from skvi.blackbox import from_density
from skvi.blackbox._density import EachDraw
from skvi.interop._extras import require

#: compiled functions of PyTensor keep their arguments in storage of their own
_ONE_AT_A_TIME = threading.Lock()


def from_pymc(pm_model, scale=1.0):
    """A model from a PyMC model with its data: its log density and gradient over all value variables.

    The parameters are `pm_model.value_vars`, by PyMC's names and in its shapes. PyMC has mapped them to real numbers
    (`sigma_log__` is the logarithm of `sigma`, for instance) and its density holds the log-determinants. Searches
    start from `pm_model.initial_point()`. The function evaluates one draw at a time.

    Parameters
    ----------
    pm_model : pymc.Model
        All free variables continuous.
    scale : float or array-like of shape (P,), default=1.0
        As in `skvi.blackbox.from_density`.

    Returns
    -------
    skvi.blackbox.DensityModel
        It can be pickled where PyTensor's compiled functions can.

    Raises
    ------
    ImportError
        Where PyMC is not installed.
    TypeError
        Where `pm_model` is no PyMC model.
    ValueError
        Where the model has discrete variables, or none that is free.

    Notes
    -----
    Tested in full where PyMC is installed, and elsewhere against a stand-in with the interface of PyMC 5.20:
    `Model.logp`, `Model.initial_point`, `Model.value_vars`, `pymc.pytensorf.join_nonshared_inputs` and `compile`.

    Examples
    --------
    >>> import pymc as pm  # doctest: +SKIP
    >>> with pm.Model() as pm_model:  # doctest: +SKIP
    ...     mu = pm.Normal("mu")
    ...     pm.Normal("y", mu, 1.0, observed=[0.3, 1.2])
    >>> model = from_pymc(pm_model)  # doctest: +SKIP
    """
    pymc = require("pymc", "from_pymc")
    _check(pm_model, pymc)
    variables = pm_model.value_vars
    point = pm_model.initial_point()
    [log_density], joined = pymc.pytensorf.join_nonshared_inputs(
        point=point, outputs=[pm_model.logp()], inputs=variables
    )
    gradient = require("pytensor", "from_pymc").grad(log_density, joined)
    start = np.concatenate([np.ravel(point[variable.name]) for variable in variables])
    shapes = {variable.name: np.shape(point[variable.name]) for variable in variables}
    functions = [EachDraw(_Compiled(pymc.pytensorf, joined, output)) for output in (log_density, gradient)]
    return from_density(*functions, start=start, scale=scale, shapes=shapes)


def _check(pm_model, pymc):
    if not isinstance(pm_model, pymc.Model):
        raise TypeError(f"pm_model is a {type(pm_model).__name__}: give a pymc.Model")
    if not pm_model.value_vars:
        raise ValueError("the PyMC model has no free variable: there is nothing to infer")
    discrete = [variable.name for variable in pm_model.discrete_value_vars]
    if discrete:
        raise ValueError(
            f"the PyMC model has discrete variables ({', '.join(discrete)}), which have no gradient: sum them out, as "
            "pymc.Mixture and pymc_extras.marginalize do"
        )


class _Compiled:
    """A compiled function of one vector."""

    def __init__(self, pytensorf, vector, output):
        self.function = pytensorf.compile([vector], output)
        self.dtype = vector.dtype

    def __call__(self, draw):
        with _ONE_AT_A_TIME:
            return np.array(self.function(draw.astype(self.dtype)), dtype=np.float64)
