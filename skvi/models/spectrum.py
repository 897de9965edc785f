"""The eigenbasis in which a ridge regression is a sum over coordinates."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.linalg.lapack import dormqr, dsytrd, dsytrd_lwork


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of X'WX that need not vanish, and the data in the basis of their vectors.

    Parameters
    ----------
    values : ndarray of shape (M,), non-negative
    pulls : ndarray of shape (T, M)
        X'Wy along the eigenvectors.
    seeds : ndarray of shape (T, M)
        What `expand` turns into X'Wy.
    expand : callable
        Maps seeds scaled along the eigenvectors back to coefficients: (T, M) to (T, D).
    vectors : callable
        Gives the eigenvectors, shape (D, M).
    complete : bool
        Whether they span all coefficients: those of fewer rows, or of as many about their mean, do not.
    """

    values: np.ndarray
    pulls: np.ndarray
    seeds: np.ndarray
    expand: object
    vectors: object
    complete: bool


class _Basis:
    """Eigenvectors Q V of a symmetric matrix: those of its tridiagonal form, and the reflections that led to it.

    The product is not formed: a fit needs only what a few vectors are in this basis.
    """

    def __init__(self, reflectors, factors, vectors):
        self._reflectors = reflectors
        self._factors = factors
        self._vectors = vectors

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
        """Rows in the eigenbasis."""
        return self._reflected(rows, transposed=False) @ self._vectors

    def back(self, rows):
        """Rows out of the eigenbasis."""
        return self._reflected(rows @ self._vectors.T, transposed=True)


def eigenbasis(matrix):
    """Eigenvalues of a positive semi-definite matrix, rising, and the basis of its eigenvectors."""
    size = int(dsytrd_lwork(len(matrix), lower=1)[0])
    reduced, diagonal, beside, factors, _ = dsytrd(matrix, lower=1, lwork=size)
    values, vectors = eigh_tridiagonal(diagonal, beside, check_finite=False)
    return np.maximum(values, 0.0), _Basis(np.asfortranarray(reduced[1:, :-1]), factors, vectors)
