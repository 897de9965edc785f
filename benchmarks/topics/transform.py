"""Proportions of documents under topics that stay as they are."""

from statistics import median

import numpy as np

from benchmarks._tables import met, print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.topics._contestants import OURS, PEER, TOPICS, fastest_way, holding, skvi, warm_up
from benchmarks.topics._data import absent, load, names

_SWEEPS = 20
_GOAL = 15


def transform(options):
    """Time the transformation of all documents, and of one."""
    print_table(
        f"transform: documents per second (K = {TOPICS}, medians of turns A B A B)",
        [
            *("corpus", "documents", f"processes\n{PEER}", f"{PEER}\nper s", f"{OURS}\nper s"),
            *("times\nfaster", "goal", "met", "largest\ndifference"),
        ],
        [row for name in names(options) for row in _rows(options, name)],
        [
            f"both have the topics of {OURS} after {_SWEEPS} sweeps, equal priors, tolerances and limits of steps",
            f"{PEER} has one process with one BLAS thread or all, or all processes, whichever trials found fastest",
            "one document: that of median length; largest difference: between the proportions that the two sides find",
            *absent(options),
        ],
    )


def _rows(options, name):
    X = load(name, options)
    warm_up(X)
    ours = skvi(max_iter=_SWEEPS).fit(X)
    median_document = int(np.argsort(np.diff(X.indptr))[X.shape[0] // 2])
    one = X[median_document : median_document + 1]
    return [[name, *_compare(options, ours, X, 3, 7)], [name, *_compare(options, ours, one, 15, 30)]]


def _compare(options, ours, X, least, most):
    n = X.shape[0]
    way = fastest_way(lambda n_jobs: holding(ours.components_, n_jobs=n_jobs).transform(X))
    peer = holding(ours.components_, n_jobs=way.n_jobs)
    turns = {PEER: lambda: way.seconds(lambda: peer.transform(X)), OURS: lambda: seconds(lambda: ours.transform(X))}
    taken = in_turns(turns, least=options.repeats(least), most=options.repeats(most), budget=10.0)
    theirs, own = (n / median(taken[side]) for side in (PEER, OURS))
    apart = float(np.abs(peer.transform(X) - ours.transform(X)).max())
    return [n, way.n_jobs, theirs, own, own / theirs, _GOAL, met(own / theirs, _GOAL), f"{apart:.1e}"]
