"""Twins of `skvi.kernels.gaussian`."""


def full_scores(x, means, factors, constants, scores):
    for k in range(len(means)):
        whitened = factors[k] @ (x - means[k][:, None])
        scores[k] = constants[k] - 0.5 * (whitened**2).sum(axis=0)


def screened_full_scores(x, means, factors, constants, scores):
    """Exact: nothing is screened."""
    full_scores(x, means, factors, constants, scores)


def whiten(x, center, factor, out):
    out[:] = factor @ (x - center[:, None])


def diagonal_scores(x, means, precisions, constants, scores):
    for k in range(len(means)):
        squares = (x - means[k][:, None]) ** 2
        scores[k] = constants[k] - 0.5 * precisions[k] @ squares


def project(x, center, direction, out):
    out[:] = direction @ (x - center[:, None])
