"""Rules that make steps of directions: each keeps what it needs of the directions seen.

All climb: a direction points to where the objective rises. States are arrays of the direction's shape.
"""

import numpy as np

from skvi.kernels import steps


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

    @property
    def rates(self):
        """What the last direction counted in its increment, for each coordinate or for all."""
        return self.step_size

    def moved(self, extra):
        """Take in a move that another rule added to the last increment."""


class AdaGrad(GradientAscent):
    """Steps over the root of the sum of squared directions (Duchi, Hazan, Singer 2011).

    Parameters
    ----------
    step_size : float
    floor : float
        What is added to the root: directions far below it are not stretched.
    """

    _FLOOR = 1e-6

    def __init__(self, step_size, floor=_FLOOR):
        super().__init__(step_size)
        self.squares = None
        self.floor = floor

    @property
    def rates(self):
        """What the last direction counted in its increment, for each coordinate."""
        return self.step_size / (np.sqrt(self.squares) + self.floor)

    def increment(self, direction):
        squares = direction**2
        self.squares = squares if self.squares is None else self.squares + squares
        root = np.sqrt(self.squares)
        root += self.floor
        increment = self.step_size * direction
        increment /= root
        return increment


class RMSProp(AdaGrad):
    """Steps over the root of a moving mean of squared directions, which starts at the first (Tieleman, Hinton 2012).

    It is what the reference code of Stein variational gradient descent runs under the name AdaGrad with momentum.
    """

    _DECAY = 0.9

    def increment(self, direction):
        direction = np.ascontiguousarray(direction)
        if self.squares is None:
            self.squares = direction**2
        increment = np.empty(direction.shape)
        flat = direction.ravel(), self.squares.ravel(), increment.ravel()
        steps.rms_increment(flat[0], self._DECAY, self.step_size, self.floor, *flat[1:])
        return increment


class Adam(GradientAscent):
    """Moving mean of directions over the root of a moving mean of squares, both unbiased (Kingma, Ba 2015).

    Parameters
    ----------
    step_size : float
    floor : float
        What is added to the root.
    square_decay : float
        Of the moving mean of squares.
    """

    _MEAN_DECAY = 0.9
    _SQUARE_DECAY = 0.999
    _FLOOR = 1e-8

    def __init__(self, step_size, floor=_FLOOR, square_decay=_SQUARE_DECAY):
        super().__init__(step_size)
        self.floor = floor
        self.square_decay = square_decay
        self.mean = 0.0
        self.square = 0.0
        self.n_steps = 0

    @property
    def _root(self):
        return self.floor + np.sqrt(self.square / (1.0 - self.square_decay**self.n_steps))

    @property
    def rates(self):
        """What a lasting direction like the last counts in its increments, for each coordinate."""
        return self.step_size / self._root

    def increment(self, direction):
        self.n_steps += 1
        self.mean = self._MEAN_DECAY * self.mean + (1.0 - self._MEAN_DECAY) * direction
        self.square = self.square_decay * self.square + (1.0 - self.square_decay) * direction**2
        mean = self.mean / (1.0 - self._MEAN_DECAY**self.n_steps)
        return self.step_size * mean / self._root


class DoWG(GradientAscent):
    """Steps of a length found on the way: distance over weighted gradients (Khaled, Mishchenko, Jin 2023, alg. 1).

    The length is r^2 / sqrt(sum of r^2 |direction|^2), r being the largest distance from the first position so far.

    Parameters
    ----------
    step_size : float
        The first guess of that distance, which matters little as long as it is short.
    """

    def __init__(self, step_size):
        super().__init__(step_size)
        self.way = 0.0
        self.distance = step_size
        self.squares = 0.0
        self._rate = 0.0

    @property
    def rates(self):
        """What the last direction counted in its increment."""
        return self._rate

    def increment(self, direction):
        self.distance = max(self.distance, float(np.sqrt(np.sum(np.square(self.way)))))
        self.squares += self.distance**2 * float(np.sum(direction**2))
        self._rate = self.distance**2 / np.sqrt(self.squares) if self.squares > 0.0 else 0.0
        increment = self._rate * direction
        self.way = self.way + increment
        return increment

    def moved(self, extra):
        """Take in a move that another rule added to the last increment."""
        self.way = self.way + extra


OPTIMIZERS = {"rmsprop": RMSProp, "adagrad": AdaGrad, "adam": Adam, "sgd": GradientAscent}
