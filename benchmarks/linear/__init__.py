"""Linear models beside those of scikit-learn, and of NumPyro where it is installed."""

from benchmarks.linear.fit import ard, ridge
from benchmarks.linear.glm import glm
from benchmarks.linear.memory import memory
from benchmarks.linear.real import real
from benchmarks.linear.svi import svi
from benchmarks.linear.threads import threads

PARTS = {"ridge": ridge, "ard": ard, "real": real, "memory": memory, "threads": threads, "glm": glm, "svi": svi}
