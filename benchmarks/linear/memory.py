"""Peak memory of a fit, beyond the data."""

import sys

from benchmarks._fresh import run_fresh
from benchmarks._memory import forget_peak, peak_bytes
from benchmarks._tables import print_table
from benchmarks.linear._contestants import OURS, PEERS, skvi
from benchmarks.linear._data import made_up

_PROBLEMS = [
    ("ridge", 100_000, 100),
    ("ridge", 1_000_000, 20),
    ("ridge", 500, 2000),
    ("ard", 2000, 500),
    ("ard", 500, 2000),
]
_RELEVANT = 20

_CODE = """
from benchmarks.linear.memory import print_peak
print_peak()
"""


def print_peak():
    """In a fresh process: print the most bytes that a fit had in use beyond those before it."""
    side, prior, *shape = sys.argv[1:]
    model = skvi(prior) if side == OURS else PEERS[prior]()
    # What libraries keep for later is not for the fit to answer for.
    model.fit(*made_up(50, 5))
    X, y = made_up(*map(int, shape), _RELEVANT)
    before = forget_peak()
    model.fit(X, y)
    print(peak_bytes() - before)


def memory(options):
    """Measure the peaks of both sides, each in a process of its own."""
    rows = []
    for prior, n, d in _PROBLEMS:
        n = options.rows(n)
        peer, ours = (1e-6 * run_fresh(_CODE, side, prior, n, d)[0] for side in ("peer", OURS))
        rows.append([prior, n, d, 8e-6 * n * d, 8e-6 * d * d, peer, ours, peer / ours])
    print_table(
        "memory: peak of a fit beyond the rows (fresh processes)",
        ["prior", "rows", "features", "rows\nMB", "Gram\nMB", "scikit-learn\nMB", f"{OURS}\nMB", "times\nless"],
        rows,
        ["1 MB is a million bytes"],
    )
