"""Logistic regression of the forest-cover data, as in Liu & Wang (2016): held-out rows, and seconds."""

import time
from statistics import mean

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._tables import print_table
from benchmarks._timing import one_blas_thread
from benchmarks.linear._data import lodgepole
from benchmarks.stein._blackjax import BLACKJAX, descend_logistic, installed
from benchmarks.stein._contestants import OURS
from benchmarks.stein._reference import Logistic, descend
from skvi import SVGDSampler
from skvi.blackbox import LogisticModel

_SPLITS = 3
_PARTICLES, _BATCH, _STEPS, _PEER_STEP = 100, 100, 6000, 0.05
_TRAINING = 0.8
#: what a user would set: the default, and one number
_OUR_STEPS = {"auto": "auto", "0.05": 0.05}


def covertype(options):
    """Compare accuracy, log density and seconds of skvi and of plain numpy."""
    data = lodgepole(options)
    if data is None:
        print("\ncovertype: skipped, for want of covertype_subsets in a folder named by --data")
        return
    n_splits = options.splits or options.repeats(_SPLITS)
    steps = 300 if options.quick else _STEPS
    found = {}
    for seed in range(n_splits):
        for contestant, figures in _contest(*_split(*data, seed), steps, seed):
            found.setdefault(contestant, []).append(figures)
    means = {contestant: [mean(column) for column in zip(*rows, strict=True)] for contestant, rows in found.items()}
    peers = [peer for peer in ("numpy", BLACKJAX) if peer in means]
    print_table(
        f"covertype: {_PARTICLES} particles, mini-batches of {_BATCH}, {steps} steps, held-out rows",
        ["contestant", "accuracy\n%", "log density\nof a row", "seconds", *(f"{peer}\nover this" for peer in peers)],
        [
            [
                *(name, f"{100.0 * accuracy:.2f}", f"{density:.4f}", seconds),
                *(means[peer][2] / seconds for peer in peers),
            ]
            for name, (accuracy, density, seconds) in means.items()
        ],
        [
            f"means over {n_splits} splits; columns standardised; numpy: steps of {_PEER_STEP:g}, one BLAS thread",
            *([f"{BLACKJAX}: the same steps on all cores in 64 bits, compiling included"] if installed() else []),
            f"{OURS}: all that fit does, checks of the model and evaluations on all rows included, in a Pipeline",
        ],
    )


def _split(X, y, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = np.split(order, [int(_TRAINING * len(X))])
    return X[train], y[train].astype(float), X[test], y[test].astype(float)


def _contest(X, y, X_test, y_test, steps, seed):
    with one_blas_thread():
        yield "numpy", _peer(X, y, X_test, y_test, steps, seed, _numpy_descent)
    if installed():
        yield BLACKJAX, _peer(X, y, X_test, y_test, steps, seed, descend_logistic)
    for label, step_size in _OUR_STEPS.items():
        yield f"{OURS} {label}", _ours(X, y, X_test, y_test, steps, seed, step_size)


def _numpy_descent(model, particles, batch_size, n_steps, step_size):
    return descend(model.gradient, particles, len(model.y), batch_size, n_steps, step_size)


def _peer(X, y, X_test, y_test, steps, seed, descent):
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    model = Logistic(np.column_stack([X, np.ones(len(X))]), y)
    particles = descent(model, model.start(_PARTICLES, rng), _BATCH, steps, _PEER_STEP)
    seconds = time.perf_counter() - start
    held_out = np.column_stack([X_test, np.ones(len(X_test))])
    return *_figures(model.predict(particles, held_out).mean(axis=0), y_test), seconds


def _ours(X, y, X_test, y_test, steps, seed, step_size):
    sampler = SVGDSampler(
        LogisticModel(weight_precision="learn"),
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
    return *_figures(pipeline.predict_proba(X_test)[:, 1], y_test), seconds


def _figures(probabilities, y):
    """Accuracy, and mean log predictive density of a row in nats."""
    return np.mean((probabilities > 0.5) == y), np.mean(np.log(np.where(y > 0.5, probabilities, 1.0 - probabilities)))
