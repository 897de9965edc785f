"""Gaussian processes with a squared exponential kernel: of normal numbers, and of logarithms of Poisson rates."""

import numpy as np
from scipy.special import gammaln
from sklearn.base import BaseEstimator

from benchmarks.posteriors.models._priors import Gamma, Normal, half_normal
from skvi._numba import jit, jit_helper
from skvi.blackbox import Parameter
from skvi.blackbox._densities import LOG_2PI

_LENGTH, _HEIGHT, _NOISE, _STANDARD = Gamma(25.0, 4.0), half_normal(2.0), half_normal(1.0), Normal()
JITTER = 1e-10


@jit_helper
def covariance(x, rho, alpha, noise, factor, tangents):
    """K = alpha^2 exp(-(x - x')^2 / (2 rho^2)) + noise I, and its derivatives in rho and alpha, lower triangles."""
    for i in range(len(x)):
        for j in range(i + 1):
            ratio = (x[i] - x[j]) / rho
            value = alpha * alpha * np.exp(-0.5 * ratio * ratio)
            factor[i, j] = value
            tangents[0, i, j] = value * ratio * ratio / rho
            tangents[1, i, j] = 2.0 * value / alpha
        factor[i, i] += noise


@jit_helper
def factorize(a, tangents):
    """Cholesky factor of a, and its derivatives along each of some tangents, in place of their lower triangles.

    Differentiates the textbook recursion L_ij = (a_ij - sum_k L_ik L_jk) / L_jj; NaN where a is not positive.
    """
    for j in range(len(a)):
        for i in range(j, len(a)):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
                for m in range(len(tangents)):
                    tangents[m, i, j] -= tangents[m, i, k] * a[j, k] + a[i, k] * tangents[m, j, k]
        pivot = np.sqrt(a[j, j]) if a[j, j] > 0.0 else np.nan
        a[j, j] = pivot
        for m in range(len(tangents)):
            tangents[m, j, j] /= 2.0 * pivot
        for i in range(j + 1, len(a)):
            a[i, j] /= pivot
            for m in range(len(tangents)):
                tangents[m, i, j] = (tangents[m, i, j] - a[i, j] * tangents[m, j, j]) / pivot


@jit
def process_density(x, y, rho, alpha, noise, out, slopes):
    """Log density of y ~ Normal(0, K) at each draw, and its derivatives in rho, alpha and noise."""
    n = len(x)
    factor, tangents = np.zeros((n, n)), np.zeros((3, n, n))
    white, moves = np.empty(n), np.empty(3)
    for t in range(len(rho)):
        covariance(x, rho[t], alpha[t], noise[t], factor, tangents)
        for i in range(n):
            for j in range(i + 1):
                tangents[2, i, j] = 1.0 if i == j else 0.0
        factorize(factor, tangents)
        out[t] = 0.0
        slopes[t] = 0.0
        dots = np.zeros((3, n))
        # L white = y, differentiated: L dots_m = -tangents_m white.
        for i in range(n):
            value = y[i]
            moves[:] = 0.0
            for k in range(i):
                value -= factor[i, k] * white[k]
                for m in range(3):
                    moves[m] -= tangents[m, i, k] * white[k] + factor[i, k] * dots[m, k]
            white[i] = value / factor[i, i]
            out[t] -= 0.5 * white[i] * white[i] + np.log(factor[i, i])
            for m in range(3):
                dots[m, i] = (moves[m] - tangents[m, i, i] * white[i]) / factor[i, i]
                slopes[t, m] -= white[i] * dots[m, i] + tangents[m, i, i] / factor[i, i]


@jit
def rates_density(x, counts, jitter, rho, alpha, z, out, slopes, pulls, logs):
    """Poisson log-probability of counts at rates exp(L z), without factorials; derivatives in rho, alpha and z; L z."""
    n = len(x)
    factor, tangents = np.zeros((n, n)), np.zeros((2, n, n))
    for t in range(len(rho)):
        covariance(x, rho[t], alpha[t], jitter, factor, tangents)
        factorize(factor, tangents)
        out[t] = 0.0
        slopes[t] = 0.0
        pulls[t] = 0.0
        for i in range(n):
            value = 0.0
            for k in range(i + 1):
                value += factor[i, k] * z[t, k]
            logs[t, i] = value
            out[t] += counts[i] * value - np.exp(value)
            residual = counts[i] - np.exp(value)
            for k in range(i + 1):
                pulls[t, k] += residual * factor[i, k]
                for m in range(2):
                    slopes[t, m] += residual * tangents[m, i, k] * z[t, k]


class ProcessRegression(BaseEstimator):
    """y ~ Normal(0, K + sigma I) with the kernel K of length rho and height alpha.

    rho ~ Gamma(25, rate 4), alpha ~ half-Normal(2), sigma ~ half-Normal(1).

    Parameters
    ----------
    x, y : ndarray of shape (n,)
    """

    priors = {"rho": _LENGTH, "alpha": _HEIGHT, "sigma": _NOISE}

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def parameters(self, X=None, y=None):
        """Searches start at the middle of the priors."""
        return [
            Parameter("rho", (), "positive", start=6.0, scale=0.2),
            Parameter("alpha", (), "positive", start=1.5),
            Parameter("sigma", (), "positive", start=0.7),
        ]

    def _density(self, theta):
        out, slopes = np.empty(len(theta["rho"])), np.empty((len(theta["rho"]), 3))
        draws = [np.ascontiguousarray(theta[name]) for name in self.priors]
        process_density(self.x, self.y, *draws, out, slopes)
        return out, slopes

    @np.errstate(all="ignore")
    def log_prior(self, theta):
        prior = sum(prior.log_density(theta[name]) for name, prior in self.priors.items())
        return prior + self._density(theta)[0] - 0.5 * len(self.y) * LOG_2PI

    @np.errstate(all="ignore")
    def grad_log_prior(self, theta):
        slopes = self._density(theta)[1]
        return {
            name: prior.slope(theta[name]) + slopes[:, place] for place, (name, prior) in enumerate(self.priors.items())
        }


class ProcessCounts(BaseEstimator):
    """counts_i ~ Poisson(exp(f_i)), f = chol(K + 1e-10 I) z, z ~ Normal(0, 1), K as in `ProcessRegression`.

    Parameters
    ----------
    x, counts : ndarray of shape (n,)
    """

    priors = {"rho": _LENGTH, "alpha": _HEIGHT, "z": _STANDARD}

    def __init__(self, x, counts):
        self.x = x
        self.counts = counts

    def parameters(self, X=None, y=None):
        """Searches start at the middle of the priors."""
        return [
            Parameter("rho", (), "positive", start=6.0, scale=0.2),
            Parameter("alpha", (), "positive", start=1.5),
            Parameter("z", len(self.x)),
        ]

    def _density(self, theta):
        rho, alpha, z = (np.ascontiguousarray(theta[name]) for name in self.priors)
        out, slopes, pulls, logs = np.empty(len(z)), np.empty((len(z), 2)), np.empty(z.shape), np.empty(z.shape)
        rates_density(self.x, self.counts, JITTER, rho, alpha, z, out, slopes, pulls, logs)
        return out, slopes, pulls, logs

    @np.errstate(all="ignore")
    def log_rates(self, theta):
        """f at each draw, shape (T, n)."""
        return self._density(theta)[3]

    @np.errstate(all="ignore")
    def log_prior(self, theta):
        prior = sum(prior.log_density(theta[name]) for name, prior in self.priors.items())
        return prior + self._density(theta)[0] - gammaln(self.counts + 1.0).sum()

    @np.errstate(all="ignore")
    def grad_log_prior(self, theta):
        _, slopes, pulls, _ = self._density(theta)
        data = {"rho": slopes[:, 0], "alpha": slopes[:, 1], "z": pulls}
        return {name: prior.slope(theta[name]) + data[name] for name, prior in self.priors.items()}
