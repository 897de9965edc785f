"""Few particles, whose pairs are no work to share: what `skvi.kernels.pairs` does part by part, in two calls."""

import numpy as np

from skvi._numba import call, entries, entry, jit
from skvi.kernels.pairs import BLOCK, directions, imq_sums, load_panels, load_table, pair_distances, rbf_sums


@jit
def cloud_distances(kernels, rows, first, second, panels, tiles, out):
    """Squared distances of all pairs, in `tiles` too; see `load_panels` and `pair_distances`.

    Parameters
    ----------
    kernels : from `kernels_of_clouds`
    """
    load_panels(rows, panels)
    call(kernels[0], (panels, rows.shape[0], first, second, tiles, out))


@jit
def cloud_directions(kernels, rows, gradients, normal, scale, repulsion, panels, tiles, drive, away, totals, out):
    """Directions of Stein's method; see `rbf_sums`, or `imq_sums` where the kernel is not that of a normal density.

    Parameters
    ----------
    kernels : from `kernels_of_clouds`
    rows, gradients, out : (n, P)
    normal : bool
    scale, repulsion : float
        Of distances, and of what keeps particles apart.
    panels, tiles
        As `cloud_distances` leaves them.
    drive, away, totals : (nb * B, C8)
        Written over.
    """
    n, depth = rows.shape
    everything = (n - n, -(-n // BLOCK))
    center = np.zeros(depth)
    for i in range(n):
        for p in range(depth):
            center[p] += rows[i, p]
    for p in range(depth):
        center[p] /= n
    for i in range(totals.shape[0]):
        for p in range(totals.shape[1]):
            totals[i, p] = 0.0
    if normal:
        load_table(rows, gradients, center, 1.0, repulsion * scale, drive)
        call(kernels[1], (panels, tiles, drive, n, everything, everything, scale, totals))
    else:
        load_table(rows, gradients, center, 1.0, 0.0, drive)
        load_table(rows, gradients, center, 0.0, repulsion, away)
        call(kernels[1], (panels, tiles, drive, away, n, everything, everything, scale, totals))
    directions(rows, gradients, center, totals, out)


_compiled = {}


def kernels_of_clouds(normal):
    """What the kernels above call, for one of the two kernels of Stein's method."""
    if normal not in _compiled:
        matrix, places, blocks = np.empty((0, 0)), np.empty(0, dtype=np.int64), (0, 0)
        distances = entry(pair_distances, matrix, 0, places, places, matrix, np.empty(0))
        if normal:
            sums = entry(rbf_sums, matrix, matrix, matrix, 0, blocks, blocks, 0.0, matrix)
        else:
            sums = entry(imq_sums, matrix, matrix, matrix, matrix, 0, blocks, blocks, 0.0, matrix)
        _compiled[normal] = entries(distances, sums)
    return _compiled[normal]
