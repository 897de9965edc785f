"""Generalised linear models with a Gaussian posterior of all coefficients and the intercept together.

    y_i ~ p(y | eta_i),   eta_i = b + (x_i - x0)'w,   w_j ~ Normal(0, 1 / lambda_g(j)),   b ~ Normal(mu, 1 / tau)

with the lambda_g Gamma or known, and q(w, b) q(lambda). The likelihood meets q in the normal eta_i alone, so that
its expectations are one-dimensional integrals and the bound is exact. A local step replaces it by Gaussian sites; a
global step multiplies them with the prior, and moves q(lambda) with q(w, b): a natural-gradient step of length one
(Khan & Lin 2017), near to a Newton step. Far from the optimum it may be too long, and the schedule shortens it.
"""

import numpy as np

from skvi.engine.summary import Summary
from skvi.families import Gamma, Joint
from skvi.models.base import ConjugateModel
from skvi.models.matrix_form import Matrix
from skvi.models.relevance import best_precisions

# Gain in nats below which moves of the precisions in a global step stop.
_LEAST_GAIN = 1e-3
# Largest factor by which the precision of one coefficient rises at a time: others may yet need it.
_LARGEST_RISE = 2.0


class GeneralizedLinear(ConjugateModel):
    """K linear predictors, each with a Gaussian q(w, b), independent of each other but for what the form ties.

    Parameters
    ----------
    likelihood : Likelihood
    center : ndarray of shape (D,)
        x0, where the intercepts are taken.
    groups : ndarray of shape (D,)
        Group of each coefficient, from zero on: each has a precision, which the K predictors share.
    n_sets : int
        K.
    form : Matrix or RowForm, default=None
        Which covariance q(w, b) has; None is all of it, by matrices.
    """

    bound_holds_always = False
    largest_rate = 1.0

    def __init__(self, likelihood, center, groups, n_sets=1, form=None):
        self.likelihood = likelihood
        self.center = center
        self.groups = groups
        self.n_sets = n_sets
        self.form = Matrix() if form is None else form
        self.sizes = np.bincount(groups) * float(n_sets - self.form.dependent)
        #: whether each coefficient has a precision to itself
        self.one_each = n_sets == 1 and len(groups) > 1 and (groups == np.arange(len(groups))).all()

    def blocks(self, data):
        return self.form.blocks(data, self.center, self.n_sets)

    def messages(self, posterior, prior, n_jobs=1):
        return self.form.predictor(self.center, posterior)

    def local_step(self, block, messages, state):
        sites, value = self.form.linearised(block, messages, self.likelihood)
        return Summary({"sites": sites}, value, block.weight), None

    def global_step(self, prior, summary, posterior):
        """Multiply prior and sites; with learned precisions in turns with q(lambda), until that gains nothing."""
        sites = summary.statistics["sites"]
        if "weight_precision" not in prior:
            return self.posterior_at(prior, sites, None, posterior)
        current = self.posterior_at(prior, sites, np.atleast_1d(posterior.weight_precision.mean), posterior)
        value = self.bound(prior, summary, current)
        for _ in range(self.form.moves):
            moved, bound = self._moved(prior, summary, current, value)
            gain, current, value = bound - value, moved, bound
            if gain < _LEAST_GAIN:
                break
        return current

    def _moved(self, prior, summary, current, value):
        """Move the precisions as far as seems best, or by coordinate ascent where the bound would fall."""
        sites = summary.statistics["sites"]
        for shrinkage in (self._leap, self._step):
            moved = self.posterior_at(prior, sites, shrinkage(prior, current), current)
            bound = self.bound(prior, summary, moved)
            if bound >= value:
                break
        return moved, bound

    def posterior_at(self, prior, sites, shrinkage, last):
        """The posterior at expected precisions of shape (G,), None where they are known, that comes after the last."""
        factors = self.form.factors(sites, *self._pulls(prior, sites, shrinkage), last)
        if shrinkage is not None:
            factors["weight_precision"] = self._gamma(prior, shrinkage)
        return Joint(**factors)

    def _pulls(self, prior, sites, shrinkage):
        """Precision of the prior, and the pull of prior and sites at the centre of the sites: arrays (K, P)."""
        own, pull = np.empty_like(sites.gradient), sites.gradient.copy()
        n_features = len(self.center)
        weights = slice(n_features)
        own[:, weights], around = self._weights_prior(prior, shrinkage)
        pull[:, weights] -= own[:, weights] * (sites.center[:, weights] - around)
        if "intercept" in prior:
            own[:, -1] = prior.intercept.precision
            pull[:, -1] -= own[:, -1] * (sites.center[:, -1] - prior.intercept.mean)
        return own, pull

    def _gamma(self, prior, shrinkage):
        """q(lambda) of the expected precisions of the groups."""
        shape = prior.weight_precision.shape + 0.5 * self._named(self.sizes)
        return Gamma(shape, shape / self._named(shrinkage))

    def _named(self, values):
        """Values by group; without the axis where there is one group."""
        return values if self.groups.any() else values[0]

    def _weights_prior(self, prior, shrinkage):
        """Precisions and means of the coefficients, given their expected precisions."""
        if shrinkage is None:
            return prior.weights.precision, prior.weights.mean
        return prior.weights.expanded(self._named(shrinkage)), 0.0

    def _by_group(self, values):
        """Sums over the coefficients of each group, and over the K predictors."""
        return np.bincount(self.groups, np.reshape(values, (-1, len(self.groups))).sum(axis=0))

    def _spread(self, weights):
        """Sums of the variances of each group."""
        if self.groups.any():
            return self._by_group(weights.var)
        return np.array([weights.trace_with(np.ones(len(self.groups)))])

    def _step(self, prior, posterior):
        """Expected precisions by coordinate ascent: 2 a + n over 2 b + |m|^2 + tr S."""
        weights, hyper = posterior.weights, prior.weight_precision
        squares = self._by_group(weights.mean**2) + self._spread(weights)
        return (self.sizes + 2.0 * hyper.shape) / (squares + 2.0 * hyper.rate)

    def _leap(self, prior, posterior):
        """Expected precisions nearer to the optimum: MacKay's (1992) fixed point, or the best one of one coefficient.

        Given the sites this is a linear regression, and what is said in `skvi.models.regression` holds here.
        """
        weights, hyper = posterior.weights, prior.weight_precision
        current = np.atleast_1d(posterior.weight_precision.mean)
        squares, spread = self._by_group(weights.mean**2), self._spread(weights)
        if self.one_each:
            best = best_precisions(current, spread, squares, 1, hyper.shape, hyper.rate)
            return np.minimum(best, _LARGEST_RISE * current)
        determined = np.maximum(self.sizes - current * spread, 0.0)
        return (determined + 2.0 * hyper.shape) / (squares + 2.0 * hyper.rate)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """E[log p(y | w, b)] - KL(q || p) where the sites are linearised at q, and what they make of it elsewhere."""
        sites = self.form.expected(summary.statistics["sites"], self.center, posterior)
        return summary.entropy + sites - posterior.kl(prior)

    def blended(self, prior, posterior, target, rate):
        """The joint a rate of the way to a target, coefficients and intercept being one factor.

        q(lambda) is the best for this q(w, b): on the way to a target that lies too far its own means nothing.
        """
        return self._with_precision(prior, posterior, self.form.blended(posterior, target, rate))

    def step_towards(self, posterior, prior, summary, rate):
        if not self.form.projects:
            return super().step_towards(posterior, prior, summary, rate)
        # Mini-batches projected one by one would leave a bias: what is projected is their blend.
        sites = summary.statistics["sites"]
        shrinkage = self._leap(prior, posterior) if "weight_precision" in prior else None
        pulls = self._pulls(prior, sites, shrinkage)
        return self._with_precision(prior, posterior, self.form.stepped(posterior, sites, *pulls, rate))

    def _with_precision(self, prior, posterior, factors):
        if "weight_precision" in posterior:
            factors["weight_precision"] = self._gamma(prior, self._step(prior, Joint(**factors)))
        return Joint(**factors)

    def lasting(self, summary, posterior):
        sites = self.form.lasting(summary.statistics["sites"], posterior)
        return Summary({"sites": sites}, summary.entropy, summary.weight)
