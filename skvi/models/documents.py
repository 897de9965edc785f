"""Documents: rows of a sparse matrix of counts, with weights, as topic models read them."""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class Documents:
    """Some rows of a sparse matrix, or all.

    Parameters
    ----------
    data, indices : ndarray
        Of the whole matrix in compressed rows, indices sorted within rows.
    indptr : ndarray of shape (n_rows + 1,)
        Of these rows.
    weights : ndarray of shape (n_rows,), float64, non-negative
    n_words : int
    word_ranges : tuple of (start, stop)
        Ranges of words that occur about equally often.
    whole : Documents or None
        Documents that these are a slice of.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    weights: np.ndarray
    n_words: int
    word_ranges: tuple = ()
    whole: object = None

    @classmethod
    def of(cls, matrix, weights=None):
        """Documents of a matrix with sorted indices, of weight one where no weights are given."""
        weights = np.ones(matrix.shape[0]) if weights is None else weights
        return cls(matrix.data, matrix.indices, matrix.indptr, weights, matrix.shape[1])

    @property
    def n_rows(self):
        """Number of documents."""
        return len(self.weights)

    @property
    def weight(self):
        """Sum of the weights."""
        return float(self.weights.sum())

    @property
    def n_counts(self):
        """Number of stored counts."""
        return int(self.indptr[-1] - self.indptr[0])

    def values(self):
        """Stored counts of these documents, and the words they are of."""
        part = slice(self.indptr[0], self.indptr[-1])
        return self.data[part], self.indices[part]

    def _matrix(self, values):
        """Numbers for the stored counts of these documents, as a sparse matrix that copies nothing."""
        indptr = self.indptr - self.indptr[0]
        return sp.csr_array((values, self.values()[1], indptr), shape=(self.n_rows, self.n_words))

    def lengths(self):
        """Sum of counts of each document."""
        return self.products(np.ones(self.n_words))

    def products(self, vector):
        """Product of each document's counts and a number for each word."""
        return self._matrix(self.values()[0]) @ vector

    def row_sums(self, values):
        """Sum of one number for each stored count over each document."""
        return self._matrix(values) @ np.ones(self.n_words)

    def word_counts(self):
        """Weighted counts of each word, shape (n_words,)."""
        return self._matrix(self.values()[0]).T @ self.weights

    def row(self, i):
        """Words and counts of one document."""
        part = slice(self.indptr[i], self.indptr[i + 1])
        return self.indices[part], self.data[part]

    def take(self, positions):
        """Copy some documents by their positions in these."""
        sizes = np.diff(self.indptr)[positions]
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(self.indptr.dtype)
        source = np.repeat(self.indptr[positions] - indptr[:-1], sizes) + np.arange(indptr[-1])
        return Documents(self.data[source], self.indices[source], indptr, self.weights[positions], self.n_words)

    def occurrences(self):
        """Number of stored counts of words before each word, shape (n_words + 1,)."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.values()[1], minlength=self.n_words))])

    def slices(self, ranges):
        """Views of consecutive ranges (start, stop)."""
        return [
            replace(self, indptr=self.indptr[start : stop + 1], weights=self.weights[start:stop], whole=self)
            for start, stop in ranges
        ]
