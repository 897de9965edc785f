"""Ascent of an objective: a method of `gradient.loop.run` that finds its step lengths, and its end, by itself."""

from dataclasses import dataclass

import numpy as np

from skvi.gradient import outcome
from skvi.gradient.anchors import Anchor
from skvi.gradient.climber import narrower
from skvi.gradient.laps import Laps
from skvi.gradient.objectives import ELBO
from skvi.gradient.stationarity import BATCH, Walk, watch

_LOOK_DRAWS = 100
# Mini-batches in the rows of a look.
_LOOK_BATCHES = 10
# Looks without a gain of as many nats as they scatter by, and of so many at least, after which steps are halved.
_PATIENCE = 20
_SCATTER = 1.0
# Nats in units of the accuracy by which values may rise at rest.
_RISE = 0.3
# Nats, and nats for each parameter, that a value falls by only where steps were far too long.
_CLIFF, _CLIFF_EACH = 100.0, 10.0
# Two averages may lie so many accuracies apart: their largest coordinate is compared, which noise moves too.
_APART = 4.0


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


class Ascent:
    """Steps of an approximation up an objective.

    Steps keep one length while the iterates settle: until the two halves of a window of them agree, and the error of
    their mean is small. Then their mean is taken, steps are halved, and the walk goes on from there. The ascent has
    come to rest where the means at two lengths agree.

    Parameters
    ----------
    target : CountedTarget
    start : object
        An approximation, at which some draws are finite.
    climber : Climber
    rng : numpy.random.RandomState
    objective : Objective
    n_draws : int
    batch_size : int or None
    anchored : bool
        Whether gradients of mini-batches are corrected by their error at an anchor.
    antithetic : bool
    tol : float
        Accuracy of means in standard deviations, and of logarithms of standard deviations.
    """

    def __init__(self, target, start, climber, rng, *, objective, n_draws, batch_size, anchored, antithetic, tol):
        self.target, self.climber, self.rng, self.objective = target, climber, rng, objective
        self.n_draws, self.batch_size, self.antithetic, self.tol = n_draws, batch_size, antithetic, tol
        # Other objectives weigh draws by densities, which are not corrected.
        in_parts = batch_size is not None and batch_size < target.n_rows
        self._anchored = anchored and in_parts and isinstance(objective, ELBO)
        self._anchor, self._work_to_anchor = None, 0
        self.approximation = self.refuge = start
        self.laps = Laps(target.n_rows, rng)
        self._look_noise = look_noise(objective, rng, start.n_noise)
        self._look_target = self._rows(None if batch_size is None else _LOOK_BATCHES * batch_size)
        self.start = self.best = self.look(start, self._look_target)
        self.answer = None
        self.rest, self.settled, self.window = np.inf, [], None
        self.n_steps = self.n_retreats = 0
        self._values = []
        self._arrived = False
        self.walk = Walk(tol)
        self.history = {name: [] for name in ("n_steps", "elbo", "objective", "step_size", "rhat", "mcse")}

    def _rows(self, size):
        rows = self.laps.take(size)
        return self.target if rows is None else self.target.minibatch(rows)

    def _noise(self):
        if self.antithetic:
            return self.objective.noise(self.rng, self.n_draws, self.approximation.n_noise)
        return self.rng.standard_normal((self.n_draws, self.approximation.n_noise))

    def _batch(self):
        """The target of a step."""
        rows = self._rows(self.batch_size)
        return rows if self._anchor is None or rows is self.target else self._anchor.hold(rows)

    def begin_round(self):
        """While the walk travels, each round begins anew."""
        if not self.settled:
            self.climber.refresh()
        if self._anchored and self._work_to_anchor <= 0:
            # The pass over all rows takes at most as long as the steps since the last.
            self._anchor = Anchor(self.target, self.approximation.draw(np.zeros((1, self.approximation.n_noise))).z)
            self._work_to_anchor = self.target.n_rows
        self.walk.begin_round()

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
        # Where moments are not known, draws are made for them now and then.
        seen = hasattr(moved, "variances") or self.n_steps % BATCH == 0
        self.walk.add(watch(moved, self._look_noise) if seen else None, moved.parameters, self.climber.rate)

    def motion(self):
        """The error that is left, by what is known of it; infinite until the walk has settled at two lengths."""
        self.window = window = self.walk.window()
        asked = self.tol if self.settled else 2.0 * self.tol
        self._arrived = window is not None and window.at_rest and window.error <= asked and not self._rises()
        if self._arrived:
            if self.settled:
                self.rest = max(window.error, window.distance(self.settled[-1]) / _APART)
            self.settled.append(window)
        return self.rest

    def _rises(self):
        """Whether values still rise where moments do not tell all of an approximation."""
        if hasattr(self.approximation, "variances"):
            return False
        before, after = self._recent_values()
        return len(before) < _PATIENCE // 2 or after.mean() - before.mean() > _RISE * self.tol

    def _recent_values(self):
        """Two halves of the last values at this step length."""
        half = _PATIENCE // 2
        return np.array(self._values[-_PATIENCE:-half]), np.array(self._values[-half:])

    def evaluate(self, last):
        """What the mean of the walk is worth, and what follows from it for the steps to come."""
        look = self.look(self._standing(), self._look_target)
        fallen = not look.value >= self.best.value - _CLIFF - _CLIFF_EACH * self.approximation.width
        if not np.isfinite(look.value):
            look = self.best
        self._values.append(look.value)
        if look.value > self.best.value:
            self.best = look
        if last:
            look = self.answer = self._choice(look)
        elif fallen:
            self.settled = []
            self.climber.restart()
            self._go_on(self.best.approximation)
        elif self._arrived or self._scatters():
            self._go_on(look.approximation)
        else:
            self.refuge = self.approximation
        self._note(look)
        return look

    def _standing(self):
        """The mean of the iterates at rest, or else of the last round."""
        mean = self.walk.last_round()
        if self.window is not None and self.window.at_rest:
            mean = self.window.parameters
        return self.approximation if mean is None else self.approximation.with_parameters(mean)

    def _go_on(self, approximation):
        """Walk on from there with steps of half the length."""
        self.approximation = self.refuge = approximation
        self.climber.settle()
        self.walk = Walk(self.tol)
        self._values = []

    def _scatters(self):
        """Whether steps are so long that values go up and down by more than they gain."""
        before, after = self._recent_values()
        if len(before) < _PATIENCE // 2:
            return False
        scatter = min(before.std(), after.std())
        return scatter > _SCATTER and after.mean() - before.mean() < scatter

    def _choice(self, look):
        """The best by all rows of where the walk stands and, where that has lost, of earlier looks."""
        looks = [look, self.best, self.start]
        if self._look_target is not self.target:
            looks = [self.look(one.approximation, self.target) for one in looks]
        now, best, start = looks
        settled = self.rest <= self.tol
        if now.value >= (start.value if settled else max(start.value, best.value)):
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
        window = self.window
        figures = {
            "n_steps": self.n_steps,
            "elbo": look.elbo,
            "objective": look.value,
            "step_size": self.climber.length,
            "rhat": None if window is None else window.rhat,
            "mcse": None if window is None else window.error,
        }
        if self.history["n_steps"][-1:] == [self.n_steps]:
            for figures_so_far in self.history.values():
                figures_so_far.pop()
        for name, figure in figures.items():
            self.history[name].append(figure)


def look_noise(objective, rng, width):
    """Noise of looks."""
    return objective.noise(rng, objective.group * -(-_LOOK_DRAWS // objective.group), width)
