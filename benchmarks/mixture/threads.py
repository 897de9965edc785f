"""What a second thread is worth."""

from statistics import median

from benchmarks._machine import n_cores
from benchmarks._tables import print_table
from benchmarks._timing import in_turns
from benchmarks.mixture._contestants import SkviSweeps
from benchmarks.mixture._data import SPREADS, starts

_SHAPES = [(200_000, 16, 50), (100_000, 2, 10)]


def threads(options):
    """Time sweeps with one thread and with all cores."""
    if n_cores() == 1:
        print("\nthreads: skipped, there is one core to use")
        return
    rows = [_row(options, shape, kind) for shape in _SHAPES for kind in SPREADS]
    print_table(
        f"threads: one iteration of skvi with one thread and with {n_cores()}, from the k-means start",
        ["rows", "features", "K", "clusters", "n_jobs=1\nms", f"n_jobs={n_cores()}\nms", "times\nfaster", "ideal"],
        rows,
    )


def _row(options, shape, kind):
    n, d, k = shape
    X, responsibilities = starts(options.rows(n), d, k, kind)
    contestants = {n_jobs: SkviSweeps(k, n_jobs=n_jobs) for n_jobs in (1, n_cores())}
    for contestant in contestants.values():
        contestant.start(X, responsibilities["k-means"])
    turns = {n_jobs: contestant.turn for n_jobs, contestant in contestants.items()}
    taken = in_turns(turns, least=options.repeats(5), most=options.repeats(15), budget=3.0)
    one, all_cores = (median(taken[n_jobs]) for n_jobs in contestants)
    return [len(X), d, k, kind, 1e3 * one, 1e3 * all_cores, one / all_cores, n_cores()]
