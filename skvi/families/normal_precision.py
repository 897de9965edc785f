"""Conjugate distributions of a Gaussian's mean and precision: what all four forms share."""

import numpy as np
from scipy.special import stdtrit

from skvi.families.base import Family, lazy, tail_probabilities
from skvi.families.moments import Moments
from skvi.kernels.conjugate import gain_of_gaussians

LOG_2PI = float(np.log(2.0 * np.pi))


class NormalPrecision(Family):
    """q(mu, Lambda) = q(Lambda) prod_k Normal(mu_k | m_k, (kappa_k Lambda_k)^-1).

    In the order of its statistics, about an origin o:

    ====================  =========================================
    statistic             natural parameter
    ====================  =========================================
    log |Lambda| / 2      nu + `dof_offset`
    -Lambda / 2           scale + kappa (m - o)(m - o)', in the form
    Lambda (mu - o)       kappa (m - o)
    -|mu - o|^2 / 2       kappa          (the norm of Lambda)
    ====================  =========================================

    Rows enter with (1, d d', d, 1), d = x - o, and the base measure (2 pi)^(-D / 2).

    Parameters
    ----------
    mean : ndarray of shape (n_components, n_features)
    mean_precision : ndarray of shape (n_components,), positive
    dof : ndarray of shape (n_components,), or () where the precision is shared
    scale : ndarray in the form's shape
        The inverse scale of the precision's prior; scale / dof is a covariance.
    """

    #: how scatters are stored, one of `skvi.families.forms`
    form = None

    def __init__(self, mean, mean_precision, dof, scale):
        self.mean = mean
        self.mean_precision = mean_precision
        self.dof = np.asarray(dof, dtype=float)
        self.scale = scale

    # What the forms supply --------------------------------------------------------------------------

    @property
    def dof_offset(self):
        """Natural parameter of log |Lambda| / 2, less the degrees of freedom."""
        raise NotImplementedError

    @lazy
    def precision(self):
        """The distribution of the precision: a `Wishart` or a `Gamma`."""
        raise NotImplementedError

    @lazy
    def expected_log_det(self):
        """E[log |Lambda_k|], shape of the degrees of freedom."""
        raise NotImplementedError

    @property
    def covariance_of_mean(self):
        """Diagonal of the squared scale of mu_k's Student-t, and its degrees of freedom."""
        raise NotImplementedError

    # What follows -----------------------------------------------------------------------------------

    @property
    def origin(self):
        return self.mean

    @property
    def n_features(self):
        return self.mean.shape[1]

    def natural(self, origin=None):
        if origin is None or origin is self.mean:
            return self.dof + self.dof_offset, self.scale, self._zero, self.mean_precision
        offset = self.mean - origin
        second = self.form.plus_square(self.scale, self.mean_precision, offset)
        return self.dof + self.dof_offset, second, self.mean_precision[:, None] * offset, self.mean_precision

    def from_natural(self, natural, origin=None):
        log_det, second, first, mean_precision = natural
        origin = self.mean if origin is None else origin
        offset = first / mean_precision[:, None]
        scale = self.form.plus_square(second, -mean_precision, offset)
        return type(self)(origin + offset, mean_precision, log_det - self.dof_offset, scale)

    def coordinates(self, statistics, origin):
        moments = statistics.about(origin)
        count = moments.count.sum() if self.form.shared else moments.count
        return count, moments.second, moments.first, moments.count

    def updated(self, statistics):
        """Return the conjugate posterior; about its own mean its first moments are zero."""
        posterior = statistics.combined(1.0, self._pseudo_moments, 1.0, about_mean=True)
        count = statistics.count.sum() if self.form.shared else statistics.count
        return type(self)(posterior.reference, posterior.count, self.dof + count, posterior.second)

    @lazy
    def _pseudo_moments(self):
        """What a prior is worth: moments of rows about its means."""
        return Moments(self.form, self.mean, self.mean_precision, self._zero, self.scale)

    def gain(self, prior, statistics):
        moments = statistics.about(self.mean)
        expectations = self.expected_log_det.reshape(-1), self.form.stacked(self.expected_precision)
        second = self.form.stacked(moments.second)
        value = gain_of_gaussians(prior._stacked, self._stacked, expectations, moments.count, second)
        return value + self.precision.log_normalizer() - prior.precision.log_normalizer()

    @lazy
    def _stacked(self):
        """The parameters as kernels take them."""
        return self.mean, self.mean_precision, self.dof.reshape(-1), self.form.stacked(self.scale)

    @property
    def proper(self):
        return min(self.mean_precision.tolist()) > 0.0 and self.precision.proper

    @lazy
    def _log_normalizer(self):
        means = 0.5 * self.n_features * (LOG_2PI - np.log(self.mean_precision)).sum()
        return self.precision.log_normalizer() + float(means)

    def log_normalizer(self, origin=None):
        return self._log_normalizer

    @property
    def expected_precision(self):
        """E[Lambda], in the form's shape."""
        return self.precision.mean

    @lazy
    def _zero(self):
        return np.zeros(self.mean.shape)

    @lazy
    def _expectations(self):
        spread = -0.5 * self.n_features / self.mean_precision
        return 0.5 * self.expected_log_det, -0.5 * self.expected_precision, self._zero, spread

    def expectations(self, origin=None):
        log_det, precision, zero, spread = self._expectations
        if origin is None or origin is self.mean:
            return log_det, precision, zero, spread
        offset = self.mean - origin
        pull = self.times_precision(offset)
        return log_det, precision, pull, spread - 0.5 * np.einsum("kd,kd->k", offset, pull)

    def times_precision(self, vectors):
        """E[Lambda_k] v_k for one vector per component, or a stack of such in the leading axes."""
        raise NotImplementedError

    @property
    def var(self):
        """Marginal variances of the means, infinite up to two degrees of freedom, shape (n_components, n_features)."""
        squared, dof = self.covariance_of_mean
        dof = np.broadcast_to(dof, squared.shape)
        return np.where(dof > 2.0, squared * dof / np.maximum(dof - 2.0, 1e-300), np.inf)

    def interval(self, level=0.9):
        """Central intervals of the means (Student-t), shape (n_components, n_features, 2)."""
        squared, dof = self.covariance_of_mean
        half = np.sqrt(squared) * stdtrit(np.broadcast_to(dof, squared.shape), tail_probabilities(level)[1])
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def permuted(self, order):
        """Return the distribution with its components in another order."""
        dof = self.dof if self.form.shared else self.dof[order]
        scale = self.form.permuted(self.scale, order)
        return type(self)(self.mean[order], self.mean_precision[order], dof, scale)

    def sample_rows(self, labels, rng):
        """Draw one row for each label from the component's Student-t, shape (n_labels, n_features)."""
        out = np.empty((len(labels), self.n_features))
        spread = 1.0 + 1.0 / self.mean_precision
        for k in np.unique(labels):
            chosen = labels == k
            out[chosen] = self.mean[k] + np.sqrt(spread[k]) * self.student_noise(k, int(chosen.sum()), rng)
        return out

    def student_noise(self, k, n, rng):
        """Draw noise of component k with its precision integrated out, shape (n, n_features)."""
        raise NotImplementedError

    def _sample(self, n, rng):
        """Draw (means, precisions), each with the draws in its first axis."""
        precision = self.precision._sample(n, rng)
        noise = rng.standard_normal((n, *self.mean.shape)) / np.sqrt(self.mean_precision)[:, None]
        return self.mean + self.colored(noise, precision), precision
