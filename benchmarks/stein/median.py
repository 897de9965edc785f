"""The median bandwidth: of a sample of pairs, of all pairs, and how far apart the two are."""

from statistics import median as middle

import numpy as np

from benchmarks._tables import print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.stein._contestants import cloud
from skvi.gradient.stein import median_bandwidth

_PROBLEMS = [(1000, 1), (1000, 50), (2000, 1), (2000, 2), (2000, 50), (5000, 1), (5000, 20)]
_CLOUDS = 10


def median(options):
    """Time both, and measure the sample's error over several clouds."""
    print_table(
        "median: bandwidth from a sample of pairs and from all",
        ["particles", "parameters", "sample\nms", "all\nms", "times\nfaster", "error of h\n(root mean square)"],
        [_row(options, *problem) for problem in _PROBLEMS],
        [f"error: relative, over {options.repeats(_CLOUDS)} clouds of standard normal particles"],
    )


def _row(options, n, p):
    x, _ = cloud(n, p)
    turns = {
        "sample": lambda: seconds(lambda: median_bandwidth(x)),
        "all": lambda: seconds(lambda: median_bandwidth(x, n_pairs=np.inf)),
    }
    for turn in turns.values():
        turn()
    taken = in_turns(turns, least=options.repeats(5), most=options.repeats(9), budget=5.0)
    sample, everything = (1e3 * middle(taken[name]) for name in turns)
    return [n, p, sample, everything, everything / sample, f"{_error(n, p, options.repeats(_CLOUDS)):.1e}"]


def _error(n, p, n_clouds):
    clouds = [cloud(n, p, seed)[0] for seed in range(n_clouds)]
    errors = [median_bandwidth(x) / median_bandwidth(x, n_pairs=np.inf) - 1.0 for x in clouds]
    return float(np.sqrt(np.mean(np.square(errors))))
