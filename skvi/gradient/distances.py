"""The median of the squared distances between particles: of all pairs, or of a sample that no chance decides."""

import functools
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skvi import _threads
from skvi.kernels import clouds, pairs

#: pairs that the median is taken over: all where there are no more, else a sample of at least as many
MEDIAN_PAIRS = 2**18

# Coordinates of pairs that make a task worth handing to a thread.
_TASK_COST = 4e6
_MOST_TASKS = 16
# What a pair costs beside its coordinates, in coordinates.
_PAIR_COST = 4


def n_blocks(n):
    """Number of blocks of n rows."""
    return -(-n // pairs.BLOCK)


#: the tiles of those who keep no distances
NO_TILES = np.empty((0, pairs.BLOCK))


def load_panels(name, rows):
    """The rows as kernels of pairs see them, in this thread's array of that name."""
    panels = _threads.scratch(name, (n_blocks(len(rows)) * rows.shape[1], pairs.BLOCK))
    pairs.load_panels(rows, panels)
    return panels


def median_square(x, n_jobs, n_pairs=MEDIAN_PAIRS):
    """Median of all n * n squared distances between rows, n zeros among them; see `skvi.gradient.stein`.

    Parameters
    ----------
    x : ndarray of shape (n, P)
    n_jobs : int
    n_pairs : int
        Where there are more pairs, it is estimated from a sample of at least as many.
    """
    return median_and_tiles(x, None, n_jobs, n_pairs)[0]


def median_and_tiles(x, panels, n_jobs, n_pairs=MEDIAN_PAIRS):
    """The same, and the squared distances of all pairs in tiles, where there are no more than n_pairs.

    Parameters
    ----------
    panels : ndarray or None
        The rows as `load_panels` gives them; None keeps no distances.
    """
    n, tiles = len(x), NO_TILES
    meetings = _meetings(n, n_pairs)
    if not meetings.all:
        squares = _squares(load_panels("dealt", x[_dealt(x[:, 0])]), x.shape, meetings, tiles, n_jobs)
        total = n * (n - 1) // 2
        return float(_smallest(squares, int((n * n // 2 - n) / 2 / total * len(squares)))), tiles
    if panels is None:
        panels = load_panels("particles", x)
    else:
        tiles = _threads.scratch("tiles", (len(meetings.first) * pairs.BLOCK, pairs.BLOCK))
    return _median_of_all(_squares(panels, x.shape, meetings, tiles, n_jobs), n), tiles


def few_median_and_tiles(kernels, x, panels):
    """The same for rows all of whose pairs one task compares, in panels that are loaded here.

    Parameters
    ----------
    kernels : from `kernels_of_clouds`
    """
    n, meetings = len(x), _meetings(len(x), MEDIAN_PAIRS)
    tiles = _threads.scratch("tiles", (len(meetings.first) * pairs.BLOCK, pairs.BLOCK))
    squares = _threads.scratch("squares", (n * (n - 1) // 2,))
    clouds.cloud_distances(kernels, x, meetings.first, meetings.second, panels, tiles, squares)
    return _median_of_all(squares, n), tiles


class _Meetings(NamedTuple):
    """Pairs of blocks whose rows are compared, and where the distances of each begin."""

    all: bool
    first: np.ndarray
    second: np.ndarray
    starts: np.ndarray


@functools.lru_cache(maxsize=16)
def _meetings(n, n_pairs):
    blocks = n_blocks(n)
    most_shifts = (blocks - 1) // 2
    everything = n * (n - 1) / 2 <= n_pairs
    if not everything:
        n_shifts = -(-n_pairs // (blocks * pairs.BLOCK**2))
        everything = n_shifts > most_shifts
    if everything:
        first, second = map(np.ascontiguousarray, np.triu_indices(blocks))
    else:
        # Block b meets blocks b + shift, the shifts spread evenly over half the circle.
        shifts = 1 + (2 * np.arange(n_shifts) + 1) * most_shifts // (2 * n_shifts)
        one, other = np.arange(blocks), (np.arange(blocks) + shifts[:, None]) % blocks
        first, second = np.minimum(one, other).ravel(), np.maximum(one, other).ravel()
    sizes = np.minimum(pairs.BLOCK, n - pairs.BLOCK * np.arange(blocks))
    counts = np.where(first == second, sizes[first] * (sizes[first] - 1) // 2, sizes[first] * sizes[second])
    return _Meetings(everything, first, second, np.concatenate([[0], np.cumsum(counts)]))


def _squares(panels, shape, meetings, tiles, n_jobs):
    """Squared distances of all pairs of rows that meet."""
    n, depth = shape
    starts = meetings.starts
    size = int(starts[-1])
    out = _threads.scratch("squares", (size,)) if size <= 2 * MEDIAN_PAIRS else np.empty(size)
    n_meetings = len(meetings.first)
    n_tasks = max(1, min(_MOST_TASKS, n_meetings, int(len(out) * (depth + _PAIR_COST) / _TASK_COST)))
    edges = [n_meetings * t // n_tasks for t in range(n_tasks + 1)]
    _threads.run(
        [
            lambda a=a, b=b: pairs.pair_distances(
                panels, n, meetings.first[a:b], meetings.second[a:b], tiles, out[starts[a] : starts[b]]
            )
            for a, b in pairwise(edges)
        ],
        n_jobs,
    )
    return out


def _dealt(values):
    """Positions such that every run of a block's length spans all values evenly: sorted, then dealt out like cards."""
    order, blocks = np.argsort(values, kind="stable"), n_blocks(len(values))
    return np.concatenate([order[b::blocks] for b in range(blocks)])


def _smallest(values, rank):
    """The value of that rank, counted from 0; the values end up in another order, smaller ones before it."""
    values.partition(rank)
    return values[rank]


def _median_of_all(squares, n):
    """Median of n zeros and each of the squares twice."""
    upper, odd = n * n // 2, n % 2 == 1
    # Ranks below n are zeros, then come the squares in pairs.
    high = _smallest(squares, (upper - n) // 2) if upper >= n else 0.0
    if odd or upper < n:
        return float(high)
    below = (upper - n) // 2
    low = squares[:below].max() if below else 0.0
    return float(0.5 * (low + high))
