"""Solving with a precision that is only multiplied with, and the nearest one of low rank.

Among the precisions L = diag(d) + U U' the one with the highest bound for sites of precision H maximises
-tr(H L^-1) / 2 - log|L^-1 H| / 2: it is the maximum-likelihood factor analysis of H as a covariance matrix.
"""

import numpy as np

# Directions beyond the rank that a first sketch follows, and its passes over the rows.
_EXTRA = 8
_PASSES = 2
# Most steps of conjugate gradients, and the share of the squared residual at which they stop.
_MOST_STEPS = 200
_SHARE = 1e-6
# Eigenvalues that are rounding, relative to the largest; and the least share of the diagonal that is left alone.
_ROUNDING = 1e-13
_LEAST_SHARE = 1e-8


def conjugate_gradients(times, pull, preconditioner, start):
    """Solution of a positive definite system, near enough for one Newton step of many."""
    solution = start
    residual = pull - times(start) if start.any() else pull
    scaled = preconditioner(residual)
    square = residual @ scaled
    least = _SHARE * (pull @ preconditioner(pull))
    direction = scaled
    for _ in range(_MOST_STEPS):
        if not square > least:
            break
        turned = times(direction)
        length = square / (direction @ turned)
        solution = solution + length * direction
        residual = residual - length * turned
        scaled = preconditioner(residual)
        square, previous = residual @ scaled, square
        direction = scaled + square / previous * direction
    return solution


def nearest(precision, rank, previous):
    """Diagonal and factor of an approximation, exact where the rank of the rows is no larger.

    A Nystrom approximation of what rows add, which is nowhere above it, with the rest of the diagonal; and one step
    from there to the best.

    Parameters
    ----------
    precision : JointPrecision
    rank : int
    previous : ndarray of shape (D, M)
        Factor of an approximation to a like precision; M = 0 for none.
    """
    n_features, own = precision.n_features, precision.own[: precision.n_features]
    if rank == n_features:
        factor = _nystrom(precision, np.eye(n_features))
    elif previous.shape[1] == rank:
        # Each time the directions turn further, as in subspace iteration.
        factor = _nystrom(precision, previous / own[:, None])
    else:
        factor = _sketched(precision, rank)
    diagonal = np.maximum(precision.schur_diagonal - np.einsum("dr,dr->d", factor, factor), own)
    return _improved(precision, diagonal, factor) if factor.shape[1] else (diagonal, factor)


def _nystrom(precision, block):
    """F with F F' = G B (B' G B)^-1 B' G, G being what rows add and B a block of columns."""
    turned = precision.rows_times(block)
    return turned @ _root_of_inverse(block.T @ turned)


def _sketched(precision, rank):
    """The same of a random block, by subspace iteration in units of the precision's own part, cut to a rank.

    Halko, Martinsson & Tropp (2011).
    """
    n_features = precision.n_features
    widths = 1.0 / np.sqrt(precision.own[:n_features])[:, None]
    block = np.random.RandomState(0).standard_normal((n_features, min(n_features, rank + _EXTRA)))
    for _ in range(_PASSES):
        block = _orthonormal(widths * precision.rows_times(widths * block))
        if not block.shape[1]:
            # The rows add nothing.
            return block
    factor = widths * _nystrom(precision, widths * block)
    _, vectors = np.linalg.eigh(factor.T @ factor)
    return factor @ vectors[:, -rank:] / widths


def _orthonormal(block):
    """An orthonormal basis of the columns, twice by their products: cheaper than reflections, and as good."""
    for _ in range(2):
        block = block @ _root_of_inverse(block.T @ block)
    return block


def _root_of_inverse(matrix):
    """C with C C' the pseudo-inverse of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    kept = values > _ROUNDING * values.max(initial=0.0)
    return vectors[:, kept] / np.sqrt(values[kept])


def _improved(precision, diagonal, factor):
    """One step of expectation maximisation (Rubin & Thayer 1982): the bound never falls."""
    scaled = factor / diagonal[:, None]
    core = np.linalg.inv(np.eye(factor.shape[1]) + factor.T @ scaled)
    weights = scaled @ core
    turned = precision.schur_times(weights)
    moments = core + weights.T @ turned
    new = turned @ np.linalg.inv(0.5 * (moments + moments.T))
    left = precision.schur_diagonal - np.einsum("dr,dr->d", new, turned)
    return np.maximum(left, _LEAST_SHARE * precision.schur_diagonal), new
