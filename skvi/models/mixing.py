"""Fixed points whose steps dwindle slowly, reached sooner by what the last steps say of the next (Anderson 1965)."""

import numpy as np

# Steps that are compared, and the longest step, in any coordinate, from which on they are.
_DEPTH = 3
_SHORT = 0.3
# Share of the step before that is slow: quicker iterations are best left alone.
_SLOW = 0.3
# Directions in which steps have changed by less, of the largest, are left out.
_RESOLVED = 1e-8
# The longest way in any coordinate.
_LONGEST = 1.0


class Mixing:
    """The last steps of iterations side by side: pairs of places and the steps that they ask for, arrays (S, P)."""

    def __init__(self, steps=()):
        self.steps = steps

    def after(self, places, steps):
        """The same with one more step, the oldest forgotten."""
        return Mixing((*self.steps[-_DEPTH:], (places, steps)))

    def places(self):
        """Where all steps would vanish, nearly, were they linear in the places as the last ones are.

        An iteration whose steps are still long goes on with the last one; None where all are.
        """
        places, steps = self.steps[-1]
        if len(self.steps) < 2:
            return None
        before = np.linalg.norm(self.steps[-2][1], axis=1)
        slow = (np.abs(steps).max(axis=1) <= _SHORT) & (np.linalg.norm(steps, axis=1) > _SLOW * before)
        if not slow.any():
            return None
        ways = steps.copy()
        for s in np.flatnonzero(slow):
            ways[s] = _way(*(np.array([values[s] for values in part]) for part in zip(*self.steps, strict=True)))
        return places + ways


def _way(places, steps):
    """From the last of some places, shape (n, P), to where the steps vanish, no further than a limit."""
    moves, changes = np.diff(places, axis=0), np.diff(steps, axis=0)
    shares = np.linalg.lstsq(changes.T, steps[-1], rcond=_RESOLVED)[0]
    way = steps[-1] - shares @ (moves + changes)
    return way * min(1.0, _LONGEST / max(np.abs(way).max(), _LONGEST))
