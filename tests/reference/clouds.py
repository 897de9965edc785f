"""Twins of `skvi.kernels.clouds`."""

import numpy as np

from tests.reference import pairs


def cloud_distances(kernels, rows, first, second, panels, tiles, out):
    pairs.load_panels(rows, panels)
    pairs.pair_distances(panels, len(rows), first, second, tiles, out)


def cloud_directions(kernels, rows, gradients, normal, scale, repulsion, panels, tiles, drive, away, totals, out):
    offsets = rows[:, None] - rows
    squares = (offsets**2).sum(axis=2)
    k = np.exp(-0.5 * scale * squares) if normal else (1.0 + scale * squares) ** -0.5
    push = repulsion * scale * (k if normal else k**3)
    out[:] = (k @ gradients + (push[:, :, None] * offsets).sum(axis=1)) / len(rows)
