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

from skvi import _threads

# Doubles of rows that are centred at a time: a share of the second-level cache.
_CHUNK_DOUBLES = 2**16
_LEAST_CHUNK = 64


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

    def tables(self, center, n_parameters):
        """Yield (chunk of rows, its table a of shape (n, P)), a chunk at a time; a table holds until the next."""
        size = max(_LEAST_CHUNK, _CHUNK_DOUBLES // n_parameters)
        scratch = _threads.scratch("sites", (size, n_parameters))
        scratch[:, len(center) :] = 1.0
        for start in range(0, self.n_rows, size):
            chunk = self.take(slice(start, start + size))
            rows = chunk.x.toarray() if sparse.issparse(chunk.x) else chunk.x
            table = scratch[: len(rows)]
            np.subtract(rows, center, out=table[:, : len(center)])
            yield chunk, table


@dataclass(frozen=True)
class Predictor:
    """q of the parameters of K linear predictors, as the rows need it.

    Parameters
    ----------
    center : ndarray of shape (D,)
        x0, where the intercepts are taken.
    mean : ndarray of shape (K, P)
    root : ndarray of shape (K, P, P)
        U with covariance U U'.
    """

    center: np.ndarray
    mean: np.ndarray
    root: np.ndarray

    def moments(self, table, offset=None):
        """Means and variances of the linear predictors of centred rows, two arrays of shape (K, n)."""
        mean = self.mean @ table.T
        if offset is not None:
            mean += offset
        var = np.empty_like(mean)
        product = _threads.scratch("projected", (len(table), table.shape[1]))
        for k, root in enumerate(self.root):
            np.matmul(table, root, out=product)
            np.einsum("np,np->n", product, product, out=var[k])
        return mean, var


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

    def about(self, center):
        """The same sites about another centre."""
        if center is self.center or (center == self.center).all():
            return self
        step = center - self.center
        turned = np.einsum("kpq,kq->kp", self.gram, step)
        constant = self.constant + np.vdot(step, self.gradient - 0.5 * turned)
        return Sites(center, self.gradient - turned, self.gram, constant)

    def expected(self, mean, root):
        """Expected logarithm (nats) under normal parameters."""
        step = mean - self.center
        turned = np.einsum("kpq,kq->kp", self.gram, step)
        spread = np.vdot(self.gram @ root, root)
        return self.constant + float(np.vdot(step, self.gradient - 0.5 * turned) - 0.5 * spread)

    def __add__(self, other):
        mine = self.about(other.center)
        return Sites(
            other.center, mine.gradient + other.gradient, mine.gram + other.gram, mine.constant + other.constant
        )

    def __rmul__(self, factor):
        return Sites(self.center, factor * self.gradient, factor * self.gram, factor * self.constant)

    def __sub__(self, other):
        return self + -1.0 * other.about(self.center)


def linearised(rows, predictor, likelihood):
    """Sites of rows at a predictor, and the weighted sum of their expected log-likelihoods (nats)."""
    n_sets, n_parameters = predictor.mean.shape
    gradient, gram = np.zeros((n_sets, n_parameters)), np.zeros((n_sets, n_parameters, n_parameters))
    product = _threads.scratch("weighted gram", (n_parameters, n_parameters))
    value = constant = 0.0
    for chunk, table in rows.tables(predictor.center, n_parameters):
        mean, var = predictor.moments(table, chunk.offset)
        f, slope, curvature = expected(likelihood, chunk.y, mean, var)
        # Where log p is convex a row adds nothing to the precision: q stays proper, and its bound still holds.
        curvature = chunk.weights * np.maximum(curvature, 0.0)
        value += float(chunk.weights @ f)
        constant += 0.5 * float(np.vdot(curvature, var))
        gradient += (chunk.weights * slope) @ table
        scaled = _threads.scratch("projected", table.shape)
        for k in range(n_sets):
            np.multiply(table, np.sqrt(curvature[k])[:, None], out=scaled)
            # One operand twice: numpy computes one triangle.
            gram[k] += np.matmul(scaled.T, scaled, out=product)
    return Sites(predictor.mean, gradient, gram, constant), value


def expected(likelihood, y, mean, var):
    """What a likelihood expects of rows: of one linear predictor it knows no axis K."""
    if len(mean) > 1:
        return likelihood.expected(y, mean, var)
    value, slope, curvature = likelihood.expected(y, mean[0], var[0])
    return value, slope[None], curvature[None]
