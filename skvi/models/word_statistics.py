"""Expected counts of words by topics: the statistics that topics are learned from."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

# Rows that are permuted at a time.
_CHUNK = 1024


def permute_columns(table, order):
    """Put the columns of a table into another order, in place; return it."""
    for start in range(0, len(table), _CHUNK):
        table[start : start + _CHUNK] = table[start : start + _CHUNK, order]
    return table


class Origin(NamedTuple):
    """Where statistics come from: the local step that is their last."""

    topics: object  # a token of the posterior that the documents heard
    energy: float  # sum of the counts times E[log beta] of that posterior


@dataclass(frozen=True)
class WordStatistics:
    """Expected counts of words by topics, of all words or of those that occur.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_topics)
        One row per word.
    n_topics, n_words : int
    rows : ndarray of shape (n_rows,) or None
        Words that the rows are of; None is all.
    factor : float
        What the values are to be multiplied by: tables are large, and who reads one can do that by the way.
    origin : Origin or None
        Of these very values, where they are those of a local step.
    """

    values: np.ndarray
    n_topics: int
    n_words: int
    rows: np.ndarray | None = None
    factor: float = 1.0
    origin: Origin | None = None

    def __array__(self, dtype=None, copy=None):
        return self.dense().values.T

    def dense(self):
        """The same counts with a row for each word, and no factor."""
        if self.factor != 1.0:
            return replace(self, values=self.factor * self.values, factor=1.0, origin=None).dense()
        if self.rows is None:
            return self
        values = np.zeros((self.n_words, self.values.shape[1]))
        values[self.rows] = self.values
        return self._with(values)

    def scaled(self):
        """A table with a row for each word, and the factor that it is to be multiplied by."""
        return (self.values, self.factor) if self.rows is None else (self.dense().values, 1.0)

    def compressed(self):
        """The same counts without words that do not occur."""
        if self.rows is not None:
            return self
        rows = np.flatnonzero(self.values.any(axis=1))
        return replace(self, values=self.values[rows], rows=rows, origin=None)

    def permuted(self, order):
        """The counts with topics in another order: these are written over."""
        return replace(self, values=permute_columns(self.values, order), origin=None)

    def _with(self, values):
        return WordStatistics(values, self.n_topics, self.n_words)

    def __add__(self, other):
        total = self.dense()
        values = total.values.copy() if total is self else total.values
        part = other.values if other.factor == 1.0 else other.factor * other.values
        if other.rows is None:
            values += part
        else:
            values[other.rows] += part
        return self._with(values)

    def __sub__(self, other):
        return self + -1.0 * other

    def __rmul__(self, factor):
        return replace(self, factor=factor * self.factor)
