"""Rules that make steps of directions: each keeps what it needs of the directions seen.

All climb: a direction points to where the objective rises. States are arrays of the direction's shape.
"""

import numpy as np


class GradientAscent:
    """Steps of a fixed length times the direction.

    Parameters
    ----------
    step_size : float
    """

    def __init__(self, step_size):
        self.step_size = step_size

    def increment(self, direction):
        """What to add to the position."""
        return self.step_size * direction


class AdaGrad(GradientAscent):
    """Steps over the root of the sum of squared directions (Duchi, Hazan, Singer 2011)."""

    _FLOOR = 1e-6

    def __init__(self, step_size):
        super().__init__(step_size)
        self.squares = None

    def _accumulate(self, squares):
        self.squares = squares if self.squares is None else self.squares + squares

    def increment(self, direction):
        self._accumulate(direction**2)
        root = np.sqrt(self.squares)
        root += self._FLOOR
        increment = self.step_size * direction
        increment /= root
        return increment


class RMSProp(AdaGrad):
    """Steps over the root of a moving mean of squared directions, which starts at the first (Tieleman, Hinton 2012).

    It is what the reference code of Stein variational gradient descent runs under the name AdaGrad with momentum.
    """

    _DECAY = 0.9

    def _accumulate(self, squares):
        if self.squares is None:
            self.squares = squares
        else:
            squares *= 1.0 - self._DECAY
            squares += self._DECAY * self.squares
            self.squares = squares


class Adam(GradientAscent):
    """Moving mean of directions over the root of a moving mean of squares, both unbiased (Kingma, Ba 2015)."""

    _MEAN_DECAY = 0.9
    _SQUARE_DECAY = 0.999
    _FLOOR = 1e-8

    def __init__(self, step_size):
        super().__init__(step_size)
        self.mean = 0.0
        self.square = 0.0
        self.n_steps = 0

    def increment(self, direction):
        self.n_steps += 1
        self.mean = self._MEAN_DECAY * self.mean + (1.0 - self._MEAN_DECAY) * direction
        self.square = self._SQUARE_DECAY * self.square + (1.0 - self._SQUARE_DECAY) * direction**2
        mean = self.mean / (1.0 - self._MEAN_DECAY**self.n_steps)
        square = self.square / (1.0 - self._SQUARE_DECAY**self.n_steps)
        return self.step_size * mean / (self._FLOOR + np.sqrt(square))


OPTIMIZERS = {"rmsprop": RMSProp, "adagrad": AdaGrad, "adam": Adam, "sgd": GradientAscent}
