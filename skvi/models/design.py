"""What a regression learns from, by its Gram matrix or by its rows.

Letters: N rows, D features, T outputs; X and y are about their centre, W holds the weights.
"""

import numpy as np

from skvi.families.base import lazy
from skvi.models.frozen import FrozenSystem
from skvi.models.spectrum import ColumnSpectrum, RowSpectrum
from skvi.models.systems import GramSystem, RowSystem, SpectralSystem
from skvi.models.tables import ROUNDING_OF_SUMS, DenseRows


class Design:
    """What a regression learns from, about the centre of its columns.

    Subclasses give `cross` (X'Wy, shape (T, D)), `squares` (y'Wy, shape (T,)), `diagonal` (of X'WX), `gram`
    (X'WX), `times_gram` and `spectrum`.
    """

    @property
    def n_features(self):
        """Number of columns, D."""
        return len(self.x_mean)

    @property
    def n_outputs(self):
        """Number of outputs, T."""
        return len(self.y_mean)

    def residual_squares(self, mean, outputs=slice(None)):
        """Weighted sums of squares of y - X mean' of some outputs, shape (T,)."""
        pull = 2.0 * self.cross[outputs] - self.times_gram(mean)
        return np.maximum(self.squares[outputs] - np.einsum("td,td->t", mean, pull), 0.0)

    def system(self, shrinkage, scale, outputs=slice(None), frozen=None):
        """The linear system of a diagonal R, shape (D,), and alpha, for some of the outputs."""
        if frozen is not None and frozen.any():
            return FrozenSystem(self, shrinkage, scale, outputs, frozen)
        if (shrinkage == shrinkage[0]).all():
            return SpectralSystem(self, float(shrinkage[0]), scale, outputs)
        return self.general_system_at(shrinkage, scale, outputs)

    def general_system_at(self, shrinkage, scale, outputs):
        """The same by a Cholesky factor."""
        return self.general_system(self, shrinkage, scale, outputs)

    def __getstate__(self):
        # Caches hold closures, and are computed again after loading.
        return {name: vars(self)[name] for name in self._fields}


class GramDesign(Design):
    """A design by its Gram matrix."""

    _fields = ("weight", "x_mean", "y_mean", "gram", "cross", "squares", "n_jobs")
    general_system = GramSystem

    def __init__(self, weight, x_mean, y_mean, gram, cross, squares, n_jobs=1):
        self.weight = weight
        self.x_mean = x_mean
        self.y_mean = y_mean
        self.gram = gram
        self.cross = cross
        self.squares = squares
        self.n_jobs = n_jobs

    @property
    def diagonal(self):
        """Diagonal of X'WX."""
        return np.maximum(np.diagonal(self.gram), 0.0)

    def times_gram(self, mean):
        """Rows of mean times X'WX."""
        return mean @ self.gram

    def restricted(self, columns):
        """The design of some columns."""
        gram = self.gram[np.ix_(columns, columns)]
        cross = self.cross[:, columns]
        return GramDesign(self.weight, self.x_mean[columns], self.y_mean, gram, cross, self.squares, self.n_jobs)

    @lazy
    def spectrum(self):
        """The basis of ridge regression."""
        return ColumnSpectrum(self.gram, self.cross, self.squares)


class RowDesign(Design):
    """A design with fewer rows than columns, by its rows."""

    _fields = ("weight", "x_mean", "y_mean", "rows", "targets")
    general_system = RowSystem

    def __init__(self, weight, x_mean, y_mean, rows, targets):
        self.weight = weight
        self.x_mean = x_mean
        self.y_mean = y_mean
        self.rows = rows
        self.targets = targets

    @property
    def n_jobs(self):
        """Threads for work on it."""
        return getattr(self.rows, "n_jobs", 1)

    @lazy
    def cross(self):
        """X'Wy, shape (T, D)."""
        return self.rows.transposed_times(self.targets.T).T

    @lazy
    def squares(self):
        """y'Wy, shape (T,)."""
        return np.einsum("tn,tn->t", self.targets, self.targets)

    @lazy
    def diagonal(self):
        """Diagonal of X'WX."""
        if isinstance(self.rows, DenseRows):
            return np.einsum("nd,nd->d", self.rows.table, self.rows.table)
        table, roots, shift = self.rows.table, self.rows.roots, self.rows.shift
        first = np.asarray(table.T @ roots).ravel()
        second = np.asarray(table.multiply(table).sum(axis=0)).ravel()
        squares = second - shift * (2.0 * first - (roots @ roots) * shift)
        return np.where(squares <= ROUNDING_OF_SUMS * second, 0.0, squares)

    @lazy
    def columns(self):
        """The columns of X, filled in and contiguous, shape (D, N)."""
        return np.ascontiguousarray(self.rows.columns(slice(None)).T)

    @property
    def gram(self):
        """X'WX, computed at each use."""
        return self.rows.transposed_times(self.rows.columns(slice(None)))

    def times_gram(self, mean):
        """Rows of mean times X'WX."""
        return self.rows.transposed_times(self.rows.times(mean.T)).T

    def residual_squares(self, mean, outputs=slice(None)):
        residuals = self.targets[outputs] - self.rows.times(mean.T).T
        return np.einsum("tn,tn->t", residuals, residuals)

    def restricted(self, columns):
        """The design of some columns, by their Gram matrix where they have become fewer than the rows."""
        rows = self.rows.restricted(columns)
        design = RowDesign(self.weight, self.x_mean[columns], self.y_mean, rows, self.targets)
        if len(columns) >= self.targets.shape[1]:
            return design
        gram = design.gram
        return GramDesign(self.weight, design.x_mean, self.y_mean, gram, design.cross, self.squares, self.n_jobs)

    @lazy
    def spectrum(self):
        """The basis of ridge regression."""
        return RowSpectrum(self.rows, self.targets)
