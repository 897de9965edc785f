"""The kernel Stein discrepancy beside arrays of all pairs."""

from statistics import median

import numpy as np

from benchmarks._tables import print_table
from benchmarks._timing import fastest_blas, in_turns, seconds
from benchmarks.stein._contestants import OURS, cloud
from skvi.gradient.stein import kernel_stein_discrepancy

_PROBLEMS = [(100, 2), (500, 55), (2000, 50), (5000, 20)]
_BANDWIDTH = 3.0


def diagnostics(options):
    """Time the discrepancy at a fixed bandwidth."""
    print_table(
        "diagnostics: kernel Stein discrepancy (medians of turns A B A B)",
        ["particles", "parameters", "numpy\nms", f"{OURS}\nms", "times\nfaster", "relative\ndifference"],
        [_row(options, *problem) for problem in _PROBLEMS],
        ["numpy: arrays of all pairs and products of matrices"],
    )


def numpy_discrepancy(x, s, h):
    """The discrepancy by products of matrices."""
    norms, own = (x * x).sum(axis=1), (s * x).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms - 2.0 * x @ x.T, 0.0)
    across = s @ x.T
    q2 = 1.0 / (1.0 + squares / h**2)
    rest = own[:, None] + own - across - across.T + x.shape[1] - 3.0 * (1.0 - q2)
    return np.sqrt((np.sqrt(q2) * (s @ s.T + q2 * rest / h**2)).mean())


def _row(options, n, p):
    if options.quick:
        n = min(n, 500)
    x, g = cloud(n, p)
    limited = fastest_blas(lambda: numpy_discrepancy(x, g, _BANDWIDTH), n_trials=2)

    def peer():
        with limited():
            return seconds(lambda: numpy_discrepancy(x, g, _BANDWIDTH))

    ours = kernel_stein_discrepancy(x, g, _BANDWIDTH)
    turns = {"peer": peer, "ours": lambda: seconds(lambda: kernel_stein_discrepancy(x, g, _BANDWIDTH))}
    taken = in_turns(turns, least=options.repeats(5), most=options.repeats(9), budget=5.0)
    theirs, own = (1e3 * median(taken[name]) for name in ("peer", "ours"))
    difference = abs(ours / numpy_discrepancy(x, g, _BANDWIDTH) - 1.0)
    return [n, p, theirs, own, theirs / own, f"{difference:.0e}"]
