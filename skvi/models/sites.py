"""Rows of a generalised linear model, and the Gaussian sites that stand for them.

Given eta_i = theta'a_i ~ Normal(m_i, v_i) with a = (x - x0, 1), the expected log-likelihood f_i(m_i, v_i) of a row
has the slope g_i = df/dm and the curvature c_i = -2 df/dv. About the mean of q its site

    log t_i = f_i + g_i (eta - m_i) - c_i / 2 ((eta - m_i)^2 - v_i)

agrees with f_i in value and gradient: q is best where it is the prior times all sites (Khan & Lin 2017).

Letters: N rows, D features, P parameters of a linear predictor (D, or D + 1 with an intercept, which comes last),
K linear predictors of a row.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skvi.families.base import lazy
from skvi.kernels.arrays import read_only
from skvi.kernels.blocks import FEATURE_TILE, TABLE_TILE
from skvi.kernels.moments import mirror
from skvi.kernels.predictors import predictor_kernels, predictor_pass, site_kernels, site_pass
from skvi.models.rows import block_width, pad

# Doubles of a block of rows: a share of the second-level cache; and the most rows of one.
_BLOCK_DOUBLES = 2**17
_MOST_ROWS = 512
# Doubles of the rows of a sparse table that are filled in at a time.
_DENSE_DOUBLES = 2**20


@dataclass(frozen=True)
class Observations:
    """Rows with their targets.

    Parameters
    ----------
    x : ndarray or CSR of shape (N, D)
    y : ndarray of shape (N,)
    weights : ndarray of shape (N,), float64, non-negative
    offset : ndarray of shape (N,) or None
        Known part of the linear predictor.
    """

    x: object
    y: np.ndarray
    weights: np.ndarray
    offset: object = None

    def __post_init__(self):
        if isinstance(self.x, np.ndarray):
            object.__setattr__(self, "x", read_only(self.x))

    @property
    def n_rows(self):
        """Number of rows."""
        return self.x.shape[0]

    @property
    def weight(self):
        """Sum of the weights."""
        return float(self.weights.sum())

    def take(self, positions):
        """Some rows, by position or as a slice."""
        offset = None if self.offset is None else self.offset[positions]
        return Observations(self.x[positions], self.y[positions], self.weights[positions], offset)

    def used(self):
        """Rows of positive weight."""
        return self if (self.weights > 0.0).all() else self.take(np.flatnonzero(self.weights))

    def dense(self):
        """Yield these rows as a dense table, sparse ones some at a time."""
        if not sparse.issparse(self.x):
            yield self
            return
        size = max(1, _DENSE_DOUBLES // self.x.shape[1])
        for start in range(0, self.n_rows, size):
            rows = self.take(slice(start, start + size))
            yield Observations(rows.x.toarray(), rows.y, rows.weights, rows.offset)

    @property
    def block_width(self):
        """Rows of a block of the kernels."""
        return block_width(self.n_rows, min(_MOST_ROWS, max(1, _BLOCK_DOUBLES // self.x.shape[1])))


class Predictor:
    """q(w) q(b | w) of K linear predictors, as the rows need it.

    Parameters
    ----------
    center : ndarray of shape (D,)
        x0, where the intercepts are taken.
    posterior : Joint
        With `weights`, and `intercept` where there is one.
    """

    def __init__(self, center, posterior):
        self.center = center
        self.intercept = "intercept" in posterior
        self.mean, self.root = joint_moments(posterior)
        self.n_sets, self.n_features = len(self.mean), len(center)

    @lazy
    def _means(self):
        """Centre and directions of the means."""
        directions = self.mean[:, : self.n_features]
        return pad(self.center[None], 1, FEATURE_TILE), pad(directions, 1, FEATURE_TILE)

    @lazy
    def _variances(self):
        """Centres, factors and constants of the variances.

        With U U' = Var[w] and b | w of slope s and variance u they are |U'(x - x0 + s)|^2 + u.
        """
        n_features = self.n_features
        roots = self.root[:, :n_features, :n_features]
        center, constants = np.tile(self.center, (self.n_sets, 1)), np.zeros(self.n_sets)
        if self.intercept:
            center -= np.linalg.solve(np.swapaxes(roots, 1, 2), self.root[:, -1, :-1, None])[..., 0]
            constants = self.root[:, -1, -1] ** 2
        return pad(center, 1, FEATURE_TILE), pad(np.swapaxes(roots, 1, 2), 2, FEATURE_TILE), constants

    def moments(self, rows):
        """Means and variances of the linear predictors of dense rows, two arrays of shape (K, N)."""
        mean, var = np.empty((2, self.n_sets, rows.n_rows))
        factors = *self._means, *self._variances
        predictor_pass(predictor_kernels(), rows.x, rows.block_width, *factors, mean, var)
        if self.intercept:
            mean += self.mean[:, -1:]
        if rows.offset is not None:
            mean += rows.offset
        return mean, var

    def over(self, observations):
        """Yield (rows, means, variances) of some rows at a time."""
        for rows in observations.dense():
            yield rows, *self.moments(rows)


class SiteSums:
    """Sums over rows of what their sites need, about the centre of a predictor."""

    def __init__(self, predictor):
        self.n_features, self.intercept = predictor.n_features, predictor.intercept
        self.centers = pad(np.tile(predictor.center, (predictor.n_sets, 1)), 1, TABLE_TILE)
        n_sets, columns = self.centers.shape
        self.totals = np.zeros(n_sets)
        self.slopes, self.count, self.first = np.zeros((n_sets, columns)), np.zeros(n_sets), np.zeros((n_sets, columns))
        self.second = np.zeros((n_sets, columns, columns))

    def add(self, rows, slope, curvature):
        """Add weighted slopes and curvatures of dense rows, shape (K, N)."""
        self.totals += slope.sum(axis=1)
        sums = self.slopes, self.count, self.first, self.second
        slope, curvature = np.ascontiguousarray(slope), np.ascontiguousarray(curvature)
        site_pass(site_kernels(), rows.x, slope, curvature, rows.block_width, self.centers, *sums)

    def gradient(self):
        """Sums of slope times a, shape (K, P)."""
        slopes = self.slopes[:, : self.n_features]
        return np.column_stack([slopes, self.totals]) if self.intercept else slopes

    def gram(self):
        """Sums of curvature times a a', shape (K, P, P)."""
        n_features = self.n_features
        mirror(self.second)
        gram = np.empty((len(self.count), *[n_features + self.intercept] * 2))
        gram[:, :n_features, :n_features] = self.second[:, :n_features, :n_features]
        if self.intercept:
            gram[:, :-1, -1] = gram[:, -1, :-1] = self.first[:, :n_features]
            gram[:, -1, -1] = self.count
        return gram


@dataclass(frozen=True)
class Sites:
    """A product of Gaussian sites: constant + gradient'd - (d' gram d) / 2 with d = theta - center.

    Parameters
    ----------
    center, gradient : ndarray of shape (K, P)
    gram : ndarray of shape (K, P, P)
    constant : float
        Half the expected d' gram d when the sites were made, so that their expectation was nought.
    """

    center: np.ndarray
    gradient: np.ndarray
    gram: np.ndarray
    constant: float

    sums = SiteSums

    @classmethod
    def of(cls, sums, center, constant):
        """Sites from the sums over their rows."""
        return cls(center, sums.gradient(), sums.gram(), constant)

    def about(self, center):
        """The same sites about another centre."""
        if center is self.center or (center == self.center).all():
            return self
        step = center - self.center
        turned = self.turned(step)
        constant = self.constant + np.vdot(step, self.gradient - 0.5 * turned)
        return type(self)(center, self.gradient - turned, self.gram, constant)

    def turned(self, step):
        """Curvature of the means times a step, shape (K, P)."""
        return np.einsum("kpq,kq->kp", self.gram, step)

    def expected(self, mean, root):
        """Expected logarithm (nats) under normal parameters."""
        step = mean - self.center
        turned = self.turned(step)
        spread = np.vdot(self.gram @ root, root)
        return self.constant + float(np.vdot(step, self.gradient - 0.5 * turned) - 0.5 * spread)

    def __add__(self, other):
        mine = self.about(other.center)
        return type(self)(
            other.center, mine.gradient + other.gradient, mine.gram + other.gram, mine.constant + other.constant
        )

    def __rmul__(self, factor):
        return type(self)(self.center, factor * self.gradient, factor * self.gram, factor * self.constant)

    def __sub__(self, other):
        return self + -1.0 * other.about(self.center)


def linearised(observations, predictor, likelihood, site_type=Sites):
    """Sites of rows at a predictor, and the weighted sum of their expected log-likelihoods (nats)."""
    sums = site_type.sums(predictor)
    value = constant = 0.0
    for rows, mean, var in predictor.over(observations):
        f, slope, curvature = expected(likelihood, rows.y, mean, var)
        # Where log p is convex a row adds nothing to the precision: q stays proper, and its bound still holds.
        curvature = rows.weights * np.maximum(curvature, 0.0)
        value += float(rows.weights @ f)
        constant += 0.5 * float(np.vdot(curvature, var))
        sums.add(rows, rows.weights * slope, curvature)
    return site_type.of(sums, predictor.mean, constant), value


def expected(likelihood, y, mean, var):
    """What a likelihood expects of rows: of one linear predictor it knows no axis K."""
    if len(mean) > 1:
        return likelihood.expected(y, mean, var)
    value, slope, curvature = likelihood.expected(y, mean[0], var[0])
    return value, slope[None], curvature[None]


def joint_moments(posterior):
    """Mean and root of the covariance of (w, b), shapes (K, P) and (K, P, P)."""
    q = posterior.weights
    n_features = q.mean.shape[-1]
    mean, root = np.reshape(q.mean, (-1, n_features)), np.reshape(q.root, (-1, n_features, n_features))
    if "intercept" not in posterior:
        return mean, root
    b = posterior.intercept
    slope = np.reshape(b.slope, mean.shape)
    joint = np.zeros((len(mean), n_features + 1, n_features + 1))
    joint[:, :-1, :-1] = root
    joint[:, -1, :-1] = np.einsum("kij,ki->kj", root, slope)
    joint[:, -1, -1] = 1.0 / np.sqrt(b.precision)
    return np.column_stack([mean, np.reshape(b.mean, -1)]), joint
