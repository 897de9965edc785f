"""Normal coefficients whose precision has structure: diagonal, diagonal and low rank, diagonal and rows.

Beside what all families have, each answers what a linear model asks of its coefficients: `solve`, `log_det`,
`variances` along rows (which need `times`, `squares_times` and the like) and `trace_with` a diagonal precision.
"""

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtr

from skvi.families.base import lazy
from skvi.families.linear_normal import IndependentNormal, _divergence
from skvi.families.normal import Normal
from skvi.families.predictor_normal import FactoredNormal


class DiagonalNormal(IndependentNormal):
    """Independent normal coefficients.

    Parameters
    ----------
    mean, precision : ndarray of shape (D,)
    """

    #: share of the coefficients that are free
    free = Normal.free

    def from_natural(self, natural, origin=None):
        return DiagonalNormal(natural[0] / natural[1], natural[1])

    @property
    def diagonal(self):
        """Precisions."""
        return self.precision

    @property
    def factor(self):
        """U of a precision diag(d) + U U': without columns."""
        return np.zeros((len(self.mean), 0))

    @property
    def covariance(self):
        """Variances, shape (D,): there is no more to a covariance."""
        return self.var

    @property
    def log_det(self):
        """Log determinant of the precision."""
        return np.log(self.precision).sum()

    @property
    def sign_probability(self):
        """Probability that each coefficient has the sign of its mean."""
        return ndtr(np.abs(self.mean) * np.sqrt(self.precision))

    def solve(self, pull):
        """Covariance times a vector."""
        return pull / self.precision

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (N,)."""
        return x**2 @ self.var

    def variances(self, rows):
        """Variances along centred rows, shape (N,)."""
        return rows.squares_times(self.var)

    def trace_with(self, precision):
        """Sum over the coefficients of a precision times the variance."""
        return float(np.sum(precision * self.var))

    def trace_in(self, matrix):
        """Trace of a symmetric matrix times the covariance."""
        return float(np.diagonal(matrix) @ self.var)


class LowRankNormal(Normal):
    """Normal coefficients of precision diag(d) + U U'.

    Parameters
    ----------
    mean, diagonal : ndarray of shape (D,)
    factor : ndarray of shape (D, r)
        U.
    """

    def __init__(self, mean, diagonal, factor):
        self.mean = mean
        self.diagonal = diagonal
        self.factor = factor

    @lazy
    def _core(self):
        """Cholesky factor L of 1 + U' diag(1 / d) U."""
        core = self.factor.T @ (self.factor / self.diagonal[:, None])
        core[np.diag_indices_from(core)] += 1.0
        return cholesky(core, lower=True, check_finite=False)

    @lazy
    def removed(self):
        """V with covariance diag(1 / d) - V V', shape (D, r)."""
        across = (self.factor / self.diagonal[:, None]).T
        return solve_triangular(self._core, across, lower=True, check_finite=False).T

    @property
    def proper(self):
        return bool((self.diagonal > 0.0).all())

    @property
    def precision(self):
        """Precision matrix, shape (D, D)."""
        return np.diag(self.diagonal) + self.factor @ self.factor.T

    @property
    def covariance(self):
        """Covariance matrix, shape (D, D)."""
        return np.diag(1.0 / self.diagonal) - self.removed @ self.removed.T

    @lazy
    def var(self):
        """Marginal variances."""
        # No diagonal entry of an inverse is below the inverse of the entry: rounding may say so.
        least = 1.0 / (self.diagonal + np.einsum("dr,dr->d", self.factor, self.factor))
        return np.maximum(1.0 / self.diagonal - np.einsum("dr,dr->d", self.removed, self.removed), least)

    @lazy
    def log_det(self):
        """Log determinant of the precision."""
        return np.log(self.diagonal).sum() + 2.0 * np.log(np.diagonal(self._core)).sum()

    def times(self, vector):
        """Precision times a vector."""
        return self.diagonal * vector + self.factor @ (self.factor.T @ vector)

    def solve(self, pull):
        """Covariance times a vector, or times the columns of a table."""
        return (pull.T / self.diagonal).T - self.removed @ (self.removed.T @ pull)

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (N,)."""
        along = x @ self.removed
        return np.maximum(x**2 @ (1.0 / self.diagonal) - np.einsum("nr,nr->n", along, along), 0.0)

    def variances(self, rows):
        """Variances along centred rows, shape (N,)."""
        along = rows.times(self.removed)
        return np.maximum(rows.squares_times(1.0 / self.diagonal) - np.einsum("nr,nr->n", along, along), 0.0)

    def trace_in(self, matrix):
        """Trace of a symmetric matrix times the covariance."""
        return float(np.diagonal(matrix) @ (1.0 / self.diagonal) - np.vdot(self.removed, matrix @ self.removed))

    def natural(self, origin=None):
        return self.times(self.mean), self.precision

    def log_prob(self, value):
        """Log density (nats) of one value."""
        step = value - self.mean
        return float(0.5 * (self.log_det - step.size * np.log(2.0 * np.pi) - step @ self.times(step)))

    def log_normalizer(self, origin=None):
        square = self.mean @ self.times(self.mean)
        return float(0.5 * (self.mean.size * np.log(2.0 * np.pi) - self.log_det + square))

    def entropy(self):
        """Differential entropy (nats)."""
        return float(0.5 * (self.mean.size * (1.0 + np.log(2.0 * np.pi)) - self.log_det))

    def kl(self, other):
        """KL(self || other) in nats from a normal distribution, or from independent ones."""
        if isinstance(other, IndependentNormal):
            return _divergence(self, other.precision, np.log(other.precision), other.mean)
        if not isinstance(other, LowRankNormal):
            return super().kl(other)
        step = self.mean - other.mean
        spread = other.diagonal @ self.var + np.vdot(other.factor, self.solve(other.factor))
        return float(0.5 * (step @ other.times(step) + spread - step.size + self.log_det - other.log_det))

    def _sample(self, n, rng):
        noise = rng.standard_normal((n, len(self.diagonal))) * np.sqrt(self.diagonal)
        noise += rng.standard_normal((n, self.factor.shape[1])) @ self.factor.T
        return self.mean + noise / self.diagonal - (noise @ self.removed) @ self.removed.T


class RowNormal(FactoredNormal):
    """Normal coefficients of precision diag(shrinkage) + sum of weights (z - offset) (z - offset)' over rows z.

    With fewer rows than coefficients no matrix of their number squared is formed before somebody asks for it.

    Parameters
    ----------
    mean, shrinkage : ndarray of shape (D,)
    rows : Centered
        z, N of them.
    weights : ndarray of shape (N,), non-negative
    offset : ndarray of shape (D,)
    """

    def __init__(self, mean, shrinkage, rows, weights, offset):
        self.mean = mean
        self.shrinkage = shrinkage
        self.rows = rows
        self.weights = weights
        self.offset = offset

    def from_natural(self, natural, origin=None):
        return FactoredNormal(np.zeros(0), np.zeros((0, 0))).from_natural(natural)

    @lazy
    def system(self):
        """The linear system of the precision."""
        return self.rows.system(self.shrinkage, np.sqrt(self.weights), self.offset)

    @lazy
    def precision(self):
        """Precision matrix, shape (D, D)."""
        gram = self.system.design.gram
        gram[np.diag_indices_from(gram)] += self.shrinkage
        return gram

    @lazy
    def covariance(self):
        """Covariance matrix, shape (D, D)."""
        return self.system.covariance

    @lazy
    def var(self):
        """Marginal variances."""
        return self.system.var

    @property
    def proper(self):
        return bool((self.shrinkage > 0.0).all())

    @property
    def log_det(self):
        """Log determinant of the precision."""
        return self.system.log_det

    def solve(self, pull):
        """Covariance times a vector."""
        return self.system.solve(pull)

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (N,)."""
        return self.system.quadratic(x)

    def variances(self, rows):
        """Variances along centred rows, shape (N,)."""
        if rows.base is self.rows:
            return self.system.own_variances(rows.shift - self.rows.shift)
        return rows.over_filled(self.system.quadratic)

    def trace_with(self, precision):
        """Sum over the coefficients of a precision times the variance."""
        ratios = precision / self.shrinkage
        if np.ptp(ratios) <= 1e-14 * ratios[0]:
            return float(ratios[0] * (len(self.mean) - self.system.n_determined))
        return super().trace_with(precision)

    def _sample(self, n, rng):
        return self.mean + self.system.noise(n, rng)
