"""Coordinates in which a normal is standard, and how it moves there."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from skvi.gradient.normals import FullRank, MeanField


class FullFrame:
    """z = mean + C u, C being any square root of the covariance.

    Parameters
    ----------
    mean : ndarray of shape (P,)
    factor : ndarray of shape (P, P)
        C.
    """

    def __init__(self, mean, factor):
        self.mean = mean
        self.factor = factor

    @classmethod
    def of(cls, normal):
        """The frame of a normal."""
        return cls(normal.mean, FullRank.from_covariance(normal.mean, normal.covariance).factor)

    @property
    def normal(self):
        """The normal that is standard in the frame."""
        return FullRank.from_covariance(self.mean, self.factor @ self.factor.T)

    @property
    def is_finite(self):
        """Whether all numbers are."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.factor).all())

    @staticmethod
    def enough_draws(width):
        """A number of draws that are matched, and mirrored where this is no more than 256."""
        return max(24, 2 * width + 2 if width <= 127 else width + width // 4)

    @staticmethod
    def reach(width):
        """Directions of which a step has to learn."""
        return width

    @staticmethod
    def noise(n_draws, width, rng):
        """Draws, (n_draws, width), with mean zero and covariance one where they are enough; are they mirrored?

        From width + 2 draws on the sample's own mean and covariance (divisor n_draws) are those of the distribution,
        so that averages of linear and quadratic functions are exact. From 2 width + 2 draws on, if even, the second
        half mirrors the first, and averages of odd functions are exact too. With fewer, draws are independent.
        """
        mirrored = n_draws % 2 == 0 and n_draws >= 2 * width + 2
        u = _mirrored(rng.standard_normal((n_draws // 2, width))) if mirrored else rng.standard_normal((n_draws, width))
        if n_draws < width + 2:
            return u, False
        u -= u.mean(axis=0)
        root = cholesky(u.T @ u / n_draws, lower=True, check_finite=False)
        return solve_triangular(root, u.T, lower=True, check_finite=False).T, mirrored

    def place(self, u):
        """Free numbers z of draws."""
        return self.mean + u @ self.factor.T

    def pull(self, gradients):
        """Gradients in u of those in z."""
        return gradients @ self.factor

    def in_deviations(self, shifts):
        """How far shifts in u move each free number, in standard deviations."""
        return shifts @ self.factor.T / np.sqrt(np.einsum("pq,pq->p", self.factor, self.factor))

    @staticmethod
    def turn(lever, residual):
        """Squared size of the mean of a lever times the residuals', and what independent draws make of it."""
        n = len(lever)
        noise = np.sum(lever**2, axis=1) @ np.sum(residual**2, axis=1)
        return np.sum((lever.T @ residual) ** 2) / n**2, noise / n**2

    def moved(self, shift, stretch):
        """The frame of mean + C shift and C stretch."""
        return FullFrame(self.mean + self.factor @ shift, self.factor @ stretch)

    def narrowed(self):
        """The frame at half the scale."""
        return FullFrame(self.mean, 0.5 * self.factor)


class DiagonalFrame:
    """z = mean + scale * u.

    Parameters
    ----------
    mean, scale : ndarray of shape (P,)
    """

    def __init__(self, mean, scale):
        self.mean = mean
        self.scale = scale

    @classmethod
    def of(cls, normal):
        """The frame of the marginals of a normal."""
        return cls(normal.mean, np.sqrt(normal.variances))

    @property
    def normal(self):
        """The normal that is standard in the frame."""
        return MeanField(self.mean, self.scale)

    @property
    def is_finite(self):
        """Whether all numbers are."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.scale).all())

    @staticmethod
    def enough_draws(width):
        """A number of draws that makes steps worth their overhead."""
        return 32

    @staticmethod
    def reach(width):
        """Directions of which a step has to learn: one of each free number."""
        return 1

    @staticmethod
    def noise(n_draws, width, rng):
        """Draws, (n_draws, width), with mean zero and variance one; the second half mirrors the first if even."""
        mirrored = n_draws % 2 == 0
        u = _mirrored(rng.standard_normal((n_draws // 2, width))) if mirrored else rng.standard_normal((n_draws, width))
        if n_draws > 1:
            u -= u.mean(axis=0)
            u /= np.sqrt(np.mean(u**2, axis=0))
        return u, mirrored

    def place(self, u):
        """Free numbers z of draws."""
        return self.mean + u * self.scale

    def pull(self, gradients):
        """Gradients in u of those in z."""
        return gradients * self.scale

    @staticmethod
    def in_deviations(shifts):
        """How far shifts in u move each free number, in standard deviations."""
        return shifts

    @staticmethod
    def turn(lever, residual):
        """Squared size of the mean of a lever times the residuals, and what independent draws make of it."""
        products = lever * residual
        return np.sum(np.mean(products, axis=0) ** 2), np.sum(products**2) / len(lever) ** 2

    def moved(self, shift, stretch):
        """The frame of mean + scale * shift and scale * stretch."""
        return DiagonalFrame(self.mean + self.scale * shift, self.scale * stretch)

    def narrowed(self):
        """The frame at half the scale."""
        return DiagonalFrame(self.mean, 0.5 * self.scale)


def _mirrored(u):
    return np.concatenate([u, -u])
