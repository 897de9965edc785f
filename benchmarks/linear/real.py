"""Held-out rows of real sets: are predictions and intervals as good as the peers', and how long does a fit take?"""

from statistics import mean, median

import numpy as np
from scipy.special import ndtri

from benchmarks._tables import print_table
from benchmarks._timing import in_turns, one_blas_thread, seconds
from benchmarks.linear._contestants import OURS, PEERS, skvi
from benchmarks.linear._data import absent, names, splits

_SPLITS = 10
_LEVEL = 0.9
_LOG_TWO_PI = np.log(2.0 * np.pi)


def real(options):
    """Compare predictions of held-out rows, and times of fits."""
    rows = [row for name in names(options) for row in _rows(options, name)]
    if not rows:
        print("\nreal: skipped,", *absent(options))
        return
    print_table(
        f"real: held-out rows, scikit-learn | {OURS}",
        [
            *("set", "rows", "features", "prior", "log density\nof a row", "", "within 90 %\nintervals", ""),
            *("RMSE", "", "fit\nms", "", "times\nfaster", "ELBO"),
        ],
        rows,
        [
            f"means over up to {options.repeats(_SPLITS)} splits, of times medians",
            "columns and y standardised by the training rows; log density (nats) and RMSE in the units of y",
            "scikit-learn's density and intervals are normal, with the deviations that predict returns",
            "scikit-learn has one BLAS thread: these sets are narrow; ELBO: mean over splits, of standardised y",
            *absent(options),
        ],
    )


def _rows(options, name):
    for prior, peer in PEERS.items():
        models = {"peer": peer(), OURS: skvi(prior)}
        found = [_split(models, *split) for split in splits(name, options, options.repeats(_SPLITS))]
        n, d = found[0]["shape"]
        density, within, rmse = (
            [mean(split[figure, side] for split in found) for side in models]
            for figure in ("density", "within", "rmse")
        )
        times = [median(split["ms", side] for split in found) for side in models]
        yield [
            *(name, n, d, prior, *(f"{value:.3f}" for value in density), *(f"{100 * value:.1f}" for value in within)),
            *(*rmse, *times, times[0] / times[1], f"{mean(split['elbo'] for split in found):.1f}"),
        ]


def _split(models, X, y, X_test, y_test, unit):
    """Figures of one split by name and side."""
    turns = {side: lambda m=model: _one_thread_for_peers(m, X, y) for side, model in models.items()}
    taken = in_turns(turns, least=1, most=1)
    found = {"shape": X.shape, "elbo": models[OURS].elbo_}
    for side, model in models.items():
        density, interval = _predicted(model, X_test, y_test)
        found["density", side] = density.mean() - np.log(unit)
        found["within", side] = ((interval[:, 0] <= y_test) & (y_test <= interval[:, 1])).mean()
        found["rmse", side] = unit * np.sqrt(((model.predict(X_test) - y_test) ** 2).mean())
        found["ms", side] = 1e3 * taken[side][0]
    return found


def _one_thread_for_peers(model, X, y):
    if isinstance(model, tuple(PEERS.values())):
        with one_blas_thread():
            return seconds(lambda: model.fit(X, y))
    return seconds(lambda: model.fit(X, y))


def _predicted(model, X, y):
    """Log predictive densities of rows, and intervals of shape (n_rows, 2)."""
    if not isinstance(model, tuple(PEERS.values())):
        return model.log_predictive_density(X, y), model.predict_interval(X, _LEVEL)
    center, std = model.predict(X, return_std=True)
    half = ndtri(0.5 * (1.0 + _LEVEL)) * std
    density = -0.5 * (_LOG_TWO_PI + ((y - center) / std) ** 2) - np.log(std)
    return density, np.stack([center - half, center + half], axis=1)
