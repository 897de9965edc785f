"""Small data, where overhead is all there is."""

from statistics import median

from sklearn.datasets import load_iris

from benchmarks._tables import met, print_table
from benchmarks._timing import in_turns, seconds
from benchmarks.mixture._contestants import FITS, OURS, PEER

_GOAL_MS = 5.0
# Calls in succession in a turn, of which the median counts: after a rest the first finds the caches cold.
_CALLS = 5


def _typical(call):
    return median(seconds(call) for _ in range(_CALLS))


def small(options):
    """Time a fit of iris with three components, and the prediction of one row."""
    X = load_iris().data
    models = {name: make(n_components=3, random_state=0).fit(X) for name, make in FITS.items()}
    fits = {name: lambda m=model: _typical(lambda: m.fit(X)) for name, model in models.items()}
    predictions = {name: lambda m=model: _typical(lambda: m.predict(X[:1])) for name, model in models.items()}
    rows = []
    for label, turns, goal in (("fit", fits, _GOAL_MS), ("predict one row", predictions, None)):
        taken = in_turns(turns, least=options.repeats(30), most=options.repeats(30))
        peer, ours = (1e3 * median(taken[name]) for name in (PEER, OURS))
        rows.append([label, peer, ours, peer / ours, goal, met(ours, goal, at_least=False)])
    iterations = ", ".join(f"{name} {model.n_iter_}" for name, model in models.items())
    print_table(
        "small: iris, K = 3, default parameters (medians of turns, each the median of calls in succession)",
        ["", f"{PEER}\nms", f"{OURS}\nms", "times\nfaster", "goal\nms", "met"],
        rows,
        [f"iterations: {iterations}"],
    )
