"""How long steps are: as given, or found while they are made."""

import numpy as np

from skvi.kernels import steps


class FixedStep:
    """The factor one, whatever the steps do."""

    factor = 1.0

    def observe(self, direction, increment):
        """Take in a direction, and the step that was made of it."""


class TurningStep:
    """Factors, one for each coordinate, that grow while steps lead on and shrink where they lead nowhere.

    Over a window of steps each direction is compared with the step before it, over all particles: the correlation is
    the rise along the step just made (after Baydin et al. 2018). A coordinate that overshoots or circles, and one
    that noise moves, has none: there shorter steps average better.
    """

    _WINDOW = 10
    _AGREE = 0.5
    _IDLE = 0.1
    _GROWTH = 1.25
    _SHRINKAGE = 0.7
    _LARGEST = 10.0

    def __init__(self):
        self.factor = 1.0
        self._last = None
        self._reset()

    def _reset(self):
        self._products = self._directions = self._steps = 0.0
        self._seen = 0

    def observe(self, direction, increment):
        """Take in a direction, and the step that was made of it."""
        if self._last is not None:
            self._products = self._products + np.einsum("np,np->p", direction, self._last)
            self._directions = self._directions + np.einsum("np,np->p", direction, direction)
            self._steps = self._steps + np.einsum("np,np->p", self._last, self._last)
            self._seen += 1
        self._last = increment
        if self._seen == self._WINDOW:
            self._adapt()

    def _adapt(self):
        squares = np.sqrt(self._directions) * np.sqrt(self._steps)
        longer = self._products > self._AGREE * squares
        shorter = self._products < self._IDLE * squares
        change = np.where(longer, self._GROWTH, np.where(shorter, self._SHRINKAGE, 1.0))
        self.factor = np.minimum(self.factor * change, self._LARGEST)
        self._reset()


class KestenStep:
    """Factors as those of `TurningStep`, for directions that mini-batches make noisy.

    Over a window of steps and all particles, the square of the way made is compared with what it were if all steps had
    gone straight on: a walk that overshoots, circles or is moved by noise stays far behind. After k such windows
    factors are 1 / (1 + k) of what they would be, so that noise averages out and particles can still reach any place:
    Kesten's rule (1958, "Accelerated stochastic approximation") with ways in the place of signs. Single steps would
    mislead: mini-batches of one lap over the rows pull apart, since each row comes once.
    """

    _WINDOW = 10
    _STRAIGHT = 0.5
    _ASTRAY = 0.2
    _GROWTH = 1.25
    _LARGEST = 10.0

    def __init__(self):
        self.factor = 1.0
        self._n_turns = 0.0
        self._way = self._squares = None
        self._seen = 0

    def observe(self, direction, increment):
        """Take in a direction, and the step that was made of it."""
        if self._seen == 0:
            self._way, self._squares = np.zeros(increment.shape), np.zeros(increment.shape[1])
        steps.add_way(increment, self._way, self._squares)
        self._seen += 1
        if self._seen == self._WINDOW:
            self._adapt()

    def _adapt(self):
        way = np.einsum("np,np->p", self._way, self._way)
        straight = self._WINDOW * self._squares
        longer, astray = way > self._STRAIGHT * straight, way < self._ASTRAY * straight
        self._n_turns = self._n_turns + astray
        shorter = self._n_turns / (self._n_turns + 1.0)
        change = np.where(longer, self._GROWTH, np.where(astray, shorter, 1.0))
        self.factor = np.minimum(self.factor * change, self._LARGEST)
        self._seen = 0


class Stride:
    """Factors, one for each coordinate, that double while gradients keep their sign and else fall back to one.

    Over a window of steps the square of the summed gradient is compared with what it were if all had been equal.
    """

    _WINDOW = 10
    _STRAIGHT = 0.7
    _LARGEST = 1024.0

    def __init__(self):
        self.factor = 1.0
        self._reset()

    def _reset(self):
        self._sum = self._squares = 0.0
        self._seen = 0

    def observe(self, gradient):
        """Take in the gradient of a step."""
        self._sum = self._sum + gradient
        self._squares = self._squares + gradient**2
        self._seen += 1
        if self._seen == self._WINDOW:
            straight = self._sum**2 > self._STRAIGHT * self._WINDOW * self._squares
            self.factor = np.clip(self.factor * np.where(straight, 2.0, 0.5), 1.0, self._LARGEST)
            self._reset()
