"""Ascent that halves its steps whenever its iterates have come to rest, for approximations that know their moments."""

import numpy as np

from skvi.gradient.ascent import Ascent
from skvi.gradient.stationarity import Walk, watch

# Looks without a gain of as many nats as they scatter by, and of so many at least, after which steps are halved.
_PATIENCE = 20
_SCATTER = 1.0
# Two averages may lie so many accuracies apart: their largest coordinate is compared, which noise moves too.
_APART = 4.0


class Settling(Ascent):
    """Steps keep one length while the iterates settle: until the two halves of a window of them agree.

    Once the error of their mean is small too, their mean is taken, steps are halved, and the walk goes on from there.
    The ascent has come to rest where the means at two lengths agree.

    Parameters
    ----------
    target, start, climber, rng, settings
        As of `Ascent`; the start is a `NormalApproximation`.
    """

    def __init__(self, target, start, climber, rng, settings):
        super().__init__(target, start, climber, rng, settings)
        self.rest, self._rests, self.window = np.inf, [], None
        self._values = []
        self._arrived = False
        self.walk = Walk(self.tol)

    def begin_round(self):
        """While the walk travels, each round begins anew."""
        if not self._rests:
            self.climber.refresh()
        super().begin_round()
        self.walk.begin_round()

    def keep(self, moved):
        self.walk.add(watch(moved), moved.parameters, self.climber.rate)

    def motion(self):
        """The error that is left, by what is known of it; infinite until the walk has settled at two lengths."""
        self.window = window = self.walk.window()
        asked = self.tol if self._rests else 2.0 * self.tol
        self._arrived = window is not None and window.at_rest and window.error <= asked
        if self._arrived:
            if self._rests:
                self.rest = max(window.error, window.distance(self._rests[-1]) / _APART)
            self._rests.append(window)
        return self.rest

    @property
    def settled(self):
        return self.rest <= self.tol

    @property
    def standing(self):
        """The mean of the iterates at rest, or else of the last round."""
        mean = self.walk.last_round()
        if self.window is not None and self.window.at_rest:
            mean = self.window.parameters
        return self.approximation if mean is None else self.approximation.with_parameters(mean)

    def follow(self, look, fallen):
        self._values.append(look.value)
        if fallen:
            self._rests = []
            self.climber.restart()
            self._go_on(self.best.approximation)
        elif self._arrived or self._scatters():
            self._go_on(look.approximation)
        else:
            self.refuge = self.approximation

    def _go_on(self, approximation):
        """Walk on from there with steps of half the length."""
        self.approximation = self.refuge = approximation
        self.climber.settle()
        self.walk = Walk(self.tol)
        self._values = []

    def _scatters(self):
        """Whether steps are so long that values go up and down by more than they gain."""
        half = _PATIENCE // 2
        before, after = np.array(self._values[-_PATIENCE:-half]), np.array(self._values[-half:])
        if len(before) < half:
            return False
        scatter = min(before.std(), after.std())
        return scatter > _SCATTER and after.mean() - before.mean() < scatter

    @property
    def figures(self):
        window = self.window
        return {"rhat": window and window.rhat, "mcse": window and window.error}

    def reason(self, trace):
        if trace.converged:
            return f"means at two step lengths agree, with a standard error of {self.window.error:.2g} sd"
        if self.window is None or not self.window.at_rest:
            drift = "" if self.window is None else f" (R-hat {self.window.rhat:.2f})"
            return f"iterates still drift after max_iter={self.n_steps} steps{drift}: raise max_iter or start nearer"
        return (
            f"after max_iter={self.n_steps} steps the standard error is {self.window.error:.2g} sd: raise max_iter, "
            "n_draws or tol"
        )
