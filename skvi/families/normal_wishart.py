"""Normal-Wishart distributions: means with full precisions, one per component or one for all."""

import numpy as np

from skvi.families.base import lazy
from skvi.families.forms import FULL, TIED
from skvi.families.normal_precision import NormalPrecision
from skvi.families.wishart import Wishart


class _WithWishart(NormalPrecision):
    @lazy
    def precision(self):
        return Wishart(self.dof, self.scale)

    @property
    def expected_log_det(self):
        return self.precision.expected_log_det

    def times_precision(self, vectors):
        return (self.expected_precision @ vectors[..., None])[..., 0]

    @property
    def covariance_of_mean(self):
        """Student-t of nu - D + 1 degrees (Murphy 2007, eq. 258)."""
        dof = (self.dof - self.n_features + 1.0)[..., None]
        diagonal = np.diagonal(self.scale, axis1=-2, axis2=-1)
        return diagonal / (dof * self.mean_precision[:, None]), dof

    def colored(self, noise, precision):
        """Turn white noise into noise of the given precisions."""
        upper = np.swapaxes(np.linalg.cholesky(precision), -1, -2)
        if self.form.shared:
            upper = upper[:, None]
        return np.linalg.solve(upper, noise[..., None])[..., 0]

    def student_noise(self, k, n, rng):
        dof = float(self.dof if self.form.shared else self.dof[k]) - self.n_features + 1.0
        factor = np.linalg.cholesky(self.scale if self.form.shared else self.scale[k])
        return rng.standard_normal((n, self.n_features)) @ factor.T / np.sqrt(rng.chisquare(dof, (n, 1)))

    def sufficient_statistics(self, mean, precision, origin=None):
        offset = mean - origin
        pull = (precision @ offset[..., None])[..., 0]
        norm = np.einsum("kd,kd->k", offset, pull)
        return 0.5 * np.linalg.slogdet(precision)[1], -0.5 * precision, pull, -0.5 * norm


class NormalWishart(_WithWishart):
    """One mean and one precision matrix per component (Bishop 2006, eq. 10.40)."""

    form = FULL

    @property
    def dof_offset(self):
        return -float(self.n_features)


class TiedNormalWishart(_WithWishart):
    """One mean per component and one precision matrix that all share, with one Wishart distribution."""

    form = TIED

    @property
    def dof_offset(self):
        return float(len(self.mean) - self.n_features - 1)
