"""Whether a walk with a fixed step length has come to rest about a place, and how well its mean is known.

After Welandawe, Andersen, Vehtari, Huggins (2024): the two halves of a window of iterates are compared as two chains
by R-hat, and the error of the iterates' mean is its Monte-Carlo standard error.
"""

import numpy as np

# Iterates in each mean that is kept.
BATCH = 10
# Means in the shortest window, by what windows that are tried grow, and their longest share of the walk.
_SHORTEST = 20
_GROWTH = 1.5
_LONGEST = 0.95
#: R-hat up to which a window is at rest.
SETTLED = 1.1
# The flattest direction that is looked after, in natural units: its pull over a distance of one.
_FLATTEST = 0.05
# Longer means of which the standard error is taken.
_MEANS = 10


def split_rhat(series, resolution=0.0):
    """R-hat of the two halves of a series (n, W), for each column.

    Parameters
    ----------
    series : ndarray of shape (n, W)
        n >= 4.
    resolution : float, default=0.0
        Added to the standard deviation within the halves: what lies far below counts as no motion.
    """
    n = len(series) // 2
    first, second = series[-2 * n : -n], series[-n:]
    between = 0.5 * (first.mean(axis=0) - second.mean(axis=0)) ** 2
    within = 0.5 * (first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) + resolution**2
    ratio = np.divide(between, within, out=np.where(between > 0.0, np.inf, 0.0), where=within > 0.0)
    return np.sqrt((n - 1.0) / n + ratio)


def standard_error(series):
    """Monte-Carlo standard error of the mean of each column of a series (n, W), by the method of batch means."""
    size = max(1, len(series) // _MEANS)
    n = len(series) // size
    means = series[len(series) - n * size :].reshape(n, size, -1).mean(axis=1)
    return means.std(axis=0, ddof=1) / np.sqrt(n)


class Window:
    """A stretch of a walk.

    Parameters
    ----------
    series : ndarray of shape (n, 2 P)
        What was watched, over short runs: means, and logarithms of standard deviations.
    parameters : ndarray
        Mean of the parameters.
    resolution : float
        Motions far below this many standard deviations count as none.

    Attributes
    ----------
    places : ndarray of shape (2 P,)
        Mean of what was watched.
    rhat : float
        The largest split R-hat.
    error : float
        The largest standard error of the places, those of P means in standard deviations.
    """

    def __init__(self, series, parameters, resolution):
        self.places = series.mean(axis=0)
        self.parameters = parameters
        units = np.exp(-self.places[len(self.places) // 2 :])
        self._units = np.concatenate([units, np.ones_like(units)])
        standard = (series - self.places) * self._units
        self.rhat = float(split_rhat(standard, resolution).max())
        self.error = float(standard_error(standard).max())

    @property
    def at_rest(self):
        """Whether its halves agree."""
        return self.rhat <= SETTLED

    def distance(self, other):
        """Largest change of a mean, in standard deviations, or of the logarithm of a standard deviation."""
        return float(np.abs((self.places - other.places) * self._units).max())


class Walk:
    """The iterates at one step length.

    Parameters
    ----------
    accuracy : float
        What is asked for, in standard deviations.
    """

    def __init__(self, accuracy):
        self.accuracy = accuracy
        self._watched, self._pending = [], []
        self._sums, self._counts, self._marks = [], [], []
        self._rate = 0.0
        self._n_steps = 0

    def begin_round(self):
        """Windows begin where rounds do."""
        self._marks.append(len(self._watched))
        self._sums.append(0.0)
        self._counts.append(0)

    def add(self, watched, parameters, rate):
        """Take in an iterate.

        Parameters
        ----------
        watched : ndarray of shape (2 P,)
        parameters : ndarray
        rate : float
            What a natural gradient counted in the step.
        """
        self._pending.append(watched)
        self._sums[-1] = self._sums[-1] + parameters
        self._counts[-1] += 1
        self._rate += rate
        self._n_steps += 1
        if self._n_steps % BATCH == 0:
            self._watched.append(np.mean(self._pending, axis=0))
            self._pending = []

    def last_round(self):
        """Mean of the parameters over the last round; None where no step was made in it."""
        return self._sums[-1] / self._counts[-1] if self._counts and self._counts[-1] else None

    def window(self):
        """The longest window at rest, or where none is the one with the smallest R-hat; None while all are too short.

        Windows begin where rounds do.
        """
        n = len(self._watched)
        table = np.array(self._watched)
        best, length = None, float(_SHORTEST)
        while length <= max(_LONGEST * n, _SHORTEST) and length <= n:
            window = self._from(int(np.searchsorted(self._marks, n - length, side="right")) - 1, table)
            if best is None or window.at_rest or window.rhat <= best.rhat:
                best = window
            length *= _GROWTH
        return best

    def _from(self, r, table):
        series = table[self._marks[r] :]
        # Between the halves' middles a flat direction is pulled by so much of the distance: where that is little,
        # small motions do not mean rest.
        pulled = min(1.0, _FLATTEST * 0.5 * len(series) * BATCH * self._rate / self._n_steps)
        return Window(series, sum(self._sums[r:]) / sum(self._counts[r:]), self.accuracy * pulled)


def watch(approximation):
    """Means, and logarithms of standard deviations, of an approximation."""
    return np.concatenate([approximation.mean, 0.5 * np.log(approximation.variances)])
