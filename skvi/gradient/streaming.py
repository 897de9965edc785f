"""Steps of an approximation along mini-batches of a stream of rows."""

import numpy as np

from skvi.gradient.charts import chart_of
from skvi.gradient.climber import narrower

# Shares of the way to where a mini-batch points: (4 + step)^-0.8 (Robbins, Monro 1951: between -1/2 and -1).
_DELAY, _DECAY = 4.0, 0.8
# What coordinates move at most: deviations, and shares of a scale.
_LONGEST, _MOST_CHANGE = 2.0, 0.2
# The larger, the less early steps count in the average (Shamir, Zhang 2013).
_LATENESS = 8.0


class Stream:
    """An approximation that moves by one step for each mini-batch that comes, in ever shorter steps, and their average.

    Steps are natural gradients: those of a normal target would with shares 1 / step be the running mean of the
    mini-batches.

    Parameters
    ----------
    approximation : object
        What the rows before have come to.
    """

    def __init__(self, approximation):
        self.approximation = self.average = approximation
        self.n_steps = 0

    def advance(self, target, objective, noise):
        """Move along the gradient for one mini-batch; narrower where the density is finite at no draw."""
        self.n_steps += 1
        with np.errstate(all="ignore"):
            moved = self._moved(objective.slope(target, self.approximation, noise))
        self.approximation = narrower(self.approximation) if moved is None else moved
        share = (_LATENESS + 1.0) / (_LATENESS + self.n_steps)
        average, latest = self.average.parameters, self.approximation.parameters
        self.average = self.average.with_parameters(average + share * (latest - average))

    def _moved(self, slope):
        chart = chart_of(self.approximation)
        increment = (_DELAY + self.n_steps) ** -_DECAY * chart.pull(slope)
        if not np.isfinite(increment).all():
            return None
        np.clip(increment, -_LONGEST, _LONGEST, out=increment)
        # The Fisher information of the logarithm of a scale is two.
        increment[chart.scales] = np.clip(0.5 * increment[chart.scales], -_MOST_CHANGE, _MOST_CHANGE)
        parameters = self.approximation.parameters + chart.push(increment)
        return self.approximation.with_parameters(parameters)
