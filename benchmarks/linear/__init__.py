"""Linear regression beside scikit-learn's BayesianRidge and ARDRegression."""

from benchmarks.linear.fit import ard, ridge
from benchmarks.linear.memory import memory
from benchmarks.linear.real import real
from benchmarks.linear.threads import threads

PARTS = {"ridge": ridge, "ard": ard, "real": real, "memory": memory, "threads": threads}
