"""Small data, the settings that every property is checked for, and what textbooks say of them."""

import itertools

import numpy as np
from scipy import sparse

GROUPS = {"ridge": {}, "ard": {"prior": "ard"}, "groups": {"groups": "halves"}}
OUTPUTS = {
    "single": {},
    "own": {"output_precisions": "own"},
    "shared": {"output_precisions": "shared"},
}
PRECISIONS = {
    "learned": {},
    "noise known": {"noise_precision": 2.0},
    "weights known": {"weight_precision": 0.7},
    "known": {"noise_precision": 2.0, "weight_precision": 0.7},
}
SHAPES = {"tall": (40, 5), "square": (8, 8), "wide": (7, 15)}
ALL_SETTINGS = list(itertools.product(GROUPS, OUTPUTS, PRECISIONS))


def settings(groups, outputs, precisions, n_features):
    """Parameters under three names of the tables above."""
    chosen = GROUPS[groups] | OUTPUTS[outputs] | PRECISIONS[precisions]
    if chosen.get("groups") == "halves":
        chosen["groups"] = np.where(np.arange(n_features) % 2, "odd", "even")
    return chosen


def regression(shape, n_outputs=None, noise=1.0, seed=0):
    """Rows away from the origin, and targets that depend on every other column."""
    rng = np.random.default_rng(seed)
    X = 2.0 + rng.standard_normal(shape)
    n_targets = () if n_outputs is None else (n_outputs,)
    coefficients = rng.standard_normal((shape[1], *n_targets))
    coefficients[1::2] = 0.0
    return X, 3.0 + X @ coefficients + noise * rng.standard_normal((shape[0], *n_targets))


def data_for(outputs, shape, **parameters):
    """Data of one output, or of three."""
    return regression(shape, None if outputs == "single" else 3, **parameters)


def sparse_regression(shape, n_outputs=None, seed=0):
    """The same with most entries zero, and X as CSR."""
    X, _ = regression(shape, seed=seed)
    rng = np.random.default_rng(seed + 1)
    X = np.where(rng.random(shape) < 0.3, X, 0.0)
    n_targets = () if n_outputs is None else (n_outputs,)
    y = X @ rng.standard_normal((shape[1], *n_targets)) + rng.standard_normal((shape[0], *n_targets))
    return sparse.csr_array(X), y


def random_weights(n_rows, seed=0):
    """Weights of rows, some of them zero."""
    return np.random.default_rng(seed).choice([0.0, 0.3, 1.0, 2.0, 3.5], size=n_rows)


def log_evidence(rows, y, weights, noise, mean, precision):
    """Log evidence of one output with known precisions: normal coefficients integrated out of weighted rows.

    Parameters
    ----------
    rows : ndarray of shape (N, P)
    y, weights : ndarray of shape (N,)
    noise : float
    mean, precision : ndarray of shape (P,)
        Of the independent normal prior of the coefficients.
    """
    residual = y - rows @ mean
    pull = noise * rows.T @ (weights * residual)
    matrix = np.diag(precision) + noise * rows.T @ (weights[:, None] * rows)
    log_dets = np.log(precision).sum() - np.linalg.slogdet(matrix)[1]
    squares = noise * residual @ (weights * residual) - pull @ np.linalg.solve(matrix, pull)
    return 0.5 * (weights.sum() * np.log(noise / (2.0 * np.pi)) + log_dets - squares)


def with_intercept(X, weights):
    """Rows about their weighted mean, and a column of ones."""
    return np.column_stack([X - np.average(X, axis=0, weights=weights), np.ones(len(X))])


def evidence_at(model, X, y, weights, noise, precision):
    """Log evidence under a fitted model's prior of the intercept, at precisions of noise and coefficients."""
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    rows, columns = np.reshape(y, (len(y), -1)), []
    for t in range(rows.shape[1]):
        mean, matrix = np.zeros(X.shape[1]), X
        diagonal = np.broadcast_to(precision, X.shape[1])
        if "intercept" in model.prior_:
            prior = model.prior_.intercept
            matrix = with_intercept(X, weights)
            mean = np.append(mean, np.ravel(prior.mean)[t])
            diagonal = np.append(diagonal, np.ravel(prior.precision)[t])
        columns.append(log_evidence(matrix, rows[:, t], weights, noise, mean, diagonal))
    return float(np.sum(columns))
