"""Spike-and-slab distributions: coefficients that are zero, or normal."""

import numpy as np
from scipy.special import entr, ndtr, ndtri

from skvi.families.base import Family, tail_probabilities


class SpikeSlab(Family):
    """Independent coefficients, each Normal(slab_mean, 1 / slab_precision) with a probability, and zero otherwise.

    Parameters
    ----------
    slab_mean, slab_precision : ndarray of shape (T, D)
    inclusion : ndarray of shape (T, D)
        Probability of not being zero.
    single : bool
        Whether there is one output, T = 1, without an axis of its own.
    """

    def __init__(self, slab_mean, slab_precision, inclusion, single):
        self.slab_mean = slab_mean
        self.slab_precision = slab_precision
        self.inclusion = inclusion
        self.single = single

    @property
    def proper(self):
        return bool(
            (self.slab_precision > 0.0).all() and (self.inclusion >= 0.0).all() and (self.inclusion <= 1.0).all()
        )

    @property
    def means(self):
        """Expected coefficients, shape (T, D)."""
        return self.inclusion * self.slab_mean

    @property
    def slab_squares(self):
        """Expected squares of coefficients that are not zero, shape (T, D)."""
        return self.slab_mean**2 + 1.0 / self.slab_precision

    @property
    def variances(self):
        """Variances, shape (T, D)."""
        within = self.inclusion / self.slab_precision
        return within + self.inclusion * (1.0 - self.inclusion) * self.slab_mean**2

    def _outside(self, values):
        return values[0] if self.single else values

    @property
    def mean(self):
        """E[w], shape (D,) or (T, D)."""
        return self._outside(self.means)

    @property
    def var(self):
        """Var[w], shape (D,) or (T, D)."""
        return self._outside(self.variances)

    @property
    def covariance(self):
        """Covariance matrices: diagonal."""
        return self._outside(self.variances[:, :, None] * np.eye(self.slab_mean.shape[1]))

    @property
    def inclusion_probability(self):
        """Probabilities of not being zero, shape (D,) or (T, D)."""
        return self._outside(self.inclusion)

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (N,) or (T, N)."""
        return self._outside(self.variances @ (x**2).T)

    def entropy(self):
        """Entropy (nats) of which coefficients are zero, and of those that are not."""
        slab = 0.5 * (1.0 + np.log(2.0 * np.pi / self.slab_precision))
        return float((entr(self.inclusion) + entr(1.0 - self.inclusion) + self.inclusion * slab).sum())

    @property
    def sign_probability(self):
        """Posterior probability that a coefficient has the sign of its mean, shape (D,) or (T, D)."""
        return self._outside(self.inclusion * ndtr(np.abs(self.slab_mean) * np.sqrt(self.slab_precision)))

    def interval(self, level=0.9):
        """Central intervals, with a last axis of two; an end inside the spike is zero."""
        ends = [self._quantile(q) for q in tail_probabilities(level)]
        return self._outside(np.stack(ends, axis=-1))

    def _quantile(self, q):
        deviation = 1.0 / np.sqrt(self.slab_precision)
        below = self.inclusion * ndtr(-self.slab_mean / deviation)
        share = np.maximum(self.inclusion, np.finfo(float).tiny)
        negative = self.slab_mean + deviation * ndtri(np.minimum(q / share, 1.0 - 1e-16))
        positive = self.slab_mean + deviation * ndtri(np.clip((q - (1.0 - self.inclusion)) / share, 1e-300, 1.0))
        inside = (q >= below) & (q <= below + 1.0 - self.inclusion)
        return np.where(inside, 0.0, np.where(q < below, negative, positive))

    def _sample(self, n, rng):
        shape = (n, *self.slab_mean.shape)
        slab = self.slab_mean + rng.standard_normal(shape) / np.sqrt(self.slab_precision)
        drawn = np.where(rng.uniform(size=shape) < self.inclusion, slab, 0.0)
        return drawn[:, 0] if self.single else drawn


class SpikeSlabGiven(Family):
    """Coefficients that are Normal(0, 1 / lambda) with probability pi and zero otherwise, given lambda and pi.

    Parameters
    ----------
    precision : Gamma or float
        Prior of lambda, or lambda itself; of one set or one for each output.
    inclusion : Beta
        Prior of pi.
    shape : tuple
        Of the coefficients: (D,) or (T, D).
    """

    parent_name = "inclusion"

    def __init__(self, precision, inclusion, shape):
        self.precision = precision
        self.inclusion = inclusion
        self.shape = shape

    @property
    def proper(self):
        return self.inclusion.proper and (isinstance(self.precision, float) or self.precision.proper)

    @property
    def mean(self):
        """E[w]: zero."""
        return np.zeros(self.shape)

    @property
    def var(self):
        """Var[w]: infinite where the shape of lambda's Gamma is at most one."""
        if isinstance(self.precision, float):
            return self._spread(self.inclusion.mean / self.precision)
        return self._spread(self.inclusion.mean * self.precision.inverse_mean)

    def _spread(self, values):
        """Values of each set over the coefficients, after any axis of draws."""
        return np.broadcast_to(np.asarray(values)[..., None], self.shape)

    def interval(self, level=0.9, n_draws=20_000):
        """Central marginal intervals, with a last axis of two, from draws of a fixed seed."""
        draws = self.sample(n_draws, 0)
        return np.moveaxis(np.quantile(draws, tail_probabilities(level), axis=0), 0, -1)

    def _sample(self, n, rng):
        drawn = {"inclusion": self.inclusion.sample(n, rng)}
        if not isinstance(self.precision, float):
            drawn["weight_precision"] = self.precision.sample(n, rng)
        return self.sample_given(drawn, n, rng)

    def sample_given(self, drawn, n, rng):
        precision = drawn.get("weight_precision", np.full(n, self.precision))
        inclusion, precision = (
            np.reshape(v, (n, *(1,) * (len(self.shape) - np.ndim(v)), *np.shape(v)[1:], 1))
            for v in (drawn["inclusion"], precision)
        )
        slab = rng.standard_normal((n, *self.shape)) / np.sqrt(precision)
        return np.where(rng.uniform(size=slab.shape) < inclusion, slab, 0.0)

    def divergence_from(self, q, joint):
        """Expected KL (nats) of a SpikeSlab q over what the joint says of lambda and pi."""
        log_in, log_out = (np.reshape(v, (-1, 1)) for v in joint["inclusion"].expectations())
        if isinstance(self.precision, float):
            mean, log_mean = self.precision, np.log(self.precision)
        else:
            parent = joint["weight_precision"]
            mean, log_mean = np.reshape(parent.mean, (-1, 1)), np.reshape(parent.expected_log, (-1, 1))
        slab = 0.5 * (log_mean - np.log(2.0 * np.pi) - mean * q.slab_squares)
        energy = q.inclusion * (slab + log_in) + (1.0 - q.inclusion) * log_out
        return max(float(-energy.sum()) - q.entropy(), 0.0)
