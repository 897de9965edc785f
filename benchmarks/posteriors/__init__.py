"""Posteriors with reference draws: what each method makes of them, how sure it is of that, and what it takes."""

from benchmarks.posteriors.accuracy import accuracy, beside_peers, unaided
from benchmarks.posteriors.sizes import sizes
from benchmarks.posteriors.startup import startup
from benchmarks.posteriors.stein import stein
from benchmarks.posteriors.unseen import unseen

PARTS = {
    "stein": stein,
    "accuracy": accuracy,
    "unaided": unaided,
    "peers": beside_peers,
    "startup": startup,
    "sizes": sizes,
    "unseen": unseen,
}
