"""How long steps are: as given, or found while they are made."""

import numpy as np


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
