"""Normal linear regression under the priors that the posteriors ask for; autoregressions too, on lagged columns."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from benchmarks.posteriors.models._priors import FLAT
from skvi.blackbox import Parameter
from skvi.blackbox._densities import LOG_2PI, quiet


class NormalRegression(RegressorMixin, BaseEstimator):
    """y_n ~ Normal(intercept + x_n'weights, sigma).

    Parameters
    ----------
    intercept, weights, sigma : prior, default=FLAT
        `intercept` None is a regression without one.
    """

    def __init__(self, intercept=FLAT, weights=FLAT, sigma=FLAT):
        self.intercept = intercept
        self.weights = weights
        self.sigma = sigma

    def parameters(self, X, y=None):
        """Searches start at the mean of y, in units in which a column's weight moves y by its deviation."""
        spread = y.std()
        weights = Parameter("weights", X.shape[1], scale=spread / X.std(axis=0))
        sigma = Parameter("sigma", (), "positive", start=spread)
        if self.intercept is None:
            return [weights, sigma]
        return [Parameter("intercept", (), start=y.mean(), scale=spread), weights, sigma]

    def _priors(self):
        priors = {"weights": self.weights, "sigma": self.sigma}
        return priors if self.intercept is None else priors | {"intercept": self.intercept}

    @quiet
    def log_prior(self, theta):
        return sum(prior.log_density(theta[name]) for name, prior in self._priors().items())

    @quiet
    def grad_log_prior(self, theta):
        return {name: prior.slope(theta[name]) for name, prior in self._priors().items()}

    def predict(self, theta, X):
        means = theta["weights"] @ X.T
        if self.intercept is not None:
            means += theta["intercept"][:, None]
        return means

    @quiet
    def log_likelihood(self, theta, X, y):
        sigma = theta["sigma"][:, None]
        standard = y - self.predict(theta, X)
        standard /= sigma
        return -0.5 * np.square(standard, out=standard) - (np.log(sigma) + 0.5 * LOG_2PI)

    @np.errstate(all="ignore")
    def grad_log_likelihood(self, theta, X, y, row_weight):
        sigma = theta["sigma"]
        residuals = y - self.predict(theta, X)
        pulls = residuals * row_weight
        squares = np.einsum("tn,tn->t", pulls, residuals)
        pulls /= sigma[:, None] ** 2
        gradient = {"weights": pulls @ X, "sigma": (squares / sigma**2 - row_weight.sum()) / sigma}
        return gradient if self.intercept is None else gradient | {"intercept": pulls.sum(axis=1)}
