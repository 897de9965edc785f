"""Peak memory of a fit, beyond the data."""

import warnings

from sklearn.exceptions import ConvergenceWarning

from benchmarks._fresh import run_fresh
from benchmarks._memory import forget_peak, peak_bytes
from benchmarks._tables import met, print_table
from benchmarks.mixture._contestants import FITS, OURS, PEER
from benchmarks.mixture._data import clusters

_SHAPES = [(200_000, 16, 50), (1_000_000, 4, 10)]
_GOAL_MB, _GOAL_BYTES_PER_ROW = 50.0, 16.0
_SWEEPS = 3

_CODE = """
import sys
from benchmarks.mixture.memory import print_peak
print_peak(sys.argv[1], *map(int, sys.argv[2:]))
"""


def print_peak(name, n_rows, n_features, n_components):
    """In a fresh process: print the most bytes that a fit had in use beyond those before it."""
    # Three sweeps are too few to converge, on purpose.
    warnings.simplefilter("ignore", ConvergenceWarning)
    settings = {"n_components": n_components, "max_iter": _SWEEPS, "random_state": 0}
    # What compiling takes is not for the fit to answer for.
    FITS[name](**settings).fit(clusters(2000, n_features, n_components, 4.0))
    X = clusters(n_rows, n_features, n_components, 4.0)
    before = forget_peak()
    FITS[name](**settings).fit(X)
    print(peak_bytes() - before)


def memory(options):
    """Measure the peaks of both sides, each in a process of its own."""
    rows = []
    for n, d, k in _SHAPES:
        n = options.rows(n)
        peer, ours = (1e-6 * run_fresh(_CODE, name, n, d, k)[0] for name in (PEER, OURS))
        goal = _GOAL_MB + 1e-6 * _GOAL_BYTES_PER_ROW * n
        rows.append([n, d, k, 8e-6 * n * d, peer, ours, goal, met(ours, goal, at_least=False)])
    print_table(
        "memory: peak of a fit beyond the rows (k-means start and three sweeps, fresh processes)",
        ["rows", "features", "K", "rows\nMB", f"{PEER}\nMB", f"{OURS}\nMB", "goal\nMB", "met"],
        rows,
        [f"goal: under {_GOAL_MB:.0f} MB and {_GOAL_BYTES_PER_ROW:.0f} bytes a row; 1 MB is a million bytes"],
    )
