"""A mixture of two normal distributions on the line."""

import numpy as np
from sklearn.base import BaseEstimator

from benchmarks.posteriors.models._priors import Beta, Normal, half_normal
from skvi.blackbox import Parameter
from skvi.blackbox._densities import LOG_2PI, quiet

PRIORS = {"mu": Normal(0.0, 2.0), "sigma": half_normal(2.0), "share": Beta(5.0, 5.0)}


class TwoNormals(BaseEstimator):
    """x_n ~ share Normal(mu_1, sigma_1) + (1 - share) Normal(mu_2, sigma_2), mu_1 < mu_2; X has one column."""

    def parameters(self, X, y=None):
        """Searches start at the quartiles."""
        low, high = np.quantile(X, [0.25, 0.75])
        spread = X.std()
        return [
            Parameter("mu", 2, "ordered", start=(low, high), scale=(spread, 1.0)),
            Parameter("sigma", 2, "positive", start=spread),
            Parameter("share", (), "interval"),
        ]

    @quiet
    def log_prior(self, theta):
        return sum(prior.log_density(theta[name]) for name, prior in PRIORS.items())

    @quiet
    def grad_log_prior(self, theta):
        return {name: prior.slope(theta[name]) for name, prior in PRIORS.items()}

    @np.errstate(all="ignore")
    def log_likelihood(self, theta, X, y):
        first, second = self._log_joint(theta, X)
        # log(1 + exp) of what is not positive: numpy's logaddexp says the same ten times more slowly.
        rest = np.exp(-np.abs(first - second))
        rest += 1.0
        return np.log(rest, out=rest) + np.maximum(first, second)

    def _log_joint(self, theta, X):
        """Log density of a component together with each row, for either component, shapes (T, N)."""
        joint = X[:, 0] - theta["mu"][:, :, None]
        joint *= np.sqrt(0.5) / theta["sigma"][:, :, None]
        np.square(joint, out=joint)
        shares = np.stack([theta["share"], 1.0 - theta["share"]], axis=1)
        constants = np.log(shares / theta["sigma"]) - 0.5 * LOG_2PI
        np.subtract(constants[:, :, None], joint, out=joint)
        return joint[:, 0], joint[:, 1]

    @np.errstate(all="ignore")
    def grad_log_likelihood(self, theta, X, y, row_weight):
        first, second = self._log_joint(theta, X)
        # Posterior probability of the first component.
        responsibility = np.exp(second - first)
        responsibility += 1.0
        np.divide(row_weight, responsibility, out=responsibility)
        moments = np.column_stack([np.ones(len(X)), X[:, 0], X[:, 0] ** 2])
        ours = responsibility @ moments
        sums = np.stack([ours, row_weight @ moments - ours], axis=1)
        mass, mu, sigma = sums[:, :, 0], theta["mu"], theta["sigma"]
        away = sums[:, :, 1] - mu * mass
        squares = sums[:, :, 2] - 2.0 * mu * sums[:, :, 1] + mu**2 * mass
        return {
            "mu": away / sigma**2,
            "sigma": squares / sigma**3 - mass / sigma,
            "share": mass[:, 0] / theta["share"] - mass[:, 1] / (1.0 - theta["share"]),
        }
