"""Peak memory of a fit, beyond the counts."""

import sys
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

from benchmarks._fresh import run_fresh
from benchmarks._memory import forget_peak, peak_bytes
from benchmarks._options import Options
from benchmarks._tables import met, print_table
from benchmarks.topics._contestants import FITS, OURS, PEER, TOPICS
from benchmarks.topics._data import absent, load, n_bytes, names

# Two beyond those in which skvi's documents start afresh.
_SWEEPS = 12
_FEW = 50

_CODE = """
from benchmarks.topics.memory import print_peak
print_peak()
"""


def print_peak():
    """In a fresh process: print the most bytes that a fit had in use beyond those before it."""
    side, name, quick, data = sys.argv[1:]
    # A dozen sweeps are too few to converge, on purpose.
    warnings.simplefilter("ignore", ConvergenceWarning)
    X = load(name, Options(bool(int(quick)), Path(data) if data else None))
    # scikit-learn's other processes would not be counted.
    model = FITS[side](max_iter=_SWEEPS, n_jobs=1 if side == PEER else None)
    # What compiling takes is not for the fit to answer for.
    model.fit(X[:_FEW, :_FEW])
    before = forget_peak()
    model.fit(X)
    print(peak_bytes() - before)


def memory(options):
    """Measure the peaks of both sides, each in a process of its own."""
    print_table(
        f"memory: peak of a fit beyond the counts ({_SWEEPS} sweeps, K = {TOPICS}, fresh processes)",
        [
            *("corpus", "counts\nMB", "topics\nMB", "documents\nMB"),
            *(f"{PEER}\nMB", f"{OURS}\nMB", "goal\nat most MB", "met"),
        ],
        [_row(options, name) for name in names(options)],
        [
            "goal: topics twice, counts and documents' posteriors once, float64; 1 MB is a million bytes",
            f"{PEER} has one process here, so that its memory is all there is to count",
            *absent(options),
        ],
    )


def _row(options, name):
    X = load(name, options)
    counts, topics, documents = (1e-6 * size for size in (n_bytes(X), 8 * TOPICS * X.shape[1], 8 * TOPICS * X.shape[0]))
    arguments = name, int(options.quick), options.data or ""
    peer, ours = (1e-6 * run_fresh(_CODE, side, *arguments)[0] for side in (PEER, OURS))
    goal = 2.0 * topics + counts + documents
    return [name, counts, topics, documents, peer, ours, goal, met(ours, goal, at_least=False)]
