"""Posteriors with reference draws: the data, the model, and what its parameters are called in the reference."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.posteriors._regressions import REGRESSIONS
from benchmarks.posteriors.models import (
    Arma,
    DriveChain,
    EightSchools,
    Garch,
    Predators,
    ProcessCounts,
    ProcessRegression,
    TwoNormals,
)
from skvi.blackbox import Parameter
from skvi.gradient.parameters import Layout

_FOLDER = "posteriordb"


@dataclass(frozen=True)
class Posterior:
    """A model with its data, and draws from its posterior.

    Parameters
    ----------
    name : str
    model : object
        With the methods of the model protocol.
    X, y : ndarray or None
        Rows, where the model has them.
    reference : callable
        Numbers of the reference (T, R) that parameters, a dictionary, stand for.
    parameters : callable
        The reverse; None where it is not one to one.
    mean, sd : ndarray of shape (R,)
    draws : ndarray of shape (T, R)
    """

    name: str
    model: object
    X: np.ndarray | None
    y: np.ndarray | None
    reference: Callable
    parameters: Callable
    mean: np.ndarray
    sd: np.ndarray
    draws: np.ndarray

    @property
    def layout(self):
        """Free numbers behind the model's parameters."""
        return Layout(self.model.parameters(self.X, self.y))

    def without_starts(self):
        """The same posterior, of a model that says nothing of where to start and of the scales of its parameters."""
        return replace(self, model=_without_starts(self.model))


def _without_starts(model):
    class Plain(type(model)):
        def parameters(self, X=None, y=None):
            return [Parameter(p.name, p.shape, p.constraint) for p in super().parameters(X, y)]

    return Plain(**model.get_params(deep=False))


def _scalars(*names):
    """Maps to and from parameters of one number each, in the reference's order."""

    def reference(theta):
        return np.column_stack([theta[name] for name in names])

    return reference, lambda draws: dict(zip(names, draws.T, strict=True))


def _regression(recipe, data):
    model, X, y = recipe.problem(data)
    inner = [] if model.intercept is None else ["intercept"]
    names = ["weights", *inner, "sigma"] if recipe.intercept_last else [*inner, "weights", "sigma"]
    widths = [X.shape[1] if name == "weights" else 1 for name in names]

    def parameters(draws):
        parts = np.split(draws, np.cumsum(widths)[:-1], axis=1)
        named = dict(zip(names, parts, strict=True))
        return {name: part if name == "weights" else part[:, 0] for name, part in named.items()}

    def reference(theta):
        return np.column_stack([theta[name] for name in names])

    return model, X, y, reference, parameters


def _schools(data, centered):
    model = EightSchools(data["y"], data["sigma"], centered)

    def reference(theta):
        return np.column_stack([model.effects(theta), theta["mu"], theta["tau"]])

    def parameters(draws):
        effects, mu, tau = draws[:, :-2], draws[:, -2], draws[:, -1]
        z = (effects - mu[:, None]) / tau[:, None]
        return {"mu": mu, "tau": tau} | ({"effects": effects} if centered else {"z": z})

    return model, None, None, reference, parameters


def _arma(data):
    return Arma(data["y"]), None, None, *_scalars("mu", "phi", "theta", "sigma")


def _garch(data):
    def reference(theta):
        return np.column_stack([theta["mu"], theta["base"], theta["shares"][:, :2]])

    def parameters(draws):
        shares = np.column_stack([draws[:, 2:], 1.0 - draws[:, 2] - draws[:, 3]])
        return {"mu": draws[:, 0], "base": draws[:, 1], "shares": shares}

    return Garch(data["y"], float(data["sigma1"])), None, None, reference, parameters


def _blend(data):
    def reference(theta):
        return np.column_stack([theta["mu"], theta["sigma"], theta["share"]])

    def parameters(draws):
        return {"mu": draws[:, :2], "sigma": draws[:, 2:4], "share": draws[:, 4]}

    return TwoNormals(), data["y"][:, None], None, reference, parameters


def _process(data):
    return ProcessRegression(data["x"], data["y"]), None, None, *_scalars("rho", "alpha", "sigma")


def _counts(data):
    model = ProcessCounts(data["x"], data["k"])

    def reference(theta):
        return np.column_stack([theta["rho"], theta["alpha"], model.log_rates(theta)])

    def parameters(draws):
        rho, alpha, logs = draws[:, 0], draws[:, 1], draws[:, 2:]
        return {"rho": rho, "alpha": alpha, "z": np.linalg.solve(_factors(model, rho, alpha), logs[..., None])[..., 0]}

    return model, None, None, reference, parameters


def _factors(model, rho, alpha):
    """Cholesky factors at each draw, column by column: what the model makes of unit vectors."""
    units = np.eye(len(model.x))
    theta = {"rho": rho, "alpha": alpha}
    return np.stack(
        [model.log_rates(theta | {"z": np.broadcast_to(unit, (len(rho), len(unit))).copy()}) for unit in units], axis=2
    )


def _chain(data):
    model = DriveChain(np.column_stack([data["u"], data["v"]]), data["alpha"])

    def reference(theta):
        return np.column_stack([theta["moves"].reshape(-1, 4), model.rates(theta).reshape(-1, 4)])

    def parameters(draws):
        rates = draws[:, 4:].reshape(-1, 2, 2)
        first, gap = rates[:, :, 0], rates[:, :, 1] - rates[:, :, 0]
        steps = np.stack([first, gap], axis=2)
        return {"moves": draws[:, :4].reshape(-1, 2, 2), "phi": steps[:, 0], "lambda": steps[:, 1]}

    return model, None, None, reference, parameters


def _predators(data):
    def reference(theta):
        return np.column_stack([theta["theta"], theta["first"], theta["sigma"]])

    def parameters(draws):
        return {"theta": draws[:, :4], "first": draws[:, 4:6], "sigma": draws[:, 6:]}

    return Predators(np.vstack([data["y_init"], data["y"]])), None, None, reference, parameters


_OTHERS = {
    "eight_schools-eight_schools_noncentered": lambda data: _schools(data, centered=False),
    "eight_schools-eight_schools_centered": lambda data: _schools(data, centered=True),
    "arma-arma11": _arma,
    "garch-garch11": _garch,
    "low_dim_gauss_mix-low_dim_gauss_mix": _blend,
    "gp_pois_regr-gp_regr": _process,
    "gp_pois_regr-gp_pois_regr": _counts,
    "bball_drive_event_0-hmm_drive_0": _chain,
    "hudson_lynx_hare-lotka_volterra": _predators,
}
#: both forms of the schools have the same posterior of what the reference names
_SAME_FOLDER = {"eight_schools-eight_schools_centered": "eight_schools-eight_schools_noncentered"}

NAMES = (*REGRESSIONS, *_OTHERS)


def make_problem(name, data):
    """Model, X, y, and the maps to and from the reference's numbers.

    Parameters
    ----------
    name : str
        One of NAMES.
    data : dict
        As published.
    """
    data = {key: np.asarray(values, dtype=float) for key, values in data.items()}
    return _regression(REGRESSIONS[name], data) if name in REGRESSIONS else _OTHERS[name](data)


def load(name, options):
    """One posterior; None where it is absent from the folder of data."""
    folder = None if options.data is None else options.data / _FOLDER / _SAME_FOLDER.get(name, name)
    if folder is None or not (folder / "reference.npz").exists():
        return None
    problem = make_problem(name, json.loads((folder / "data.json").read_text()))
    with np.load(folder / "reference.npz") as file:
        return Posterior(name, *problem, file["mean"], file["sd"], file["draws"].astype(float))


def at_hand(options):
    """All posteriors in the folder of data."""
    return [posterior for name in NAMES if (posterior := load(name, options)) is not None]


def absent(options):
    """Note on the posteriors that are left out."""
    left_out = [name for name in NAMES if load(name, options) is None]
    return [f"left out, for want of {_FOLDER} in a folder named by --data: {', '.join(left_out)}"] if left_out else []
