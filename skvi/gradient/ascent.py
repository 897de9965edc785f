"""Ascent of an objective: a method of `gradient.loop.run` whose lengths of steps, and whose end, its kinds find."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from skvi.gradient import outcome
from skvi.gradient.anchors import Anchor
from skvi.gradient.climber import narrower
from skvi.gradient.laps import Laps
from skvi.gradient.objectives import ELBO

# Mini-batches in the rows of a look.
_LOOK_BATCHES = 10
# Nats, and nats for each parameter, that a value falls by only where steps were far too long.
_CLIFF, _CLIFF_EACH = 100.0, 10.0


@dataclass
class Look(outcome.Look):
    """What an approximation is worth on common noise.

    Parameters
    ----------
    approximation : object
    elbo : float
        Evidence lower bound in nats.
    value : float
        The objective.
    """

    value: float


class Ascent(ABC):
    """Steps of an approximation up an objective.

    Parameters
    ----------
    target : CountedTarget
    start : object
        An approximation, at which some draws are finite.
    climber : Climber
    rng : numpy.random.RandomState
    settings : Settings
        Of `advi`.
    """

    #: draws of a look
    look_draws = 100

    def __init__(self, target, start, climber, rng, settings):
        self.target, self.climber, self.rng, self.settings = target, climber, rng, settings
        self.objective, self.tol, self.batch_size = settings.objective, settings.tol, settings.batch_size
        self.n_draws = settings.draws_of_step(start)
        # Other objectives weigh draws by densities, which are not corrected.
        in_parts = self.batch_size is not None and self.batch_size < target.n_rows
        self._anchored = settings.anchored and in_parts and isinstance(self.objective, ELBO)
        self._anchor, self._work_to_anchor = None, 0
        self.approximation = self.refuge = start
        self.laps = Laps(target.n_rows, rng)
        n_looks = self.objective.group * -(-self.look_draws // self.objective.group)
        self._look_noise = self.objective.noise(rng, n_looks, start.n_noise)
        self._look_target = self._rows(None if self.batch_size is None else _LOOK_BATCHES * self.batch_size)
        self.start = self.best = self.look(start, self._look_target)
        self.answer = None
        self.n_steps = self.n_retreats = 0
        self.history = {}

    @abstractmethod
    def keep(self, moved):
        """Take in the approximation after a step."""

    @abstractmethod
    def motion(self):
        """The error that is left; infinite until it is known."""

    @property
    @abstractmethod
    def standing(self):
        """The mean of iterates that is looked at."""

    @property
    @abstractmethod
    def settled(self):
        """Whether the last look is to be kept although an earlier one may seem better by chance."""

    @abstractmethod
    def follow(self, look, fallen):
        """What follows from a look for the steps to come; fallen: whether it is off a cliff."""

    @property
    @abstractmethod
    def figures(self):
        """What the history says of the walk, beside its worth."""

    @abstractmethod
    def reason(self, trace):
        """Why the ascent ended, and what to try next."""

    def _rows(self, size):
        rows = self.laps.take(size)
        return self.target if rows is None else self.target.minibatch(rows)

    def _noise(self):
        if self.settings.antithetic:
            return self.objective.noise(self.rng, self.n_draws, self.approximation.n_noise)
        return self.rng.standard_normal((self.n_draws, self.approximation.n_noise))

    def _batch(self):
        """The target of a step."""
        rows = self._rows(self.batch_size)
        return rows if self._anchor is None or rows is self.target else self._anchor.hold(rows)

    def begin_round(self):
        """Between two looks."""
        if self._anchored and self._work_to_anchor <= 0:
            # The pass over all rows takes at most as long as the steps since the last.
            self._anchor = Anchor(self.target, self.approximation.draw(np.zeros((1, self.approximation.n_noise))).z)
            self._work_to_anchor = self.target.n_rows

    def advance(self):
        """One step; back to where draws were finite where none is."""
        climb = self.objective.energy_slope if self.climber.proximal else self.objective.slope
        with np.errstate(all="ignore"):
            slope = climb(self._batch(), self.approximation, self._noise())
            moved = self.climber.moved(self.approximation, slope)
        if moved is None:
            self.n_retreats += 1
            moved = self.refuge = narrower(self.refuge)
            self.climber.refresh()
        self.approximation = moved
        self.n_steps += 1
        if self._anchored:
            self._work_to_anchor -= self.batch_size * self.n_draws
        self.keep(moved)

    def evaluate(self, last):
        """What the mean of the walk is worth, and what follows from it for the steps to come."""
        look = self.look(self.standing, self._look_target)
        fallen = not look.value >= self.best.value - _CLIFF - _CLIFF_EACH * self.approximation.width
        if not np.isfinite(look.value):
            look = self.best
        if look.value > self.best.value:
            self.best = look
        if last:
            look = self.answer = self._choice(look)
        else:
            self.follow(look, fallen)
        self._note(look)
        return look

    def _choice(self, look):
        """The best by all rows of where the walk stands and, where that has lost, of earlier looks."""
        looks = [look, self.best, self.start]
        if self._look_target is not self.target:
            looks = [self.look(one.approximation, self.target) for one in looks]
        now, best, start = looks
        if now.value >= (start.value if self.settled else max(start.value, best.value)):
            return now
        return best if best.value >= start.value else start

    def look(self, approximation, target):
        """The worth of an approximation; draws that are not finite count as the lowest that is."""
        with np.errstate(all="ignore"):
            drawn = approximation.draw(self._look_noise)
            ratios = target.log_density(drawn.z) - drawn.log_density
        finite = np.isfinite(ratios)
        if not finite.any():
            return Look(approximation, -np.inf, -np.inf)
        elbo = float(np.where(finite, ratios, ratios[finite].min()).mean())
        value = elbo if self.objective.is_elbo else self.objective.value(target, approximation, self._look_noise)
        return Look(approximation, elbo, float(value))

    def _note(self, look):
        figures = {
            "n_steps": self.n_steps,
            "elbo": look.elbo,
            "objective": look.value,
            "step_size": self.climber.length,
        } | self.figures
        if self.history.get("n_steps", [])[-1:] == [self.n_steps]:
            for figures_so_far in self.history.values():
                figures_so_far.pop()
        for name, figure in figures.items():
            self.history.setdefault(name, []).append(figure)
