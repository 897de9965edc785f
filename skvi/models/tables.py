"""Centred rows of a regression, dense or sparse, as the linear maps that they are."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skvi import _threads
from skvi.engine.blocks import cut

#: operations of a matrix product in the time of one elsewhere: few ranges, each with a matrix of its own, are enough
PRODUCT_SPEED = 32.0
# Columns of a sparse table that are filled in at a time.
_SPARSE_COLUMNS = 1024
#: share of a sum of squares that may be left of it by rounding, where it is taken about the mean
ROUNDING_OF_SUMS = 2.0**-43


def filled(x):
    """A dense table of the same rows."""
    return x.toarray() if sparse.issparse(x) else x


def shifted(x, roots, shift, n_jobs):
    """Rows x - roots shift'; a sparse table is never filled in, one that is centred already never copied."""
    if sparse.issparse(x):
        return ShiftedRows(x, roots, shift)
    return DenseRows(x - np.multiply.outer(roots, shift) if shift.any() else x, n_jobs)


class PlainState:
    """Sparse tables among the fields are arrays in files, so that a loader meets nothing foreign."""

    def __getstate__(self):
        return {name: _packed(value) for name, value in vars(self).items()}

    def __setstate__(self, state):
        vars(self).update({name: _unpacked(value) for name, value in state.items()})


def _packed(value):
    if not sparse.issparse(value):
        return value
    return {"shape": value.shape, **{name: getattr(value, name) for name in ("data", "indices", "indptr")}}


def _unpacked(value):
    if not isinstance(value, dict):
        return value
    return sparse.csr_matrix((value["data"], value["indices"], value["indptr"]), value["shape"])


@dataclass(frozen=True)
class DenseRows:
    """A table of rows; its columns are worked on in blocks, shared among threads."""

    table: np.ndarray
    n_jobs: int = 1

    #: sums of squares that have cancelled in the products of rows
    cancelled = 0.0

    def times(self, columns):
        """Rows times columns of shape (D, M)."""
        return self.table @ columns

    def transposed_times(self, columns):
        """Transposed rows times columns of shape (N, M)."""
        return self.table.T @ columns

    def over_columns(self, function):
        """Values of a function of (columns as a slice, their table), in order."""
        n_rows, n_columns = self.table.shape
        ranges = cut(n_columns, n_rows**2 / PRODUCT_SPEED, 8.0 * n_rows**2)
        return _threads.run([lambda c=slice(*edges): function(c, self.table[:, c]) for edges in ranges], self.n_jobs)

    def outer(self, scale=None):
        """X diag(scale) X', shape (N, N)."""

        def part(columns, table):
            scaled = _threads.scratch("scaled columns", table.shape)
            np.multiply(table, 1.0 if scale is None else np.sqrt(scale[columns]), out=scaled)
            return scaled @ scaled.T

        total, *others = self.over_columns(part)
        for other in others:
            total += other
        return total

    def columns(self, chosen):
        """Some columns, as a dense table."""
        return self.table[:, chosen]

    def restricted(self, chosen):
        """The rows of some columns."""
        return DenseRows(np.ascontiguousarray(self.table[:, chosen]), self.n_jobs)


@dataclass(frozen=True)
class ShiftedRows(PlainState):
    """Rows of a sparse table less a shift, which is never filled in."""

    table: object
    roots: np.ndarray
    shift: np.ndarray

    @property
    def cancelled(self):
        """Sums of squares that have cancelled in the products of rows."""
        return (self.roots @ self.roots) * (self.shift @ self.shift)

    def times(self, columns):
        """Rows times columns of shape (D, M)."""
        return self.table @ columns - np.multiply.outer(self.roots, self.shift @ columns)

    def transposed_times(self, columns):
        """Transposed rows times columns of shape (N, M)."""
        return self.table.T @ columns - np.multiply.outer(self.shift, self.roots @ columns)

    def over_columns(self, function):
        """Values of a function of (columns as a slice, their table), in order."""
        parts = [slice(c, c + _SPARSE_COLUMNS) for c in range(0, self.table.shape[1], _SPARSE_COLUMNS)]
        return [function(chosen, self.columns(chosen)) for chosen in parts]

    def outer(self, scale=None):
        """X diag(scale) X', shape (N, N)."""
        scale = np.ones(len(self.shift)) if scale is None else scale
        scaled = self.table.multiply(scale).tocsr()
        pull = scaled @ self.shift - 0.5 * ((scale * self.shift) @ self.shift) * self.roots
        moved = np.multiply.outer(self.roots, pull)
        return (scaled @ self.table.T).toarray() - moved - moved.T

    def columns(self, chosen):
        """Some columns, as a dense table."""
        return self.table[:, chosen].toarray() - np.multiply.outer(self.roots, self.shift[chosen])

    def restricted(self, chosen):
        """The rows of some columns."""
        return ShiftedRows(self.table[:, chosen], self.roots, self.shift[chosen])
