"""Sums of curvature_n a_n a_n' over rows a = (z, l): of rows that are kept, or of rows by their Gram matrix.

Letters: z are centred rows of D columns, l is 1 for rows of data and the share of b in rows that stand for others;
P is D + 1 with an intercept, which comes last, and else D.
"""

from dataclasses import dataclass

import numpy as np

from skvi.models.centered import DenseCentered


@dataclass(frozen=True)
class Part:
    """A sum over rows that are kept.

    Parameters
    ----------
    rows : Centered of shape (N, D)
    curvature : ndarray of shape (N,)
    loadings : ndarray of shape (N,), default=None
        l; None is 1.
    """

    rows: object
    curvature: np.ndarray
    loadings: np.ndarray = None

    #: whether the sum is a matrix
    filled = False

    def __rmul__(self, factor):
        return Part(self.rows, factor * self.curvature, self.loadings)

    def joins(self, other):
        """Whether the sum with another part is a part."""
        return isinstance(other, Part) and other.rows is self.rows

    def __add__(self, other):
        return Part(self.rows, self.curvature + other.curvature, self.loadings)

    def moved(self, slope):
        """Rows z + l slope, as they are along the coefficients when b follows them."""
        if self.loadings is None:
            return self.rows.moved(-slope)
        x = self.rows.x + np.multiply.outer(self.loadings, slope)
        return DenseCentered(x, self.rows.shift, self.rows.n_jobs)

    def sloped(self, slope):
        """The sum over z + l slope, for w alone."""
        return Part(self.moved(slope), self.curvature)

    def along(self, step, last):
        """a'(step, last) of each row."""
        return self.rows.times(step) + (last if self.loadings is None else self.loadings * last)

    def times(self, step, last):
        """The sum times (step, last): its parts for w and b."""
        along = self.along(step, last)
        return self.rows.transposed_times(self.curvature * along), self._loaded(along).sum()

    def along_columns(self, columns):
        """What belongs to w of the sum times columns of shape (D,) or (D, M), which are nought for b."""
        along = self.rows.times(columns)
        along *= self.curvature if columns.ndim == 1 else self.curvature[:, None]
        return self.rows.transposed_times(along)

    def _loaded(self, values=1.0):
        """Curvature times loading times values."""
        weights = self.curvature * values
        return weights if self.loadings is None else self.loadings * weights

    @property
    def squares(self):
        """What belongs to w of the diagonal, shape (D,)."""
        return self.rows.transposed_squares(self.curvature)

    @property
    def across(self):
        """What belongs to w of the column of b, shape (D,)."""
        return self.rows.transposed_times(self._loaded())

    @property
    def corner(self):
        """What belongs to b of the diagonal."""
        return float(self.curvature.sum() if self.loadings is None else self.loadings**2 @ self.curvature)

    @property
    def matrix(self):
        """What belongs to w, shape (D, D)."""
        return self.rows.design(np.sqrt(self.curvature)).gram

    def expected(self, predictor, step, last):
        """The sum of curvature E[(a'd)^2], where d has the mean (step, last) and the covariance of a predictor."""
        return float(self.curvature @ (self.along(step, last) ** 2 + predictor.variances(self)))


class GramPart:
    """A sum over rows that are gone.

    Parameters
    ----------
    gram : ndarray of shape (P, P)
    n_features : int
        D.
    """

    filled = True

    def __init__(self, gram, n_features):
        self.gram = gram
        self.n_features = n_features

    def __rmul__(self, factor):
        return GramPart(factor * self.gram, self.n_features)

    def joins(self, other):
        """Whether the sum with another part is a part."""
        return isinstance(other, GramPart)

    def __add__(self, other):
        return GramPart(self.gram + other.gram, self.n_features)

    @property
    def _intercept(self):
        return len(self.gram) > self.n_features

    def sloped(self, slope):
        """The sum over z + l slope, for w alone."""
        if not self._intercept:
            return self
        mean = np.multiply.outer(slope, self.across + 0.5 * self.corner * slope)
        return GramPart(self.matrix + (mean + mean.T), self.n_features)

    def times(self, step, last):
        """The sum times (step, last): its parts for w and b."""
        if not self._intercept:
            return self.gram @ step, 0.0
        turned = self.gram @ np.append(step, last)
        return turned[:-1], turned[-1]

    def along_columns(self, columns):
        """What belongs to w of the sum times columns of shape (D,) or (D, M), which are nought for b."""
        return self.matrix @ columns

    @property
    def matrix(self):
        """What belongs to w, shape (D, D)."""
        return self.gram[: self.n_features, : self.n_features]

    @property
    def squares(self):
        """What belongs to w of the diagonal, shape (D,)."""
        return np.maximum(np.diagonal(self.matrix), 0.0)

    @property
    def across(self):
        """What belongs to w of the column of b, shape (D,)."""
        return self.gram[: self.n_features, -1]

    @property
    def corner(self):
        """What belongs to b of the diagonal."""
        return float(self.gram[-1, -1]) if self._intercept else 0.0

    def expected(self, predictor, step, last):
        """The sum of curvature E[(a'd)^2], where d has the mean (step, last) and the covariance of a predictor."""
        along, end = self.times(step, last)
        value = float(step @ along + last * end)
        if predictor.conditional is None:
            return value + predictor.weights.trace_in(self.matrix)
        slope, precision = predictor.conditional.slope, predictor.conditional.precision
        return value + predictor.weights.trace_in(self.sloped(slope).matrix) + self.corner / float(precision)
