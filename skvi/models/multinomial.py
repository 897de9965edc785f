"""Softmax regression with a Gaussian posterior that knows of the dependence between classes.

    p(y_i = k) = exp(eta_ik) / sum_j exp(eta_ij),   eta_ik = b_k + (x_i - x0)'w_k

Adding one vector to all w_k changes no probability, so that the data see the w_k about their mean alone. Their
posterior is the law of Z_k - mean(Z) with independent Z_k ~ Normal(m_k, S_k): the expectations of a row need the K
independent predictors of Z alone, and are one-dimensional (`skvi.models.softmax`), while the classes depend on each
other as they do in the exact posterior: where the probabilities p_k are the same in all rows, its precision at the
mode is that of such a law, with S_k^-1 = p_k X'X (the relation of Poisson and multinomial counts).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.lapack import dtrtri

from skvi.families.base import lazy
from skvi.families.centered import CenteredIntercept, CenteredNormal
from skvi.models.matrix_form import Matrix, joint_precision
from skvi.models.sites import Sites, SiteSums

# Steps towards the best covariances given the sites, and those of curvatures alone.
_STEPS = 6
_CURVATURE_STEPS = 3
_JITTER = 1e-10


class ContrastSums(SiteSums):
    """Sums over rows, with those of what a row of the wrong class may yet be curved."""

    def __init__(self, predictor):
        super().__init__(predictor)
        self.stiffness = None
        self.predictor = predictor

    def add(self, rows, slope, curvature):
        super().add(rows, slope, curvature)
        extra = secant_curvature(slope / rows.weights) * rows.weights - curvature
        used = (extra > 0.0).any(axis=0)
        if used.any():
            more = SiteSums(self.predictor)
            chosen = rows.take(np.flatnonzero(used))
            more.add(chosen, np.zeros_like(extra[:, used]), np.maximum(extra[:, used], 0.0))
            self.stiffness = more.gram() if self.stiffness is None else self.stiffness + more.gram()


def secant_curvature(residual):
    """Curvature of a logistic model from an expected probability to one half, where the residual y - p is larger.

    A Newton step of a row that p says is of the wrong class ends far beyond, as its curvature is next to nothing.
    """
    wrong = np.clip(np.abs(residual), 0.5, 1.0 - 1e-15)
    distance = np.log(wrong) - np.log1p(-wrong)
    return np.where(wrong > 0.5, (wrong - 0.5) / np.maximum(distance, 1e-3), 0.0)


@dataclass(frozen=True)
class ContrastSites(Sites):
    """Sites of a softmax likelihood: as curved in a common shift of all classes as it is, which is not at all.

    What moves the means has the curvature G_k between a class and all others; how that is shared between the others
    follows from the same form of covariance that the posterior has.
    """

    stiffness: object = None

    sums = ContrastSums

    @classmethod
    def of(cls, sums, center, constant):
        return replace(super().of(sums, center, constant), stiffness=sums.stiffness)

    def __add__(self, other):
        return replace(super().__add__(other), stiffness=_sum(self.about(other.center).stiffness, other.stiffness))

    def __rmul__(self, factor):
        stiffness = None if self.stiffness is None else factor * self.stiffness
        return replace(super().__rmul__(factor), stiffness=stiffness)

    def turned(self, step):
        """Curvature of the means times a step, shape (K, P)."""
        if not step.any():
            return np.zeros_like(step)
        along = np.einsum("kpq,kq->kp", self._shares, step)
        shift = _solve(self._shares.sum(axis=0), along.sum(axis=0))
        return along - self._shares @ shift

    @lazy
    def _shares(self):
        """Precisions C_k with C_k - C_k (sum C)^-1 C_k nearly G_k: of two classes that share all rows, 2 G."""
        return _balanced(self.gram, 2.0 * self.gram, _CURVATURE_STEPS)


class Contrasts(Matrix):
    """All correlations of the coefficients of K classes about their mean, as matrices."""

    dependent = 1
    family = CenteredNormal
    site_type = ContrastSites

    def product(self, gram, own, last):
        """Precisions of Z for curvatures of shape (K, P, P) and prior precisions of shape (K, P).

        The best ones given the sites solve S_k^-1 = G_k + (1 - 1/K) R + S_k^-1 A^-1 S_k^-1 with A = sum_k S_k^-1. The
        right-hand side at the last ones maximises a lower bound, as log |A| is convex in the S_k: each step rises.
        """
        fixed = super().product(gram, (1.0 - 1.0 / len(gram)) * own, last)
        return _balanced(fixed, joint_precision(last), _STEPS)

    def followed(self, pull, sites, precision):
        """The gradient, shortened where rows are of the wrong class."""
        if sites.stiffness is None:
            return pull
        step = np.linalg.solve(precision + sites.stiffness, pull[..., None])
        return (precision @ step)[..., 0]

    def members(self, center, pull, precision, n_features):
        """Factors with a precision of Z, about the mean of the classes."""
        made = super().members(center, pull, precision, n_features)
        q = made["weights"]
        weights = CenteredNormal(q.mean, q.precision)
        weights.root = q.root
        made["weights"] = weights
        if "intercept" in made:
            b = made["intercept"]
            made["intercept"] = CenteredIntercept(b.mean, b.precision, b.slope, weights)
        return made


def _sum(a, b):
    """Sum of two arrays; None is nought."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _balanced(fixed, precision, n_steps):
    """Steps precision_k <- fixed_k + precision_k (sum precision)^-1 precision_k."""
    for _ in range(n_steps):
        widths, factor = _scaled_factor(precision.sum(axis=0))
        halves = dtrtri(factor, lower=1)[0] @ (widths[:, None] * precision)
        precision = fixed + np.swapaxes(halves, 1, 2) @ halves
    return precision


def _scaled_factor(matrix):
    """Widths and the Cholesky factor of a matrix in units of them; it may be singular."""
    diagonal = np.diagonal(matrix)
    widths = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    scaled = matrix * widths * widths[:, None]
    scaled[np.diag_indices_from(scaled)] = 1.0 + _JITTER
    return widths, cholesky(scaled.T, lower=True, overwrite_a=True, check_finite=False)


def _solve(matrix, right):
    """Solution of a system whose matrix may be singular in directions that the right-hand side knows nothing of."""
    widths, factor = _scaled_factor(matrix)
    return widths * cho_solve((factor, True), widths * right, check_finite=False)
