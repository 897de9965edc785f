"""One step: the direction of all particles, with the median bandwidth."""

from statistics import median

import numpy as np

from benchmarks._tables import met, print_table
from benchmarks._timing import fastest_blas, in_turns, seconds
from benchmarks.stein._blackjax import BLACKJAX, compiled_step
from benchmarks.stein._contestants import OURS, cloud, numpy_step, our_step
from skvi.gradient.stein import median_bandwidth, stein_direction

# Particles, parameters, goal in milliseconds with two cores.
_PROBLEMS = [(20, 600, None), (100, 2, 0.1), (100, 55, None), (500, 55, 1.5), (2000, 50, 20.0), (5000, 20, 50.0)]
_TURN = 0.02
_MOST_CALLS = 200


def step(options):
    """Time steps of skvi and of plain numpy."""
    print_table(
        "step: a direction of all particles, median bandwidth included (medians of turns A B A B)",
        [
            *("particles", "parameters", "numpy\nms", f"{OURS}\nms", "times\nfaster", "goal\nms", "of goal", "met"),
            *(f"{OURS} one\nthread ms", f"{OURS} imq\nms", "largest\ndifference"),
            *(f"{BLACKJAX}\nms", "times\nfaster"),
        ],
        [_row(options, *problem) for problem in _PROBLEMS],
        [
            "numpy: arrays of all pairs, products of matrices; one BLAS thread or all, whichever a trial found faster",
            "goal: for two cores; of goal: our time in units of it",
            "largest difference: of the two directions at the exact median, relative to the largest entry",
            f"{BLACKJAX}: compiled before, in 64 bits; -: not installed, or arrays of all pairs too large",
        ],
    )


def _row(options, n, p, goal):
    if options.quick:
        n = min(n, 500)
    x, g = cloud(n, p)
    limited = fastest_blas(lambda: numpy_step(x, g), n_trials=3)
    calls = {
        "ours": lambda: our_step(x, g),
        "one thread": lambda: our_step(x, g, n_jobs=1),
        "imq": lambda: our_step(x, g, "imq"),
    }
    turns = {name: _repeated(call) for name, call in calls.items()}
    jax_step = compiled_step(x)
    if jax_step is not None:
        turns[BLACKJAX] = _repeated(jax_step)
    with limited():
        theirs = _repeated(lambda: numpy_step(x, g))

    def peer():
        with limited():
            return theirs()

    taken = in_turns(turns | {"peer": peer}, least=options.repeats(5), most=options.repeats(15), budget=8.0)
    ms = {name: 1e3 * median(times) for name, times in taken.items()}
    expected = numpy_step(x, g)
    ours = stein_direction(x, g, "rbf", median_bandwidth(x, n_pairs=np.inf))
    difference = np.abs(ours - expected).max() / np.abs(expected).max()
    share = None if goal is None else ms["ours"] / goal
    return [
        *(n, p, ms["peer"], ms["ours"], ms["peer"] / ms["ours"], goal, share, met(share, 1.0, at_least=False)),
        *(ms["one thread"], ms["imq"], f"{difference:.0e}"),
        *((ms[BLACKJAX], ms[BLACKJAX] / ms["ours"]) if BLACKJAX in ms else (None, None)),
    ]


def _repeated(call):
    """A turn: the median of some calls, as many as fit in a fiftieth of a second, in seconds."""
    call()
    n_calls = max(1, min(_MOST_CALLS, int(_TURN / max(seconds(call), 1e-6))))
    return lambda: median(seconds(call) for _ in range(n_calls))
