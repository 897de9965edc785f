"""Steps of an approximation along mini-batches of a stream of rows."""

import numpy as np

from skvi.gradient.climber import narrower

# Steps after which they have got shorter by 2^-0.7, and that exponent (Robbins, Monro 1951: between 1/2 and 1).
_DELAY = 200.0
_DECAY = 0.7
# The larger, the less early steps count in the average (Shamir, Zhang 2013).
_LATENESS = 8.0


class Stream:
    """An approximation that moves by one step for each mini-batch that comes, in ever shorter steps, and their average.

    Parameters
    ----------
    approximation : object
    climber : Climber
        Of approximations of its kind.
    objective : Objective
    n_draws : int
    """

    def __init__(self, approximation, climber, objective, n_draws):
        self.approximation = self.average = approximation
        self.climber = climber
        self.objective = objective
        self.n_draws = n_draws
        self.n_steps = 0

    def advance(self, target, rng):
        """Move along the gradient for one mini-batch; narrower where the density is finite at no draw."""
        self.climber.factor = (1.0 + self.n_steps / _DELAY) ** -_DECAY
        noise = self.objective.noise(rng, self.n_draws, self.approximation.n_noise)
        with np.errstate(all="ignore"):
            slope = self.objective.slope(target, self.approximation, noise)
            moved = self.climber.moved(self.approximation, slope)
        self.approximation = narrower(self.approximation) if moved is None else moved
        self.n_steps += 1
        share = (_LATENESS + 1.0) / (_LATENESS + self.n_steps)
        average, latest = self.average.parameters, self.approximation.parameters
        self.average = self.average.with_parameters(average + share * (latest - average))
