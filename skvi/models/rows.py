"""Rows of a table with weights: what local steps of row-wise models read."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rows:
    """Some rows of the data.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features), any real dtype and layout
    weights : ndarray of shape (n_rows,), float64, non-negative
    positions : ndarray of shape (n_rows,), slice or None
        Which rows of the whole data these are; None is all of them.
    """

    values: np.ndarray
    weights: np.ndarray
    positions: object = None

    @property
    def n_rows(self):
        """Number of rows."""
        return self.values.shape[0]

    @property
    def weight(self):
        """Sum of the weights."""
        return float(self.weights.sum())

    def take(self, positions):
        """Copy some rows by their positions in these rows."""
        return Rows(self.values[positions], self.weights[positions], positions)

    def slices(self, ranges):
        """Views of consecutive ranges (start, stop)."""
        return [self._slice(start, stop) for start, stop in ranges]

    def _slice(self, start, stop):
        positions = slice(start, stop) if self.positions is None else self.positions[start:stop]
        return Rows(self.values[start:stop], self.weights[start:stop], positions)

    @classmethod
    def of(cls, values, weights=None):
        """Rows of a table, of weight one where no weights are given."""
        weights = np.ones(len(values)) if weights is None else weights
        return cls(values, weights)
