"""The topic model beside scikit-learn's LatentDirichletAllocation, and gensim and tomotopy where they are installed."""

from benchmarks.topics.converged import converged
from benchmarks.topics.memory import memory
from benchmarks.topics.online import online
from benchmarks.topics.reach import reach
from benchmarks.topics.sweep import sweep
from benchmarks.topics.threads import threads
from benchmarks.topics.transform import transform

PARTS = {
    "reach": reach,
    "converged": converged,
    "sweep": sweep,
    "transform": transform,
    "online": online,
    "threads": threads,
    "memory": memory,
}
