"""Twins of `skvi.kernels.pairs`, and Stein's method by arrays of all pairs."""

import numpy as np

BLOCK = 32


def _rows(panels, n):
    depth = panels.shape[0] // -(-n // BLOCK)
    return panels.reshape(-1, depth, BLOCK).transpose(0, 2, 1).reshape(-1, depth)[:n]


def _squares(x, y):
    return ((x[:, None] - y) ** 2).sum(axis=2)


def _pairs(n, first, second):
    """Whether a pair (i, j) or (j, i) is one of the two ranges of blocks."""
    block = np.arange(n) // BLOCK
    one = (first[0] <= block) & (block < first[1])
    other = (second[0] <= block) & (block < second[1])
    return np.outer(one, other) | np.outer(other, one)


def load_panels(rows, panels):
    n, depth = rows.shape
    padded = np.zeros((panels.shape[0] // depth * BLOCK, depth))
    padded[:n] = rows
    panels[:] = padded.reshape(-1, BLOCK, depth).transpose(0, 2, 1).reshape(-1, BLOCK)


def load_table(rows, gradients, center, drive, repulsion, table):
    n, depth = rows.shape
    table[:n] = 0.0
    table[:n, :depth] = drive * gradients - repulsion * (rows - center)
    table[:n, depth] = repulsion


def directions(rows, gradients, center, sums, out):
    n, depth = rows.shape
    out[:] = (gradients + sums[:n, :depth] + sums[:n, depth : depth + 1] * (rows - center)) / n


def rbf_sums(panels, tiles, table, n, first, second, scale, out):
    x = _rows(panels, n)
    k = np.exp(-0.5 * scale * _squares(x, x)) * _pairs(n, first, second)
    np.fill_diagonal(k, 0.0)
    out[:n] += k @ table[:n]


def imq_sums(panels, tiles, drive, repulsion, n, first, second, scale, out):
    x = _rows(panels, n)
    q = (1.0 + scale * _squares(x, x)) ** -0.5 * _pairs(n, first, second)
    np.fill_diagonal(q, 0.0)
    out[:n] += q @ drive[:n] + scale * q**3 @ repulsion[:n]


def pair_distances(panels, n, first, second, tiles, out):
    x, position = _rows(panels, n), 0
    for i, j in zip(first, second, strict=True):
        block = _squares(x[i * BLOCK : (i + 1) * BLOCK], x[j * BLOCK : (j + 1) * BLOCK])
        if len(tiles):
            place = (j * (j + 1) // 2 + i) * BLOCK
            tiles[place : place + block.shape[0], : block.shape[1]] = block
        values = block[np.triu_indices_from(block, 1)] if i == j else block.ravel()
        out[position : position + len(values)] = values
        position += len(values)


def stein_kernel(x, s, scale):
    """Stein kernel of all pairs, inverse multiquadric."""
    d = x[:, None] - x
    squares, q = (d**2).sum(axis=2), (1.0 + scale * (d**2).sum(axis=2)) ** -0.5
    across = ((s[:, None] - s) * d).sum(axis=2)
    return q * (s @ s.T) + scale * q**3 * (across + x.shape[1]) - 3.0 * scale**2 * q**5 * squares


def stein_kernel_sum(panels, scores, n, first, second, scale):
    u = stein_kernel(_rows(panels, n), _rows(scores, n), scale)
    return (u * _pairs(n, first, second)).sum()


def kernel(name, x, y, h):
    """k(x, y) along the last axis."""
    squares = ((x - y) ** 2).sum(axis=-1) / h**2
    return np.exp(-0.5 * squares) if name == "rbf" else (1.0 + squares) ** -0.5


def kernel_gradient(name, x, y, h):
    """Gradient of k(x, y) in x."""
    k = kernel(name, x, y, h)[..., None]
    return (y - x) / h**2 * (k if name == "rbf" else k**3)


def stein_direction(x, gradients, name, h, repulsion=1.0):
    """phi_i = (1/n) sum_j k(x_j, x_i) g_j + grad_{x_j} k(x_j, x_i)."""
    k = kernel(name, x, x[:, None], h)
    return (k @ gradients + repulsion * kernel_gradient(name, x, x[:, None], h).sum(axis=1)) / len(x)


def median_bandwidth(x):
    return np.sqrt(0.5 * np.median(_squares(x, x)) / np.log(len(x) + 1.0))
