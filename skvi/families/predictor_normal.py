"""Jointly normal coefficients and intercept of a linear predictor: q(w) q(b | w)."""

import numpy as np
from scipy.linalg import cholesky
from scipy.linalg.lapack import dtrtri
from scipy.special import ndtri

from skvi.families.base import Family, lazy, tail_probabilities
from skvi.families.linear_normal import IndependentNormal, _divergence
from skvi.families.normal import Normal


class FactoredNormal(Normal):
    """Normal coefficients of K linear predictors, independent of each other, by a root of their covariance.

    Parameters
    ----------
    mean : ndarray of shape (D,) or (K, D)
    precision : ndarray of shape (D, D) or (K, D, D), symmetric positive definite
    """

    def from_natural(self, natural, origin=None):
        pull, precision = natural
        member = FactoredNormal(np.zeros_like(pull), precision)
        return FactoredNormal(member.solve(pull), precision)

    @property
    def proper(self):
        try:
            return bool(np.isfinite(self.root).all())
        except np.linalg.LinAlgError:
            return False

    @lazy
    def root(self):
        """U with covariance U U', upper triangular, shape of the precision."""
        return _each(_inverse_root, self.precision, 2)

    @lazy
    def covariance(self):
        """Covariance matrices, shape (D, D) or (K, D, D)."""
        return self.root @ np.swapaxes(self.root, -1, -2)

    @lazy
    def var(self):
        """Marginal variances, shape (D,) or (K, D)."""
        return np.einsum("...ij,...ij->...i", self.root, self.root)

    @lazy
    def log_det(self):
        """Log determinants of the precision matrices, shape () or (K,)."""
        return -2.0 * np.log(np.diagonal(self.root, axis1=-2, axis2=-1)).sum(axis=-1)

    def solve(self, pull):
        """Covariance times a vector for each predictor."""
        along = np.einsum("...ij,...i->...j", self.root, pull)
        return np.einsum("...ij,...j->...i", self.root, along)

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (N,) or (K, N)."""
        return _each(lambda root: _squares(x @ root), self.root, 2)

    def log_normalizer(self, origin=None):
        quadratic = np.einsum("...i,...ij,...j->...", self.mean, self.precision, self.mean)
        return float(0.5 * np.sum(self.mean.shape[-1] * np.log(2.0 * np.pi) - self.log_det + quadratic))

    def kl(self, other):
        """KL(self || other) in nats from a normal distribution, or from independent ones."""
        if not isinstance(other, IndependentNormal):
            return super().kl(other)
        return _divergence(self, other.precision, np.log(other.precision), other.mean)

    def _sample(self, n, rng):
        noise = rng.standard_normal((n, *self.mean.shape))
        return self.mean + np.einsum("...ij,...j->...i", self.root, noise)


class InterceptGivenWeights(Family):
    """Intercepts, each normal around a linear function of its coefficients.

    b | w ~ Normal(mean + slope'(w - E[w]), 1 / precision): with the coefficients jointly normal.

    Parameters
    ----------
    mean, precision : ndarray of shape () or (K,)
    slope : ndarray of shape (D,) or (K, D)
    weights : Normal or IndependentNormal
        With `solve`.
    """

    #: name of the factor that the coefficients are
    parent_name = "weights"

    def __init__(self, mean, precision, slope, weights):
        self.mean = mean
        self.precision = precision
        self.slope = slope
        self.weights = weights

    @property
    def proper(self):
        return bool((np.asarray(self.precision) > 0.0).all())

    @lazy
    def var(self):
        """Marginal variances, shape () or (K,)."""
        return 1.0 / self.precision + (self.slope * self.weights.solve(self.slope)).sum(axis=-1)

    @property
    def joint_precision(self):
        """Precision of (w, b), shape (P, P) or (K, P, P)."""
        corner = np.asarray(self.precision)[..., None]
        across = -self.slope * corner
        block = self.weights.precision - self.slope[..., :, None] * across[..., None, :]
        top = np.concatenate([block, across[..., None]], axis=-1)
        return np.concatenate([top, np.concatenate([across, corner], axis=-1)[..., None, :]], axis=-2)

    def interval(self, level=0.9):
        """Central marginal intervals, with a last axis of two."""
        half = np.sqrt(self.var) * ndtri(tail_probabilities(level)[1])
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def entropy(self):
        """Expected entropy (nats) given the coefficients."""
        return float(0.5 * np.sum(1.0 + np.log(2.0 * np.pi / self.precision)))

    def kl(self, other):
        """KL(self || other) in nats from intercepts, in expectation over the coefficients of this one."""
        offset, slope = self.mean - other.mean, self.slope
        if isinstance(other, InterceptGivenWeights):
            offset = offset - (other.slope * (self.weights.mean - other.weights.mean)).sum(axis=-1)
            slope = slope - other.slope
        spread = (slope * self.weights.solve(slope)).sum(axis=-1)
        ratio = other.precision / self.precision
        terms = other.precision * (offset**2 + spread) + ratio - 1.0 - np.log(ratio)
        return float(0.5 * np.sum(terms))

    def _sample(self, n, rng):
        return self.mean + rng.standard_normal((n, *np.shape(self.mean))) * np.sqrt(self.var)

    def sample_given(self, drawn, n, rng):
        along = ((drawn[self.parent_name] - self.weights.mean) * self.slope).sum(axis=-1)
        return self.mean + along + rng.standard_normal((n, *np.shape(self.mean))) / np.sqrt(self.precision)


def _inverse_root(precision):
    """Upper triangular U with U U' the inverse; the factored matrix has a diagonal of ones."""
    diagonal = np.diagonal(precision)
    if not (diagonal > 0.0).all():
        raise np.linalg.LinAlgError("a precision is not positive")
    widths = 1.0 / np.sqrt(diagonal)
    factor = cholesky(precision * widths * widths[:, None], lower=True, overwrite_a=True, check_finite=False)
    return widths[:, None] * dtrtri(factor, lower=1)[0].T


def _squares(table):
    return np.einsum("nd,nd->n", table, table)


def _each(function, array, n_axes):
    """Apply a function of the last axes to each member of a leading axis, where there is one."""
    if array.ndim == n_axes:
        return function(array)
    return np.stack([function(one) for one in array])
