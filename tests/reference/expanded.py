"""Twins of `skvi.kernels.expanded`, by differences."""

from tests.reference.moments import full_moments


def expanded_full_moments(x, table, responsibilities, means, near, count, first, second):
    full_moments(x, table, responsibilities, means, count, first, second)
