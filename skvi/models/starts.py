"""Starts of a mixture: how rows are first assigned to components.

Every draw is made over distinct rows in a canonical order, by their projection on one random direction, and
by weight. So a start does not depend on the order of the rows, and a weight counts as that many equal rows. It
does not depend on the units of the data either, but for random responsibilities and for large tables: these
are thinned first, by a hash of each row's bits, so that finding centres costs less than a few sweeps.
"""

from functools import cache
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from skvi import _threads
from skvi.kernels.blocks import FEATURE_TILE, ROW_TILE, load_block, padded
from skvi.kernels.centers import move_centers
from skvi.models.rows import Block, kernel_blocks

_SAMPLE_DOUBLES = 2**18
_SAMPLE_ROWS = 4096
_MOST_MOVES = 50
_TRIAL_MOVES = 3
_KEY_ROWS = 1024
# Rows that are sorted for each row of a sample: sorting all of a large table would take longer than a sweep.
_THINNED = 8
_DIRECTION_SEED = 20260131


class NearestCenter(NamedTuple):
    """Each row goes to the nearest of K centres (Euclidean; the first of equals)."""

    reference: np.ndarray  # (K, D)

    def assign(self, rows, part, block, out):
        """Set out[k, b] to the row's weight where k is its centre, else zero."""
        labels = _threads.scratch("labels", block.weights.shape, np.int64)
        move_centers(block.x, block.weights, 0, self.reference.copy(), labels, out)
        np.multiply(labels == np.arange(len(out))[:, None], block.weights, out=out)


class GivenResponsibilities(NamedTuple):
    """Responsibilities from the user, one row each."""

    reference: np.ndarray  # (K, D)
    responsibilities: np.ndarray  # (N, K)

    def assign(self, rows, part, block, out):
        """Set out[k, b] to the row's weight times its responsibility."""
        chosen = self.responsibilities[rows.positions][part]
        out[:] = 0.0
        out[:, : len(chosen)] = chosen.T
        out *= block.weights


class RandomResponsibilities(NamedTuple):
    """Uniform random responsibilities, normalised: a function of the row's bits and a seed alone."""

    reference: np.ndarray  # (K, D)
    seed: int

    def assign(self, rows, part, block, out):
        """Set out[k, b] to the row's weight times a random responsibility."""
        hashed = _row_hashes(block.x, self.seed)
        steps = np.array([k * _GOLDEN % 2**64 for k in range(1, len(out) + 1)], dtype=np.uint64)
        bits = _scrambled(hashed + steps[:, None])
        # Half a step up, so that no responsibility is zero.
        uniform = ((bits >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52
        out[:] = block.weights * (uniform / uniform.sum(axis=0))


def _row_hashes(x, seed):
    """Hash the bits of each row of a block, shape (B,)."""
    hashed = np.full(x.shape[1], seed, dtype=np.uint64)
    for feature in x + 0.0:  # which turns -0.0 into 0.0
        hashed = _scrambled(hashed + feature.view(np.uint64))
    return hashed


_GOLDEN = 0x9E3779B97F4A7C15


def _scrambled(bits):
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): a bijection without visible structure."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@cache
def _fixed_direction(d):
    return np.random.default_rng(_DIRECTION_SEED).standard_normal(d)


def row_keys(rows, description):
    """Project each row on one fixed random direction, in units of the columns' deviations, shape (n_rows,)."""
    d = rows.values.shape[1]
    deviations = np.sqrt(np.diag(description.scatter) / description.count)
    weights = _fixed_direction(d)
    direction = np.divide(weights, deviations, out=np.zeros(d), where=deviations > 0.0)
    keys = np.zeros(rows.n_rows)
    for part, block in kernel_blocks(rows, _KEY_ROWS, with_table=False):
        # In the order of features: equal rows give equal bits.
        for x, center, weight in zip(block.x, description.mean, direction, strict=False):
            keys[part] += weight * (x[: part.stop - part.start] - center)
    return keys


def _levels(rows):
    """Per row the number of leading zeros of a hash of its bits: level l or more has a chance of 2^-l."""
    levels = np.empty(rows.n_rows, np.uint8)
    for part, block in kernel_blocks(rows, _KEY_ROWS, with_table=False):
        hashed = _row_hashes(block.x, _DIRECTION_SEED)[: part.stop - part.start]
        uniform = ((hashed >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53
        levels[part] = -np.log2(uniform)
    return levels


def _picked(cumulative, uniform):
    """Positions that uniform draws fall on, of items with these cumulative masses."""
    return cumulative.searchsorted(uniform * cumulative[-1])


def _thinned(rows, keys, most):
    """Positions of the largest hashed subset that holds no more than so many distinct rows.

    Equal rows stay or go together and are counted once, so that a weight is as good as that many equal rows.
    """
    levels = _levels(rows)
    level = max(0, int(np.ceil(np.log2(len(keys) / most))))
    chosen = np.flatnonzero(levels >= level)
    while len(np.unique(keys[chosen])) > most:
        level += 1
        chosen = np.flatnonzero(levels >= level)
    while level > 0:
        wider = np.flatnonzero(levels >= level - 1)
        if len(np.unique(keys[wider])) > most:
            break
        chosen, level = wider, level - 1
    return chosen


class Sample:
    """Distinct rows in canonical order with their weights, or a systematic sample of them.

    Parameters
    ----------
    rows : Rows
    keys : ndarray of shape (n_rows,), from `row_keys`
    n_components : int
    """

    def __init__(self, rows, keys, n_components):
        d = rows.values.shape[1]
        if not rows.weights.all():
            used = np.flatnonzero(rows.weights)
            rows, keys = rows.take(used), keys[used]
        most = max(64 * n_components, min(_SAMPLE_ROWS, _SAMPLE_DOUBLES // padded(d, FEATURE_TILE)))
        if rows.n_rows > _THINNED * most:
            chosen = _thinned(rows, keys, _THINNED * most)
            rows, keys = rows.take(chosen), keys[chosen]
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        firsts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        weights = np.add.reduceat(rows.weights[order], firsts)
        chosen = np.arange(len(firsts))
        if len(firsts) > most:
            # Equal steps of weight: heavy rows come several times, light ones in proportion.
            mass = np.cumsum(weights)
            chosen = np.searchsorted(mass, (np.arange(most) + 0.5) * (mass[-1] / most))
            chosen, repeats = np.unique(chosen, return_counts=True)
            weights = repeats * (mass[-1] / most)
        self.values = np.asarray(rows.values[order[firsts[chosen]]], dtype=float)
        self.weights = weights
        width = padded(len(chosen), ROW_TILE)
        self.block = Block(np.empty((padded(d, FEATURE_TILE), width)), np.empty((width, 0)), np.empty(width))
        load_block(self.values, self.weights, 0, *self.block)

    def _moved(self, centers, most_moves):
        """Centres after that many moves at most, squared distances (n_centers, width) from them, and their inertia."""
        centers = np.array(centers)
        shape = self.block.weights.shape
        labels, distances = np.empty(shape, np.int64), np.empty((len(centers), *shape))
        inertia = move_centers(self.block.x, self.block.weights, most_moves, centers, labels, distances)
        return centers, distances, inertia

    def squared_distances(self, points):
        """Squared distances from points to all rows, shape (n_points, n_rows)."""
        return self._moved(points, 0)[1][:, : len(self.values)]

    def draw(self, n, rng):
        """Draw n distinct rows with chances by weight; all, repeated in turn, where there are fewer."""
        n_rows = len(self.values)
        if n >= n_rows:
            return self.values[np.arange(n) % n_rows]
        # Exponential races: the n smallest of e_i / w_i are a draw by weight without replacement.
        times = rng.exponential(size=n_rows) / self.weights
        return self.values[np.argsort(times, kind="stable")[:n]]

    def spread_out(self, n, rng):
        """Greedy k-means++ (Arthur & Vassilvitskii 2007): n rows, each drawn far from those before it."""
        n_trials = 2 + int(np.log(n))
        centers = np.empty((n, self.values.shape[1]))
        centers[0] = self.values[_picked(self.weights.cumsum(), rng.random_sample())]
        nearest = self.squared_distances(centers[:1])[0]
        for number in range(1, n):
            cumulative = (self.weights * nearest).cumsum()
            draws = rng.random_sample(n_trials)
            if not cumulative[-1] > 0.0:
                centers[number] = centers[number % min(number, len(self.values))]
                continue
            candidates = self.values[_picked(cumulative, draws)]
            distances = np.minimum(self.squared_distances(candidates), nearest)
            best = distances.dot(self.weights).argmin()
            nearest, centers[number] = distances[best], candidates[best]
        return centers

    def k_means(self, n, rng, n_tries=1):
        """Centres by Lloyd's algorithm from rows that are spread out; of several tries the best is finished."""
        if n_tries > 1:
            tries = [self._moved(self.spread_out(n, rng), _TRIAL_MOVES) for _ in range(n_tries)]
            centers = min(tries, key=itemgetter(2))[0]
        else:
            centers = self.spread_out(n, rng)
        return self._moved(centers, _MOST_MOVES)[0]
