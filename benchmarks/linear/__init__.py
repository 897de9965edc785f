"""Linear models beside scikit-learn's: BayesianRidge and ARDRegression, LogisticRegression and PoissonRegressor."""

from benchmarks.linear.fit import ard, ridge
from benchmarks.linear.glm import glm
from benchmarks.linear.memory import memory
from benchmarks.linear.real import real
from benchmarks.linear.threads import threads

PARTS = {"ridge": ridge, "ard": ard, "real": real, "memory": memory, "threads": threads, "glm": glm}
