"""What a second thread is worth."""

from statistics import median

from benchmarks._machine import n_cores
from benchmarks._tables import print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.linear._contestants import skvi
from benchmarks.linear._data import made_up

_PROBLEMS = [
    ("ridge", 100_000, 100),
    ("ridge", 2000, 500),
    ("ridge", 500, 2000),
    ("ard", 2000, 500),
    ("ard", 500, 2000),
]
_RELEVANT = 20
_THREADS = (1, 2)


def threads(options):
    """Time fits with one thread and with two."""
    if n_cores() < max(_THREADS):
        print("\nthreads: skipped, there is one core to use")
        return
    print_table(
        "threads: a fit of skvi (medians of turns A B A B)",
        ["prior", "rows", "features", *(f"n_jobs={n_jobs}\nms" for n_jobs in _THREADS), "times\nfaster", "ideal"],
        [_row(options, *problem) for problem in _PROBLEMS],
    )


def _row(options, prior, n, d):
    X, y = made_up(options.rows(n), d, _RELEVANT)
    models = {n_jobs: skvi(prior, n_jobs=n_jobs) for n_jobs in _THREADS}
    turns = {n_jobs: lambda m=model: seconds(lambda: m.fit(X, y)) for n_jobs, model in models.items()}
    taken = in_turns(turns, least=options.repeats(5), most=options.repeats(15), budget=5.0)
    one, two = (1e3 * median(taken[n_jobs]) for n_jobs in _THREADS)
    return [prior, len(X), d, one, two, one / two, max(_THREADS)]
