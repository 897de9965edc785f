"""Networks on the regression sets of Liu & Wang (2016): held-out rows after the same steps, and the time these take."""

import time
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._tables import print_table
from benchmarks._timing import one_blas_thread
from benchmarks.linear._data import absent, names, splits
from benchmarks.stein._contestants import OURS
from benchmarks.stein._reference import Network, descend
from skvi import SVGDSampler
from skvi.blackbox import NeuralNetworkRegressionModel

_SPLITS = 3
_PARTICLES, _HIDDEN, _BATCH = 20, 50, 100
_LAPS, _FEW_LAPS = 200, 50
_LARGE = ("kin8nm", "naval", "power-plant", "protein")
_PEER_STEP = 1e-3
#: what a user would set: the default, and one number for all sets
_STEPS = {"auto": "auto", "0.005": 0.005}
# RMSE and log density that the replication found with the code of the paper.
_PUBLISHED = {
    "boston": (2.987, -2.689),
    "concrete": (5.240, -3.099),
    "energy": (0.890, -1.309),
    "kin8nm": (0.101, 0.871),
    "naval": (0.004, 3.993),
    "power-plant": (4.168, -2.850),
    "protein": (4.493, -2.923),
    "wine-red": (0.632, -0.968),
    "yacht": (3.656, -2.741),
}


class _Found(NamedTuple):
    """What a contestant found for one split, in the units of y."""

    rmse: float
    log_density: float
    seconds: float


def networks(options):
    """Compare held-out error, log density and seconds of skvi and of plain numpy."""
    rows = [row for name in names(options) for row in _rows(options, name)]
    if not rows:
        print("\nnetworks: skipped,", *absent(options))
        return
    print_table(
        f"networks: {_PARTICLES} particles, {_HIDDEN} hidden units, mini-batches of {_BATCH}, held-out rows",
        [
            *("set", "steps", "contestant", "RMSE", "+-", "log density\nof a row", "+-", "seconds"),
            *("numpy one by one\nover this", "numpy batched\nover this", "published\nRMSE", "log density"),
        ],
        rows,
        [
            f"means over {_n_splits(options)} splits (protein has 5), +- their standard errors; {_LAPS} laps over the "
            f"rows, {_FEW_LAPS} of {', '.join(_LARGE)}",
            f"numpy: steps of {_PEER_STEP:g}, one BLAS thread; one by one: a gradient for each particle in turn, as "
            "the code of the paper takes them; batched: of all particles at once, the same numbers",
            f"{OURS}: all that fit does, checks of the model and evaluations included, in a Pipeline",
            "published: the code of the paper in an independent replication, 20 splits",
            *absent(options),
        ],
    )


def _n_splits(options):
    return options.splits or options.repeats(_SPLITS)


def _rows(options, name):
    found, steps = {}, 0
    for split in splits(name, options, _n_splits(options)):
        laps = _FEW_LAPS if name in _LARGE else _LAPS
        steps = (2 if options.quick else laps) * -(-len(split[0]) // _BATCH)
        seed = len(found.get("numpy batched", ()))
        for contestant, result in _contest(split, steps, seed):
            found.setdefault(contestant, []).append(result)
    seconds = {contestant: mean(result.seconds for result in results) for contestant, results in found.items()}
    for contestant, results in found.items():
        figures = [_with_error([result[i] for result in results]) for i in (0, 1)]
        yield [
            *(name, steps, contestant, *(_digits(figure) for pair in figures for figure in pair), seconds[contestant]),
            seconds["numpy one by one"] / seconds[contestant],
            seconds["numpy batched"] / seconds[contestant],
            *(f"{figure:.3f}" for figure in _PUBLISHED[name]),
        ]


def _with_error(values):
    return mean(values), stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def _digits(figure):
    return None if figure is None else f"{figure:.3f}"


def _contest(split, steps, seed):
    """Contestants with what they found, side by side."""
    with one_blas_thread():
        yield "numpy one by one", _peer(split, steps, seed, one_by_one=True)
        yield "numpy batched", _peer(split, steps, seed, one_by_one=False)
    for label, step_size in _STEPS.items():
        yield f"{OURS} {label}", _ours(split, steps, seed, step_size)


def _peer(split, steps, seed, *, one_by_one):
    X, y, X_test, y_test, unit = split
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    start = time.perf_counter()
    network = Network(X[order], y[order], _HIDDEN, one_by_one)
    first = network.start(_PARTICLES, rng)
    particles = descend(network.gradient, first, len(X), _BATCH, steps, _PEER_STEP)
    seconds = time.perf_counter() - start
    densities = logsumexp(network.log_density(particles, X_test, y_test), axis=0) - np.log(_PARTICLES)
    return _found(network.predict(particles, X_test).mean(axis=0), densities, y_test, unit, seconds)


def _ours(split, steps, seed, step_size):
    X, y, X_test, y_test, unit = split
    sampler = SVGDSampler(
        NeuralNetworkRegressionModel(n_hidden=_HIDDEN),
        n_particles=_PARTICLES,
        batch_size=_BATCH,
        max_iter=steps,
        tol=0.0,
        step_size=step_size,
        random_state=seed,
    )
    pipeline = make_pipeline(StandardScaler(), sampler)
    start = time.perf_counter()
    pipeline.fit(X, y)
    seconds = time.perf_counter() - start
    densities = sampler.log_predictive_density(pipeline[0].transform(X_test), y_test)
    return _found(pipeline.predict(X_test), densities, y_test, unit, seconds)


def _found(means, densities, y, unit, seconds):
    """Figures in the units of y, which was standardised by its deviation `unit`."""
    return _Found(unit * np.sqrt(np.mean((means - y) ** 2)), np.mean(densities) - np.log(unit), seconds)
