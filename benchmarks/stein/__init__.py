"""Stein variational gradient descent beside plain numpy, and blackjax where it is installed."""

from benchmarks.stein.covertype import covertype
from benchmarks.stein.diagnostics import diagnostics
from benchmarks.stein.median import median
from benchmarks.stein.networks import networks
from benchmarks.stein.step import step

PARTS = {"step": step, "median": median, "diagnostics": diagnostics, "networks": networks, "covertype": covertype}
