"""Eight schools (Rubin 1981): effects of coaching, estimated in each school with a known standard error."""

import numpy as np
from sklearn.base import BaseEstimator

from benchmarks.posteriors.models._priors import Normal, half_cauchy
from skvi.blackbox import Parameter
from skvi.blackbox._densities import quiet

MEAN, SPREAD, STANDARD = Normal(0.0, 5.0), half_cauchy(5.0), Normal()


class EightSchools(BaseEstimator):
    """y_j ~ Normal(effect_j, error_j), effect_j ~ Normal(mu, tau), mu ~ Normal(0, 5), tau ~ half-Cauchy(5).

    Parameters
    ----------
    y, error : ndarray of shape (J,)
    centered : bool, default=False
        Whether the effects are parameters; else z_j = (effect_j - mu) / tau are.
    """

    def __init__(self, y, error, centered=False):
        self.y = y
        self.error = error
        self.centered = centered

    def parameters(self, X=None, y=None):
        """Searches start at the prior's means; centred effects have the scale of their errors."""
        mu = Parameter("mu", (), scale=5.0)
        tau = Parameter("tau", (), "positive", start=5.0)
        if self.centered:
            return [mu, tau, Parameter("effects", len(self.y), start=0.0, scale=self.error)]
        return [mu, tau, Parameter("z", len(self.y))]

    def effects(self, theta):
        """Effects of the schools, shape (T, J)."""
        if self.centered:
            return theta["effects"]
        return theta["mu"][:, None] + theta["tau"][:, None] * theta["z"]

    @quiet
    def log_prior(self, theta):
        hyper = MEAN.log_density(theta["mu"]) + SPREAD.log_density(theta["tau"])
        data = Normal(tuple(self.y), tuple(self.error)).log_density(self.effects(theta))
        if not self.centered:
            return hyper + data + STANDARD.log_density(theta["z"])
        z, log_tau = self._standard_effects(theta)
        return hyper + data + STANDARD.log_density(z) - len(self.y) * log_tau

    @np.errstate(all="ignore")
    def grad_log_prior(self, theta):
        mu, tau = MEAN.slope(theta["mu"]), SPREAD.slope(theta["tau"])
        pulls = (self.y - self.effects(theta)) / self.error**2
        if not self.centered:
            z = theta["z"]
            mu += pulls.sum(axis=1)
            tau += np.einsum("tj,tj->t", pulls, z)
            return {"mu": mu, "tau": tau, "z": pulls * theta["tau"][:, None] - z}
        z, _ = self._standard_effects(theta)
        back = z / theta["tau"][:, None]
        mu += back.sum(axis=1)
        tau += np.einsum("tj,tj->t", back, z) - len(self.y) / theta["tau"]
        return {"mu": mu, "tau": tau, "effects": pulls - back}

    @staticmethod
    @np.errstate(all="ignore")
    def _standard_effects(theta):
        tau = theta["tau"]
        return (theta["effects"] - theta["mu"][:, None]) / tau[:, None], np.log(tau)
