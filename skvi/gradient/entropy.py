"""The entropy of a cloud of particles."""

import numpy as np

# Particles for each coordinate from which on the covariance needs no help.
_ENOUGH = 10


def cloud_covariance(particles):
    """Covariance of a cloud, (P, P), with the number of particles as its divisor.

    With fewer than ten particles a coordinate it is shrunk towards its diagonal (Ledoit and Wolf 2004, on
    standardised coordinates), and so is never singular while the coordinates vary.
    """
    n, width = particles.shape
    centred = particles - particles.mean(axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    # A coordinate on which all agree has width at the level of rounding.
    spread = np.maximum(spread, np.finfo(float).eps * (1.0 + np.abs(particles).max(axis=0)))
    standard = centred / spread
    correlation = standard.T @ standard / n
    if n == 1:
        correlation[:] = 0.0
    elif n < _ENOUGH * width:
        from sklearn.covariance import ledoit_wolf_shrinkage  # slow to import, and rarely needed

        kept = 1.0 - max(ledoit_wolf_shrinkage(standard, assume_centered=True), 1.0 / (1.0 + n))
        correlation *= kept
    np.fill_diagonal(correlation, 1.0)
    return correlation * np.outer(spread, spread)


def gaussian_entropy(covariance):
    """Entropy of a normal distribution, in nats."""
    width = len(covariance)
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    log_det = 2.0 * np.log(scale).sum() + np.linalg.slogdet(correlation)[1]
    return 0.5 * (width * (1.0 + np.log(2.0 * np.pi)) + float(log_det))
