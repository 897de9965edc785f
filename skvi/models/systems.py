"""The linear system behind Gaussian coefficients: precision R + alpha X'WX with a diagonal R.

Three ways to solve it, of one interface: in a basis of X'WX where R is a multiple of the identity, else
by a Cholesky factor of the side that is smaller. None forms the precision. With S its inverse, each gives

    mean             alpha S X'Wy of the outputs that it serves, shape (T, D)
    var              diagonal of S, shape (D,)
    determined       1 - R_j S_jj: how far the data determine each coefficient, shape (D,)
    log_det          log determinant of the precision
    quadratic(x)     x' S x of each row of a table, shape (N,)
    covariance       S, shape (D, D)
    noise(n, rng)    n draws of variance S, shape (n, D)
"""

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from skvi import _threads
from skvi.families.base import lazy
from skvi.kernels.relevance import scaled_system
from skvi.models.triangles import inverse_triangle

# Rows of a triangular product that are taken at a time, the zeros above them left out.
_TRIANGLE_STEP = 128


class System:
    """What all ways share."""

    def __init__(self, design, shrinkage, scale, outputs):
        self.design = design
        self.shrinkage = shrinkage
        self.scale = scale
        self.outputs = outputs

    def norms(self, groups):
        """Sums of squares of the means by group of coefficients, all outputs together, shape (G,)."""
        return np.bincount(groups, (self.mean**2).sum(axis=0))

    def shares(self, groups):
        """Sums of `determined` by group of coefficients, shape (G,)."""
        return np.bincount(groups, self.determined)

    @lazy
    def residual_squares(self):
        """Weighted sums of squares of y - X m, shape (T,)."""
        return self.design.residual_squares(self.mean, self.outputs)


class SpectralSystem(System):
    """R a multiple of the identity: a sweep of order D in the basis of the design."""

    def __init__(self, design, shrinkage, scale, outputs):
        super().__init__(design, shrinkage, scale, outputs)
        self.spectrum = design.spectrum

    @lazy
    def values(self):
        """Eigenvalues of the precision but for those that are its shrinkage alone."""
        return self.shrinkage + self.scale * self.spectrum.values

    @lazy
    def _traces(self):
        return self.spectrum.traces(self.shrinkage, self.scale)

    @lazy
    def _coordinates(self):
        return self.spectrum.coordinates(self.outputs, self.shrinkage, self.scale)

    @lazy
    def mean(self):
        return self.spectrum.coefficients(self._coordinates)

    def norms(self, groups):
        return super().norms(groups) if groups.any() else np.array([self.spectrum.norm(self._coordinates)])

    def shares(self, groups):
        if groups.any():
            return super().shares(groups)
        return np.array([self._traces[1]])

    @lazy
    def residual_squares(self):
        return self.spectrum.residual_squares(self._coordinates, self.outputs)

    @lazy
    def log_det(self):
        n_free = self.design.n_features - self.spectrum.size
        return self._traces[0] + n_free * np.log(self.shrinkage)

    @lazy
    def determined(self):
        shares = self.scale * self.spectrum.values / self.values
        return (self.spectrum.vectors**2) @ shares

    @property
    def var(self):
        vectors = self.spectrum.vectors
        along = (vectors**2) @ (1.0 / self.values)
        if self.spectrum.complete:
            return along
        return along + np.maximum(1.0 - (vectors**2).sum(axis=1), 0.0) / self.shrinkage

    def quadratic(self, x):
        vectors = self.spectrum.vectors
        seen = x @ vectors
        along = seen**2 @ (1.0 / self.values)
        if self.spectrum.complete:
            return along
        rest = x - seen @ vectors.T
        return along + np.einsum("nd,nd->n", rest, rest) / self.shrinkage

    @property
    def covariance(self):
        vectors = self.spectrum.vectors
        inside = (vectors / self.values) @ vectors.T
        if self.spectrum.complete:
            return inside
        return inside + (np.eye(len(vectors)) - vectors @ vectors.T) / self.shrinkage

    def noise(self, n, rng):
        vectors = self.spectrum.vectors
        free = rng.standard_normal((n, len(vectors))) / np.sqrt(self.shrinkage)
        along = rng.standard_normal((n, len(self.values))) / np.sqrt(self.values)
        return free + (along - free @ vectors) @ vectors.T


class GramSystem(System):
    """By a Cholesky factor of 1 + alpha R^-1/2 X'WX R^-1/2, which is well scaled."""

    def __init__(self, design, shrinkage, scale, outputs):
        super().__init__(design, shrinkage, scale, outputs)
        self.widths = 1.0 / np.sqrt(shrinkage)
        matrix = np.empty_like(design.gram)
        scaled_system(design.gram, scale, self.widths, matrix)
        self.factor = cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)

    @lazy
    def mean(self):
        pulled = (self.scale * self.widths * self.design.cross[self.outputs]).T
        return cho_solve((self.factor, True), pulled, check_finite=False).T * self.widths

    @lazy
    def log_det(self):
        return 2.0 * np.log(np.diagonal(self.factor)).sum() + np.log(self.shrinkage).sum()

    @lazy
    def inverse_factor(self):
        """Inverse of the Cholesky factor."""
        return inverse_triangle(self.factor, self.design.n_jobs)

    @lazy
    def _scaled_var(self):
        return np.einsum("ij,ij->j", self.inverse_factor, self.inverse_factor)

    @property
    def determined(self):
        return np.maximum(1.0 - self._scaled_var, 0.0)

    @property
    def var(self):
        return self._scaled_var / self.shrinkage

    def quadratic(self, x):
        half = (x * self.widths) @ self.inverse_factor.T
        return np.einsum("nd,nd->n", half, half)

    @property
    def covariance(self):
        half = self.inverse_factor * self.widths
        return half.T @ half

    def noise(self, n, rng):
        return (rng.standard_normal((n, len(self.widths))) @ self.inverse_factor) * self.widths


class RowSystem(System):
    """By a Cholesky factor of 1 + alpha X R^-1 X', with fewer rows than columns."""

    def __init__(self, design, shrinkage, scale, outputs):
        super().__init__(design, shrinkage, scale, outputs)
        matrix = design.rows.outer(scale / shrinkage)
        matrix[np.diag_indices_from(matrix)] += 1.0
        self.factor = cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)

    @lazy
    def mean(self):
        targets = self.scale * self.design.targets[self.outputs].T
        dual = cho_solve((self.factor, True), targets, check_finite=False)
        return self.design.rows.transposed_times(dual).T / self.shrinkage

    @lazy
    def log_det(self):
        return 2.0 * np.log(np.diagonal(self.factor)).sum() + np.log(self.shrinkage).sum()

    @lazy
    def half(self):
        """sqrt(alpha) L^-1 X, shape (N, D), with L L' the matrix factored."""
        rows = self.design.rows.columns(slice(None))
        return solve_triangular(self.factor, np.sqrt(self.scale) * rows, lower=True, check_finite=False)

    @lazy
    def determined(self):
        inverse = inverse_triangle(self.factor, self.design.n_jobs)

        def part(columns, table):
            scaled = _threads.scratch("scaled columns", table.shape)
            np.multiply(table, np.sqrt(self.scale / self.shrinkage[columns]), out=scaled)
            total = np.zeros(scaled.shape[1])
            for start in range(0, len(inverse), _TRIANGLE_STEP):
                stop = start + _TRIANGLE_STEP
                half = inverse[start:stop, :stop] @ scaled[:stop]
                total += np.einsum("nd,nd->d", half, half)
            return total

        return np.concatenate(self.design.rows.over_columns(part))

    @property
    def var(self):
        # No diagonal entry of an inverse is below the inverse of the entry: rounding may say so.
        least = 1.0 / (self.shrinkage + self.scale * self.design.diagonal)
        return np.maximum((1.0 - self.determined) / self.shrinkage, least)

    def quadratic(self, x):
        scaled = x / self.shrinkage
        seen = scaled @ self.half.T
        return np.maximum(np.einsum("nd,nd->n", x, scaled) - np.einsum("nm,nm->n", seen, seen), 0.0)

    @property
    def covariance(self):
        half = self.half / self.shrinkage
        inverse = -half.T @ half
        inverse[np.diag_indices_from(inverse)] += 1.0 / self.shrinkage
        return inverse

    def noise(self, n, rng):
        # Bhattacharya, Chakraborty & Mallick 2016, algorithm 1, with the data as zero.
        free = rng.standard_normal((n, len(self.shrinkage))) / np.sqrt(self.shrinkage)
        seen = np.sqrt(self.scale) * self.design.rows.times(free.T) + rng.standard_normal((len(self.factor), n))
        dual = cho_solve((self.factor, True), np.sqrt(self.scale) * seen, check_finite=False)
        return free - self.design.rows.transposed_times(dual).T / self.shrinkage


class SiteSystem(RowSystem):
    """The same for rows z - offset with weights, worked out from the products of the rows z.

    Parameters
    ----------
    rows : Centered
    shrinkage : ndarray of shape (D,)
    roots : ndarray of shape (N,)
        Roots of the weights.
    offset : ndarray of shape (D,)
    """

    def __init__(self, rows, shrinkage, roots, offset):
        self.rows = rows
        self.shrinkage = shrinkage
        self.scale = 1.0
        self.roots = roots
        self.offset = offset
        matrix = self._products(offset, offset) * roots * roots[:, None]
        matrix[np.diag_indices_from(matrix)] += 1.0
        self.factor = cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)

    @lazy
    def design(self):
        """The rows as a regression has them."""
        return self.rows.moved(self.offset).design(self.roots)

    def _products(self, left, right):
        """(Z - 1 left') R^-1 (Z - 1 right')', shape (N, N)."""
        along_left, along_right = (self.rows.times(shift / self.shrinkage) for shift in (left, right))
        constant = left @ (right / self.shrinkage)
        return self.rows.outer(1.0 / self.shrinkage) - along_left - along_right[:, None] + constant

    def solve(self, pull):
        """Covariance times a vector."""
        moved, scaled = self.rows.moved(self.offset), pull / self.shrinkage
        dual = cho_solve((self.factor, True), self.roots * moved.times(scaled), check_finite=False)
        return scaled - moved.transposed_times(self.roots * dual) / self.shrinkage

    def own_variances(self, offset):
        """Variances along the rows z - offset, shape (N,)."""
        across = self.roots[:, None] * self._products(self.offset, offset)
        half = solve_triangular(self.factor, across, lower=True, overwrite_b=True, check_finite=False)
        prior = self.rows.moved(offset).squares_times(1.0 / self.shrinkage)
        return np.maximum(prior - np.einsum("mn,mn->n", half, half), 0.0)

    @lazy
    def n_determined(self):
        """Sum of `determined`: how many coefficients the data determine."""
        inverse = inverse_triangle(self.factor)
        return len(inverse) - np.vdot(inverse, inverse)
