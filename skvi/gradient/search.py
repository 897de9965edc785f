"""Climbs from several starts, of which those are given up that lead where another has been."""

import numpy as np

from skvi.gradient.climb import Climb

# Trials of steps of all paths before the one that is ahead goes on alone.
_FIRST_TRIALS = 2
# Paths that have to come near the summit before others are given up far from it, and how near (nats).
_SCOUTS, _NEAR = 5, 30.0
# Trials between two looks at where paths lead, and places on the line to the summit.
_TRIALS, _BETWEEN = 3, 15


class Search:
    """Paths that climb from several starts.

    After a few steps the path that is ahead climbs to its summit. Another one is given up where the density rises all
    the way on the line to the summit: it would lead there too. Far out the density rises towards everywhere, and a
    valley between two modes does not show. So a few paths, and all that do see a valley, have to come near before they
    are given up, and only where all of these lead to one summit, the rest are too.

    Parameters
    ----------
    target : CountedTarget
    starts, values, gradients, memory, tol
        See `Climb`.
    max_iter : int
        Trials of steps of a path.
    """

    def __init__(self, target, starts, values, gradients, *, memory, tol, max_iter):
        self.target = target
        self.max_iter = max_iter
        self.climb = Climb(target, starts, values, gradients, memory=memory, tol=tol)
        self._n_trials = np.zeros(len(starts), dtype=int)

    def run(self):
        """Climb, and return the paths."""
        climb = self.climb
        self._advance(self._under_way(np.arange(len(climb.x))), _FIRST_TRIALS)
        self._advance(np.array([np.argmax(climb.value)]), self.max_iter)
        rows = self._under_way(np.arange(len(climb.x)))
        waiting = self._rising(rows)[_SCOUTS:]
        self._explore(np.setdiff1d(rows, waiting))
        if self._has_other_ends():
            self._explore(waiting)
        else:
            self._give_up(waiting)
        return climb.paths

    @property
    def _summit(self):
        """The highest path at rest; None where there is none."""
        rest = [row for row, path in enumerate(self.climb.paths) if path.at_rest]
        return max(rest, key=lambda row: self.climb.value[row], default=None)

    def _under_way(self, rows):
        return rows[self.climb.active[rows] & (self._n_trials[rows] < self.max_iter)]

    def _advance(self, rows, n_trials):
        for _ in range(n_trials):
            rows = self._under_way(rows)
            if not len(rows):
                return
            self.climb.advance(rows)
            self._n_trials[rows] += 1

    def _give_up(self, rows):
        for row in rows:
            self.climb.paths[row].given_up = True

    def _explore(self, rows):
        """Climb to the ends of some paths, or until they are near the summit and rise to it."""
        while len(rows):
            self._advance(rows, _TRIALS)
            rows = self._under_way(rows)
            if self._summit is not None:
                near = rows[self.climb.value[rows] >= self.climb.value[self._summit] - _NEAR]
                done = self._rising(near)
                self._give_up(done)
                rows = np.setdiff1d(rows, done)

    def _has_other_ends(self):
        """Whether a path has come to rest from which the density does not rise to the summit."""
        ends = [row for row, path in enumerate(self.climb.paths) if path.at_rest and row != self._summit]
        return self._summit is None or len(self._rising(np.array(ends, dtype=int))) < len(ends)

    def _rising(self, rows):
        """Those of some paths from which the density rises all the way to the summit."""
        summit, climb = self._summit, self.climb
        if summit is None or not len(rows):
            return np.empty(0, dtype=int)
        shares = np.linspace(0.0, 1.0, _BETWEEN + 2)[1:-1, None]
        lines = climb.x[rows, None] + shares * (climb.x[summit] - climb.x[rows, None])
        values = self.target.log_density(lines.reshape(-1, lines.shape[2])).reshape(len(rows), -1)
        values = np.column_stack([climb.value[rows], values, np.full(len(rows), climb.value[summit])])
        with np.errstate(invalid="ignore"):
            return rows[(np.diff(values, axis=1) >= -climb.tol).all(axis=1)]
