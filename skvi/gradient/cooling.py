"""Ascent by steps that keep their length while they gain and then shorten to nothing, for flows.

The numbers of layers never come to rest, since many of them give the same flow. What tells of such a walk is what it
is worth.
"""

import numpy as np

from skvi.gradient.ascent import Ascent

# Share of the steps that have the full length at most.
_FULL = 1.0 / 3.0
# Looks that tell of a gain at least.
_FEWEST = 9
# The gain over a third of the looks, in nats for each unit of the accuracy, that is none.
_IDLE = 0.5
# Full length of steps that begin anew, as a share of that before.
_AGAIN = 0.5
# The last share of the steps, whose gain tells whether more are worth their while.
_LAST = 0.25


class Cooling(Ascent):
    """Steps keep their length until a third of them is made or they gain no more, and then shorten to nothing.

    They do so by the same amount each, over twice as many steps as had the full length. Where the last quarter of all
    these has still gained, and steps are left, they begin anew with half the length.

    Parameters
    ----------
    target, start, climber, rng, settings
        As of `Ascent`.
    """

    #: what is sought are differences of values
    look_draws = 400

    def __init__(self, target, start, climber, rng, settings):
        super().__init__(target, start, climber, rng, settings)
        self._last_step = settings.steps_of(start)
        self._longest = climber.factor
        self._sum, self._count = 0.0, 0
        self._begin()

    def _begin(self):
        """Steps have the full length from here."""
        self._begun, self._turned, self._end = self.n_steps, None, self._last_step
        self._values = []

    def _turn(self):
        """Steps get shorter from here."""
        self._turned = self.n_steps
        self._end = min(self._begun + round((self.n_steps - self._begun) / _FULL), self._last_step)

    def begin_round(self):
        super().begin_round()
        self._sum, self._count = 0.0, 0

    def advance(self):
        share = 1.0
        if self._turned is not None:
            share = max(0.0, (self._end - self.n_steps) / (self._end - self._turned))
        self.climber.factor = self._longest * share
        super().advance()

    def keep(self, moved):
        self._sum = self._sum + moved.parameters
        self._count += 1

    @property
    def gain(self):
        """Nats by which the objective has risen in the last quarter of the steps; infinite where these are few."""
        n = len(self._values)
        return self._values[-1] - self._values[-1 - round(_LAST * n)] if n >= _FEWEST else np.inf

    def motion(self):
        """The gain of the last steps, once they have shortened to nothing."""
        return max(self.gain, 0.0) if self.settled else np.inf

    @property
    def settled(self):
        return self.n_steps >= self._end

    @property
    def standing(self):
        """The mean of the iterates of the last round."""
        return self.approximation.with_parameters(self._sum / self._count)

    def follow(self, look, fallen):
        self._values.append(look.value)
        if fallen:
            self.climber.restart()
            self._longest *= 0.5
            self.approximation = self.best.approximation
            self._begin()
        elif self.settled:
            self._longest *= _AGAIN
            self._begin()
        elif self._turned is None and (self._is_idle() or self._is_late()):
            self._turn()
        self.refuge = self.approximation

    def _is_late(self):
        return self.n_steps - self._begun >= _FULL * (self._last_step - self._begun)

    def _is_idle(self):
        """Whether the last third of the looks is worth no more than the third before."""
        third = len(self._values) // 3
        if len(self._values) < _FEWEST:
            return False
        before, after = self._values[-2 * third : -third], self._values[-third:]
        return np.mean(after) - np.mean(before) <= _IDLE * self.tol

    @property
    def figures(self):
        return {}

    def reason(self, trace):
        if trace.converged:
            return f"the last quarter of the steps brought {trace.rest:.2g} nats"
        if not np.isfinite(self.gain):
            return f"max_iter={self.n_steps} steps are few: raise max_iter"
        return (
            f"the last quarter of max_iter={self.n_steps} steps still brought {self.gain:.2g} nats: raise max_iter or "
            "n_draws"
        )
