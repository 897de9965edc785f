"""Posteriors of growing size: which method comes nearest, and what it takes. The data are simulated."""

import time
import warnings

import numpy as np

from benchmarks._tables import print_table
from benchmarks.posteriors._chains import chain_draws
from skvi.blackbox import BlackBoxVI, HierarchicalIntercepts, LogisticModel, PoissonModel
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target

_SIZES = (10, 30, 100, 200, 300, 500, 1000)
_QUICK = 3
_METHODS = {
    "auto": {},
    "bam": {"method": "bam"},
    "dadvi": {"method": "dadvi"},
    "natural": {"method": "natural", "family": "fullrank"},
    "pathfinder": {"method": "pathfinder", "family": "fullrank"},
}
#: seconds after which a method is left out at larger sizes, where it would take several times as long
_PATIENCE = 40.0
_ROUNDS, _WARM_UP, _DRAWS = 60, 30, 4000


def sizes(options):
    """Print errors, bounds, gradients and seconds by number of parameters."""
    rows = []
    for name, make in _PROBLEMS.items():
        tired = set()
        for size in _SIZES[:_QUICK] if options.quick else _SIZES:
            model, X, y = make(size, np.random.default_rng(0))
            found = _reference(model, X, y)
            for method in [method for method in _METHODS if method not in tired]:
                rows.append([name, size, method, *_figures(_METHODS[method], model, X, y, *found)])
                if rows[-1][-3] > _PATIENCE:
                    tired.add(method)
    print_table(
        "sizes: posteriors of more and more parameters",
        [
            *("posterior", "P", "method", "error of\nmeans, sd", "sd: log\nratio", "largest", "ELBO", "se", "k-hat"),
            *("gradients", "seconds", "verdict", "message"),
        ],
        rows,
        [
            "errors: roots of the mean square over all free numbers, and the largest log ratio",
            f"against {_ROUNDS * 64} draws of Hamiltonian chains, whose own errors are about 0.02 sd and 1 %",
            "columns of the regressions are correlated; bam, natural and pathfinder have full covariances, and dadvi",
            f"has those of linear response as long as it computes them; more than {_PATIENCE:.0f} s are given once",
        ],
    )


def _correlated(n_rows, n_columns, rng):
    """Columns that share a few factors, of variance one."""
    shared = rng.standard_normal((n_rows, 5)) @ rng.standard_normal((5, n_columns)) / np.sqrt(5.0)
    return np.sqrt(0.5) * (shared + rng.standard_normal((n_rows, n_columns)))


def _regression_rows(size, rng):
    X = _correlated(max(3 * size, 200) if size <= 300 else 1000, size - 1, rng)
    weights = rng.standard_normal(size - 1)
    return X, X @ weights / np.sqrt(size)


def _logistic(size, rng):
    X, outputs = _regression_rows(size, rng)
    y = (rng.uniform(size=len(X)) < 1.0 / (1.0 + np.exp(-2.0 * outputs))).astype(float)
    return LogisticModel(weight_precision=float(size) / 4.0), X, y


def _poisson(size, rng):
    X, outputs = _regression_rows(size, rng)
    return PoissonModel(weight_precision=float(size)), X, rng.poisson(np.exp(0.5 + 0.5 * outputs)).astype(float)


def _groups(size, rng):
    """Intercepts of groups of five rows each, and one column."""
    n_groups = size - 4
    group = np.repeat(np.arange(n_groups), 5)
    X = np.column_stack([group, rng.standard_normal(len(group))])
    y = 1.0 + 0.7 * rng.standard_normal(n_groups)[group] + 0.5 * X[:, 1] + rng.standard_normal(len(group))
    return HierarchicalIntercepts(), X, y


_PROBLEMS = {"logistic": _logistic, "poisson": _poisson, "groups": _groups}


def _reference(model, X, y):
    """Means and deviations of the free numbers."""
    target = Target(model, Layout(model.parameters(X, y)), X, y, np.ones(len(X)))
    draws = chain_draws(target, _ROUNDS, _WARM_UP, np.random.default_rng(1))
    return draws.mean(axis=0), draws.std(axis=0)


def _figures(settings, model, X, y, mean, sd):
    estimator = BlackBoxVI(model, random_state=0, **settings)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)
    seconds = time.perf_counter() - begin
    q = estimator.approximation_
    ratio = 0.5 * np.log(q.variances) - np.log(sd)
    return [
        f"{_rms((q.mean - mean) / sd):.3f}",
        *(f"{value:.3f}" for value in (_rms(ratio), np.abs(ratio).max())),
        *(f"{estimator.elbo_:.2f}", f"{estimator.elbo_se_:.2f}", f"{estimator.khat_:.2f}", estimator.n_grad_evals_),
        *(seconds, "trusted" if estimator.trusted_ else "doubted", estimator.message_.partition(": ")[2][:70]),
    ]


def _rms(values):
    return np.sqrt(np.mean(values**2))
