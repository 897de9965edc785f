"""Schedules of the drive: at first particles spread, then they follow the target (D'Angelo and Fortuin 2021)."""

import numpy as np

# Laps of the cyclic schedule; the last quarter of the steps is at full drive.
_CYCLES = 4
_FREE = 0.75
_POWER = 2


class Linear:
    """A drive that rises in a line over the first three quarters of the steps.

    Parameters
    ----------
    n_steps : int
    """

    def __init__(self, n_steps):
        self.n_annealed = max(_FREE * n_steps, 1.0)

    def __call__(self, step):
        """The factor of the gradients, in [0, 1], after so many steps."""
        return min((step + 1.0) / self.n_annealed, 1.0)


class Cyclic(Linear):
    """A drive that rises from zero four times over the first three quarters of the steps (eq. 7 there, p = 2)."""

    def __call__(self, step):
        if step >= self.n_annealed:
            return 1.0
        length = self.n_annealed / _CYCLES
        return float(np.power((step % length + 1.0) / (length + 1.0), _POWER))


ANNEALINGS = {"linear": Linear, "cyclic": Cyclic}
