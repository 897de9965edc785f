"""Stein variational gradient descent beside plain numpy."""

from benchmarks.stein.diagnostics import diagnostics
from benchmarks.stein.median import median
from benchmarks.stein.step import step

PARTS = {"step": step, "median": median, "diagnostics": diagnostics}
