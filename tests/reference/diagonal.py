"""Twins of `skvi.kernels.diagonal`, by differences."""

from tests.reference.gaussian import diagonal_scores


def expanded_diagonal_scores(x, means, factors, constants, scores):
    diagonal_scores(x, means, factors, constants, scores)


def spherical_scores(x, means, factors, constants, scores):
    diagonal_scores(x, means, factors, constants, scores)


def diagonal_moments(x, table, responsibilities, means, count, first, second):
    for k in range(len(means)):
        d = table - means[k]
        count[k] += responsibilities[k].sum()
        first[k] += responsibilities[k] @ d
        second[k, 0] += responsibilities[k] @ d**2
