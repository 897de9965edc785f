"""Models of the posteriors with reference draws, in the library's protocol, gradients by hand."""

from benchmarks.posteriors.models.blend import TwoNormals
from benchmarks.posteriors.models.hidden import DriveChain
from benchmarks.posteriors.models.predators import Predators
from benchmarks.posteriors.models.processes import ProcessCounts, ProcessRegression
from benchmarks.posteriors.models.regression import NormalRegression
from benchmarks.posteriors.models.schools import EightSchools
from benchmarks.posteriors.models.series import Arma, Garch

__all__ = [
    "Arma",
    "DriveChain",
    "EightSchools",
    "Garch",
    "NormalRegression",
    "Predators",
    "ProcessCounts",
    "ProcessRegression",
    "TwoNormals",
]
