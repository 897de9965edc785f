"""From the parameters of a generalised linear model to a prior and to starts."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.families import Gamma, IndependentNormal, InterceptGivenWeights, Joint, NormalGivenPrecision
from skvi.linear_model._regression_parameters import gamma_prior, initial_precisions, known, moving_variances

# Rows whose columns are summed at a time.
_CHUNK_DOUBLES = 2**16
# Least curvature of a row that a start counts on.
_LEAST_CURVATURE = 1e-3


@dataclass(frozen=True)
class Columns:
    """Weighted means and variances of the columns, and the sum of the weights."""

    mean: np.ndarray
    var: np.ndarray
    weight: float


def describe_columns(x, weights, n_jobs):
    """Weighted moments of the columns, about the first row: zero in the columns that do not vary.

    Parameters
    ----------
    x : ndarray or CSR of shape (N, D)
    weights : ndarray of shape (N,), positive
    n_jobs : int
    """
    n_rows, n_features = x.shape
    origin = np.zeros(n_features) if sparse.issparse(x) else np.asarray(x[0], dtype=np.float64)
    ranges = cut(n_rows, 10.0 * n_features, 16.0 * n_features)
    tasks = [lambda e=edges: _sums(x[slice(*e)], weights[slice(*e)], origin) for edges in ranges]
    first, second = sum(_threads.run(tasks, n_jobs))
    weight = float(weights.sum())
    shift = first / weight
    return Columns(origin + shift, np.maximum(second / weight - shift**2, 0.0), weight)


def _sums(x, weights, origin):
    """Weighted sums of x - origin and of its squares, shape (2, D)."""
    if sparse.issparse(x):
        return np.stack([np.asarray(x.T @ weights).ravel(), np.asarray(x.multiply(x).T @ weights).ravel()])
    total = np.zeros((2, len(origin)))
    size = max(1, _CHUNK_DOUBLES // len(origin))
    for start in range(0, len(x), size):
        rows, share = x[start : start + size] - origin, weights[start : start + size]
        total[0] += share @ rows
        rows *= rows
        total[1] += share @ rows
    return total


def natural_precisions(columns, groups):
    """Precisions by group that give all columns together a linear predictor of variance one, in equal shares."""
    by_group = np.bincount(groups, moving_variances(columns.var, np.abs(columns.mean)))
    return len(by_group) * by_group


def make_prior(estimator, columns, groups, linked):
    """Joint prior of the coefficients, the intercept at the mean of the rows, and the precisions if learned."""
    precisions = natural_precisions(columns, groups)
    shape = (*np.shape(linked), len(groups))
    precision, factors = known(estimator.weight_precision), {}
    if precision is None:
        scale = precisions if groups.any() else precisions[0]
        factors["weight_precision"] = gamma_prior(estimator.lambda_1, estimator.lambda_2, np.asarray(scale))
        weights = NormalGivenPrecision(factors["weight_precision"], groups, shape)
    else:
        weights = IndependentNormal(np.zeros(shape), np.full(shape, precision))
    if estimator.fit_intercept:
        width = np.full(np.shape(linked), estimator.intercept_scale**-2.0)
        factors["intercept"] = IndependentNormal(np.asarray(linked), width)
    return Joint(weights=weights, **factors)


def make_starts(estimator, prior, columns, groups, curvature, form, random_state):
    """Posteriors to start from, one for each restart: no effects, as wide as the data will make them.

    The precisions are those of the prior's natural scale, then random multiples.
    """
    precisions = natural_precisions(columns, groups)
    if estimator.lambda_init is not None:
        precisions = np.broadcast_to(initial_precisions(estimator.lambda_init, len(precisions)), precisions.shape)
    curvature = columns.weight * np.maximum(curvature, _LEAST_CURVATURE)
    starts = []
    for _ in range(estimator.n_init):
        starts.append(_start(prior, columns, groups, curvature, form, precisions))
        precisions = natural_precisions(columns, groups) * np.exp(2.0 * random_state.standard_normal(len(precisions)))
    return starts


def _start(prior, columns, groups, curvature, form, precisions):
    mean = np.zeros(prior.weights.mean.shape)
    learned = "weight_precision" in prior
    own = precisions[groups] if learned else prior.weights.precision
    diagonal = np.broadcast_to(own + np.multiply.outer(curvature, columns.var), mean.shape)
    weights = form.start(mean, diagonal)
    factors = {"weights": weights}
    if "intercept" in prior:
        b = prior.intercept
        factors["intercept"] = InterceptGivenWeights(b.mean, b.precision + curvature, np.zeros_like(mean), weights)
    if learned:
        shape = prior.weight_precision.shape + 0.5 * np.bincount(groups) * (mean.size // len(groups))
        shape = shape if groups.any() else shape[0]
        factors["weight_precision"] = Gamma(shape, shape / (precisions if groups.any() else precisions[0]))
    return Joint(**factors)


def moved_to(posterior, shift):
    """The same posterior, its intercept taken at rows that lie a shift beyond."""
    if "intercept" not in posterior:
        return posterior
    b, weights = posterior.intercept, posterior.weights
    moved = type(b)(b.mean + weights.mean @ shift, b.precision, b.slope + shift, weights)
    return Joint(**{**dict(posterior.items()), "intercept": moved})
