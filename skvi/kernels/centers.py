"""Centres of clusters and the rows nearest to them, by Euclidean distance.

Shapes: x (D4, B) and weights (B,) are a block's (see `blocks`); centers (K, D), labels (B,), distances (K, B).
"""

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty, aligned_flat
from skvi.kernels.simd import LANES, fma, load, minus, splat, store


@jit
def move_centers(x, weights, most_moves, centers, labels, distances):
    """Move each centre to the mean of the rows nearest to it, until none moves or so often (Lloyd 1982).

    Then `distances` are the squared ones of all rows from the centres, and `labels` the nearest, the first of equals.
    A centre without rows stays where it is. Return the weighted sum of squared distances from the nearest centres.
    """
    n_centers, n_features = centers.shape
    sums, least = aligned_empty(2, n_centers), aligned_flat(weights.size)
    inertia = 0.0
    for move in range(most_moves + 1):
        for k in range(n_centers):
            for b in range(0, weights.size, LANES):
                square = splat(0.0)
                for i in range(n_features):
                    d = minus(load(x, i, b), splat(centers[k, i]))
                    square = fma(d, d, square)
                store(distances, k, b, square)
        inertia = _assign(distances, weights, labels, least)
        if move == most_moves or not _move_to_means(x, weights, labels, sums, centers):
            break
    return inertia


@jit_helper
def _assign(distances, weights, labels, least):
    """Set each row's nearest centre, the first of equals; return the weighted sum of squared distances from them."""
    wide_vectors()
    for b in range(weights.size):
        labels[b] = 0
        least[b] = distances[0, b]
    for k in range(1, distances.shape[0]):
        for b in range(weights.size):
            labels[b] = k if distances[k, b] < least[b] else labels[b]
            least[b] = distances[k, b] if distances[k, b] < least[b] else least[b]
    inertia = 0.0
    for b in range(weights.size):
        inertia += weights[b] * least[b]
    return inertia


@jit_helper
def _move_to_means(x, weights, labels, sums, centers):
    """Return whether a centre moved."""
    moved = False
    for k in range(centers.shape[0]):
        sums[0, k] = 0.0
    for b in range(weights.size):
        sums[0, labels[b]] += weights[b]
    for i in range(centers.shape[1]):
        for k in range(centers.shape[0]):
            sums[1, k] = 0.0
        for b in range(weights.size):
            sums[1, labels[b]] += weights[b] * x[i, b]
        for k in range(centers.shape[0]):
            if sums[0, k] > 0.0:
                moved |= sums[1, k] / sums[0, k] != centers[k, i]
                centers[k, i] = sums[1, k] / sums[0, k]
    return moved
