"""Time series whose errors or variances follow a recursion: ARMA(1, 1) and GARCH(1, 1)."""

import numpy as np
from sklearn.base import BaseEstimator

from benchmarks.posteriors.models._priors import Normal, half_cauchy
from skvi._numba import jit
from skvi.blackbox import Parameter
from skvi.blackbox._densities import LOG_2PI, quiet


@jit
def arma_squares(mu, phi, theta, y, out, slopes):
    """Sum of squared errors of each draw, and its derivatives in mu, phi and theta.

    err_t = y_t - mu - phi y_(t-1) - theta err_(t-1), with mu for y_0 and zero for err_0.
    """
    for i in range(len(mu)):
        before, error = mu[i], 0.0
        d_mu = d_phi = d_theta = 0.0
        # mu stands for y_0 as well, which moves the first error by phi.
        d_first = -phi[i]
        total = by_mu = by_phi = by_theta = 0.0
        for t in range(len(y)):
            d_mu = d_first - 1.0 - theta[i] * d_mu
            d_phi = -before - theta[i] * d_phi
            d_theta = -error - theta[i] * d_theta
            error = y[t] - mu[i] - phi[i] * before - theta[i] * error
            total += error * error
            by_mu += error * d_mu
            by_phi += error * d_phi
            by_theta += error * d_theta
            before, d_first = y[t], 0.0
        out[i] = total
        slopes[i, 0], slopes[i, 1], slopes[i, 2] = 2.0 * by_mu, 2.0 * by_phi, 2.0 * by_theta


class Arma(BaseEstimator):
    """y_t = mu + phi y_(t-1) + theta err_(t-1) + err_t, err_t ~ Normal(0, sigma).

    mu ~ Normal(0, 10), phi, theta ~ Normal(0, 2), sigma ~ half-Cauchy(2.5).

    Parameters
    ----------
    y : ndarray of shape (n,)
    """

    priors = {"mu": Normal(0.0, 10.0), "phi": Normal(0.0, 2.0), "theta": Normal(0.0, 2.0), "sigma": half_cauchy(2.5)}

    def __init__(self, y):
        self.y = y

    def parameters(self, X=None, y=None):
        """Searches start at noise about the mean of the series."""
        spread = self.y.std()
        return [
            Parameter("mu", (), start=self.y.mean(), scale=spread),
            Parameter("phi"),
            Parameter("theta"),
            Parameter("sigma", (), "positive", start=spread),
        ]

    def _squares(self, theta):
        draws = [np.ascontiguousarray(theta[name]) for name in ("mu", "phi", "theta")]
        out, slopes = np.empty(len(draws[0])), np.empty((len(draws[0]), 3))
        arma_squares(*draws, self.y, out, slopes)
        return out, slopes

    @np.errstate(all="ignore")
    def log_prior(self, theta):
        prior = sum(prior.log_density(theta[name]) for name, prior in self.priors.items())
        squares, sigma = self._squares(theta)[0], theta["sigma"]
        return prior - 0.5 * squares / sigma**2 - len(self.y) * (np.log(sigma) + 0.5 * LOG_2PI)

    @np.errstate(all="ignore")
    def grad_log_prior(self, theta):
        squares, slopes = self._squares(theta)
        sigma = theta["sigma"]
        data = dict(zip(("mu", "phi", "theta"), (-0.5 * slopes / sigma[:, None] ** 2).T, strict=True))
        data["sigma"] = (squares / sigma**2 - len(self.y)) / sigma
        return {name: prior.slope(theta[name]) + data[name] for name, prior in self.priors.items()}


@jit
def garch_density(mu, base, shock, memory, y, first, out, slopes):
    """Log density of each draw without constants, and its derivatives in mu, base, shock and memory."""
    for i in range(len(mu)):
        variance = first * first
        d_mu = d_base = d_shock = d_memory = 0.0
        total = by_mu = by_base = by_shock = by_memory = 0.0
        for t in range(len(y)):
            away = y[t] - mu[i]
            square = away * away
            total -= 0.5 * (np.log(variance) + square / variance)
            by_variance = 0.5 * (square / variance - 1.0) / variance
            by_mu += by_variance * d_mu + away / variance
            by_base += by_variance * d_base
            by_shock += by_variance * d_shock
            by_memory += by_variance * d_memory
            d_mu = memory[i] * d_mu - 2.0 * shock[i] * away
            d_base = 1.0 + memory[i] * d_base
            d_shock = square + memory[i] * d_shock
            d_memory = variance + memory[i] * d_memory
            variance = base[i] + shock[i] * square + memory[i] * variance
        out[i] = total
        slopes[i, 0], slopes[i, 1], slopes[i, 2], slopes[i, 3] = by_mu, by_base, by_shock, by_memory


class Garch(BaseEstimator):
    """y_t ~ Normal(mu, s_t), s_t^2 = base + shares_1 (y_(t-1) - mu)^2 + shares_2 s_(t-1)^2, under flat priors.

    The third share is what the first two leave of one.

    Parameters
    ----------
    y : ndarray of shape (n,)
    first : float
        s_1.
    """

    def __init__(self, y, first):
        self.y = y
        self.first = first

    def parameters(self, X=None, y=None):
        """Searches start at equal shares, which give the series its variance in the long run."""
        spread = self.y.std()
        return [
            Parameter("mu", (), start=self.y.mean(), scale=spread),
            Parameter("base", (), "positive", start=spread**2 / 3.0),
            Parameter("shares", 3, "simplex"),
        ]

    def _density(self, theta):
        shares = np.ascontiguousarray(theta["shares"].T)
        mu, base = np.ascontiguousarray(theta["mu"]), np.ascontiguousarray(theta["base"])
        out, slopes = np.empty(len(mu)), np.empty((len(mu), 4))
        garch_density(mu, base, shares[0], shares[1], self.y, self.first, out, slopes)
        return out, slopes

    @quiet
    def log_prior(self, theta):
        return self._density(theta)[0] - 0.5 * len(self.y) * LOG_2PI

    @quiet
    def grad_log_prior(self, theta):
        slopes = self._density(theta)[1]
        shares = np.column_stack([slopes[:, 2:], np.zeros(len(slopes))])
        return {"mu": slopes[:, 0], "base": slopes[:, 1], "shares": shares}
