"""Quasi-Newton ascent of a log density from several starts side by side.

All paths ask for their densities in one call, and for their gradients in another: a call for four places takes about
as long as one for one place. A place at which the density is not finite is too far.
"""

from dataclasses import dataclass, field

import numpy as np

from skvi.gradient.curvature import inverse_hessian_times, make_pair, updated_diagonal

# Shares of the slope: a step gains at least the first, and leaves at most the second (Nocedal, Wright 2006, 3.1).
_LEAST_GAIN = 1e-4
_SLOPE_LEFT = 0.9
# Trials of one step after which a path takes what it has, or ends.
_MAX_TRIALS = 25


@dataclass
class Path:
    """What an ascent has met: at each place the next direction and the diagonal; and the pairs between.

    The first place has no pair before it. `n_pairs` says for each place how many pairs there were. A path is given up
    where it leads to an end of another.
    """

    places: list = field(default_factory=list)
    directions: list = field(default_factory=list)
    diagonals: list = field(default_factory=list)
    n_pairs: list = field(default_factory=list)
    pairs: list = field(default_factory=list)
    at_rest: bool = False
    given_up: bool = False

    def window(self, place, memory):
        """Steps and turns, (J, P) each, of the last pairs before a place."""
        steps, turns = np.zeros((2, memory, len(self.places[0])))
        known = self.pairs[max(0, self.n_pairs[place] - memory) : self.n_pairs[place]]
        for row, (step, turn) in enumerate(known, start=memory - len(known)):
            steps[row], turns[row] = step, turn
        return steps, turns


class Climb:
    """L-BFGS ascents with a diagonal start of the inverse Hessian, and steps that meet the weak Wolfe conditions.

    Steps are doubled or halved until they do (Lewis, Overton 2013): no density or gradient needs to be finite beyond
    where a path stands.

    Parameters
    ----------
    target : CountedTarget
    starts, gradients : ndarray of shape (K, P)
    values : ndarray of shape (K,)
        Log densities and their gradients at starts, finite.
    memory : int
        Number of pairs, J.
    tol : float
        A path is at rest where its direction promises to gain less (nats).
    """

    def __init__(self, target, starts, values, gradients, *, memory, tol):
        self.target = target
        self.tol = tol
        n_paths, width = starts.shape
        self.x = starts.copy()
        self.value, self.gradient = values.copy(), gradients.copy()
        self.diagonal = np.ones((n_paths, width))
        self.steps, self.turns = np.zeros((2, n_paths, memory, width))
        self.direction = np.empty((n_paths, width))
        self.slope, self.length, self.low, self.high, self.n_trials = np.zeros((5, n_paths))
        self.active = np.ones(n_paths, dtype=bool)
        self.paths = [Path() for _ in range(n_paths)]
        self._aim(np.arange(n_paths))

    def advance(self, rows):
        """Try one step on some of the paths that are active."""
        places = self.x[rows] + self.length[rows, None] * self.direction[rows]
        values = self.target.log_density(places)
        enough = values >= self.value[rows] + _LEAST_GAIN * self.length[rows] * self.slope[rows]
        enough &= np.isfinite(values)
        gradients = np.full_like(places, np.nan)
        if enough.any():
            gradients[enough] = self.target.gradient(places[enough])
        left = np.einsum("kp,kp->k", gradients, self.direction[rows])
        enough &= np.isfinite(left)
        self.n_trials[rows] += 1
        taken = enough & ((left <= _SLOPE_LEFT * self.slope[rows]) | (self.n_trials[rows] >= _MAX_TRIALS))
        self._lengthen(rows[enough & ~taken])
        self._shorten(rows[~enough], values[~enough])
        self._take(rows[taken], places[taken], values[taken], gradients[taken])

    def _lengthen(self, rows):
        self.low[rows] = self.length[rows]
        self.length[rows] = np.where(
            np.isfinite(self.high[rows]), 0.5 * (self.low[rows] + self.high[rows]), 2.0 * self.length[rows]
        )

    def _shorten(self, rows, values):
        """Go to the top of the parabola through value, slope and the value found, within the inner half."""
        length, low, slope = self.length[rows], self.low[rows], self.slope[rows]
        with np.errstate(invalid="ignore", over="ignore"):
            top = 0.5 * slope * length**2 / (self.value[rows] + slope * length - values)
        self.high[rows] = length
        least = low + 0.1 * (length - low)
        self.length[rows] = np.clip(np.where(np.isfinite(values), top, least), least, 0.5 * (low + length))
        self.active[rows[self.n_trials[rows] >= _MAX_TRIALS]] = False

    def _take(self, rows, places, values, gradients):
        """Go to places found, and learn from the way there."""
        step, turn, useful = make_pair(places - self.x[rows], self.gradient[rows] - gradients)
        self.x[rows], self.value[rows], self.gradient[rows] = places, values, gradients
        learning = rows[useful]
        for memory, new in ((self.steps, step), (self.turns, turn)):
            memory[learning, :-1] = memory[learning, 1:]
            memory[learning, -1] = new[useful]
        self.diagonal[learning] = updated_diagonal(self.diagonal[learning], step[useful], turn[useful])
        for row, s, z in zip(learning, step[useful], turn[useful], strict=True):
            self.paths[row].pairs.append((s, z))
        self._aim(rows)

    def _aim(self, rows):
        """Find the next directions, and keep the places."""
        places, gradients, diagonals = self.x[rows], self.gradient[rows], self.diagonal[rows]
        directions = inverse_hessian_times(diagonals, self.steps[rows], self.turns[rows], gradients)
        slopes = np.einsum("kp,kp->k", gradients, directions)
        self.direction[rows], self.slope[rows] = directions, slopes
        self.low[rows], self.high[rows], self.n_trials[rows] = 0.0, np.inf, 0
        promising = 0.5 * slopes >= self.tol
        self.active[rows] = promising
        # Without pairs the unit of length is a guess.
        self.length[rows] = np.where(
            [bool(self.paths[row].pairs) for row in rows],
            1.0,
            1.0 / np.maximum(1.0, np.linalg.norm(directions, axis=1)),
        )
        for i, row in enumerate(rows):
            path = self.paths[row]
            path.places.append(places[i])
            path.directions.append(directions[i])
            path.diagonals.append(diagonals[i])
            path.n_pairs.append(len(path.pairs))
            path.at_rest = bool(not promising[i] and slopes[i] >= 0.0)
