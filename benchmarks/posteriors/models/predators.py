"""Lotka and Volterra's equations of predators and prey, solved for the logarithms of both populations."""

import numpy as np
from sklearn.base import BaseEstimator

from benchmarks.posteriors.models._priors import LogNormal, Normal
from skvi._numba import jit, jit_helper
from skvi.blackbox import Parameter
from skvi.blackbox._densities import LOG_2PI, total

#: steps of the solver in a unit of time: Runge and Kutta's of fourth order is then exact to 1e-5
_STEPS = 10
_LEAST = 1e-300


@jit_helper
def velocity(theta, w, out):
    """Velocity of w: log prey, log predators, then the derivatives of either in the four rates and first values."""
    prey, predators = theta[3] * np.exp(w[0]), theta[1] * np.exp(w[1])
    out[0] = theta[0] - predators
    out[1] = prey - theta[2]
    for m in range(6):
        out[2 + m] = -predators * w[8 + m]
        out[8 + m] = prey * w[2 + m]
    out[2] += 1.0
    out[3] -= predators / theta[1]
    out[10] -= 1.0
    out[11] += prey / theta[3]


@jit
def trajectories(theta, first, n_steps, paths):
    """Solve for log populations at times 0, 1, ... of each draw, by Runge and Kutta's method of fourth order.

    Parameters
    ----------
    theta : array (T, 4)
    first : array (T, 2)
        Logarithms of the first populations.
    n_steps : int
        In a unit of time.
    paths : array (T, n_times, 14)
        Written over: log prey and log predators, then the derivatives of the numerical solution of either in theta
        and first.
    """
    step = 1.0 / n_steps
    w, trial, slope, total = np.empty(14), np.empty(14), np.empty(14), np.empty(14)
    for i in range(len(theta)):
        for k in range(14):
            w[k] = first[i, k] if k < 2 else 0.0
        w[6] = w[13] = 1.0
        for t in range(paths.shape[1]):
            for k in range(14):
                paths[i, t, k] = w[k]
            for _ in range(n_steps):
                for k in range(14):
                    total[k] = slope[k] = 0.0
                for stage in range(4):
                    node = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
                    weight = 1.0 if stage == 0 or stage == 3 else 2.0
                    for k in range(14):
                        trial[k] = w[k] + node * step * slope[k]
                    velocity(theta[i], trial, slope)
                    for k in range(14):
                        total[k] += weight / 6.0 * slope[k]
                for k in range(14):
                    w[k] += step * total[k]


class Predators(BaseEstimator):
    """du/dt = (a - b v) u, dv/dt = (-c + d u) v; log y(t) ~ Normal(log (u, v)(t), sigma) at t = 0, 1, 2, ...

    a, c ~ Normal(1, .5), b, d ~ Normal(.05, .05), all positive; sigma ~ LogNormal(-1, 1), first populations ~
    LogNormal(log 10, 1).

    Parameters
    ----------
    y : ndarray of shape (n_times, 2)
    n_steps : int, default=10
        Of the solver in a unit of time.
    """

    priors = {
        "theta": Normal((1.0, 0.05, 1.0, 0.05), (0.5, 0.05, 0.5, 0.05)),
        "first": LogNormal(np.log(10.0), 1.0),
        "sigma": LogNormal(-1.0, 1.0),
    }

    def __init__(self, y, n_steps=_STEPS):
        self.y = y
        self.n_steps = n_steps

    def parameters(self, X=None, y=None):
        """Searches start where the mean counts are the equilibrium, as they are of all cycles, and at the first counts.

        Of a and c, which then say how fast cycles are, the start is the prior's mean.
        """
        prey, predators = self.y.mean(axis=0)
        return [
            Parameter("theta", 4, "positive", start=(1.0, 1.0 / predators, 1.0, 1.0 / prey), scale=0.5),
            Parameter("first", 2, "positive", start=self.y[0], scale=0.5),
            Parameter("sigma", 2, "positive", start=np.exp(-1.0)),
        ]

    def solve(self, theta):
        """Log populations (T, n_times, 2) and their derivatives in theta and the logarithms of the first ones."""
        paths = np.empty((len(theta["theta"]), len(self.y), 14))
        first = np.log(np.maximum(theta["first"], _LEAST))
        trajectories(np.ascontiguousarray(theta["theta"]), first, self.n_steps, paths)
        return paths[:, :, :2], paths[:, :, 2:].reshape(*paths.shape[:2], 2, 6)

    @np.errstate(all="ignore")
    def log_prior(self, theta):
        sigma = theta["sigma"][:, None, :]
        standard = (np.log(self.y) - self.solve(theta)[0]) / sigma
        constant = np.log(self.y).sum() + 0.5 * self.y.size * LOG_2PI
        data = -0.5 * total(standard**2) - len(self.y) * total(np.log(theta["sigma"])) - constant
        return data + sum(prior.log_density(theta[name]) for name, prior in self.priors.items())

    @np.errstate(all="ignore")
    def grad_log_prior(self, theta):
        path, sensitivities = self.solve(theta)
        sigma, residuals = theta["sigma"], np.log(self.y) - path
        pulls = np.einsum("tns,tnsm->tm", residuals / sigma[:, None, :] ** 2, sensitivities)
        squares = np.einsum("tns,tns->ts", residuals, residuals)
        data = {
            "theta": pulls[:, :4],
            "first": pulls[:, 4:] / np.maximum(theta["first"], _LEAST),
            "sigma": (squares / sigma**2 - len(self.y)) / sigma,
        }
        return {name: prior.slope(theta[name]) + data[name] for name, prior in self.priors.items()}
