"""Centred rows of any size, dense or sparse, as linear maps: only a block of them is ever filled in or copied."""

import numpy as np
from scipy import sparse

from skvi import _threads
from skvi.engine.blocks import cut, cut_by_cost
from skvi.families.base import lazy
from skvi.models.design import RowDesign
from skvi.models.systems import SiteSystem
from skvi.models.tables import DenseRows, PlainState, ShiftedRows

# Doubles of dense rows that are centred at a time, and the fewest of them.
_CHUNK_DOUBLES = 2**16
_LEAST_CHUNK = 16
# Operations for each entry of a sparse row: scattered access.
_SPARSE_COST = 10.0


def centered(x, shift, n_jobs=1):
    """Rows x - shift of an array or a CSR matrix of shape (N, D)."""
    if not sparse.issparse(x):
        return DenseCentered(x, shift, n_jobs)
    x = x.astype(np.float64, copy=False)
    if not x.has_canonical_format:
        # Squares of entries are no squares where one entry is stored in pieces.
        x = x.copy()
        x.sum_duplicates()
    return SparseCentered(x, shift, n_jobs)


class Centered(PlainState):
    """Rows z = x - shift; parts of them are worked on in parallel and added up in order.

    Parameters
    ----------
    x : ndarray or CSR of shape (N, D)
    shift : ndarray of shape (D,)
    n_jobs : int
    base : Centered or None
        The rows that these were moved from; None where they were not.
    """

    def __init__(self, x, shift, n_jobs=1, base=None):
        self.x = x
        self.shift = shift
        self.n_jobs = n_jobs
        self.base = self if base is None else base

    @property
    def n_rows(self):
        """N."""
        return self.x.shape[0]

    def moved(self, offset):
        """The same rows less an offset."""
        return type(self)(self.x, self.shift + offset, self.n_jobs, self.base)

    def __getstate__(self):
        # What was computed from the rows is computed again after loading.
        own = type(self)(self.x, self.shift, self.n_jobs)
        own.base = None if self.base is self else self.base
        return super(Centered, own).__getstate__()

    def __setstate__(self, state):
        super().__setstate__(state)
        self.base = self if self.base is None else self.base

    def _joined(self, function):
        """Values of a function of a part, one after the other."""
        return np.concatenate(_threads.run([lambda p=part: function(p) for part in self._parts], self.n_jobs))

    def _summed(self, function, values):
        """Sum of a function of (part, its values)."""
        tasks = [lambda p=part, r=rows: function(p, values[r]) for part, rows in self._ranged]
        total, *others = _threads.run(tasks, self.n_jobs)
        for other in others:
            total += other
        return total

    @property
    def _ranged(self):
        return list(zip(self._parts, [slice(*edges) for edges in self._ranges], strict=True))

    @lazy
    def _gram(self):
        return self.weighted(np.ones(self.n_rows)).outer()

    def outer(self, scale):
        """Z diag(scale) Z', shape (N, N); kept where the scale is the same for all columns."""
        if (scale == scale[0]).all():
            return scale[0] * self._gram
        return self.weighted(np.ones(self.n_rows)).outer(scale)

    def design(self, roots):
        """The design of these rows times roots of their weights, without targets."""
        rows, no_targets = self.weighted(roots), np.zeros((0, len(roots)))
        return RowDesign(float(roots @ roots), np.zeros(self.x.shape[1]), np.zeros(0), rows, no_targets)

    def system(self, shrinkage, roots, offset):
        """The linear system of the precision diag(shrinkage) + sum of roots^2 (z - offset) (z - offset)'."""
        return SiteSystem(self, shrinkage, roots, offset)


class DenseCentered(Centered):
    """Centred rows of an array."""

    @lazy
    def _ranges(self):
        n_rows, n_features = self.x.shape
        return cut(n_rows, 4.0 * n_features, 8.0 * n_features)

    @property
    def _parts(self):
        return [self.x[slice(*edges)] for edges in self._ranges]

    def _chunks(self, part):
        """Yield (slice, centred rows) of some rows at a time, in memory that the next ones overwrite."""
        size = self._chunk_size
        scratch = _threads.scratch("centred rows", (size, part.shape[1]))
        for start in range(0, len(part), size):
            rows = part[start : start + size]
            yield slice(start, start + size), np.subtract(rows, self.shift, out=scratch[: len(rows)])

    @property
    def _chunk_size(self):
        return max(_LEAST_CHUNK, _CHUNK_DOUBLES // max(1, self.x.shape[1]))

    def times(self, columns):
        """Z times columns, shape (D,) or (D, M)."""
        return self._joined(lambda part: np.concatenate([rows @ columns for _, rows in self._chunks(part)]))

    def transposed_times(self, columns):
        """Z' times columns, shape (N,) or (N, M)."""
        return self._summed(lambda part, own: sum(rows.T @ own[s] for s, rows in self._chunks(part)), columns)

    def squares_times(self, values):
        """Squares of Z times values of shape (D,)."""
        return self._joined(lambda part: np.concatenate([_squared(rows) @ values for _, rows in self._chunks(part)]))

    def transposed_squares(self, values):
        """Transposed squares of Z times values of shape (N,)."""
        return self._summed(lambda part, own: sum(own[s] @ _squared(rows) for s, rows in self._chunks(part)), values)

    def over_filled(self, function):
        """Values of a function of some rows filled in, joined."""
        size = self._chunk_size

        def over(part):
            return np.concatenate([function(part[s : s + size] - self.shift) for s in range(0, len(part), size)])

        return self._joined(over)

    def weighted(self, roots):
        """The rows times roots of their weights, in one piece."""
        return DenseRows((self.x - self.shift) * roots[:, None], self.n_jobs)


class SparseCentered(Centered):
    """Centred rows of a CSR matrix, the centre kept apart."""

    @lazy
    def _ranges(self):
        x = self.x
        return cut_by_cost(x.indptr, _SPARSE_COST * x.nnz, 8.0 * x.shape[1])

    @lazy
    def _parts(self):
        return [_rows_of(self.x, self.x.data, *edges) for edges in self.base._ranges]

    @lazy
    def _squares(self):
        data = self.x.data**2
        return [_rows_of(self.x, data, *edges) for edges in self._ranges]

    @property
    def _paired(self):
        return zip(self.base._parts, self.base._squares, self._ranges, strict=True)

    def moved(self, offset):
        other = super().moved(offset)
        other._ranges, other._parts = self.base._ranges, self.base._parts
        return other

    def times(self, columns):
        """Z times columns, shape (D,) or (D, M)."""
        constant = self.shift @ columns
        return self._joined(lambda part: part @ columns - constant)

    def transposed_times(self, columns):
        """Z' times columns, shape (N,) or (N, M)."""
        across = self._summed(lambda part, own: part.T @ own, columns)
        return across - np.multiply.outer(self.shift, columns.sum(axis=0))

    def squares_times(self, values):
        """Squares of Z times values of shape (D,)."""
        twice, constant = 2.0 * self.shift * values, self.shift**2 @ values
        tasks = [lambda p=part, s=squares: s @ values - p @ twice for part, squares, _ in self._paired]
        return np.maximum(np.concatenate(_threads.run(tasks, self.n_jobs)) + constant, 0.0)

    def transposed_squares(self, values):
        """Transposed squares of Z times values of shape (N,)."""
        tasks = [
            lambda p=part, s=squares, v=values[slice(*edges)]: s.T @ v - 2.0 * self.shift * (p.T @ v)
            for part, squares, edges in self._paired
        ]
        total = sum(_threads.run(tasks, self.n_jobs))
        return np.maximum(total + self.shift**2 * values.sum(), 0.0)

    def over_filled(self, function):
        """Values of a function of some rows filled in, joined."""
        size = max(_LEAST_CHUNK, _CHUNK_DOUBLES // max(1, self.x.shape[1]))

        def over(part):
            starts = range(0, part.shape[0], size)
            return np.concatenate([function(part[s : s + size].toarray() - self.shift) for s in starts])

        return self._joined(over)

    def weighted(self, roots):
        """The rows times roots of their weights, the centre kept apart."""
        return ShiftedRows(sparse.csr_matrix(self.x.multiply(roots[:, None])), roots, self.shift)


def _squared(rows):
    """Squares in the place of what they are of."""
    return np.multiply(rows, rows, out=rows)


def _rows_of(x, data, start, stop):
    """Some rows of a CSR matrix with other entries, nothing but the starts of the rows copied."""
    first, last = x.indptr[start], x.indptr[stop]
    indptr = x.indptr[start : stop + 1] - first
    return sparse.csr_matrix((data[first:last], x.indices[first:last], indptr), (stop - start, x.shape[1]), copy=False)
