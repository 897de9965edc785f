"""Steps of an approximation along gradients, in its local coordinates."""

import numpy as np

from skvi.gradient.charts import chart_of
from skvi.gradient.optimizers import Adam, DoWG, RMSProp
from skvi.gradient.steps import Stride

# First step lengths in local coordinates: of charts with a natural unit and of others, and a distance for DoWG.
_NATURAL_STEP, _PLAIN_STEP, _FIRST_DISTANCE = 0.1, 0.02, 0.01
# What is added to the root of mean squares; natural gradients are of order one.
_NATURAL_FLOOR, _PLAIN_FLOOR = 0.1, 1e-8
_SQUARE_DECAY = 0.99
# Relative changes of a scale in one step.
_MOST_SHRINKAGE, _MOST_GROWTH = -0.5, 1.0
# Standard deviations in one step of DoWG, whose first guesses may be far off.
_LONGEST = 1.0

OPTIMIZERS = ("adam", "rmsprop", "dowg")


def proximal_step(scale, rate):
    """The largest of log(x) - (x - scale)^2 / (2 rate): a scale after a step up the entropy (Domke 2020, thm. 7)."""
    return 0.5 * (scale + np.sqrt(scale**2 + 4.0 * rate))


def narrower(approximation):
    """The approximation with half the scales, where it has any."""
    chart = chart_of(approximation)
    increment = np.zeros(len(approximation.parameters))
    increment[chart.scales] = _MOST_SHRINKAGE
    return approximation.with_parameters(approximation.parameters + chart.push(increment))


class Climber:
    """An optimizer in the local coordinates of an approximation.

    Parameters
    ----------
    optimizer : {"adam", "rmsprop", "dowg"}
    step_size : float or "auto"
        The first step length in standard deviations; "auto" also lets steps grow while they travel.
    approximation : object
        Of the kind that is to climb.
    proximal : bool
        Whether slopes leave the entropy out, whose proximal step the scales then make.
    """

    def __init__(self, optimizer, step_size, approximation, proximal=False):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer={optimizer!r}: give one of {', '.join(map(repr, OPTIMIZERS))}")
        self.kind = optimizer
        self.natural = chart_of(approximation).natural
        self.proximal = proximal
        self.step_size = self._first_step() if step_size == "auto" else float(step_size)
        self.factor = 1.0
        self.rate = 0.0
        self.stride = Stride() if step_size == "auto" and self.natural and optimizer != "dowg" else None
        self.optimizer = self._new(self.step_size)

    def _first_step(self):
        if self.kind == "dowg":
            return _FIRST_DISTANCE
        return _NATURAL_STEP if self.natural else _PLAIN_STEP

    def _new(self, step_size):
        if self.kind == "dowg":
            return DoWG(step_size)
        floor = _NATURAL_FLOOR if self.natural else _PLAIN_FLOOR
        return Adam(step_size, floor, _SQUARE_DECAY) if self.kind == "adam" else RMSProp(step_size, floor)

    @property
    def length(self):
        """The step length that holds now."""
        return self.factor * self.step_size

    def refresh(self):
        """Forget gradients of the way so far, which may have been larger by orders of magnitude."""
        step_size = self.step_size
        if self.kind == "dowg":
            step_size = max(step_size, 0.5 * float(np.sqrt(np.sum(np.square(self.optimizer.way)))))
        self.optimizer = self._new(step_size)

    def restart(self):
        """Forget the way altogether."""
        self.optimizer = self._new(self.step_size)

    def settle(self):
        """From now on steps are half as long, and do not grow."""
        self.factor *= 0.5
        self.stride = None

    def moved(self, approximation, slope):
        """The approximation after a step along the slope in its parameters; None where it leads nowhere finite."""
        if not np.isfinite(slope).all():
            return None
        chart = chart_of(approximation)
        increment = self._increment(chart.pull(slope), chart.scales)
        parameters = approximation.parameters + chart.push(increment)
        return approximation.with_parameters(parameters) if np.isfinite(parameters).all() else None

    def _increment(self, local, scales):
        gain = self.factor if self.stride is None else self.factor * self.stride.factor
        proposed = gain * self.optimizer.increment(local)
        if self.natural or self.proximal:
            rates = np.broadcast_to(gain * self.optimizer.rates, local.shape)
            self.rate = float(np.median(rates))
        increment, uphill = proposed.copy(), local.copy()
        if self.kind == "dowg" and self.natural:
            np.clip(increment, -_LONGEST, _LONGEST, out=increment)
        if self.proximal:
            increment[scales] = proximal_step(1.0 + proposed[scales], rates[scales]) - 1.0
            uphill[scales] += 1.0
        increment[scales] = np.clip(increment[scales], _MOST_SHRINKAGE, _MOST_GROWTH)
        self.optimizer.moved(increment - proposed)
        if self.stride is not None:
            self.stride.observe(uphill)
        return increment
