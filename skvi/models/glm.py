"""Generalised linear models with a Gaussian posterior of all coefficients and the intercept together.

    y_i ~ p(y | eta_i),   eta_i = b + (x_i - x0)'w,   w_j ~ Normal(0, 1 / lambda_g(j)),   b ~ Normal(mu, 1 / tau)

with the lambda_g Gamma or known, and q(w, b) q(lambda). The likelihood meets q in the normal eta_i alone, so that
its expectations are one-dimensional integrals and the bound is exact. A local step replaces it by Gaussian sites; a
global step multiplies them with the prior, and moves q(lambda) with q(w, b): a natural-gradient step of length one
(Khan & Lin 2017), near to a Newton step. Far from the optimum it may be too long, and the schedule shortens it.
"""

import numpy as np

from skvi.engine.blocks import cut
from skvi.engine.summary import Summary
from skvi.families import FactoredNormal, Gamma, InterceptGivenWeights, Joint
from skvi.models.base import ConjugateModel
from skvi.models.relevance import best_precisions
from skvi.models.sites import Predictor, joint_moments, linearised

# Moves of the precisions in a global step, and the gain in nats below which they stop.
_MOVES = 2
_LEAST_GAIN = 1e-3
# Largest factor by which the precision of one coefficient rises at a time: others may yet need it.
_LARGEST_RISE = 2.0


class GeneralizedLinear(ConjugateModel):
    """K linear predictors, each with a Gaussian q(w, b), independent of each other.

    Parameters
    ----------
    likelihood : Likelihood
    center : ndarray of shape (D,)
        x0, where the intercepts are taken.
    groups : ndarray of shape (D,)
        Group of each coefficient, from zero on: each has a precision, which the K predictors share.
    n_sets : int
        K.
    """

    bound_holds_always = False
    largest_rate = 1.0

    def __init__(self, likelihood, center, groups, n_sets=1):
        self.likelihood = likelihood
        self.center = center
        self.groups = groups
        self.n_sets = n_sets
        self.sizes = np.bincount(groups) * float(n_sets)
        #: whether each coefficient has a precision to itself
        self.one_each = n_sets == 1 and len(groups) > 1 and (groups == np.arange(len(groups))).all()

    def blocks(self, data):
        n_parameters = len(self.center) + 1
        cost = self.n_sets * float(n_parameters) ** 2
        return [data.take(slice(*edges)) for edges in cut(data.n_rows, cost, 8.0 * cost)]

    def messages(self, posterior, prior, n_jobs=1):
        return Predictor(self.center, posterior)

    def local_step(self, block, messages, state):
        sites, value = linearised(block, messages, self.likelihood)
        return Summary({"sites": sites}, value, block.weight), None

    def global_step(self, prior, summary, posterior):
        """Multiply prior and sites; with learned precisions in turns with q(lambda), until that gains nothing."""
        sites = summary.statistics["sites"]
        if "weight_precision" not in prior:
            return self.posterior_at(prior, sites, None)
        current = self.posterior_at(prior, sites, np.atleast_1d(posterior.weight_precision.mean))
        value = self.bound(prior, summary, current)
        for _ in range(_MOVES):
            moved, bound = self._moved(prior, summary, current, value)
            gain, current, value = bound - value, moved, bound
            if gain < _LEAST_GAIN:
                break
        return current

    def _moved(self, prior, summary, current, value):
        """Move the precisions as far as seems best, or by coordinate ascent where the bound would fall."""
        sites = summary.statistics["sites"]
        for shrinkage in (self._leap, self._step):
            moved = self.posterior_at(prior, sites, shrinkage(prior, current))
            bound = self.bound(prior, summary, moved)
            if bound >= value:
                break
        return moved, bound

    def posterior_at(self, prior, sites, shrinkage):
        """The posterior at expected precisions of shape (G,), None where they are known."""
        center, pull = sites.center, sites.gradient.copy()
        precision = sites.gram.copy()
        n_features = len(self.center)
        own, around = self._weights_prior(prior, shrinkage)
        pull[:, :n_features] -= own * (center[:, :n_features] - around)
        precision[:, range(n_features), range(n_features)] += own
        if "intercept" in prior:
            pull[:, -1] -= prior.intercept.precision * (center[:, -1] - prior.intercept.mean)
            precision[:, -1, -1] += prior.intercept.precision
        factors = normal_factors(center, pull, precision, n_features)
        if shrinkage is not None:
            factors["weight_precision"] = self._gamma(prior, shrinkage)
        return Joint(**factors)

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

    def _step(self, prior, posterior):
        """Expected precisions by coordinate ascent: 2 a + n over 2 b + |m|^2 + tr S."""
        weights, hyper = posterior.weights, prior.weight_precision
        squares = self._by_group(weights.mean**2 + weights.var)
        return (self.sizes + 2.0 * hyper.shape) / (squares + 2.0 * hyper.rate)

    def _leap(self, prior, posterior):
        """Expected precisions nearer to the optimum: MacKay's (1992) fixed point, or the best one of one coefficient.

        Given the sites this is a linear regression, and what is said in `skvi.models.regression` holds here.
        """
        weights, hyper = posterior.weights, prior.weight_precision
        current = np.atleast_1d(posterior.weight_precision.mean)
        squares, spread = self._by_group(weights.mean**2), self._by_group(weights.var)
        if self.one_each:
            best = best_precisions(current, spread, squares, 1, hyper.shape, hyper.rate)
            return np.minimum(best, _LARGEST_RISE * current)
        determined = np.maximum(self.sizes - current * spread, 0.0)
        return (determined + 2.0 * hyper.shape) / (squares + 2.0 * hyper.rate)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """E[log p(y | w, b)] - KL(q || p) where the sites are linearised at q, and what they make of it elsewhere."""
        likelihood = summary.entropy + summary.statistics["sites"].expected(*joint_moments(posterior))
        return likelihood - posterior.kl(prior)

    def blended(self, prior, posterior, target, rate):
        """The joint at (1 - rate) eta + rate eta_target, coefficients and intercept being one factor.

        q(lambda) is the best for this q(w, b): on the way to a target that lies too far its own means nothing.
        """
        mean = joint_moments(posterior)[0]
        other = joint_precision(target)
        precision = (1.0 - rate) * joint_precision(posterior) + rate * other
        pull = rate * np.einsum("kpq,kq->kp", other, joint_moments(target)[0] - mean)
        factors = normal_factors(mean, pull, precision, len(self.center))
        if "weight_precision" in posterior:
            factors["weight_precision"] = self._gamma(prior, self._step(prior, Joint(**factors)))
        return Joint(**factors)


def normal_factors(center, pull, precision, n_features):
    """Factors of q(w) q(b | w) with a precision, their mean the covariance times the pull beyond the centre.

    Parameters
    ----------
    center, pull : ndarray of shape (K, P)
    precision : ndarray of shape (K, P, P)
    n_features : int
        D; there is no intercept where P = D.
    """
    weights, intercept = slice(n_features), center.shape[1] > n_features
    if not intercept:
        return {"weights": _moved_normal(center, pull, precision)}
    corner, across = precision[:, -1, -1], precision[:, weights, -1]
    slope = -across / corner[:, None]
    schur = precision[:, weights, weights] + slope[:, :, None] * across[:, None, :]
    q = _moved_normal(center[:, weights], pull[:, weights] + slope * pull[:, -1:], schur)
    step = np.reshape(q.mean, (len(center), -1)) - center[:, weights]
    mean = center[:, -1] + pull[:, -1] / corner + (slope * step).sum(axis=1)
    return {"weights": q, "intercept": InterceptGivenWeights(*map(_single, (mean, corner, slope)), q)}


def _moved_normal(center, pull, precision):
    q = FactoredNormal(_single(center), _single(precision))
    q.mean = q.mean + q.solve(_single(pull))
    return q


def _single(array):
    """An array over K predictors, without that axis where there is one."""
    return array[0] if len(array) == 1 else array


def joint_precision(posterior):
    """Precision of (w, b), shape (K, P, P)."""
    q = posterior.weights
    n_features = q.mean.shape[-1]
    precision = np.reshape(q.precision, (-1, n_features, n_features))
    if "intercept" not in posterior:
        return precision
    slope, corner = (
        np.reshape(posterior.intercept.slope, (-1, n_features)),
        np.reshape(posterior.intercept.precision, -1),
    )
    across = -slope * corner[:, None]
    joint = np.empty((len(precision), n_features + 1, n_features + 1))
    joint[:, :-1, :-1] = precision - slope[:, :, None] * across[:, None, :]
    joint[:, :-1, -1] = joint[:, -1, :-1] = across
    joint[:, -1, -1] = corner
    return joint
