"""The Gaussian mixture beside scikit-learn's BayesianGaussianMixture."""

from benchmarks.mixture.faithful import faithful
from benchmarks.mixture.fit import fit
from benchmarks.mixture.memory import memory
from benchmarks.mixture.small import small
from benchmarks.mixture.startup import startup
from benchmarks.mixture.sweep import sweep
from benchmarks.mixture.threads import threads

PARTS = {
    "sweep": sweep,
    "fit": fit,
    "small": small,
    "memory": memory,
    "startup": startup,
    "threads": threads,
    "faithful": faithful,
}
