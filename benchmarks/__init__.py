"""Benchmarks: skvi beside its peers, timed in turns within one process, with the goals printed next to the figures.

Run `python -m benchmarks --help`. A suite is a module or package of this one with a dictionary PARTS from
part names to functions of `Options`, each of which prints its own tables.
"""
