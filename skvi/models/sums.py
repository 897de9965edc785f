"""Sums over the rows of a regression: one pass, shared among threads.

With a = (x - x0, y - y0, 1) the sums of w a a' hold X'WX, X'Wy, y'Wy, X'W1, y'W1 and the sum of weights, about
a fixed origin (x0, y0) near the data: about zero they would lose all digits of columns far from it. Rows fewer
than columns are kept as they are, and the smaller side is worked on.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.models.design import GramDesign, RowDesign
from skvi.models.tables import PRODUCT_SPEED, ROUNDING_OF_SUMS, PlainState, filled, shifted

# Doubles of rows that are centred at a time: a share of the second-level cache.
_CHUNK_DOUBLES = 2**16
_LEAST_CHUNK = 512
# Rows whose mean is the origin: any point among the data will do.
_ORIGIN_ROWS = 256
# Multiples of the rounding error of the data up to which a mean is no shift.
_ROUNDING = 8.0 * np.finfo(float).eps
# Share of non-zeros above which sparse rows are summed faster filled in.
_DENSE_SHARE = 0.05


@dataclass(frozen=True)
class DesignSums:
    """Sums of w a a' with a = (x - x0, y - y0, 1).

    Parameters
    ----------
    origin : ndarray of shape (D + T + 1,)
        x0, y0, and a zero.
    n_features : int
    matrix : ndarray of shape (D + T + 1, D + T + 1)
    """

    origin: np.ndarray
    n_features: int
    matrix: np.ndarray

    @property
    def weight(self):
        """Sum of the weights."""
        return float(self.matrix[-1, -1])

    def about(self, origin):
        """Return the same sums about another origin."""
        if origin is self.origin or (origin == self.origin).all():
            return self
        shift = origin - self.origin
        pull = self.matrix[-1] - 0.5 * self.weight * shift
        moved = np.multiply.outer(shift, pull)
        return DesignSums(origin, self.n_features, self.matrix - moved - moved.T)

    def __add__(self, other):
        other = other.sums.about(self.origin)
        return DesignSums(self.origin, self.n_features, self.matrix + other.matrix)

    @property
    def sums(self):
        """These sums."""
        return self

    def _without_rounding(self, about, shift):
        """Sums about a centre so far away, zero for columns that do not vary but for the rounding of their sums."""
        flat = np.diagonal(about) <= ROUNDING_OF_SUMS * self.weight * shift**2
        if not flat.any():
            return about
        return np.where(flat | flat[:, None], 0.0, about)

    def design(self, centered, n_jobs=1):
        """The design about its weighted mean, or about zero; work on it takes n_jobs threads."""
        n_features, weight = self.n_features, self.weight
        mean = self.origin + self.matrix[-1] / weight
        mean[-1] = 0.0
        center = mean if centered else np.zeros_like(mean)
        about = self._without_rounding(self.about(center).matrix, center - self.origin)
        return GramDesign(
            weight=weight,
            x_mean=mean[:n_features] if centered else np.zeros(n_features),
            y_mean=mean[n_features:-1] if centered else np.zeros(len(mean) - n_features - 1),
            gram=np.ascontiguousarray(about[:n_features, :n_features]),
            cross=np.ascontiguousarray(about[n_features:-1, :n_features]),
            squares=np.maximum(np.diagonal(about)[n_features:-1], 0.0),
            n_jobs=n_jobs,
        )


@dataclass(frozen=True)
class DesignRows(PlainState):
    """Rows of a design with fewer rows than columns, each scaled by the root of its weight.

    Parameters
    ----------
    origin : ndarray of shape (D + T + 1,)
    n_features : int
    x : ndarray or CSR of shape (N, D)
        sqrt(w) (x - x0); a sparse one has the origin zero.
    y : ndarray of shape (N, T)
        sqrt(w) (y - y0).
    roots : ndarray of shape (N,)
        sqrt(w).
    """

    origin: np.ndarray
    n_features: int
    x: object
    y: np.ndarray
    roots: np.ndarray

    @property
    def weight(self):
        """Sum of the weights."""
        return float(self.roots @ self.roots)

    @property
    def sums(self):
        """The sums of these rows."""
        rest = np.column_stack([self.y, self.roots])
        gram, cross = filled(self.x.T @ self.x), np.asarray(self.x.T @ rest)
        return DesignSums(self.origin, self.n_features, np.block([[gram, cross], [cross.T, rest.T @ rest]]))

    def __add__(self, other):
        if isinstance(other, DesignSums) or len(self.roots) + len(other.roots) > self.n_features:
            return self.sums + other
        shift = (other.origin - self.origin)[:-1]
        y = other.y + np.multiply.outer(other.roots, shift[self.n_features :])
        parts, shift = [self.x, other.x], shift[: self.n_features]
        if shift.any() or not all(map(sparse.issparse, parts)):
            parts = [filled(part) for part in parts]
            parts[1] = parts[1] + np.multiply.outer(other.roots, shift)
        return DesignRows(
            self.origin,
            self.n_features,
            sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.vstack(parts),
            np.vstack([self.y, y]),
            np.concatenate([self.roots, other.roots]),
        )

    def design(self, centered, n_jobs=1):
        """The design about its weighted mean, or about zero; work on it takes n_jobs threads."""
        n_features = self.n_features
        origin_x, origin_y = self.origin[:n_features], self.origin[n_features:-1]
        shift_x, shift_y = -origin_x, -origin_y
        if centered:
            shift_x = np.asarray(self.x.T @ self.roots).ravel() / self.weight
            shift_y = self.roots @ self.y / self.weight
            if not sparse.issparse(self.x):
                spread = np.sqrt(np.einsum("nd,nd->d", self.x, self.x) / self.weight)
                shift_x[np.abs(shift_x) <= _ROUNDING * (np.abs(origin_x) + spread)] = 0.0
        y = self.y - np.multiply.outer(self.roots, shift_y)
        return RowDesign(
            weight=self.weight,
            x_mean=origin_x + shift_x,
            y_mean=origin_y + shift_y,
            rows=shifted(self.x, self.roots, shift_x, n_jobs),
            targets=y.T,
        )


def summed(x, y, weights, n_jobs, origin=None):
    """Sum up rows, or keep them where they are fewer than the columns.

    Parameters
    ----------
    x : ndarray or CSR of shape (N, D)
    y : ndarray of shape (N, T)
    weights : ndarray of shape (N,)
    n_jobs : int
    origin : ndarray of shape (D + T + 1,), default=None
        Where the sums are taken about; None takes the mean of the first rows.

    Returns
    -------
    DesignSums or DesignRows
    """
    n_features = x.shape[1]
    used = np.flatnonzero(weights)
    if len(used) < len(weights):
        x, y, weights = x[used], y[used], weights[used]
    wide = len(weights) <= n_features
    if origin is None:
        origin = _origin(x, y, weights, len(weights) if wide else _ORIGIN_ROWS)
    about_zero = not origin[:n_features].any()
    if wide:
        return _rows(x if about_zero else filled(x), y, weights, origin)
    if sparse.issparse(x) and about_zero and x.nnz < _DENSE_SHARE * x.shape[0] * n_features:
        return _rows(x, y, weights, origin).sums
    roots = None if (weights == 1.0).all() else np.sqrt(weights)
    ranges = cut(x.shape[0], len(origin) ** 2 / PRODUCT_SPEED, 8.0 * len(origin) ** 2)
    tasks = [lambda edges=edges: _sum_range(x, y, roots, origin, *edges) for edges in ranges]
    total, *others = _threads.run(tasks, n_jobs)
    for other in others:
        total += other
    return DesignSums(origin, n_features, total)


def _origin(x, y, weights, n_rows):
    """Weighted mean of the first rows, zero for the columns of a sparse table."""
    shares = weights[:n_rows] / weights[:n_rows].sum()
    center = np.zeros(x.shape[1]) if sparse.issparse(x) else shares @ x[:n_rows]
    return np.concatenate([center, shares @ y[:n_rows], [0.0]])


def _rows(x, y, weights, origin):
    n_features, roots = x.shape[1], np.sqrt(weights)
    y = (y - origin[n_features:-1]) * roots[:, None]
    if sparse.issparse(x):
        x = sparse.csr_matrix(x.multiply(roots[:, None]), dtype=np.float64)
    else:
        x = x - origin[:n_features]
        if (weights != 1.0).any():
            x *= roots[:, None]
    return DesignRows(origin, n_features, x, y, roots)


def _sum_range(x, y, roots, origin, start, stop):
    """Sum of w a a' over a range of rows, with a = (x - x0, y - y0, 1)."""
    n_features, width = x.shape[1], len(origin)
    size = max(_LEAST_CHUNK, _CHUNK_DOUBLES // width)
    table = _threads.scratch("design", (size, width))
    product = _threads.scratch("design product", (width, width))
    total = np.empty((width, width))
    for begin in range(start, stop, size):
        end = min(begin + size, stop)
        a, rows = table[: end - begin], x[begin:end]
        np.subtract(filled(rows), origin[:n_features], out=a[:, :n_features])
        np.subtract(y[begin:end], origin[n_features:-1], out=a[:, n_features:-1])
        a[:, -1] = 1.0
        if roots is not None:
            a *= roots[begin:end, None]
        np.matmul(a.T, a, out=total if begin == start else product)
        if begin > start:
            total += product
    return total
