"""What a second thread is worth."""

from statistics import median

from benchmarks._machine import n_cores
from benchmarks._tables import met, print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.topics._contestants import TOPICS, skvi, warm_up
from benchmarks.topics._data import absent, load, names

_SWEEPS = 20
_THREADS = (1, 2)
_GOAL = 1.8


def threads(options):
    """Time fits with one thread and with two."""
    if n_cores() < max(_THREADS):
        print("\nthreads: skipped, there is one core to use")
        return
    print_table(
        f"threads: a fit of skvi of {_SWEEPS} sweeps (K = {TOPICS}, medians of turns A B A B)",
        ["corpus", *(f"n_jobs={n_jobs}\ns" for n_jobs in _THREADS), "times\nfaster", "fastest\nturns", "goal", "met"],
        [_row(options, name) for name in names(options)],
        [
            "fastest turns: times faster by the fastest turn of each, which other programs disturb least; both must do",
            *absent(options),
        ],
    )


def _row(options, name):
    X = load(name, options)
    warm_up(X)
    models = {n_jobs: skvi(max_iter=_SWEEPS, tol=0.0, n_jobs=n_jobs) for n_jobs in _THREADS}
    turns = {n_jobs: lambda m=model: seconds(lambda: m.fit(X)) for n_jobs, model in models.items()}
    taken = in_turns(turns, least=options.repeats(5), most=options.repeats(9), budget=20.0)
    one, two = (median(taken[n_jobs]) for n_jobs in _THREADS)
    fastest_ratio = min(taken[1]) / min(taken[2])
    return [name, one, two, one / two, fastest_ratio, _GOAL, met(min(one / two, fastest_ratio), _GOAL)]
