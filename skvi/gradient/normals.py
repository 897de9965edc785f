"""Normal approximations: independent, full and low-rank covariance.

Every approximation is immutable and maps noise to draws. `parameters` are its numbers in one vector, and
`with_parameters` gives the same kind of approximation at others.
"""

import math
from abc import ABC, abstractmethod
from functools import cached_property, lru_cache

import numpy as np
from scipy.linalg import cholesky, solve_triangular

_LOG_2PI = math.log(2.0 * math.pi)


@lru_cache(maxsize=16)
def lower_triangle(width):
    """Rows and columns of the lower triangle of a square matrix, row by row."""
    rows, columns = np.tril_indices(width)
    rows.setflags(write=False)
    columns.setflags(write=False)
    return rows, columns


def standard_log_density(noise):
    """Log density (nats) of standard normal vectors, (T, U) -> (T,)."""
    return -0.5 * (np.sum(noise**2, axis=1) + noise.shape[1] * _LOG_2PI)


class Drawn(ABC):
    """Draws of an approximation at given noise, and how they follow its parameters phi.

    Attributes
    ----------
    z : ndarray of shape (T, P)
        The draws.
    log_density : ndarray of shape (T,)
        log q(z) in nats.
    """

    @property
    @abstractmethod
    def score(self):
        """Gradient of log q in z at the draws, (T, P)."""

    @abstractmethod
    def pull_back_each(self, slopes, weights):
        """Gradient in phi of slopes_t'z_t + weights_t log q(z_t) for each draw, the noise held fixed: (T, n).

        Both z_t and log q(z_t) follow phi: the latter through its place and through its form.
        """

    def pull_back(self, slopes, weights):
        """Sum over draws of `pull_back_each`, (n,)."""
        return self.pull_back_each(slopes, weights).sum(axis=0)


class NormalApproximation(ABC):
    """A normal distribution of P free numbers.

    Parameters
    ----------
    mean : ndarray of shape (P,)
    """

    def __init__(self, mean):
        self.mean = np.asarray(mean, dtype=np.float64)

    @property
    def width(self):
        """Number of free numbers, P."""
        return len(self.mean)

    @property
    def n_noise(self):
        """Standard normal numbers that a draw takes."""
        return self.width

    @property
    def entropy(self):
        """Entropy in nats."""
        return 0.5 * (self.width * (1.0 + _LOG_2PI) + self.log_det)

    @property
    def variances(self):
        """Marginal variances, (P,)."""
        return np.diag(self.covariance).copy()

    @property
    @abstractmethod
    def parameters(self):
        """All numbers in one vector, the mean first."""

    @abstractmethod
    def with_parameters(self, parameters):
        """The approximation of the same kind with these numbers."""

    @property
    @abstractmethod
    def covariance(self):
        """Covariance matrix, (P, P)."""

    @property
    @abstractmethod
    def log_det(self):
        """Log-determinant of the covariance."""

    @property
    @abstractmethod
    def entropy_slope(self):
        """Gradient of the entropy in the parameters."""

    @property
    @abstractmethod
    def diagonal(self):
        """Places in `parameters` of the numbers whose summed logarithms are the entropy, or None."""

    @abstractmethod
    def draw(self, noise):
        """Draws at noise of shape (T, n_noise)."""

    @abstractmethod
    def whiten(self, z):
        """Places z, (T, P), in coordinates in which the approximation is standard normal."""

    def log_density(self, z):
        """log q (nats) at any z, (T, P) -> (T,)."""
        return standard_log_density(self.whiten(z)) - 0.5 * self.log_det

    def __repr__(self):
        return f"{type(self).__name__}(width={self.width})"


class _DrawnNormal(Drawn):
    """Draws of a normal distribution whose factor is square: log q(z) depends on the noise and the factor alone."""

    def __init__(self, normal, noise, z):
        self._normal = normal
        self._noise = noise
        self.z = z
        self.log_density = standard_log_density(noise) - 0.5 * normal.log_det


class MeanField(NormalApproximation):
    """Independent free numbers: z = mean + scale * u.

    Parameters
    ----------
    mean, scale : ndarray of shape (P,)
        The scale is a standard deviation up to its sign.
    """

    def __init__(self, mean, scale):
        super().__init__(mean)
        self.scale = np.asarray(scale, dtype=np.float64)

    @property
    def parameters(self):
        return np.concatenate([self.mean, self.scale])

    def with_parameters(self, parameters):
        return MeanField(*np.split(parameters, 2))

    @property
    def variances(self):
        return self.scale**2

    @property
    def covariance(self):
        return np.diag(self.variances)

    @property
    def log_det(self):
        return 2.0 * float(np.log(np.abs(self.scale)).sum())

    @property
    def entropy_slope(self):
        return np.concatenate([np.zeros(self.width), 1.0 / self.scale])

    @property
    def diagonal(self):
        return np.arange(self.width, 2 * self.width)

    def draw(self, noise):
        return _DrawnMeanField(self, noise, self.mean + self.scale * noise)

    def whiten(self, z):
        return (z - self.mean) / self.scale

    def to_noise(self, slopes):
        """Slopes in z, (T, P), as slopes in the noise."""
        return slopes * self.scale

    def from_noise(self, slopes):
        """Slopes in the noise, (T, P), as slopes in z."""
        return slopes / self.scale


class _DrawnMeanField(_DrawnNormal):
    @property
    def score(self):
        return self._normal.from_noise(-self._noise)

    def pull_back_each(self, slopes, weights):
        return np.concatenate([slopes, slopes * self._noise - weights[:, None] / self._normal.scale], axis=1)


class FullRank(NormalApproximation):
    """Any covariance: z = mean + C u.

    Parameters
    ----------
    mean : ndarray of shape (P,)
    factor : ndarray of shape (P, P)
        C, lower triangular.
    """

    def __init__(self, mean, factor):
        super().__init__(mean)
        self.factor = np.asarray(factor, dtype=np.float64)

    @classmethod
    def from_covariance(cls, mean, covariance):
        """The approximation with a covariance, which must be positive definite (LinAlgError)."""
        return cls(mean, cholesky(covariance, lower=True, check_finite=False))

    @property
    def parameters(self):
        return np.concatenate([self.mean, self.factor[lower_triangle(self.width)]])

    def with_parameters(self, parameters):
        factor = np.zeros((self.width, self.width))
        factor[lower_triangle(self.width)] = parameters[self.width :]
        return FullRank(parameters[: self.width], factor)

    @property
    def variances(self):
        return np.einsum("pq,pq->p", self.factor, self.factor)

    @property
    def covariance(self):
        return self.factor @ self.factor.T

    @property
    def log_det(self):
        return 2.0 * float(np.log(np.abs(np.diag(self.factor))).sum())

    @property
    def entropy_slope(self):
        slope = np.zeros(self.width * (self.width + 3) // 2)
        slope[self.diagonal] = 1.0 / np.diag(self.factor)
        return slope

    @property
    def diagonal(self):
        rows = np.arange(self.width)
        return self.width + rows * (rows + 3) // 2

    def draw(self, noise):
        return _DrawnFullRank(self, noise, self.mean + noise @ self.factor.T)

    def whiten(self, z):
        return solve_triangular(self.factor, (z - self.mean).T, lower=True, check_finite=False).T

    def to_noise(self, slopes):
        """Slopes in z, (T, P), as slopes in the noise."""
        return slopes @ self.factor

    def from_noise(self, slopes):
        """Slopes in the noise, (T, P), as slopes in z."""
        return solve_triangular(self.factor, slopes.T, lower=True, trans="T", check_finite=False).T


class _DrawnFullRank(_DrawnNormal):
    @property
    def score(self):
        return self._normal.from_noise(-self._noise)

    def pull_back_each(self, slopes, weights):
        rows, columns = lower_triangle(self._normal.width)
        factors = slopes[:, rows] * self._noise[:, columns]
        factors[:, rows == columns] -= weights[:, None] / np.diag(self._normal.factor)
        return np.concatenate([slopes, factors], axis=1)

    def pull_back(self, slopes, weights):
        factor = slopes.T @ self._noise
        factor[np.diag_indices_from(factor)] -= weights.sum() / np.diag(self._normal.factor)
        return np.concatenate([slopes.sum(axis=0), factor[lower_triangle(len(factor))]])


class LowRank(NormalApproximation):
    """A diagonal covariance and some directions: z = mean + scale * u + F v.

    Parameters
    ----------
    mean, scale : ndarray of shape (P,)
    factor : ndarray of shape (P, R)
        F.
    """

    def __init__(self, mean, scale, factor):
        super().__init__(mean)
        self.scale = np.asarray(scale, dtype=np.float64)
        self.factor = np.asarray(factor, dtype=np.float64)

    @property
    def rank(self):
        """Number of directions, R."""
        return self.factor.shape[1]

    @property
    def n_noise(self):
        return self.width + self.rank

    @property
    def parameters(self):
        return np.concatenate([self.mean, self.scale, self.factor.ravel()])

    def with_parameters(self, parameters):
        mean, scale, factor = np.split(parameters, [self.width, 2 * self.width])
        return LowRank(mean, scale, factor.reshape(self.factor.shape))

    @property
    def variances(self):
        return self.scale**2 + np.einsum("pr,pr->p", self.factor, self.factor)

    @property
    def covariance(self):
        return np.diag(self.scale**2) + self.factor @ self.factor.T

    @cached_property
    def _directions(self):
        """Q (P, R) and l (R,) with Q diag(l)^2 Q' = W W', W being the directions in units of the scales."""
        vectors, lengths, _ = np.linalg.svd(self.factor / self.scale[:, None], full_matrices=False)
        return vectors, lengths

    def solve(self, vectors):
        """Inverse covariance times vectors in rows, (T, P)."""
        directions, lengths = self._directions
        scaled = vectors / self.scale
        scaled -= (scaled @ directions) * (lengths**2 / (1.0 + lengths**2)) @ directions.T
        return scaled / self.scale

    @property
    def log_det(self):
        return 2.0 * float(np.log(np.abs(self.scale)).sum()) + float(np.log1p(self._directions[1] ** 2).sum())

    @property
    def entropy_slope(self):
        # d(log det S) / 2 = tr(S^-1 (diag(scale) d diag(scale) + dF F')).
        directions, lengths = self._directions
        kept = 1.0 - directions**2 @ (lengths**2 / (1.0 + lengths**2))
        return np.concatenate([np.zeros(self.width), kept / self.scale, self.solve(self.factor.T).T.ravel()])

    @property
    def diagonal(self):
        return None

    def draw(self, noise):
        return _DrawnLowRank(self, noise)

    def whiten(self, z):
        directions, lengths = self._directions
        scaled = (z - self.mean) / self.scale
        shrinkage = 1.0 - 1.0 / np.sqrt(1.0 + lengths**2)
        return scaled - (scaled @ directions) * shrinkage @ directions.T


class _DrawnLowRank(Drawn):
    def __init__(self, normal, noise):
        self._normal = normal
        self._own, self._shared = np.split(noise, [normal.width], axis=1)
        self.z = normal.mean + normal.scale * self._own + self._shared @ normal.factor.T
        self.log_density = normal.log_density(self.z)

    @cached_property
    def score(self):
        return -self._normal.solve(self.z - self._normal.mean)

    def pull_back_each(self, slopes, weights):
        normal, score = self._normal, self.score
        # log q moves with its place, score'dz, and with its form, score'dS score / 2 - dH.
        moved = slopes + weights[:, None] * score
        scale = moved * self._own + weights[:, None] * score**2 * normal.scale
        across = moved[:, :, None] * self._shared[:, None, :]
        across += (weights[:, None] * score)[:, :, None] * (score @ normal.factor)[:, None, :]
        each = np.concatenate([slopes, scale, across.reshape(len(slopes), -1)], axis=1)
        return each - weights[:, None] * normal.entropy_slope

    def pull_back(self, slopes, weights):
        normal, score = self._normal, self.score
        moved = slopes + weights[:, None] * score
        scale = np.sum(moved * self._own + weights[:, None] * score**2 * normal.scale, axis=0)
        across = moved.T @ self._shared + (weights[:, None] * score).T @ (score @ normal.factor)
        return np.concatenate([slopes.sum(axis=0), scale, across.ravel()]) - weights.sum() * normal.entropy_slope
