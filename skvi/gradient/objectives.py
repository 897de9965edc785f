"""What an approximation is to maximise: values in nats, and unbiased estimates of their gradients.

All estimates are sums over draws of slopes'z + weights log q(z), pulled back to the parameters phi of the
approximation with the noise held fixed; what is constant in such a sum is marked by "fixed" below. Draws whose
densities or gradients are not finite are left out of the means; where none is left, the value is -inf and the
gradient NaN.
"""

from abc import ABC, abstractmethod

import numpy as np

from skvi.gradient.noise import antithetic

ENTROPIES = ("closed", "stl")
BASELINES = ("leave-one-out", "control-variates", "none")


def keep_finite(approximation, drawn, noise, *figures):
    """The draws of which all figures are finite, and their figures; None in place of no draws."""
    kept = np.all([np.isfinite(figure.reshape(len(noise), -1)).all(axis=1) for figure in figures], axis=0)
    if kept.all():
        return drawn, *figures
    drawn = approximation.draw(noise[kept]) if kept.any() else None
    return drawn, *(figure[kept] for figure in figures)


def nowhere(approximation):
    """Value and gradient where no draw is finite."""
    return -np.inf, np.full(len(approximation.parameters), np.nan)


class Objective(ABC):
    """A function of an approximation, to be maximised."""

    #: whether the value estimates the evidence lower bound itself
    is_elbo = False
    #: draws of a step that serve well, and of which number draws must be a multiple
    n_draws = 10
    group = 1

    @abstractmethod
    def value_and_slope(self, target, approximation, noise):
        """Estimates at noise of shape (T, n_noise).

        Parameters
        ----------
        target : CountedTarget
        approximation : object
            Such as a `NormalApproximation`.
        noise : ndarray of shape (T, n_noise)

        Returns
        -------
        value : float
            In nats.
        slope : ndarray
            Gradient of the objective in the parameters of the approximation.
        """

    def slope(self, target, approximation, noise):
        """The gradient alone."""
        return self.value_and_slope(target, approximation, noise)[1]

    def value(self, target, approximation, noise):
        """The value alone."""
        return self.value_and_slope(target, approximation, noise)[0]

    def noise(self, rng, n_draws, width):
        """Noise of n_draws draws as the estimator likes it: here pairs of opposite sign, so that odd errors cancel."""
        return antithetic(rng, n_draws, width)


class ELBO(Objective):
    """The evidence lower bound E_q[log p(z) - log q(z)] by reparameterization (Kingma, Welling 2014).

    Parameters
    ----------
    entropy : {"closed", "stl"}, default="closed"
        "closed" takes the gradient of the entropy from its closed form, or where there is none the total derivative
        of log q at the draws. "stl" sticks the landing (Roeder, Wu, Duvenaud 2017): log q counts through the draws'
        place alone. The rest of its derivative has mean zero; without it the variance is zero where q = p.
    """

    is_elbo = True

    def __init__(self, entropy="closed"):
        if entropy not in ENTROPIES:
            raise ValueError(f"entropy={entropy!r}: give one of {', '.join(map(repr, ENTROPIES))}")
        self.entropy = entropy

    def parts_entropy(self, approximation):
        """Whether the gradient is that of the mean log density plus that of a known entropy."""
        return self.entropy == "closed" and approximation.entropy is not None

    def value(self, target, approximation, noise):
        """The value alone, which takes no gradient of the target."""
        drawn = approximation.draw(noise)
        densities, own = target.log_density(drawn.z), drawn.log_density
        kept = np.isfinite(densities) & np.isfinite(own)
        if not kept.any():
            return -np.inf
        # The bound of the approximation confined to where the target is not zero.
        share = float(np.log(kept.mean()))
        if self.parts_entropy(approximation):
            return float(densities[kept].mean()) + approximation.entropy + share
        return float(np.mean(densities[kept] - own[kept])) + share

    def energy_slope(self, target, approximation, noise):
        """Gradient of the mean log density of the target alone, without that of the entropy."""
        drawn = approximation.draw(noise)
        drawn, gradients = keep_finite(approximation, drawn, noise, target.gradient(drawn.z))
        if drawn is None:
            return nowhere(approximation)[1]
        return drawn.pull_back(gradients / len(gradients), np.zeros(len(gradients)))

    def slope(self, target, approximation, noise):
        """The gradient alone, which takes no density of the target."""
        if self.parts_entropy(approximation):
            return self.energy_slope(target, approximation, noise) + approximation.entropy_slope
        drawn = approximation.draw(noise)
        drawn, gradients, score = keep_finite(approximation, drawn, noise, target.gradient(drawn.z), drawn.score)
        if drawn is None:
            return nowhere(approximation)[1]
        n_draws = len(gradients)
        if self.entropy == "stl":
            return drawn.pull_back((gradients - score) / n_draws, np.zeros(n_draws))
        return drawn.pull_back(gradients / n_draws, np.full(n_draws, -1.0 / n_draws))

    def value_and_slope(self, target, approximation, noise):
        """As of every objective."""
        return self.value(target, approximation, noise), self.slope(target, approximation, noise)


class ScoreFunction(Objective):
    """The evidence lower bound with gradients from densities alone (Ranganath, Gerrish, Blei 2014).

    The gradient of E_q f with f = log p - log q is E_q[h f], h being that of log q at fixed z. Any number that does
    not depend on a draw may be taken off its f.

    Parameters
    ----------
    baseline : {"leave-one-out", "control-variates", "none"}, default="leave-one-out"
        What is taken off: the mean of f over the other draws (Kool, van Hoof, Welling 2019); for each parameter d
        the best number Cov(h_d f, h_d) / Var(h_d) (eq. 8 there), estimated for each half of the draws from the other
        half, which leaves no bias and asks for some tens of draws; or nothing.
    """

    is_elbo = True
    n_draws = 50

    def __init__(self, baseline="leave-one-out"):
        if baseline not in BASELINES:
            raise ValueError(f"baseline={baseline!r}: give one of {', '.join(map(repr, BASELINES))}")
        self.baseline = baseline

    def noise(self, rng, n_draws, width):
        """Independent noise: a baseline must not know the draw that it serves."""
        return rng.standard_normal((n_draws, width))

    def value_and_slope(self, target, approximation, noise):
        """As of every objective; of the target it takes densities only."""
        drawn = approximation.draw(noise)
        ratios = target.log_density(drawn.z) - drawn.log_density
        drawn, ratios = keep_finite(approximation, drawn, noise, ratios)
        if drawn is None:
            return nowhere(approximation)
        n_draws = len(ratios)
        if self.baseline == "control-variates":
            slope = _controlled(drawn.pull_back_each(-drawn.score, np.ones(n_draws)), ratios)
        else:
            # f_t less the mean of the others is n / (n - 1) times f_t less the mean of all.
            alone = self.baseline == "none" or n_draws == 1
            weights = ratios / n_draws if alone else (ratios - ratios.mean()) / (n_draws - 1)
            slope = drawn.pull_back(-weights[:, None] * drawn.score, weights)
        return float(ratios.mean()), slope


def _controlled(scores, ratios):
    """Mean of scores times ratios, each half of the draws with the control variates of the other half."""
    middle = len(ratios) // 2
    halves = slice(0, middle), slice(middle, None)
    total = np.zeros(scores.shape[1])
    for half, other in [halves, halves[::-1]]:
        total += np.sum(scores[half] * (ratios[half, None] - _best_baseline(scores[other], ratios[other])), axis=0)
    return total / len(ratios)


def _best_baseline(scores, ratios):
    """Cov(h f, h) / Var(h) for each parameter; zero where h does not vary."""
    if len(ratios) < 2:
        return np.zeros(scores.shape[1])
    centred = scores - scores.mean(axis=0)
    variance = np.sum(centred**2, axis=0)
    covariance = np.sum(scores * ratios[:, None] * centred, axis=0)
    return np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 0.0)
