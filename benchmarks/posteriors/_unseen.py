"""Posteriors that no threshold of the verdict was set on, and their references."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.posteriors._long_chains import Reference, long_run
from benchmarks.posteriors._shapes import shapes
from benchmarks.posteriors._small_tables import tables
from skvi.blackbox import HierarchicalIntercepts
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target

_DRAWS = 200_000


@dataclass(frozen=True)
class Unseen:
    """A posterior and what it has to be measured against.

    Parameters
    ----------
    name : str
    model : object
    X, y : ndarray or None
    refer : callable
        Gives the `Reference` of all numbers of the parameters.
    """

    name: str
    model: object
    X: np.ndarray | None
    y: np.ndarray | None
    refer: Callable


def unseen_posteriors():
    """Exact shapes, then ready models on small tables."""
    return [*map(_of_shape, shapes()), *map(_of_table, tables())]


def _of_shape(shape):
    def refer():
        draws = shape.draw(_DRAWS, np.random.default_rng(0))
        return Reference(draws.mean(axis=0), draws.std(axis=0) if shape.sd is None else shape.sd)

    return Unseen(shape.name, shape.model, None, None, refer)


def _of_table(table):
    """Chains go where they get on: in offsets of groups, and in weights in units of a learned precision."""

    def refer():
        model, own = table.model, Layout(table.model.parameters(table.X, table.y))
        if isinstance(model, HierarchicalIntercepts) and model.centered:
            model = HierarchicalIntercepts(**(model.get_params() | {"centered": False}))
        target = Target(model, Layout(model.parameters(table.X, table.y)), table.X, table.y, np.ones(len(table.X)))
        if getattr(model, "weight_precision", None) == "learn":
            target = _Loosened(target)

        def quantities(z):
            theta = target.constrain(z) if isinstance(target, _Loosened) else target.layout.constrain(z)
            if model is not table.model:
                theta["intercepts"] = theta["location"][:, None] + theta["spread"][:, None] * theta["offsets"]
            return own.flatten(theta)

        return long_run(target, quantities, np.random.default_rng(0))

    return Unseen(table.name, table.model, table.X, table.y, refer)


class _Loosened:
    """A target whose weights are measured in units of their learned prior deviation.

    Parameters
    ----------
    target : Target
    """

    def __init__(self, target):
        self._target = target
        self.n_parameters = target.n_parameters
        self._weights, (self._precision,) = (
            [i for i, label in enumerate(target.layout.free_labels) if label.partition("[")[0] == name]
            for name in ("weights", "weight_precision")
        )

    def constrain(self, z):
        """The model's parameters."""
        return self._target.layout.constrain(self._tight(z))

    @np.errstate(all="ignore")
    def _log_units(self, z):
        return -0.5 * np.log(self._target.layout.constrain(z)["weight_precision"])

    def _tight(self, z):
        tight = z.copy()
        tight[:, self._weights] *= np.exp(self._log_units(z))[:, None]
        return tight

    @np.errstate(all="ignore")
    def log_density(self, z):
        """Log density of the numbers that chains move in."""
        return self._target.log_density(self._tight(z)) + len(self._weights) * self._log_units(z)

    @np.errstate(all="ignore")
    def gradient(self, z):
        """Its gradient."""
        tight, slope = self._tight(z), self._target.gradient(self._tight(z))
        along = np.sum(slope[:, self._weights] * tight[:, self._weights], axis=1) + len(self._weights)
        step = np.zeros_like(z)
        step[:, self._precision] = 1.0
        slope[:, self._precision] += along * (self._log_units(z + step) - self._log_units(z))
        slope[:, self._weights] *= np.exp(self._log_units(z))[:, None]
        return slope
