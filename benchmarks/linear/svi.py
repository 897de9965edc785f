"""Logistic regression beside NumPyro's stochastic optimisation of the same Gaussians, compiling included."""

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks._fresh import run_fresh
from benchmarks._options import Options
from benchmarks._tables import met, number, print_table
from benchmarks.linear._contestants import OURS
from benchmarks.linear._data import adult, lodgepole, made_up_classes
from benchmarks.linear._numpyro import CONTESTANTS, PRECISION, print_path
from skvi import BayesianLogisticRegressionVI

_STEPS, _QUICK_STEPS = 3000, 300
# Nats below the bound of skvi at which NumPyro is taken to have reached it, as near as its noise allows.
_GAPS = (100.0, 10.0, 1.0)
_GOAL = 10

_CODE = "from benchmarks.linear.svi import {name}; {name}()"


def _rows(name, options):
    """Rows of a problem, their columns centred, and whether each is of the second class; None where absent."""
    data = {"covertype": lodgepole, "a9a": adult, "made up": made_up_classes}[name](options)
    if data is None:
        return None
    X, y = data
    return X - X.mean(axis=0), y


def svi(options):
    """Time NumPyro until it is near the bound of skvi, and skvi's first fit of a process."""
    if not find_spec("numpyro"):
        print("\nsvi: skipped, NumPyro is not installed")
        return
    found = {name: _rows(name, options) for name in ("covertype", "a9a", "made up")}
    n_steps = _QUICK_STEPS if options.quick else _STEPS
    rows = [row for name, data in found.items() if data is not None for row in _contest(name, options, *data[0].shape)]
    absent = [name for name, data in found.items() if data is None]
    print_table(
        f"svi: from rows to a Gaussian posterior of a logistic regression, in a new process (NumPyro: {n_steps} steps)",
        [
            *("data", "rows", "features", "guide of NumPyro", "rate", f"{OURS}'s\nbound", "nats below\nat the end"),
            *("s for\nall steps", "nats below\nat most", "NumPyro\ns", f"{OURS}\ns", "times\nsooner"),
            *("goal", "met", "NumPyro\nCPU s", f"{OURS}\nCPU s", "times\nless"),
        ],
        rows,
        [
            f"precision {PRECISION:g} of all coefficients; imports do not count; 64 bits",
            f"NumPyro: s, compiling included, until its bound is at most that far below {OURS}'s; > where it never was",
            "all rows in each step of Adam, from the prior's mean, looked at every 100 steps; bounds by quadrature",
            f"{OURS}: its first fit, to its own convergence; kernels come from the cache, as in all processes but one",
            'AutoNormal is beside covariance="diag"; AutoLaplaceApproximation: its Hessian once',
            "CPU s: of all threads together, which other programs at work disturb less",
            *([f"left out, for want of them in a folder named by --data: {', '.join(absent)}"] if absent else []),
        ],
    )


def _contest(name, options, n_rows, n_features):
    contestants = CONTESTANTS[:1] if options.quick else CONTESTANTS
    n_steps = _QUICK_STEPS if options.quick else _STEPS
    ours = {covariance: _our_fit(name, options, covariance) for *_, covariance in contestants}
    for guide, rate, covariance in contestants:
        own_seconds, own_cpu, bound = ours[covariance]
        path, _ = run_fresh(_CODE.format(name="print_their_path"), guide, rate, n_steps, *_problem(name, options))
        last = path[-1]
        for gap in _GAPS:
            found = next((point for point in path if point[2] >= bound - gap), None)
            seconds, cpu, _ = found or last
            sooner, less = seconds / own_seconds, cpu / own_cpu
            yield [
                *(name, n_rows, n_features, guide, rate, f"{bound:.2f}", bound - last[2], last[0], gap),
                *(_at_least(seconds, found), own_seconds, _at_least(sooner, found), _GOAL, met(sooner, _GOAL)),
                *(_at_least(cpu, found), own_cpu, _at_least(less, found)),
            ]


def _at_least(value, found):
    return value if found else f">{number(value)}"


def _problem(name, options):
    return name, int(options.quick), options.data or ""


def _given(start):
    """The problem that sys.argv names from there on."""
    name, quick, data = sys.argv[start:]
    return _rows(name, Options(quick=bool(int(quick)), data=Path(data) if data else None))


def print_their_path():
    """In a fresh process: NumPyro's way."""
    print_path(*_given(4))


def print_our_fit():
    """In a fresh process: print seconds, CPU seconds and bound of a fit of skvi."""
    X, y = _given(2)
    model = BayesianLogisticRegressionVI(weight_precision=PRECISION, covariance=sys.argv[1])
    start = time.perf_counter(), time.process_time()
    model.fit(X, y)
    print(json.dumps([time.perf_counter() - start[0], time.process_time() - start[1], model.elbo_]))


def _our_fit(name, options, covariance):
    # The first process of all compiles; what it leaves in the cache is there for all later ones.
    for _ in range(2):
        found, _ = run_fresh(_CODE.format(name="print_our_fit"), covariance, *_problem(name, options))
    return found
