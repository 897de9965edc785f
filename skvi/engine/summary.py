"""Summaries: all that a global step needs to know of the rows it stands for."""

from dataclasses import dataclass
from functools import reduce
from operator import add


@dataclass(eq=False)
class Summary:
    """What a local step says of its rows. Summaries of disjoint rows add up.

    Parameters
    ----------
    statistics : dict
        Raw statistics by factor name, each an array or an object with +, - and multiplication by a number.
    entropy : float
        Entropy of the local posteriors plus the log base measure of the data (nats).
    weight : float
        Sum of the rows' weights.
    """

    statistics: dict
    entropy: float
    weight: float

    def __add__(self, other):
        statistics = {name: value + other.statistics[name] for name, value in self.statistics.items()}
        return Summary(statistics, self.entropy + other.entropy, self.weight + other.weight)

    def __sub__(self, other):
        statistics = {name: value - other.statistics[name] for name, value in self.statistics.items()}
        return Summary(statistics, self.entropy - other.entropy, self.weight - other.weight)

    def __rmul__(self, factor):
        statistics = {name: factor * value for name, value in self.statistics.items()}
        return Summary(statistics, factor * self.entropy, factor * self.weight)


def total(summaries):
    """Sum in order, so that the bits of the result depend on nothing else."""
    return reduce(add, summaries)
