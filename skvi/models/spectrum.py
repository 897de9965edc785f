"""Ridge regression in the basis in which X'WX, or XWX' where rows are fewer, is tridiagonal.

Reflections lead to that basis in half the work of an eigendecomposition, and a fit needs no more: there each system
r + alpha T is solved in order of its size, and so are its determinant and the trace of its inverse.
"""

import numpy as np
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal
from scipy.linalg.lapack import dormqr, dptsv, dsytrd, dsytrd_lwork

from skvi.families.base import lazy
from skvi.kernels.tridiagonal import inverse_diagonal


class Tridiagonal:
    """A positive semi-definite matrix as Q T Q'.

    Parameters
    ----------
    matrix : ndarray of shape (M, M)
    """

    def __init__(self, matrix):
        work = int(dsytrd_lwork(len(matrix), lower=1)[0])
        reduced, self._diagonal, self._beside, self._factors, _ = dsytrd(matrix, lower=1, lwork=work)
        self._reflectors = np.asfortranarray(reduced[1:, :-1])

    @lazy
    def values(self):
        """Eigenvalues, rising and non-negative."""
        return np.maximum(eigvalsh_tridiagonal(self._diagonal, self._beside, check_finite=False), 0.0)

    @lazy
    def _eigenvectors(self):
        return eigh_tridiagonal(self._diagonal, self._beside, check_finite=False)[1]

    def _reflected(self, rows, transposed):
        """Rows times Q, or times its transpose."""
        out = np.array(rows)
        if out.shape[1] > 1:
            # The first coordinate is left alone by all reflections.
            work = max(1, len(out)) * 64
            columns = np.asfortranarray(out[:, 1:].T)
            turned, _, _ = dormqr("L", "N" if transposed else "T", self._reflectors, self._factors, columns, work)
            out[:, 1:] = turned.T
        return out

    def along(self, rows):
        """Rows in the basis."""
        return self._reflected(rows, transposed=False)

    def back(self, rows):
        """Rows out of the basis."""
        return self._reflected(rows, transposed=True)

    def eigenvectors_back(self):
        """The eigenvectors of the matrix, one a row."""
        return self.back(self._eigenvectors.T)

    def times(self, rows):
        """Rows in the basis times T."""
        out = rows * self._diagonal
        out[:, 1:] += rows[:, :-1] * self._beside
        out[:, :-1] += rows[:, 1:] * self._beside
        return out

    def traces(self, shrinkage, scale):
        """Log-determinant of shrinkage + scale T, and the trace of scale T times its inverse."""
        diagonal, beside = shrinkage + scale * self._diagonal, scale * self._beside
        inverse = np.empty(len(diagonal))
        log_det = inverse_diagonal(diagonal, beside, inverse)
        if np.isfinite(log_det):
            return log_det, float((1.0 - shrinkage * inverse).sum())
        # Rounding has made T indefinite by more than the shrinkage.
        values = shrinkage + scale * self.values
        return float(np.log(values).sum()), float((scale * self.values / values).sum())

    def solved(self, rows, shrinkage, scale):
        """Rows in the basis times the inverse of shrinkage + scale T."""
        diagonal, beside = shrinkage + scale * self._diagonal, scale * self._beside
        if len(diagonal) == 1:
            return rows / (shrinkage + scale * self.values)
        _, _, solution, info = dptsv(diagonal, beside, rows.T)
        if info == 0:
            return solution.T
        # Rounding has made T indefinite by more than the shrinkage.
        vectors = self._eigenvectors
        return (rows @ vectors) / (shrinkage + scale * self.values) @ vectors.T


class Spectrum:
    """A design in such a basis: coordinates, shape (T, M), stand for the coefficients of some outputs.

    Parameters
    ----------
    form : Tridiagonal
    targets : ndarray of shape (T, M)
        What the coordinates are solved from.
    """

    #: whether the eigenvectors span all coefficients
    complete = True

    def __init__(self, form, targets):
        self._form = form
        self._seeds = form.along(targets)

    @property
    def size(self):
        """Number of coordinates, M."""
        return self._seeds.shape[1]

    @property
    def values(self):
        """Eigenvalues of X'WX that need not vanish, shape (M,)."""
        return self._form.values

    def traces(self, shrinkage, scale):
        """Log-determinant of shrinkage + scale X'WX where these are, and how many coefficients the data determine."""
        return self._form.traces(shrinkage, scale)

    def coordinates(self, outputs, shrinkage, scale):
        """Of the means at precision shrinkage + scale X'WX."""
        return self._form.solved(scale * self._seeds[outputs], shrinkage, scale)


class ColumnSpectrum(Spectrum):
    """A design by X'WX.

    Parameters
    ----------
    gram : ndarray of shape (D, D)
    cross : ndarray of shape (T, D)
    squares : ndarray of shape (T,)
    """

    def __init__(self, gram, cross, squares):
        super().__init__(Tridiagonal(gram), cross)
        self._squares = squares

    def coefficients(self, coordinates):
        """The coefficients, shape (T, D)."""
        return self._form.back(coordinates)

    def norm(self, coordinates):
        """Sum of squares of all coefficients."""
        return float(np.vdot(coordinates, coordinates))

    def residual_squares(self, coordinates, outputs):
        """Weighted sums of squares of what the coefficients leave of y, shape (T,)."""
        pull = 2.0 * self._seeds[outputs] - self._form.times(coordinates)
        return np.maximum(self._squares[outputs] - np.einsum("tm,tm->t", coordinates, pull), 0.0)

    @lazy
    def vectors(self):
        """Eigenvectors of X'WX, shape (D, M)."""
        return self._form.eigenvectors_back().T


class RowSpectrum(Spectrum):
    """A design by XWX', where rows are fewer than columns.

    Parameters
    ----------
    rows : DenseRows or ShiftedRows
    targets : ndarray of shape (T, N)
    """

    complete = False

    def __init__(self, rows, targets):
        super().__init__(Tridiagonal(rows.outer()), targets)
        self._rows = rows

    def coefficients(self, coordinates):
        """The coefficients, shape (T, D)."""
        return self._rows.transposed_times(self._form.back(coordinates).T).T

    def norm(self, coordinates):
        """Sum of squares of all coefficients."""
        return max(float(np.vdot(coordinates, self._form.times(coordinates))), 0.0)

    def residual_squares(self, coordinates, outputs):
        """Weighted sums of squares of what the coefficients leave of y, shape (T,)."""
        left = self._seeds[outputs] - self._form.times(coordinates)
        return np.einsum("tn,tn->t", left, left)

    @lazy
    def vectors(self):
        """Eigenvectors of X'WX, shape (D, N); the null vector where there is rounding alone."""
        across = self._rows.transposed_times(self._form.eigenvectors_back().T)
        # Below lies rounding alone, whose vectors would be of any length.
        floor = np.finfo(float).tiny + max(self.values[-1], self._rows.cancelled) * np.finfo(float).eps
        norms = np.sqrt(np.einsum("dm,dm->m", across, across))
        return across / np.maximum(np.sqrt(np.maximum(self.values, floor)), norms)
