"""Linear regression: normal coefficients given precisions, each factor in closed form given the others.

    y_i ~ Normal(b + (x_i - x0)' w, 1 / alpha),   w_j ~ Normal(0, 1 / lambda_g(j)),   b ~ Normal(mu, 1 / tau)

with alpha and the lambda_g Gamma or known, and q(w) q(b) q(alpha) q(lambda). About the weighted mean x0 of the
rows the likelihood has no term in w and b together, so that q(w) q(b) loses nothing. Whatever the expected
precisions, q(w) is best at once: the bound is a function of them alone, namely the log evidence at these
precisions plus terms of the Gammas.
"""

import numpy as np

from skvi.engine.summary import Summary
from skvi.families import Gamma, IndependentNormal, Joint, LinearNormal
from skvi.models.base import ConjugateModel
from skvi.models.relevance import best_precisions

_LOG_TWO_PI = np.log(2.0 * np.pi)


class LinearRegression(ConjugateModel):
    """A regression whose rows have been summed up: for the engine the sums are one block.

    Parameters
    ----------
    design : Design
        Of T outputs.
    groups : ndarray of shape (D,)
        Group of each coefficient, from zero on: each of the G groups has a precision.
    shared : bool
        Whether all outputs share their precisions.
    single : bool
        Whether there is one output without an axis of its own.
    noise, shrinkage : float or None
        Known precisions of noise and coefficients; None where they are learned.
    """

    largest_rate = 1.0

    def __init__(self, design, groups, *, shared=False, single=True, noise=None, shrinkage=None):
        self.design = design
        self.groups = groups
        self.single = single
        self.noise = noise
        self.shrinkage = shrinkage
        #: sets of precisions, and outputs that each serves
        self.n_sets = 1 if shared else design.n_outputs
        self.n_each = design.n_outputs // self.n_sets
        self.sizes = np.bincount(groups) * float(self.n_each)
        self.weight = design.weight * self.n_each
        #: whether each coefficient has a precision to itself
        self.one_each = len(groups) > 1 and (groups == np.arange(len(groups))).all()
        self._has_axis = not (shared or single)
        self._first = np.unique(groups, return_index=True)[1]

    def blocks(self, data):
        return [data]

    def messages(self, posterior, prior, n_jobs=1):
        return None

    def local_step(self, block, messages, state):
        entropy = -0.5 * block.weight * self.design.n_outputs * _LOG_TWO_PI
        return Summary({"design": block}, entropy, block.weight), None

    def global_step(self, prior, summary, posterior):
        """Move the precisions as far as seems best, or by coordinate ascent where the bound would fall."""
        precisions = _Precisions(self, prior, posterior)
        leap = self.posterior_at(prior, *precisions.leap())
        if self.bound(prior, summary, leap) >= self.bound(prior, summary, posterior):
            return leap
        return self.posterior_at(prior, *precisions.step())

    def posterior_at(self, prior, noise, shrinkage):
        """The posterior at expected precisions of shapes (n_sets,) and (n_sets, G): q(w), q(b) are the best."""
        noise = np.full(self.n_sets, self.noise) if self.noise else noise
        shrinkage = np.full((self.n_sets, 1), self.shrinkage) if self.shrinkage else shrinkage
        factors = {"weights": LinearNormal(shrinkage[:, self.groups], noise, self.design, self.single)}
        if "intercept" in prior:
            factors["intercept"] = self._intercept(prior.intercept, noise)
        if not self.noise:
            shape = prior.noise_precision.shape + 0.5 * self.weight
            factors["noise_precision"] = Gamma(shape, shape / self._named(noise))
        if not self.shrinkage:
            shape = prior.weight_precision.shape + 0.5 * self._named(np.tile(self.sizes, (self.n_sets, 1)))
            factors["weight_precision"] = Gamma(shape, shape / self._named(shrinkage))
        return Joint(**factors)

    def _named(self, values):
        """Values by set, and group, without the axes that users do not know of."""
        values = values[..., 0] if values.ndim > 1 and not self.groups.any() else values
        return values if self._has_axis else values[0]

    def _intercept(self, prior, noise):
        pull = self._per_output(noise) * self.design.weight
        precision = prior.precision + pull
        return IndependentNormal(prior.mean + pull / precision * (self._target - prior.mean), precision)

    def _per_output(self, values):
        return values[0] if self.single else np.broadcast_to(values, self.design.n_outputs)

    def _per_set(self, values):
        """Sums over the outputs of each set of precisions."""
        return np.reshape(values, (self.n_sets, -1)).sum(axis=1)

    @property
    def _target(self):
        return self.design.y_mean[0] if self.single else self.design.y_mean

    def squares(self, posterior):
        """Weighted sums of squares left by the posterior means, shape (n_sets,)."""
        squares = self._per_set(np.concatenate([one.residual_squares for one in posterior.weights.systems]))
        if "intercept" in posterior:
            squares = squares + self.design.weight * self._per_set((self._target - posterior.intercept.mean) ** 2)
        return squares

    def spread(self, posterior):
        """Weighted sums of the variances of b, shape (n_sets,)."""
        if "intercept" not in posterior:
            return np.zeros(self.n_sets)
        return self.design.weight * self._per_set(posterior.intercept.var)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """E[log p(y | w, b, alpha)] - KL(q || p), where alpha tr(S X'WX) + tr(S R) = D has been used."""
        weights = posterior.weights
        log_noise, log_shrinkage = self._expected_logs(posterior)
        fit = self.weight * log_noise - weights.scale * (self.squares(posterior) + self.spread(posterior))
        log_det = self.n_each * np.array([one.log_det for one in weights.systems])
        width = (self.by_group(weights) * self.norms(weights) - self.sizes * log_shrinkage).sum(axis=1) + log_det
        divergence = sum(
            prior[name].divergence_from(factor, posterior) for name, factor in posterior.items() if name != "weights"
        )
        return summary.entropy + 0.5 * float((fit - width).sum()) - divergence

    def norms(self, weights):
        """Sums of squares of the mean coefficients, shape (n_sets, G)."""
        return np.stack([one.norms(self.groups) for one in weights.systems])

    def by_group(self, weights):
        """Expected precisions of the coefficients, shape (n_sets, G)."""
        return weights.shrinkage[:, self._first]

    def _expected_logs(self, posterior):
        """E[log alpha], shape (n_sets,), and E[log lambda], shape (n_sets, G)."""
        weights = posterior.weights
        noise = np.log(weights.scale) if self.noise else posterior.noise_precision.expected_log
        shrinkage = np.log(self.by_group(weights))
        if not self.shrinkage:
            shrinkage = posterior.weight_precision.expected_log
        return np.reshape(noise, self.n_sets), np.reshape(shrinkage, (self.n_sets, -1))


class _Precisions:
    """What a posterior says of the precisions: how many coefficients are determined, and what is left over."""

    def __init__(self, model, prior, posterior):
        self.model = model
        self.prior = prior
        weights = posterior.weights
        self.systems = weights.systems
        self.noise = weights.scale
        self.shrinkage = model.by_group(weights)
        self.squares = model.squares(posterior)
        self.norms = model.norms(weights)
        self.shares = model.n_each * np.stack([one.shares(model.groups) for one in self.systems])
        self.determined = self.shares.sum(axis=1) + self.noise * model.spread(posterior)

    def step(self):
        """Expected precisions by coordinate ascent: 2 a + n over 2 b + |m|^2 + tr S."""
        squares = self.squares + self.determined / self.noise
        norms = self.norms + (self.model.sizes - self.shares) / self.shrinkage
        return self._ratios(self.model.weight, squares, self.model.sizes, norms)

    def leap(self):
        """Expected precisions much nearer to the optimum, with no promise that the bound rises.

        A precision of several coefficients takes the fixed point of MacKay (1992), where n - E[lambda] tr S, the
        number of determined coefficients, stays as it is instead of S; that of one coefficient its own best value.
        """
        noise, shrinkage = self._ratios(self.model.weight - self.determined, self.squares, self.shares, self.norms)
        if self.model.one_each and "weight_precision" in self.prior:
            var = np.stack([one.var for one in self.systems])
            hyper = self._hyper("weight_precision", shrinkage.shape)
            shrinkage = best_precisions(self.shrinkage, var, self.norms, self.model.n_each, *hyper)
        # Weights that add up to less than the coefficients they determine leave nothing to learn noise from.
        return np.where(self.model.weight > self.determined, noise, self.noise), shrinkage

    def _ratios(self, n_rows, squares, n_weights, norms):
        noise, shrinkage = self.noise, self.shrinkage
        if "noise_precision" in self.prior:
            a, b = self._hyper("noise_precision", noise.shape)
            noise = (n_rows + 2.0 * a) / (squares + 2.0 * b)
        if "weight_precision" in self.prior:
            a, b = self._hyper("weight_precision", shrinkage.shape)
            shrinkage = (n_weights + 2.0 * a) / (norms + 2.0 * b)
        return noise, shrinkage

    def _hyper(self, name, shape):
        return self.prior[name].shape.reshape(shape), self.prior[name].rate.reshape(shape)
