"""From counts to the bound that a peer ends with."""

from statistics import median

import numpy as np

from benchmarks._tables import met, print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.topics._contestants import (
    OURS,
    PEER,
    TOPICS,
    missing_racers,
    peer_bound,
    percent_above,
    racers,
    skvi,
    warm_up,
)
from benchmarks.topics._data import absent, load, names, shape

_SWEEPS, _QUICK_SWEEPS = 20, 5
# Times faster than scikit-learn, and per cent that the bound after as many sweeps is above its bound.
_GOAL = 30
_PERCENT_GOALS = {"AP": 0.8, "KOS": 0.8}


def reach(options):
    """Time whole fits of the peers, and fits of skvi that end at the sweep that reaches the peer's bound."""
    n_sweeps = _QUICK_SWEEPS if options.quick else _SWEEPS
    rows = [_row(options, name, peer, n_sweeps) for name in names(options) for peer in racers()]
    print_table(
        f"reach: from counts to the bound that the peer ends with (K = {TOPICS}, medians of turns A B A B)",
        [
            *("corpus", "documents", "words", "non-zeros", "peer", "sweeps\npeer", "peer\ns", "s for\nits bound"),
            *("peer's\nbound", f"sweeps\n{OURS}", f"{OURS}\ns", "times\nfaster", "goal", "met"),
            *(f"{OURS}'s bound\n{n_sweeps} sweeps", "per cent\nabove", "goal", "met"),
        ],
        rows,
        [
            f"default settings, {PEER} batch with one process for each core; concentrations 1 / K of both priors",
            f"bounds in nats: of peers by {PEER}'s formula for their topics, of {OURS} its elbo_; the same quantity",
            f"s for its bound: {PEER}'s fit ends with its bound of all documents; as timed once by itself",
            f"sweeps {OURS}: the first whose bound, before the last step of documents that ends a fit, is the peer's",
            *absent(options),
            *missing_racers(),
        ],
    )


def _row(options, name, peer, n_sweeps):
    X = load(name, options)
    warm_up(X)
    racer = racers()[peer](X, n_sweeps)
    racer.turn()
    target, bound_seconds = _timed_bound(racer.components, X)
    ours = skvi(max_iter=n_sweeps).fit(X)
    reached = _sweeps_to(target, ours) or _sweeps_to(target, skvi().fit(X))
    # The same seed goes through the same states, whatever the limit.
    turns = {peer: racer.turn, OURS: lambda: seconds(lambda: skvi(max_iter=reached or n_sweeps).fit(X))}
    taken = in_turns(turns, least=options.repeats(2), most=options.repeats(3), budget=20.0)
    theirs, own = (median(taken[side]) for side in (peer, OURS))
    ratio = theirs / own if reached else 0.0
    goal = _GOAL if peer == PEER else None
    above = percent_above(ours.elbo_, target)
    percent_goal = _PERCENT_GOALS.get(name) if peer == PEER else None
    return [
        *(name, *shape(X), peer, racer.sweeps, theirs, bound_seconds if peer == PEER else None, target),
        *(reached, own if reached else None, ratio, goal, met(ratio, goal)),
        *(ours.elbo_, f"{above:+.2f}", percent_goal, met(above, percent_goal)),
    ]


def _timed_bound(components, X):
    bounds = []
    taken = seconds(lambda: bounds.append(peer_bound(components, X)))
    return bounds[0], taken


def _sweeps_to(target, model):
    """Number of sweeps after which a fit had reached a bound; None where it never had."""
    reached = np.flatnonzero(np.array(model.elbo_history_) >= target)
    return min(int(reached[0]) + 1, model.n_iter_) if len(reached) else None
