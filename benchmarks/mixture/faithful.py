"""Old Faithful, as in Bishop (2006): does the bound find the two clusters?"""

from math import lgamma

import numpy as np

from benchmarks._tables import print_table
from skvi.mixture import VariationalGaussianMixture

_FILE = "clustering/faithful.csv"
_COMPONENTS = 6
_SPARSE = 1e-3
_SEEDS = 5
_RESTARTS = 10
_MAX_ITER = 2000


def faithful(options):
    """Count the components that a sparse prior keeps, and compare bounds over their number."""
    path = None if options.data is None else options.data / _FILE
    if path is None or not path.exists():
        print(f"\nfaithful: skipped, for want of {_FILE} in a folder named by --data")
        return
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    X = (values - values.mean(axis=0)) / values.std(axis=0)
    _print_kept(X, options.repeats(_SEEDS))
    _print_bounds(X)


def _fitted(X, n_components, concentration, **settings):
    return VariationalGaussianMixture(
        n_components,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=concentration,
        max_iter=_MAX_ITER,
        **settings,
    ).fit(X)


def _print_kept(X, n_seeds):
    rows = []
    for seed in range(n_seeds):
        model = _fitted(X, _COMPONENTS, _SPARSE, random_state=seed)
        weights = " ".join(f"{weight:.3f}" for weight in model.weights_)
        kept = model.n_components_
        rows.append([seed, f"{model.elbo_:.3f}", model.n_iter_, weights, kept, 2, "yes" if kept == 2 else "no"])
    print_table(
        f"faithful: components kept of K = {_COMPONENTS} at a Dirichlet concentration of {_SPARSE:g} (fig. 10.6)",
        ["seed", "ELBO\nnats", "sweeps", "weights", "kept", "goal", "met"],
        rows,
        ["standardised, 272 rows; kept: more than half a row's mass"],
    )


def _print_bounds(X):
    """Bounds with a uniform Dirichlet prior, best of some restarts."""
    bounds = {k: _fitted(X, k, 1.0, n_init=_RESTARTS, random_state=0).elbo_ for k in range(1, _COMPONENTS + 1)}
    modes = {k: bound + lgamma(k + 1) for k, bound in bounds.items()}
    rows = [[k, f"{bounds[k]:.3f}", f"{modes[k]:.3f}", _peak(bounds, k), _peak(modes, k)] for k in bounds]
    best = max(bounds, key=bounds.get)
    print_table(
        f"faithful: exact bound over K, best of {_RESTARTS} restarts, Dirichlet concentration 1 (fig. 10.7)",
        ["K", "ELBO\nnats", "+ log K!\nnats", "peak", "peak\nwith log K!"],
        rows,
        [f"peak of the ELBO at K = {best}; goal 2: {'met' if best == 2 else 'not met'}"],
    )


def _peak(bounds, k):
    return "<--" if bounds[k] == max(bounds.values()) else ""
