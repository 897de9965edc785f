"""A user's first impression: imports, and the first fit before and after kernels are cached."""

import tempfile
from statistics import median

from benchmarks._fresh import run_fresh
from benchmarks._tables import met, print_table
from benchmarks.mixture._contestants import OURS, PEER

_IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""
_MODULES = {PEER: "sklearn.mixture", OURS: "skvi.mixture"}

_FIT = """
import time
from sklearn.datasets import load_iris
from {module} import {name} as Mixture
X = load_iris().data
start = time.perf_counter()
Mixture(n_components=3, random_state=0).fit(X)
print(time.perf_counter() - start)
"""
_PEER_FIT = _FIT.format(module="sklearn.mixture", name="BayesianGaussianMixture")
_OUR_FIT = _FIT.format(module="skvi.mixture", name="VariationalGaussianMixture")


def startup(options):
    """Time imports and first fits in fresh processes, in turns."""
    rows = [*_imports(options.repeats(5)), *_first_fits(options.repeats(3))]
    print_table(
        "startup: fresh processes (medians, seconds)",
        ["", f"{PEER}\ns", f"{OURS}\ns", "what counts", "s", "goal\nbelow s", "met"],
        [[*row, met(row[-2], row[-1], at_least=False)] for row in rows],
        ["first fit: iris, K = 3; process: with the interpreter's start and imports"],
    )


def _imports(repeats):
    taken = {name: [] for name in _MODULES}
    # One round goes unrecorded: it fills the operating system's file cache and writes byte code.
    for number in range(repeats + 1):
        for name, module in _MODULES.items():
            seconds, _ = run_fresh(_IMPORT.format(module=module))
            taken[name] += [seconds] if number else []
    peer, ours = (median(taken[name]) for name in (PEER, OURS))
    return [[f"import {_MODULES[PEER]} | {_MODULES[OURS]}", peer, ours, "difference", ours - peer, 0.5]]


def _first_fits(repeats):
    """Rows of fits with an empty cache of compiled kernels, and with that cache filled."""
    empty, filled, peer = [], [], []
    for _ in range(repeats):
        peer.append(run_fresh(_PEER_FIT))
        with tempfile.TemporaryDirectory() as folder:
            empty.append(run_fresh(_OUR_FIT, NUMBA_CACHE_DIR=folder))
            filled.append(run_fresh(_OUR_FIT, NUMBA_CACHE_DIR=folder))
    theirs = [median(values) for values in zip(*peer, strict=True)]
    rows = []
    for label, pairs, goal in (("empty", empty, 5.0), ("filled", filled, 1.0)):
        fit, whole = (median(values) for values in zip(*pairs, strict=True))
        rows.append([f"first fit, {label} kernel cache", theirs[0], fit, "fit", fit, goal])
        rows.append([f"its process, {label} kernel cache", theirs[1], whole, "process", whole, None])
    return rows
