"""Mini-batches of rows, drawn without replacement."""

import numpy as np


class Laps:
    """Places of rows in a random order, each of which comes at most once in a lap.

    Parameters
    ----------
    n_rows : int
    rng : numpy.random.RandomState
    """

    def __init__(self, n_rows, rng):
        self.n_rows = n_rows
        self.rng = rng
        self._order = np.empty(0, dtype=np.intp)

    def take(self, size):
        """The next so many rows, in ascending order; None where these are all."""
        if size is None or size >= self.n_rows:
            return None
        if len(self._order) < size:
            self._order = self.rng.permutation(self.n_rows)
        rows, self._order = np.sort(self._order[:size]), self._order[size:]
        return rows
