"""A target that counts what it is asked."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Counts:
    """What has been asked of a target: gradients and densities, one for each draw, and how many were not finite."""

    gradients: int = 0
    densities: int = 0
    nonfinite: int = 0


class CountedTarget:
    """A target whose evaluations are counted, those on mini-batches too, and never warn.

    Parameters
    ----------
    target : Target
    counts : Counts, default=None
        None starts at zero.
    """

    def __init__(self, target, counts=None):
        self.target = target
        self.counts = Counts() if counts is None else counts

    @property
    def n_parameters(self):
        """Number of free numbers, P."""
        return self.target.n_parameters

    @property
    def n_rows(self):
        """Number of rows; zero for a density without data."""
        return self.target.X.shape[0] if self.target.has_rows else 0

    def minibatch(self, rows):
        """The counted target with the likelihood of some rows, scaled up to the weight of all."""
        return CountedTarget(self.target.minibatch(rows), self.counts)

    def reweighted(self, row_weight):
        """The counted target whose rows count by other weights."""
        return CountedTarget(self.target.reweighted(row_weight), self.counts)

    def parts(self, z):
        """Log-likelihood of each row, (T, N), and log prior, (T,), at draws; NaN counts as -inf."""
        with np.errstate(all="ignore"):
            likelihoods, prior = self.target.parts(z)
        self.counts.densities += len(z)
        self.counts.nonfinite += int(np.sum(~(np.isfinite(prior) & np.isfinite(likelihoods).all(axis=1))))
        return likelihoods, prior

    def log_density(self, z):
        """Log density at draws, (T, P) -> (T,); NaN counts as -inf."""
        with np.errstate(all="ignore"):
            values = self.target.log_density(z)
        self.counts.densities += len(z)
        self.counts.nonfinite += int(np.sum(~np.isfinite(values)))
        return values

    def gradient(self, z):
        """Gradients of the log density at draws, (T, P); a draw at which one number is not finite has NaN."""
        with np.errstate(all="ignore"):
            gradients = self.target.gradient(z)
        bad = ~np.isfinite(gradients).all(axis=1)
        self.counts.gradients += len(z)
        self.counts.nonfinite += int(bad.sum())
        if bad.any():
            gradients = np.where(bad[:, None], np.nan, gradients)
        return gradients
