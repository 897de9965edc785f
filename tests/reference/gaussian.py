"""Twins of `skvi.kernels.gaussian`."""


def full_scores(x, means, factors, constants, scores):
    for k in range(len(means)):
        whitened = factors[k] @ (x - means[k][:, None])
        scores[k] = constants[k] - 0.5 * (whitened**2).sum(axis=0)


def screened_full_scores(x, means, factors, constants, scores):
    """Exact: nothing is screened."""
    full_scores(x, means, factors, constants, scores)


def diagonal_scores(x, means, factors, constants, scores):
    for k in range(len(means)):
        squares = (x - means[k][:, None]) ** 2
        scores[k] = constants[k] - 0.5 * factors[k, 0] @ squares


def tied_scores(x, means, factors, constants, scores):
    full_scores(x, means, factors[[0] * len(means)], constants, scores)
