"""Rows of a table with weights: what local steps of row-wise models read."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from skvi import _threads
from skvi.kernels.blocks import FEATURE_TILE, ROW_TILE, TABLE_TILE, load_block, padded


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

    @cached_property
    def weight(self):
        """Sum of the weights."""
        return float(self.weights.sum())

    @cached_property
    def layout(self):
        """What compiled code must know of the arrays; asking them each time takes longer than some passes."""
        return tuple([_layout(array) for array in (self.values, self.weights)])

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


def _layout(array):
    flags = array.flags
    return array.dtype, flags.c_contiguous, flags.f_contiguous, flags.writeable


class Block(NamedTuple):
    """Rows as the kernels read them (see `skvi.kernels.blocks`)."""

    x: np.ndarray  # (D4, B)
    table: np.ndarray  # (B, D8), or (B, 0) where nobody reads it
    weights: np.ndarray  # (B,)


@cache
def block_width(n_rows, most_rows):
    """Rows of a block, padded: equal blocks, as a last one that is mostly padding would cost as much as the others."""
    n_blocks = max(1, -(-n_rows // most_rows))
    return padded(max(1, -(-n_rows // n_blocks)), ROW_TILE)


def kernel_blocks(rows, most_rows, with_table=True):
    """Yield (range, Block) for consecutive rows, at most so many at a time; a block holds until the next."""
    d = rows.values.shape[1]
    width = block_width(rows.n_rows, most_rows)
    block = Block(
        _threads.scratch("x", (padded(d, FEATURE_TILE), width)),
        _threads.scratch("table", (width, padded(d, TABLE_TILE) if with_table else 0)),
        _threads.scratch("weights", (width,)),
    )
    for start in range(0, rows.n_rows, width):
        load_block(rows.values, rows.weights, start, *block)
        yield slice(start, min(start + width, rows.n_rows)), block


def pad(array, n_axes, tile):
    """Zero-pad the last axes of an array to a multiple of a tile."""
    d = array.shape[-1]
    if d % tile == 0:
        return np.ascontiguousarray(array)
    depth = padded(d, tile)
    out = np.zeros(array.shape[: array.ndim - n_axes] + (depth,) * n_axes)
    out[(..., *[slice(d)] * n_axes)] = array
    return out
