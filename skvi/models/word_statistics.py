"""Expected counts of words by topics: the statistics that topics are learned from."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class WordStatistics:
    """Expected counts of words by topics, of all words or of those that occur.

    Parameters
    ----------
    values : ndarray of shape (n_rows, K8)
        One row per word; K8 is the number of topics padded, with zeros.
    n_topics, n_words : int
    rows : ndarray of shape (n_rows,) or None
        Words that the rows are of; None is all.
    """

    values: np.ndarray
    n_topics: int
    n_words: int
    rows: np.ndarray | None = None

    def __array__(self, dtype=None, copy=None):
        return self.dense().values[:, : self.n_topics].T

    def dense(self):
        """The same counts with a row for each word."""
        if self.rows is None:
            return self
        values = np.zeros((self.n_words, self.values.shape[1]))
        values[self.rows] = self.values
        return self._with(values)

    def compressed(self):
        """The same counts without words that do not occur."""
        if self.rows is not None:
            return self
        rows = np.flatnonzero(self.values.any(axis=1))
        return WordStatistics(self.values[rows], self.n_topics, self.n_words, rows)

    def permuted(self, order):
        """The counts with topics in another order."""
        columns = np.concatenate([order, np.arange(self.n_topics, self.values.shape[1])])
        return replace(self, values=np.take(self.values, columns, axis=1))

    def _with(self, values):
        return WordStatistics(values, self.n_topics, self.n_words)

    def __add__(self, other):
        total = self.dense()
        values = total.values.copy() if total is self else total.values
        if other.rows is None:
            values += other.values
        else:
            values[other.rows] += other.values
        return self._with(values)

    def __sub__(self, other):
        return self + -1.0 * other

    def __rmul__(self, factor):
        return replace(self, values=factor * self.values)
