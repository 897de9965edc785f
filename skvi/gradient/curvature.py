"""Inverse Hessians as quasi-Newton paths know them: a diagonal and the last pairs of steps and turns of the gradient.

A pair is a step s and the turn z of the gradient, of the negative log density, along it, both over the root of s'z:
then s'z = 1. Where there are fewer pairs than memory, leading rows of zeros stand for none.
"""

from functools import cached_property

import numpy as np

from skvi.gradient.normals import Drawn, NormalApproximation, standard_log_density

# A pair whose turn is so long against s'z says nothing about curvature (Zhang et al. 2022).
_LONGEST_TURN = 1e12
# What rounding leaves of an eigenvalue that should be positive.
_LEAST_STRETCH = 1e-12


def make_pair(step, turn):
    """The pair (s, z) with s'z = 1 of steps and turns, (K, P); which of them say something about curvature, (K,)."""
    product = np.einsum("kp,kp->k", step, turn)
    with np.errstate(over="ignore"):
        useful = (product > 0.0) & (np.einsum("kp,kp->k", turn, turn) <= _LONGEST_TURN * product)
    root = np.sqrt(np.where(useful, product, 1.0))[:, None]
    return step / root, turn / root, useful


def updated_diagonal(diagonal, step, turn):
    """Diagonal of the inverse Hessian after a pair (Gilbert, Lemarechal 1989, eq. 4.9), (K, P)."""
    along = np.einsum("kp,kp->k", diagonal, turn**2)[:, None]
    scaled = step / diagonal
    inverse = along / diagonal + turn**2 - along * scaled**2 / np.einsum("kp,kp->k", step, scaled)[:, None]
    return 1.0 / inverse


def _corner(steps, turns):
    """E^-1, E being the upper triangle of S'Z; ones stand on its diagonal."""
    later = np.arange(steps.shape[-2])
    above = later[:, None] < later
    return np.linalg.inv(np.where(above, steps @ turns.swapaxes(-1, -2), np.eye(len(later))))


def inverse_hessian_times(diagonal, steps, turns, vectors):
    """H v of the inverse Hessians H = diag(a) + B G B' (Zhang et al. 2022, eq. 9) of K paths.

    Parameters
    ----------
    diagonal, vectors : ndarray of shape (K, P)
    steps, turns : ndarray of shape (K, J, P)
        Pairs, the latest last.

    Returns
    -------
    ndarray of shape (K, P)
    """
    corner = _corner(steps, turns)
    scaled = diagonal * vectors
    first = corner @ (steps @ vectors[:, :, None])
    turned = turns @ (scaled[:, :, None] - diagonal[:, :, None] * (turns.swapaxes(1, 2) @ first))
    second = corner.swapaxes(1, 2) @ (first - turned)
    return (
        scaled
        - diagonal * np.einsum("kjp,kj->kp", turns, first[..., 0])
        + np.einsum("kjp,kj->kp", steps, second[..., 0])
    )


def stretches(diagonal, steps, turns):
    """Q (K, P, R) and l (K, R) with H = A (I + Q diag(l^2 - 1) Q') A, where A = diag(a)^(1/2) and Q'Q = I."""
    root = np.sqrt(diagonal)[:, None, :]
    turns, steps = turns * root, steps / root
    corner = _corner(steps, turns)
    lower = corner.swapaxes(1, 2)
    inner = np.eye(corner.shape[-1]) + turns @ turns.swapaxes(1, 2)
    gamma = np.block([[np.zeros_like(corner), -corner], [-lower, lower @ inner @ corner]])
    basis, triangle = np.linalg.qr(np.concatenate([turns, steps], axis=1).swapaxes(1, 2))
    squares, vectors = np.linalg.eigh(triangle @ gamma @ triangle.swapaxes(1, 2))
    return basis @ vectors, np.sqrt(np.maximum(1.0 + squares, _LEAST_STRETCH))


class Stretched(NormalApproximation):
    """A normal whose scales are free, and whose correlation is a stretch along a few fixed directions.

    z = mean + scale * (u + Q diag(l - 1) Q'u): a draw costs O(P R) for R directions.

    Parameters
    ----------
    mean, scale : ndarray of shape (P,)
    directions : ndarray of shape (P, R)
        Q, orthonormal.
    stretch : ndarray of shape (R,)
        l, positive.
    """

    def __init__(self, mean, scale, directions, stretch):
        super().__init__(mean)
        self.scale = np.asarray(scale, dtype=np.float64)
        self.directions = np.asarray(directions, dtype=np.float64)
        self.stretch = np.asarray(stretch, dtype=np.float64)

    @property
    def parameters(self):
        return np.concatenate([self.mean, self.scale])

    def with_parameters(self, parameters):
        return Stretched(*np.split(parameters, 2), self.directions, self.stretch)

    @property
    def variances(self):
        return self.scale**2 * (1.0 + self.directions**2 @ (self.stretch**2 - 1.0))

    @property
    def covariance(self):
        inner = (self.directions * (self.stretch**2 - 1.0)) @ self.directions.T
        inner[np.diag_indices_from(inner)] += 1.0
        return self.scale[:, None] * inner * self.scale

    @cached_property
    def log_det(self):
        return 2.0 * float(np.log(np.abs(self.scale)).sum() + np.log(self.stretch).sum())

    @property
    def entropy_slope(self):
        return np.concatenate([np.zeros(self.width), 1.0 / self.scale])

    @property
    def diagonal(self):
        # Of what the entropy follows: the stretches are fixed.
        return np.arange(self.width, 2 * self.width)

    def draw(self, noise):
        return _DrawnStretched(self, noise)

    def whiten(self, z):
        return self._pulled((z - self.mean) / self.scale, 1.0 / self.stretch)

    def _pulled(self, vectors, stretch):
        """Vectors in rows, stretched along the directions."""
        return vectors + (vectors @ self.directions) * (stretch - 1.0) @ self.directions.T


class _DrawnStretched(Drawn):
    def __init__(self, normal, noise):
        self._normal = normal
        self._noise = noise
        self._pulled = normal._pulled(noise, normal.stretch)
        self.z = normal.mean + normal.scale * self._pulled
        self.log_density = standard_log_density(noise) - 0.5 * normal.log_det

    @property
    def score(self):
        return -self._normal._pulled(self._noise, 1.0 / self._normal.stretch) / self._normal.scale

    def pull_back_each(self, slopes, weights):
        return np.concatenate([slopes, slopes * self._pulled - weights[:, None] / self._normal.scale], axis=1)
