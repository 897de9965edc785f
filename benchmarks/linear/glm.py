"""Generalised linear models: a full posterior beside scikit-learn's best coefficients."""

from statistics import median

import numpy as np
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks._tables import print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.linear._data import covertype, lodgepole, made_up, made_up_classes, newsgroups
from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI

_NEWTON_STEPS = 10
# Of the coefficients of words, where it is given.
_PRECISION = 0.1


def glm(options):
    """Time fits of classes and counts, and ten Newton steps in plain numpy."""
    problems = [("made up", *made_up_classes(options)), ("counts", *_counts(options.rows(100_000), 50))]
    real = {
        "covertype": lodgepole(options),
        "7 classes": covertype(options),
        "newsgroups": newsgroups(options),
    }
    problems = [(name, *data) for name, data in real.items() if data is not None] + problems
    problems.append(("digits", *_digits()))
    absent = [name for name, data in real.items() if data is None]
    rows = [row for name, X, y in problems for row in _rows(options, name, X, y)]
    print_table(
        "glm: a fit, from data to a posterior (medians of turns A B A B)",
        ["data", "rows", "features", "model", "ms", "times\nfaster than\nlbfgs", "sweeps", "ELBO\nper row"],
        rows,
        notes=[
            "scikit-learn finds coefficients alone, with its default penalty; newton is ten steps in plain numpy",
            "newsgroups are sparse; there lbfgs is also given the penalty that our fit with it known has",
            *([f"left out, for want of them in a folder named by --data: {', '.join(absent)}"] if absent else []),
        ],
    )


def _digits():
    X, y = load_digits(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def _counts(n_rows, n_features):
    X, eta = made_up(n_rows, n_features, 10)
    return X, np.random.default_rng(1).poisson(np.exp(0.2 * eta)).astype(float)


def _contestants(name):
    if name == "counts":
        return {
            "skvi ridge": BayesianPoissonRegressionVI(),
            "skvi ard": BayesianPoissonRegressionVI(prior="ard"),
            "lbfgs": PoissonRegressor(max_iter=1000),
            "newton-cholesky": PoissonRegressor(solver="newton-cholesky"),
        }
    if name == "newsgroups":
        return {
            "skvi diag": BayesianLogisticRegressionVI(covariance="diag"),
            "skvi diag, known": BayesianLogisticRegressionVI(covariance="diag", weight_precision=_PRECISION),
            "skvi low rank": BayesianLogisticRegressionVI(covariance="low_rank"),
            "lbfgs": LogisticRegression(max_iter=1000),
            "lbfgs, known": LogisticRegression(C=1.0 / _PRECISION, max_iter=1000),
        }
    return {
        "skvi ridge": BayesianLogisticRegressionVI(),
        "skvi ard": BayesianLogisticRegressionVI(prior="ard"),
        "lbfgs": LogisticRegression(max_iter=1000),
        "newton-cholesky": LogisticRegression(solver="newton-cholesky"),
    }


def _rows(options, name, X, y):
    models = _contestants(name)
    turns = {key: lambda m=model: seconds(lambda: m.fit(X, y)) for key, model in models.items()}
    if y.dtype == bool and name != "newsgroups":
        turns["newton"] = lambda: seconds(lambda: _newton(X, y))
    for turn in turns.values():
        turn()
    taken = {key: 1e3 * median(times) for key, times in in_turns(turns, most=options.repeats(7), budget=8.0).items()}
    for key, milliseconds in taken.items():
        model = models.get(key)
        ours = key.startswith("skvi")
        elbo = f"{model.elbo_ / len(y):.6f}" if ours else "-"
        sweeps = model.n_iter_ if ours else "-"
        yield [name, *X.shape, key, milliseconds, taken["lbfgs"] / milliseconds, sweeps, elbo]


def _newton(X, y):
    """Coefficients of a logistic regression with a standard normal prior."""
    table = np.column_stack([X, np.ones(len(X))])
    w = np.zeros(table.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = expit(table @ w)
        curvature = (table * (p * (1.0 - p))[:, None]).T @ table + np.eye(len(w))
        w += np.linalg.solve(curvature, table.T @ (y - p) - w)
    return w
