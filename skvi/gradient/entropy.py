"""The entropy of a cloud of particles."""

import numpy as np

# Particles for each coordinate from which on the covariance needs no help.
_ENOUGH = 10


def cloud_entropy(particles):
    """Entropy (nats) of a normal distribution with the covariance of a cloud, whose divisor is the number of particles.

    With fewer than ten particles a coordinate the covariance is shrunk towards its diagonal (Ledoit and Wolf 2004,
    on standardised coordinates), and so is never singular while the coordinates vary.
    """
    n, width = particles.shape
    standard, spread = _standardised(particles)
    kept = 1.0
    if n == 1:
        kept = 0.0
    elif n < _ENOUGH * width:
        kept = 1.0 - max(_shrinkage(standard), 1.0 / (1.0 + n))
    log_det = 2.0 * np.log(spread).sum() + _log_det_correlation(standard, kept)
    return 0.5 * (width * (1.0 + np.log(2.0 * np.pi)) + float(log_det))


def _standardised(particles):
    """Centred coordinates of unit spread, and the spreads."""
    centred = particles - particles.mean(axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    # A coordinate on which all agree has width at the level of rounding.
    spread = np.maximum(spread, np.finfo(float).eps * (1.0 + np.abs(particles).max(axis=0)))
    return centred / spread, spread


def _products(standard):
    """Products of coordinates or, where these are fewer, of particles: the same eigenvalues but for zeros."""
    n, width = standard.shape
    return standard @ standard.T if n < width else standard.T @ standard


def _shrinkage(standard):
    """The share of the diagonal that Ledoit and Wolf give (2004, lemma 3.2 to 3.5)."""
    n, width = standard.shape
    trace = np.sum(standard**2) / n
    squares = np.sum(_products(standard) ** 2) / n**2
    distance = squares - trace**2 / width
    error = (np.sum(np.sum(standard**2, axis=1) ** 2) / n - squares) / n
    return 0.0 if error <= 0.0 or distance <= 0.0 else min(error / distance, 1.0)


def _log_det_correlation(standard, kept):
    """Log-determinant of a correlation whose entries off the diagonal are multiplied by `kept`."""
    n, width = standard.shape
    if n >= width:
        correlation = (kept / n) * _products(standard)
        np.fill_diagonal(correlation, 1.0)
        return np.linalg.slogdet(correlation)[1]
    # det(D + S'S) = det(D) det(I + S D^-1 S') with as many rows as particles.
    diagonal = 1.0 - (kept / n) * np.sum(standard**2, axis=0)
    scaled = standard / np.sqrt(diagonal)
    inner = (kept / n) * (scaled @ scaled.T)
    inner[np.diag_indices(n)] += 1.0
    return np.log(diagonal).sum() + np.linalg.slogdet(inner)[1]
