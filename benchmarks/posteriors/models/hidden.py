"""A hidden Markov chain of two states with exponential outputs."""

import numpy as np
from scipy.special import gammaln
from sklearn.base import BaseEstimator

from benchmarks.posteriors.models._priors import Normal
from skvi._numba import jit
from skvi.blackbox import Parameter
from skvi.blackbox._densities import total

#: of the rates of either output, in the lower state and in the upper
RATE = Normal((0.0, 3.0), (1.0, 1.0))
_BEFORE_DIFFERENCE = ((1, 1), (0, 1))


@jit
def chain_density(moves, rates, outputs, out, by_moves, by_rates):
    """Log density of outputs at each draw, and its derivatives: the forward-backward algorithm in two states.

    Parameters
    ----------
    moves : array (T, 2, 2)
        Probability of state k after state j at [j, k]; there is no distribution of the first state.
    rates : array (T, 2, 2)
        Rate of output m in state k at [m, k].
    outputs : array (n, 2)
    """
    n = len(outputs)
    density, forward = np.empty((n, 2)), np.empty((n, 2))
    scale = np.empty(n)
    for i in range(len(moves)):
        out[i] = 0.0
        for t in range(n):
            first = -rates[i, 0, 0] * outputs[t, 0] - rates[i, 1, 0] * outputs[t, 1]
            second = -rates[i, 0, 1] * outputs[t, 0] - rates[i, 1, 1] * outputs[t, 1]
            most = max(first, second)
            density[t, 0] = rates[i, 0, 0] * rates[i, 1, 0] * np.exp(first - most)
            density[t, 1] = rates[i, 0, 1] * rates[i, 1, 1] * np.exp(second - most)
            low = high = 1.0
            if t > 0:
                low = forward[t - 1, 0] * moves[i, 0, 0] + forward[t - 1, 1] * moves[i, 1, 0]
                high = forward[t - 1, 0] * moves[i, 0, 1] + forward[t - 1, 1] * moves[i, 1, 1]
            low *= density[t, 0]
            high *= density[t, 1]
            scale[t] = low + high
            forward[t, 0], forward[t, 1] = low / scale[t], high / scale[t]
            out[i] += np.log(scale[t]) + most
        by_moves[i] = 0.0
        by_rates[i] = 0.0
        # Density of the outputs from t + 1 on given the state at t, in units of their scales.
        low = high = 1.0
        for t in range(n - 1, -1, -1):
            first, second = forward[t, 0] * low, forward[t, 1] * high
            for m in range(2):
                by_rates[i, m, 0] += first * (1.0 / rates[i, m, 0] - outputs[t, m])
                by_rates[i, m, 1] += second * (1.0 / rates[i, m, 1] - outputs[t, m])
            if t == 0:
                break
            low *= density[t, 0] / scale[t]
            high *= density[t, 1] / scale[t]
            for j in range(2):
                by_moves[i, j, 0] += forward[t - 1, j] * low
                by_moves[i, j, 1] += forward[t - 1, j] * high
            low, high = moves[i, 0, 0] * low + moves[i, 0, 1] * high, moves[i, 1, 0] * low + moves[i, 1, 1] * high


class DriveChain(BaseEstimator):
    """Two outputs u_t ~ Exponential(phi_k), v_t ~ Exponential(lambda_k) in state k of a hidden Markov chain.

    Rows of the transition matrix ~ Dirichlet(alpha_k); 0 < phi_1 < phi_2 ~ Normal(0, 1), Normal(3, 1), the same for
    lambda. Parameters are the first rate and the difference of the second from it.

    Parameters
    ----------
    outputs : ndarray of shape (n, 2)
    alpha : ndarray of shape (2, 2)
    """

    def __init__(self, outputs, alpha):
        self.outputs = outputs
        self.alpha = alpha

    def parameters(self, X=None, y=None):
        """Searches start at sticky states whose rates are half and twice the inverse of the mean output."""
        low, gap = 0.5 / self.outputs.mean(axis=0), 1.5 / self.outputs.mean(axis=0)
        return [
            Parameter("moves", (2, 2), "simplex", start=((0.8, 0.2), (0.2, 0.8))),
            Parameter("phi", 2, "positive", start=(low[0], gap[0])),
            Parameter("lambda", 2, "positive", start=(low[1], gap[1])),
        ]

    def rates(self, theta):
        """Rates of both outputs (axis 1) in both states (axis 2), shape (T, 2, 2)."""
        return np.cumsum(np.stack([theta["phi"], theta["lambda"]], axis=1), axis=2)

    def _density(self, theta):
        moves, rates = np.ascontiguousarray(theta["moves"]), self.rates(theta)
        out, by_moves, by_rates = np.empty(len(moves)), np.empty(moves.shape), np.empty(rates.shape)
        chain_density(moves, rates, self.outputs, out, by_moves, by_rates)
        return rates, out, by_moves, by_rates

    @np.errstate(all="ignore")
    def log_prior(self, theta):
        rates, out, _, _ = self._density(theta)
        constant = np.sum(gammaln(self.alpha.sum(axis=1))) - np.sum(gammaln(self.alpha))
        dirichlet = total((self.alpha - 1.0) * np.log(theta["moves"]))
        return out + constant + dirichlet + RATE.log_density(rates)

    @np.errstate(all="ignore")
    def grad_log_prior(self, theta):
        rates, _, by_moves, by_rates = self._density(theta)
        by_rates = (by_rates + RATE.slope(rates)) @ np.array(_BEFORE_DIFFERENCE).T
        by_moves += (self.alpha - 1.0) / theta["moves"]
        return {"moves": by_moves, "phi": by_rates[:, 0], "lambda": by_rates[:, 1]}
