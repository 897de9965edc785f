"""One lap of online learning."""

from statistics import median

from benchmarks._tables import met, print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.topics._contestants import (
    OURS,
    PEER,
    TOPICS,
    fastest_way,
    peer_bound,
    percent_above,
    scikit_learn,
    skvi,
    warm_up,
)
from benchmarks.topics._data import absent, load, names

_SETTINGS = {"learning_method": "online", "batch_size": 256, "max_iter": 1}
_GOAL = 15


def online(options):
    """Time fits of one lap, and compare the bounds that they end with."""
    print_table(
        f"online: a fit of one lap, {_SETTINGS['batch_size']} documents a step (K = {TOPICS}, medians of turns)",
        [
            *("corpus", f"processes\n{PEER}", f"{PEER}\ns", f"{OURS}\ns", "times\nfaster", "goal", "met"),
            *(f"{PEER}'s\nbound", f"{OURS}'s\nbound", "per cent\nabove"),
        ],
        [_row(options, name) for name in names(options)],
        [
            "both fits end with a pass over all documents and their bound, in nats; no decay, delay or prior differs",
            f"{PEER} has one process with one BLAS thread or all, or all processes, whichever trials found fastest",
            *absent(options),
        ],
    )


def _row(options, name):
    X = load(name, options)
    warm_up(X, **_SETTINGS)
    way = fastest_way(lambda n_jobs: scikit_learn(n_jobs=n_jobs, **_SETTINGS).fit(X))
    models = {PEER: scikit_learn(n_jobs=way.n_jobs, **_SETTINGS), OURS: skvi(**_SETTINGS)}
    turns = {
        PEER: lambda: way.seconds(lambda: models[PEER].fit(X)),
        OURS: lambda: seconds(lambda: models[OURS].fit(X)),
    }
    taken = in_turns(turns, least=options.repeats(3), most=options.repeats(5), budget=20.0)
    peer, ours = (median(taken[side]) for side in (PEER, OURS))
    bound, own = peer_bound(models[PEER].components_, X), models[OURS].elbo_
    above = f"{percent_above(own, bound):+.2f}"
    return [name, way.n_jobs, peer, ours, peer / ours, _GOAL, met(peer / ours, _GOAL), bound, own, above]
