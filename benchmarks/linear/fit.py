"""Whole fits, from data to a posterior."""

from statistics import median

from benchmarks._tables import met, print_table
from benchmarks._timing import fastest_blas, in_turns, seconds
from benchmarks.linear._contestants import HYPER_PRIORS, OURS, PEERS, skvi, step_from_peer
from benchmarks.linear._data import made_up

# Rows, features, columns with coefficients other than zero (None: all).
_RIDGE_SHAPES = [(100_000, 100, None), (2000, 500, None), (500, 2000, None)]
_ARD_SHAPES = [(2000, 500, 20), (500, 2000, 20)]
_GOALS = {"ridge": 8, "ard": 10}
# Features in a quick run.
_QUICK_SHARE = 10


def ridge(options):
    """Time fits with one precision for all coefficients."""
    _print_fits(options, "ridge", _RIDGE_SHAPES)


def ard(options):
    """Time fits with one precision for each coefficient."""
    _print_fits(options, "ard", _ARD_SHAPES)


def _print_fits(options, prior, shapes):
    peer = PEERS[prior].__name__
    print_table(
        f"{prior}: a fit, from data to a posterior (medians of turns A B A B)",
        [
            *("rows", "features", "relevant\ncolumns", f"{OURS}'s\nhyper-priors"),
            *(f"{peer}\nms", f"{OURS}\nms", "times\nfaster", "goal", "met", "sweeps\npeer", f"sweeps\n{OURS}"),
            *(f"{OURS}'s ELBO\nper row", "one step\nfrom peer's", "nats\nabove", "not below"),
        ],
        [row for shape in shapes for row in _rows(options, prior, shape)],
        [
            "each side's own default tol; scikit-learn's hyper-priors are 1e-6, and it has one BLAS thread or all, "
            "whichever a trial found faster",
            f"one step from peer's: the ELBO per row after one step of {OURS} that starts from the peer's precisions",
            f"nats above: {OURS}'s ELBO less that, of all rows; not below: to within tol, 1e-6 a row",
            f"scikit-learn computes sigma_ in each fit, {OURS} when it is asked for",
        ],
    )


def _rows(options, prior, shape):
    n, d, n_relevant = shape
    n, d = options.rows(n), d // _QUICK_SHARE if options.quick else d
    X, y = made_up(n, d, n_relevant)
    peer = PEERS[prior]()
    limited = fastest_blas(lambda: peer.fit(X, y))
    models = {hyper_prior: skvi(prior, hyper_prior) for hyper_prior in HYPER_PRIORS}
    turns = {name: lambda m=model: seconds(lambda: m.fit(X, y)) for name, model in models.items()}
    turns["peer"] = lambda: _limited_seconds(limited, lambda: peer.fit(X, y))
    taken = in_turns(turns, least=options.repeats(3), most=options.repeats(9), budget=10.0)
    medians = {name: median(times) for name, times in taken.items()}
    for name, model in models.items():
        ratio = medians["peer"] / medians[name]
        above = model.elbo_ - step_from_peer(model, peer)
        yield [
            *(len(X), d, n_relevant or d, name, 1e3 * medians["peer"], 1e3 * medians[name]),
            *(ratio, _GOALS[prior], met(ratio, _GOALS[prior]), peer.n_iter_, model.n_iter_),
            *(f"{model.elbo_ / len(X):.6f}", f"{(model.elbo_ - above) / len(X):.6f}", f"{above:+.4f}"),
            met(above / len(X), -model.tol),
        ]


def _limited_seconds(limited, call):
    with limited():
        return seconds(call)
