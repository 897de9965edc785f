"""Normals matched to a target by the gradients at their draws.

A step sees draws in coordinates in which the normal is standard: u, and the gradients h there. Were the target normal
and matched, h = -u. The residuals u + h say how far off the normal is, whatever the units of the target.
"""

import numpy as np

from skvi import _threads
from skvi.gradient.loop import Trace
from skvi.gradient.outcome import Outcome

# Steps between two estimates of the bound.
_LOOK_EVERY = 5
# Steps have settled where the Fisher divergence is no longer halved.
_STILL_FALLING = 0.5
# Averages forget their first steps as 1 / k^3: the k-th step has weight 3 / (k + 3).
_FORGETTING = 3.0
# Noise explains squared motions up to this many times its own variance.
_WITHIN_NOISE = 4.0
# The same for the largest of many.
_ANY_NOISE = 12.0
# A Fisher divergence, per parameter, of rounding alone.
_EXACT = 1e-20
# A step is taken back where the divergence grows by this factor, and is above one: that of a normal of no width.
_GROWTH = 10.0
_MAX_RETREATS = 40
# Where the error of the mean is so many times what it should be, draws are doubled.
_WOBBLES = 2.0
# Standard errors by which a bound has to fall before the start is the better normal.
_FELL = 3.0


class Matching:
    """Steps of a normal towards a target.

    First every step goes all the way, or by its given weight, to what its draws say. Once the Fisher divergence has
    settled, steps average, and the weight of the k-th is 3 / (k + 3) of that: late steps count more, as the first may
    still have been on their way. While the normal drifts by more than the noise of the draws explains, k falls.

    Parameters
    ----------
    target : callable
        Gives the target of a step.
    frame : FullFrame or DiagonalFrame
        Where to start.
    rng : RandomState
    update : callable
        update(u, h, weight) -> (shift, stretch) for `frame.moved`.
    lever : callable
        lever(u, h) are vectors, (B, P), whose mean outer product with the residuals vanishes where the normal is at
        rest.
    weight : callable
        Weight of step number 1, 2, ... before they average.
    n_draws : int
    tol : float
        Aimed at for the error of the mean. Where it is far, draws are doubled, up to four times as many.
    minibatches : bool
        Whether the targets of steps differ, so that draws alone do not explain the noise.
    """

    def __init__(self, target, frame, rng, update, *, lever, weight, n_draws, tol, minibatches=False):
        self.target = target
        self.frame = frame
        self.rng = rng
        self.update = update
        self.lever = lever
        self.weight = weight
        self.n_draws = n_draws
        self.tol = tol
        self.minibatches = minibatches
        self._most_draws = 4 * n_draws
        self.fisher = []
        self.rest = np.inf
        self.exact = False
        self._drift = _Drift()
        self._share = 1.0
        self._n_averaged = 0
        # Variance of the mean in units of that of one step.
        self._kept_noise = 1.0
        self._squares = 0.0
        self._n_retreats = 0
        self._before = None
        width = len(frame.mean)
        # Steps in which draws meet every direction, with some to spare.
        self._lag = 1 if n_draws > frame.reach(width) else 3 * -(-width // n_draws)

    @property
    def lost(self):
        """Whether there is no way on."""
        return self._n_retreats > _MAX_RETREATS

    def advance(self):
        """Make one step."""
        u, mirrored = self.frame.noise(self.n_draws, len(self.frame.mean), self.rng)
        gradients = self.target().gradient(self.frame.place(u))
        good = np.isfinite(gradients).all(axis=1)
        if not good.all():
            u, gradients, mirrored = u[good], gradients[good], False
        with np.errstate(over="ignore", invalid="ignore"):
            h = self.frame.pull(gradients)
            fisher = float(np.mean((u + h) ** 2)) if 2 * len(u) > self.n_draws else np.inf
        if fisher <= (np.finfo(float).max if self._before is None else _GROWTH * max(1.0, self.fisher[-1])):
            self.fisher.append(fisher)
            self._n_retreats = 0
            self._settle(self.lever(u, h), u + h, mirrored)
            self._before = self.frame, u, h
            self._step(self.frame, u, h, self._weight())
        else:
            self._retreat()

    def _weight(self):
        return self._share * self.weight(len(self.fisher)) * _FORGETTING / (_FORGETTING + self._n_averaged)

    def _step(self, frame, u, h, weight):
        with np.errstate(over="ignore", invalid="ignore"):
            moved = frame.moved(*self.update(u, h, weight))
        if moved.is_finite:
            self.frame = moved
        else:
            self._retreat()

    def _retreat(self):
        """Go from the last good normal half as far as before, and so from now on; narrow a first one that is bad."""
        self._n_retreats += 1
        self._share *= 0.5
        self.rest = np.inf
        if self._before is None:
            self.frame = self.frame.narrowed()
            return
        self.frame, u, h = self._before
        if not self.lost:
            self._step(self.frame, u, h, self._weight())

    def _settle(self, lever, residual, mirrored):
        """Judge whether the normal still moves, and how well mean and scales are known, in standard deviations."""
        self.exact = self.fisher[-1] <= _EXACT
        self._n_averaged = max(self._n_averaged, int(self._plateau()))
        parts = _paired(residual) if mirrored else residual
        # Relative changes of the standard deviations that each draw asks for.
        change = 0.5 * self.frame.in_deviations(lever) * self.frame.in_deviations(residual)
        spreads = _paired(change) if mirrored else change
        if not self.minibatches:
            drifts = self._drift.meet(parts, *self.frame.turn(lever, residual))
            self._share = min(1.0, self._share * self._drift.pace)
            if drifts or _stands_out(spreads):
                self._n_averaged //= 2
                self._kept_noise = 1.0
                self.rest = np.inf
                return
        if self._n_averaged:
            self._average(parts, spreads)

    def _plateau(self):
        return len(self.fisher) > self._lag and self.fisher[-1] > _STILL_FALLING * self.fisher[-1 - self._lag]

    def _average(self, parts, spreads):
        self._n_averaged += 1
        if self.minibatches:
            self._squares = self._squares + self.frame.in_deviations(parts.mean(axis=0)) ** 2
            variance = np.max(self._squares) / self._n_averaged
        else:
            shifts = self.frame.in_deviations(parts)
            variance = max(np.max(np.mean(shifts**2, axis=0)), np.max(np.var(spreads, axis=0))) / len(parts)
        weight = self._weight()
        self._kept_noise = (1.0 - weight) ** 2 * self._kept_noise + weight**2
        self.rest = float(np.sqrt(variance * self._kept_noise))
        # Noise falls with the number of draws in one step as it does with steps, and a step has costs of its own.
        if self.rest > _WOBBLES * self.tol and self.n_draws < self._most_draws:
            self.n_draws *= 2


def _paired(values):
    """Means over a draw and its mirror image."""
    half = len(values) // 2
    return 0.5 * (values[:half] + values[half:])


def _stands_out(values):
    """Whether the mean of any column is beyond what noise explains."""
    return bool(np.any(np.mean(values, axis=0) ** 2 * len(values) > _ANY_NOISE * np.mean(values**2, axis=0)))


class _Drift:
    """Whether mean residuals, of one step or summed over steps, are larger than the noise of the draws explains.

    Attributes
    ----------
    pace : float
        What the length of steps is to be multiplied by: less than one where drifts turn back on one another.
    """

    def __init__(self):
        self.pace = 1.0
        self._last = None
        self._forget()

    def _forget(self):
        self._sum, self._noise = 0.0, 0.0

    def meet(self, parts, turn, turn_noise):
        """Take in independent residuals, and the squared size of their turn; is there a drift?"""
        shift = parts.mean(axis=0)
        noise = np.sum(parts**2) / len(parts) ** 2
        self._sum, self._noise = self._sum + shift, self._noise + noise
        drifts = bool(turn > _WITHIN_NOISE * turn_noise or self._sum @ self._sum > _WITHIN_NOISE * self._noise)
        if drifts:
            self._forget()
        self.pace = self._new_pace(shift) if shift @ shift > _WITHIN_NOISE * noise else 1.0
        self._last = shift
        return drifts

    def _new_pace(self, shift):
        if self._last is None:
            return 1.0
        lengths = np.sqrt((shift @ shift) * (self._last @ self._last))
        agreement = shift @ self._last / lengths if lengths > 0.0 else 0.0
        return 0.5 if agreement < -0.25 else 1.5 if agreement > 0.5 else 1.0


class _Look:
    """log p - log q at draws, and their mean."""

    def __init__(self, target, normal, noise):
        self.approximation = normal
        drawn = normal.draw(noise)
        self.values = target.log_density(drawn.z) - drawn.log_density
        finite = np.isfinite(self.values)
        # A bound has to be a number even where no draw is possible.
        self.elbo = float(self.values[finite].mean()) if finite.any() else -np.finfo(float).max

    def is_below(self, other):
        """Whether the bound is lower than another at the same noise by more than noise explains."""
        both = np.isfinite(self.values) & np.isfinite(other.values)
        change = self.values[both] - other.values[both]
        if not both.any():
            return False
        rounding = 1e-9 * (1.0 + np.abs(other.values[both]).max())
        return bool(change.mean() < -_FELL * change.std() / np.sqrt(len(change)) - rounding)


def match(target, matching, rng, *, max_iter, observer=None):
    """Advance a `Matching` until its mean is known to its tol, in standard deviations.

    Parameters
    ----------
    target : CountedTarget
    matching : Matching
    rng : RandomState
    max_iter : int
    observer : object or None
        Called about every five steps.

    Returns
    -------
    Outcome
        With "fisher", the Fisher divergence per parameter at each step, and "elbo" (nats), at the start and about
        every five steps, always with the same noise.
    """
    with _threads.single_threaded_blas():
        start = matching.frame.normal
        noise, _ = matching.frame.noise(matching.n_draws, start.width, rng)
        first = _Look(target, start, noise)
        trace = _advance(matching, lambda: _Look(target, matching.frame.normal, noise), max_iter, observer)
    fell = trace.evaluations[-1].is_below(first)
    return Outcome(
        approximation=start if fell else matching.frame.normal,
        converged=trace.converged and not fell,
        reason=_reason(matching, trace, fell),
        n_steps=trace.steps[-1],
        history={"elbo": [look.elbo for look in [first, *trace.evaluations]], "fisher": matching.fisher},
    )


def _advance(matching, look, max_iter, observer):
    trace = Trace()
    n_steps = 0
    while not (trace.converged or trace.stopped or matching.lost or n_steps >= max_iter):
        if observer is not None:
            observer.begin(len(trace.steps))
        for _ in range(min(_LOOK_EVERY, max_iter - n_steps)):
            matching.advance()
            n_steps += 1
            trace.converged = matching.exact or matching.rest <= matching.tol
            if trace.converged or matching.lost:
                break
        trace.rest = matching.rest
        trace.record(n_steps, look())
        trace.stopped = observer is not None and bool(observer.end(len(trace.steps) - 1, trace))
    return trace


def _reason(matching, trace, fell):
    after = f"after {trace.steps[-1]} steps"
    if fell:
        return f"the bound had fallen {after}, so that the start was kept: a normal distribution may not fit"
    if trace.converged:
        return f"the mean is known to {0.0 if matching.exact else matching.rest:.1g} standard deviations {after}"
    if matching.lost:
        return f"no way on was found {after}: gradients are not finite, or change too fast for a normal distribution"
    if np.isfinite(matching.rest):
        return f"the mean is known to {matching.rest:.1g} standard deviations only {after}: raise n_draws or max_iter"
    return f"the normal distribution still moved {after}: raise n_draws or max_iter"
