"""What all linear regressions with normal noise share: the rows as sums, the intercept, and the noise.

    y_i ~ Normal(b + (x_i - x0)' w, 1 / alpha),   b ~ Normal(mu, 1 / tau),   alpha ~ Gamma or known

About the weighted mean x0 of the rows the likelihood has no term in w and b together, so that q(w) q(b) loses
nothing. Outputs come in sets that share their precisions: all of them, or each for itself.
"""

import numpy as np

from skvi.engine.summary import Summary
from skvi.families import Gamma, Intercept
from skvi.models.base import ConjugateModel

_LOG_TWO_PI = np.log(2.0 * np.pi)


class Regression(ConjugateModel):
    """A regression whose rows have been summed up: for the engine the sums are one block.

    Parameters
    ----------
    design : Design
        Of T outputs.
    shared : bool
        Whether all outputs share their precisions.
    single : bool
        Whether there is one output without an axis of its own.
    noise, shrinkage : float or None
        Known precisions of noise and coefficients; None where they are learned.
    n_jobs : int
        Number of threads.
    """

    largest_rate = 1.0

    def __init__(self, design, *, shared=False, single=True, noise=None, shrinkage=None, n_jobs=1):
        self.design = design
        self.n_jobs = n_jobs
        self.single = single
        self.noise = noise
        self.shrinkage = shrinkage
        #: sets of precisions, and outputs that each serves
        self.n_sets = 1 if shared else design.n_outputs
        self.n_each = design.n_outputs // self.n_sets
        self.weight = design.weight * self.n_each
        self._has_axis = not (shared or single)

    def blocks(self, data):
        return [data]

    def messages(self, posterior, prior, n_jobs=1):
        return None

    def local_step(self, block, messages, state):
        entropy = -0.5 * block.weight * self.design.n_outputs * _LOG_TWO_PI
        return Summary({"design": block}, entropy, block.weight), None

    def named(self, values):
        """Values by set without the axis that users of one set do not know of."""
        return values if self._has_axis else values[0]

    def by_name(self, values):
        """Values by set and group without the axes that users do not know of; there is one group."""
        return self.named(values[..., 0])

    def start(self, prior, noise, shrinkage):
        """The posterior at expected precisions of noise, shape (n_sets,), and coefficients, shape (n_sets, G)."""
        raise NotImplementedError

    def continues(self, posterior):
        """Whether a fit may start from a posterior of another one."""
        return False

    def continued(self, prior, posterior):
        """The start that it makes."""
        return posterior

    def per_set(self, values):
        """Sums over the outputs of each set of precisions."""
        return np.reshape(values, (self.n_sets, -1)).sum(axis=1)

    @property
    def target(self):
        """Weighted mean of y."""
        return self.design.y_mean[0] if self.single else self.design.y_mean

    def per_output(self, values):
        """Values by set, for each output."""
        return values[0] if self.single else np.broadcast_to(values, self.design.n_outputs)

    def known_or(self, noise):
        """The known noise precision by set, or the given ones."""
        return np.full(self.n_sets, self.noise) if self.noise else noise

    def best_noise(self, prior, squares):
        """Expected noise precisions given the expected squares of the noise, both of shape (n_sets,)."""
        if self.noise:
            return self.known_or(None)
        a, b = self.hyper(prior, "noise_precision", squares.shape)
        return (self.weight + 2.0 * a) / (squares + 2.0 * b)

    def noise_factor(self, prior, noise):
        """The factor of the noise, if it is learned, at expected precisions of shape (n_sets,)."""
        if self.noise:
            return {}
        shape = prior.noise_precision.shape + 0.5 * self.weight
        return {"noise_precision": Gamma(shape, shape / self.named(noise))}

    def given_noise(self, prior, noise):
        """Factors of the intercept and of the noise at expected noise precisions, shape (n_sets,)."""
        factors = {}
        if "intercept" in prior:
            pull = self.per_output(noise) * self.design.weight
            precision = prior.intercept.precision + pull
            mean = prior.intercept.mean
            mean = mean + pull / precision * (self.target - mean)
            factors["intercept"] = Intercept(mean, precision, prior.intercept.center)
        return factors | self.noise_factor(prior, noise)

    def offset_squares(self, posterior):
        """Weighted sums of squares that the intercept's mean leaves, shape (n_sets,)."""
        if "intercept" not in posterior:
            return np.zeros(self.n_sets)
        return self.design.weight * self.per_set((self.target - posterior.intercept.mean) ** 2)

    def offset_spread(self, posterior):
        """Weighted sums of the intercept's variance, shape (n_sets,)."""
        if "intercept" not in posterior:
            return np.zeros(self.n_sets)
        return self.design.weight * self.per_set(posterior.intercept.var)

    def expected_log_noise(self, posterior):
        """E[log alpha], shape (n_sets,)."""
        if self.noise:
            return np.full(self.n_sets, np.log(self.noise))
        return np.reshape(posterior.noise_precision.expected_log, self.n_sets)

    def hyper(self, prior, name, shape):
        """Shape and rate of a Gamma factor of the prior, as arrays of the given shape."""
        return prior[name].shape.reshape(shape), prior[name].rate.reshape(shape)

    @staticmethod
    def divergence(prior, posterior):
        """KL(q || p) in nats of all factors but the weights."""
        return sum(
            prior[name].divergence_from(factor, posterior) for name, factor in posterior.items() if name != "weights"
        )

    def divergences(self, prior, posterior):
        """The same for each set of precisions, shape (n_sets,)."""
        if self.n_sets == 1:
            return np.array([self.divergence(prior, posterior)])
        return np.array([self.divergence(_of_set(prior, s), _of_set(posterior, s)) for s in range(self.n_sets)])


def _of_set(joint, s):
    """Factors of one of several sets of precisions, but for the weights: the sets are in the first axis."""
    return {
        name: factor.from_natural(tuple(part[s] for part in factor.natural()))
        for name, factor in joint.items()
        if name != "weights"
    }
