"""Where fits end: skvi by its own test of convergence, scikit-learn after many sweeps."""

from benchmarks._tables import met, print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.topics._contestants import (
    OURS,
    PEER,
    TOPICS,
    peer_bound,
    percent_above,
    scikit_learn,
    skvi,
    warm_up,
)
from benchmarks.topics._data import absent, load, names

_SWEEPS, _QUICK_SWEEPS = 120, 10
# Per cent above.
_GOAL = 0


def converged(options):
    """Compare the bounds that fits end with, and their seconds: one fit each."""
    n_sweeps = _QUICK_SWEEPS if options.quick else _SWEEPS
    print_table(
        f"converged: a default fit of {OURS} and {n_sweeps} sweeps of {PEER} (K = {TOPICS}, once)",
        [
            *("corpus", f"sweeps\n{PEER}", f"{PEER}\ns", f"{PEER}'s\nbound", f"sweeps\n{OURS}", f"{OURS}\ns"),
            *(f"{OURS}'s\nbound", "converged", "times\nfaster", "per cent\nabove", "goal\nat least", "met"),
        ],
        [_row(options, name, n_sweeps) for name in names(options)],
        [f"bounds in nats, of {PEER} by its own formula", *absent(options)],
    )


def _row(options, name, n_sweeps):
    X = load(name, options)
    warm_up(X)
    models = {PEER: scikit_learn(max_iter=n_sweeps), OURS: skvi(max_iter=n_sweeps) if options.quick else skvi()}
    turns = {side: lambda m=model: seconds(lambda: m.fit(X)) for side, model in models.items()}
    taken = in_turns(turns, least=1, most=1)
    (theirs,), (own,) = (taken[side] for side in (PEER, OURS))
    ours = models[OURS]
    bound = peer_bound(models[PEER].components_, X)
    above = percent_above(ours.elbo_, bound)
    return [
        *(name, n_sweeps, theirs, bound, ours.n_iter_, own, ours.elbo_, "yes" if ours.converged_ else "no"),
        *(theirs / own, f"{above:+.2f}", _GOAL, met(above, _GOAL)),
    ]
