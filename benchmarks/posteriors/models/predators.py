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
def flow(theta, state, sensitivity, slope, moved):
    """Velocity of log prey and log predators, and of their derivatives in the four rates and both first values."""
    prey, predators = np.exp(state[0]), np.exp(state[1])
    slope[0] = theta[0] - theta[1] * predators
    slope[1] = theta[3] * prey - theta[2]
    for m in range(6):
        moved[0, m] = -theta[1] * predators * sensitivity[1, m]
        moved[1, m] = theta[3] * prey * sensitivity[0, m]
    moved[0, 0] += 1.0
    moved[0, 1] -= predators
    moved[1, 2] -= 1.0
    moved[1, 3] += prey


@jit
def trajectories(theta, first, n_times, n_steps, path, sensitivities):
    """Log populations at times 0, 1, ... of each draw, and the derivatives of the numerical solution itself.

    Parameters
    ----------
    theta : array (T, 4)
    first : array (T, 2)
        Logarithms of the first populations.
    path : array (T, n_times, 2)
        Written over.
    sensitivities : array (T, n_times, 2, 6)
        Written over: derivatives in theta and first.
    """
    step = 1.0 / n_steps
    nodes = np.array([0.0, 0.5, 0.5, 1.0])
    weights = np.array([1.0, 2.0, 2.0, 1.0]) / 6.0
    state, sensitivity = np.empty(2), np.empty((2, 6))
    slope, moved, sum_slope, sum_moved = np.empty(2), np.empty((2, 6)), np.empty(2), np.empty((2, 6))
    trial, trial_sensitivity = np.empty(2), np.empty((2, 6))
    for i in range(len(theta)):
        state[:] = first[i]
        sensitivity[:] = 0.0
        sensitivity[0, 4] = sensitivity[1, 5] = 1.0
        path[i, 0] = state
        sensitivities[i, 0] = sensitivity
        for t in range(1, n_times):
            for _ in range(n_steps):
                slope[:], moved[:], sum_slope[:], sum_moved[:] = 0.0, 0.0, 0.0, 0.0
                for stage in range(4):
                    for k in range(2):
                        trial[k] = state[k] + nodes[stage] * step * slope[k]
                        for m in range(6):
                            trial_sensitivity[k, m] = sensitivity[k, m] + nodes[stage] * step * moved[k, m]
                    flow(theta[i], trial, trial_sensitivity, slope, moved)
                    for k in range(2):
                        sum_slope[k] += weights[stage] * slope[k]
                        for m in range(6):
                            sum_moved[k, m] += weights[stage] * moved[k, m]
                for k in range(2):
                    state[k] += step * sum_slope[k]
                    for m in range(6):
                        sensitivity[k, m] += step * sum_moved[k, m]
            path[i, t] = state
            sensitivities[i, t] = sensitivity


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
        """Searches start at the prior's means and at what was counted first."""
        return [
            Parameter("theta", 4, "positive", start=(1.0, 0.05, 1.0, 0.05), scale=0.5),
            Parameter("first", 2, "positive", start=self.y[0], scale=0.5),
            Parameter("sigma", 2, "positive", start=np.exp(-1.0)),
        ]

    def solve(self, theta):
        """Log populations (T, n_times, 2) and their derivatives in theta and the logarithms of the first ones."""
        n_draws, n_times = len(theta["theta"]), len(self.y)
        path, sensitivities = np.empty((n_draws, n_times, 2)), np.empty((n_draws, n_times, 2, 6))
        first = np.log(np.maximum(theta["first"], _LEAST))
        trajectories(np.ascontiguousarray(theta["theta"]), first, n_times, self.n_steps, path, sensitivities)
        return path, sensitivities

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
