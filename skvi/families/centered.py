"""Coefficients of K classes about their mean over the classes, which is all that a softmax likelihood sees.

    W_k = Z_k - (Z_1 + ... + Z_K) / K,   Z_k ~ Normal(m_k, S_k) independent

The classes of W depend on each other. In an orthonormal basis of the K - 1 contrasts between classes the covariance
has the determinant prod_k |S_k| |sum_k S_k^-1| / K^D, and the trace (1 - 1/K) sum_k tr S_k.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dtrtri
from scipy.special import ndtri

from skvi.families.base import lazy, tail_probabilities
from skvi.families.linear_normal import IndependentNormal, NormalGivenPrecision
from skvi.families.predictor_normal import FactoredNormal, InterceptGivenWeights

_LOG_TWO_PI = np.log(2.0 * np.pi)


def centered(values):
    """Values of the classes, in the first axis, about their mean."""
    return values - values.mean(axis=0)


def centered_var(var):
    """Variances of independent values of the classes, in the first axis, about their mean."""
    n_classes = len(var)
    return (1.0 - 2.0 / n_classes) * var + var.sum(axis=0) / n_classes**2


def _log_det(matrix):
    factor, _ = cho_factor(matrix, lower=True, check_finite=False)
    return 2.0 * float(np.log(np.diagonal(factor)).sum())


class CenteredNormal(FactoredNormal):
    """Coefficients of K classes about their mean: what the data know of them.

    Parameters
    ----------
    mean : ndarray of shape (K, D), its columns of sum nought
    precision : ndarray of shape (K, D, D), symmetric positive definite
        Inverses of the S_k above.
    """

    def __init__(self, mean, precision):
        super().__init__(centered(mean), precision)

    @property
    def free(self):
        """Share of the coefficients that are free."""
        return 1.0 - 1.0 / len(self.mean)

    @lazy
    def covariance(self):
        """Covariance matrix of each class, shape (K, D, D)."""
        return centered_var(self.root @ np.swapaxes(self.root, -1, -2))

    @lazy
    def var(self):
        """Marginal variances, shape (K, D)."""
        return centered_var(np.einsum("kij,kij->ki", self.root, self.root))

    @lazy
    def total_precision(self):
        """Sum of the S_k^-1, shape (D, D)."""
        return self.precision.sum(axis=0)

    @lazy
    def log_det(self):
        """Log determinant of the precision of the contrasts."""
        n_classes, n_features = self.mean.shape
        own = -2.0 * np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum()
        return own - _log_det(self.total_precision) + n_features * np.log(n_classes)

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (K, N)."""
        return centered_var(super().quadratic(x))

    def kl(self, other):
        """KL(self || other) in nats of the contrasts, from such coefficients or from independent normals."""
        if isinstance(other, CenteredIndependent):
            return super().kl(other)
        if not isinstance(other, CenteredNormal):
            raise TypeError(
                f"kl of a CenteredNormal from a {type(other).__name__}: give a CenteredNormal or CenteredIndependent"
            )
        offset = self.mean - other.mean
        along, turned = other.precision @ self.root, np.einsum("kij,kj->ki", other.precision, offset)
        squares = (along * self.root).sum() + (turned * offset).sum()
        # Less what a common shift, which is not known, makes up for.
        pulls = np.column_stack([*along, turned.sum(axis=0)])
        squares -= (pulls * cho_solve(cho_factor(other.total_precision, lower=True), pulls)).sum()
        return float(0.5 * (squares - self.free * self.mean.size + self.log_det - other.log_det))

    def entropy(self):
        """Differential entropy (nats) of the contrasts."""
        return float(0.5 * (self.free * self.mean.size * (1.0 + _LOG_TWO_PI) - self.log_det))

    def _sample(self, n, rng):
        drawn = super()._sample(n, rng)
        return drawn - drawn.mean(axis=1, keepdims=True)

    def uncentered(self, drawn, rng):
        """Draw the Z behind draws of W, both of shape (n, K, D)."""
        pull = np.einsum("kij,nkj->ni", self.precision, self.mean - drawn)
        factor = cho_factor(self.total_precision, lower=True)
        root = dtrtri(factor[0], lower=1)[0]
        shift = cho_solve(factor, pull.T).T + rng.standard_normal(pull.shape) @ np.tril(root)
        return drawn + shift[:, None]


class CenteredIntercept(InterceptGivenWeights):
    """Intercepts of K classes about their mean, given the coefficients.

    Parameters
    ----------
    mean, precision : ndarray of shape (K,), the first of sum nought
    slope : ndarray of shape (K, D)
        Z's intercepts are normal around linear functions of Z's coefficients, as in the base class.
    weights : CenteredNormal
    """

    def __init__(self, mean, precision, slope, weights):
        super().__init__(centered(mean), precision, slope, weights)

    @lazy
    def var(self):
        """Marginal variances, shape (K,)."""
        along = np.einsum("kij,ki->kj", self.weights.root, self.slope)
        return centered_var(1.0 / self.precision + np.einsum("kj,kj->k", along, along))

    @lazy
    def log_det(self):
        """Log determinant of the precision of the contrasts, given those of the coefficients."""
        share = self.precision / self.precision.sum()
        around = self.slope - share @ self.slope
        total = self.weights.total_precision
        joint = _log_det(total + (around * self.precision[:, None]).T @ around) + np.log(self.precision.sum())
        return np.log(self.precision).sum() - joint + _log_det(total) + np.log(len(self.mean))

    def entropy(self):
        return float(0.5 * ((len(self.mean) - 1.0) * (1.0 + _LOG_TWO_PI) - self.log_det))

    @property
    def joint(self):
        """Coefficients and intercepts together."""
        return CenteredNormal(np.column_stack([self.weights.mean, self.mean]), self.joint_precision)

    def kl(self, other):
        """KL(self || other) in nats from intercepts about their mean, in expectation over the coefficients."""
        if isinstance(other, CenteredIntercept):
            return self.joint.kl(other.joint) - self.weights.kl(other.weights)
        square = (self.mean - other.mean) ** 2 + self.var
        n_free = len(self.mean) - 1.0
        log_prior = n_free / len(self.mean) * np.log(other.precision).sum()
        return float(0.5 * ((other.precision * square).sum() - n_free - log_prior + self.log_det))

    def _sample(self, n, rng):
        return self.sample_given({self.parent_name: self.weights.sample(n, rng)}, n, rng)

    def sample_given(self, drawn, n, rng):
        whole = {self.parent_name: self.weights.uncentered(drawn[self.parent_name], rng)}
        values = super().sample_given(whole, n, rng)
        return values - values.mean(axis=1, keepdims=True)


class CenteredIndependent(IndependentNormal):
    """Independent normal values of K classes of equal precisions, about their mean.

    Parameters
    ----------
    mean : ndarray of shape (K, ...), of sum nought over the classes
    precision : ndarray of the same shape, equal for all classes
        Before the mean was taken off.
    """

    @property
    def var(self):
        """Variances."""
        return (1.0 - 1.0 / len(self.mean)) / self.precision

    def interval(self, level=0.9):
        """Central intervals, with a last axis of two."""
        half = np.sqrt(self.var) * ndtri(tail_probabilities(level)[1])
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def _free(self, terms):
        """Sum over the contrasts of terms that are equal for all classes."""
        return (len(terms) - 1.0) * float(np.sum(terms[0]))

    def entropy(self):
        return 0.5 * self._free(1.0 + _LOG_TWO_PI - np.log(self.precision))

    def kl(self, other):
        if not isinstance(other, CenteredIndependent):
            return super().kl(other)
        ratio = other.precision / self.precision
        squares = float((other.precision * (self.mean - other.mean) ** 2).sum())
        return 0.5 * (squares + self._free(ratio - 1.0 - np.log(ratio)))

    def _sample(self, n, rng):
        noise = rng.standard_normal((n, *self.mean.shape)) / np.sqrt(self.precision)
        return self.mean + noise - noise.mean(axis=1, keepdims=True)


class CenteredGivenPrecision(NormalGivenPrecision):
    """Coefficients of K classes about their mean, normal given precisions that another factor describes."""

    @property
    def _width(self):
        return np.sqrt(1.0 - 1.0 / self.shape[0])

    @property
    def var(self):
        """Var[w]: infinite where the shape of the precision's Gamma is at most one."""
        return self._width**2 * super().var

    def interval(self, level=0.9):
        """Central marginal intervals, with a last axis of two."""
        return self._width * super().interval(level)

    def sample_given(self, drawn, n, rng):
        values = super().sample_given(drawn, n, rng)
        return values - values.mean(axis=1, keepdims=True)

    def entropy(self):
        return self._width**2 * super().entropy()
