"""Milliseconds per sweep, from the difference between fits of n and of 2n sweeps."""

from statistics import median

from benchmarks._tables import print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.topics._contestants import FITS, OURS, PEER, TOPICS, warm_up
from benchmarks.topics._data import absent, load, names

# For n sweeps more after as many: in its first ten sweeps skvi's documents start afresh, later they go on.
_KINDS = {"fresh": 5, "warm": 10}


def sweep(options):
    """Time sweeps of both sides in whole fits."""
    print_table(
        f"sweep: (time of 2n sweeps - time of n sweeps) / n (K = {TOPICS}, medians of turns A B A B)",
        ["corpus", f"{OURS}'s\ndocuments", "sweeps", f"{PEER}\nms", f"{OURS}\nms", "times\nfaster"],
        [row for name in names(options) for row in _rows(options, name)],
        [
            f"fresh: documents start from equal topics; warm: they go on where they were, which {PEER}'s never do",
            *absent(options),
        ],
    )


def _rows(options, name):
    X = load(name, options)
    warm_up(X)
    lengths = sorted({length for n in _KINDS.values() for length in (n, 2 * n)})
    # No fit is to end before its last sweep.
    settings = {PEER: {}, OURS: {"tol": 0.0}}
    models = {(side, n): FITS[side](max_iter=n, **settings[side]) for n in lengths for side in (PEER, OURS)}
    turns = {key: lambda m=model: seconds(lambda: m.fit(X)) for key, model in models.items()}
    taken = in_turns(turns, least=options.repeats(3), most=options.repeats(5), budget=60.0)
    rows = []
    for kind, n in _KINDS.items():
        peer, ours = (_milliseconds(taken[side, n], taken[side, 2 * n], n) for side in (PEER, OURS))
        rows.append([name, kind, f"{n + 1} to {2 * n}", peer, ours, peer / ours])
    return rows


def _milliseconds(short, long, n):
    return 1e3 * median((b - a) / n for a, b in zip(short, long, strict=True))
