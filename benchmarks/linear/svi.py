"""Logistic regression beside NumPyro's stochastic optimisation of the same Gaussians, compiling included."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks._fresh import run_fresh
from benchmarks._options import Options
from benchmarks._tables import met, print_table
from benchmarks._timing import seconds
from benchmarks.linear._contestants import OURS
from benchmarks.linear._data import adult, lodgepole, made_up_classes
from benchmarks.linear._numpyro import CONTESTANTS, PRECISION, print_path
from skvi import BayesianLogisticRegressionVI

_STEPS, _QUICK_STEPS = 3000, 300
# Nats below skvi's bound at which NumPyro has reached it, as near as its noise allows.
_GAPS = (10.0, 1.0)
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
        "svi: a Gaussian posterior of a logistic regression, first fit of a process",
        [
            *("data", "rows", "features", "guide of NumPyro", "rate"),
            *(f"s to within\n{_GAPS[0]:g} nats", f"s to within\n{_GAPS[1]:g} nat", f"nats below\nafter {n_steps}"),
            *("s for\nthese", f"{OURS}\ns", f"{OURS} again\ns", f"{OURS}'s\nbound"),
            *(f"times sooner\n{_GAPS[0]:g} nats", f"times sooner\n{_GAPS[1]:g} nat", "goal", "met"),
        ],
        rows,
        [
            f"precision {PRECISION:g} of all coefficients; each in processes of its own, after imports, in 64 bits",
            f"NumPyro: all rows in each of {n_steps} steps of Adam, compiling included, from the prior's mean; its "
            "bounds by quadrature, every 100 steps; > where it never came so near",
            f"{OURS}: to its own convergence; kernels come from the cache, as in all processes but the first",
            'AutoNormal is beside covariance="diag"; AutoLaplaceApproximation: its Hessian once',
            *([f"left out, for want of them in a folder named by --data: {', '.join(absent)}"] if absent else []),
        ],
    )


def _contest(name, options, n_rows, n_features):
    ours = {covariance: _our_seconds(name, options, covariance) for covariance in ("full", "diag")}
    n_steps = _QUICK_STEPS if options.quick else _STEPS
    for guide, rate, covariance in CONTESTANTS[:1] if options.quick else CONTESTANTS:
        bound, first, again = ours[covariance]
        path, _ = run_fresh(_CODE.format(name="print_their_path"), guide, rate, n_steps, *_problem(name, options))
        last, reached = path[-1], [_first_within(gap, bound, path) for gap in _GAPS]
        at_least = [(time or last[0]) / first for time in reached]
        yield [
            *(name, n_rows, n_features, guide, rate, *reached, bound - last[1], last[0], first, again),
            *(f"{bound:.2f}", *(_ratio(*pair) for pair in zip(reached, at_least, strict=True))),
            *(_GOAL, met(at_least[0], _GOAL)),
        ]


def _ratio(reached, ratio):
    return ratio if reached else f">{ratio:.3g}"


def _first_within(gap, bound, path):
    return next((time for time, theirs in path if theirs >= bound - gap), None)


def _problem(name, options):
    return name, int(options.quick), options.data or ""


def _given(start):
    """The problem that sys.argv names from there on."""
    name, quick, data = sys.argv[start:]
    return _rows(name, Options(quick=bool(int(quick)), data=Path(data) if data else None))


def print_their_path():
    """In a fresh process: NumPyro's way."""
    print_path(*_given(4))


def print_our_seconds():
    """In a fresh process: print the bound of skvi and the seconds of two fits."""
    X, y = _given(2)
    model = BayesianLogisticRegressionVI(weight_precision=PRECISION, covariance=sys.argv[1])
    taken = [seconds(lambda: model.fit(X, y)) for _ in range(2)]
    print(json.dumps([model.elbo_, *taken]))


def _our_seconds(name, options, covariance):
    arguments = covariance, *_problem(name, options)
    # The first process of all compiles; what it leaves in the cache is there for all later ones.
    for _ in range(2):
        found, _ = run_fresh(_CODE.format(name="print_our_seconds"), *arguments)
    return found
