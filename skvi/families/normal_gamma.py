"""Normal-Gamma distributions: means with one precision per feature, or one per component."""

import numpy as np

from skvi.families.base import lazy
from skvi.families.forms import DIAGONAL, SPHERICAL
from skvi.families.gamma import Gamma
from skvi.families.normal_precision import NormalPrecision


class NormalGamma(NormalPrecision):
    """Per component and feature a mean and a precision lambda ~ Gamma(nu / 2, scale / 2): Wishart for D = 1."""

    form = DIAGONAL

    @property
    def dof_offset(self):
        return -1.0

    @lazy
    def precision(self):
        return Gamma(np.repeat(0.5 * self.dof, self.n_features).reshape(self.scale.shape), 0.5 * self.scale)

    @lazy
    def expected_log_det(self):
        return self.precision.expected_log.sum(1)

    def times_precision(self, vectors):
        return self.expected_precision * vectors

    @property
    def covariance_of_mean(self):
        """Student-t of nu degrees in each feature."""
        dof = self.dof[:, None]
        return self.scale / (dof * self.mean_precision[:, None]), dof

    def colored(self, noise, precision):
        """Turn white noise into noise of the given precisions."""
        return noise / np.sqrt(precision)

    def student_noise(self, k, n, rng):
        return rng.standard_t(self.dof[k], (n, self.n_features)) * np.sqrt(self.scale[k] / self.dof[k])

    def sufficient_statistics(self, mean, precision, origin=None):
        offset = mean - origin
        pull = precision * offset
        return 0.5 * np.log(precision).sum(1), -0.5 * precision, pull, -0.5 * (offset * pull).sum(1)


class SphericalNormalGamma(NormalPrecision):
    """Per component a mean and one precision lambda ~ Gamma(D nu / 2, scale / 2) for all its D features.

    The scale holds the sum over features, so that scale / (D nu) is a variance.
    """

    form = SPHERICAL

    @property
    def dof_offset(self):
        return 1.0 - 2.0 / self.n_features

    @lazy
    def precision(self):
        return Gamma(0.5 * self.n_features * self.dof, 0.5 * self.scale)

    @lazy
    def expected_log_det(self):
        return self.n_features * self.precision.expected_log

    def times_precision(self, vectors):
        return self.expected_precision[:, None] * vectors

    @property
    def covariance_of_mean(self):
        """Spherical Student-t of D nu degrees."""
        dof = self.n_features * self.dof
        squared = self.scale / (dof * self.mean_precision)
        return np.broadcast_to(squared[:, None], self.mean.shape), dof[:, None]

    def colored(self, noise, precision):
        """Turn white noise into noise of the given precisions."""
        return noise / np.sqrt(precision)[..., None]

    def student_noise(self, k, n, rng):
        chi = rng.chisquare(self.n_features * self.dof[k], (n, 1))
        return rng.standard_normal((n, self.n_features)) * np.sqrt(self.scale[k] / chi)

    def sufficient_statistics(self, mean, precision, origin=None):
        offset = mean - origin
        pull = precision[:, None] * offset
        return 0.5 * self.n_features * np.log(precision), -0.5 * precision, pull, -0.5 * (offset * pull).sum(1)
