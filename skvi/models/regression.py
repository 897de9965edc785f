"""Linear regression: normal coefficients given precisions, each factor in closed form given the others.

    w_j ~ Normal(0, 1 / lambda_g(j)),   lambda_g ~ Gamma or known,   q(w) q(b) q(alpha) q(lambda)

Whatever the expected precisions, q(w) is best at once: the bound is a function of them alone, namely the log
evidence at these precisions plus terms of the Gammas.
"""

from contextlib import suppress
from weakref import WeakKeyDictionary

import numpy as np

from skvi.families import Gamma, Joint, LinearNormal
from skvi.models.frozen import frozen_columns
from skvi.models.linear import Regression
from skvi.models.mixing import Mixing
from skvi.models.relevance import best_precisions

# Largest factors by which the precision of one coefficient rises in a sweep, with more rows than columns or fewer.
_LARGEST_RISE_TALL = 4.0
_LARGEST_RISE_WIDE = 2.0


class LinearRegression(Regression):
    """A regression with a full normal posterior of the coefficients.

    Parameters
    ----------
    design : Design
    groups : ndarray of shape (D,)
        Group of each coefficient, from zero on: each of the G groups has a precision.
    **options
        Of `Regression`.
    """

    def __init__(self, design, groups, **options):
        super().__init__(design, **options)
        self.groups = groups
        self.sizes = np.bincount(groups) * float(self.n_each)
        #: whether each coefficient has a precision to itself
        self.one_each = len(groups) > 1 and (groups == np.arange(len(groups))).all()
        # By the weight and not the rows: weights are repetition.
        self.largest_rise = _LARGEST_RISE_TALL if design.weight > design.n_features else _LARGEST_RISE_WIDE
        self._first = np.unique(groups, return_index=True)[1]
        #: the steps that have led to posteriors
        self._mixings = WeakKeyDictionary()

    def global_step(self, prior, summary, posterior):
        """Move the precisions as far as seems best, those of a set whose bound would fall by ever safer moves."""
        bounds = self.bounds(prior, summary, posterior)
        places, frozen = self._log_places(posterior.weights), posterior.weights.frozen
        fallen = np.ones(self.n_sets, bool)
        moved = posterior
        for move, freeze in self._moves(prior, posterior):
            places = np.where(fallen[:, None], move, places)
            frozen = _chosen(fallen, freeze, frozen)
            # Precisions so far apart that float64 cannot tell the matrix from a singular one are no gain.
            with suppress(np.linalg.LinAlgError):
                moved = self.posterior_at(prior, *_precisions_at(places), frozen)
                fallen = self.bounds(prior, summary, moved) < bounds
                if not fallen.any():
                    break
        self._mixings[moved] = self._mixings.pop(posterior)
        return moved

    def _moves(self, prior, posterior):
        """Ways to better precisions, the boldest first: logarithms of shape (n_sets, 1 + G), coefficients to freeze.

        Coordinate ascent falls by rounding alone, and the last does not move.
        """
        precisions, old = _Precisions(self, prior, posterior), posterior.weights.frozen
        here, leap = self._log_places(posterior.weights), _logs(*precisions.leap())
        mixing = self._mixings[posterior] = self._mixings.pop(posterior, Mixing()).after(here, leap - here)
        new = self._frozen(posterior.weights) if self.one_each else None
        if new is not None and (old is None or (new != old).any()):
            yield leap, new
        mixed = mixing.places()
        if mixed is not None:
            yield mixed, old
        yield leap, old
        yield _logs(*precisions.step()), old
        yield here, old

    def _log_places(self, weights):
        """Logarithms of the precisions behind coefficients, shape (n_sets, 1 + G)."""
        return _logs(weights.scale, self.by_group(weights))

    def _frozen(self, weights):
        """Coefficients to freeze, shape (n_sets, D); None where there are none."""
        frozen = np.stack([frozen_columns(one, self.n_each) for one in weights.systems])
        return frozen if frozen.any() else None

    def start(self, prior, noise, shrinkage):
        return self.posterior_at(prior, noise, shrinkage)

    def continues(self, posterior):
        weights = posterior.weights
        return isinstance(weights, LinearNormal) and weights.shrinkage.shape == (self.n_sets, len(self.groups))

    def continued(self, prior, posterior):
        return self.posterior_at(prior, posterior.weights.scale, self.by_group(posterior.weights))

    def posterior_at(self, prior, noise, shrinkage, frozen=None):
        """The posterior at expected precisions of shapes (n_sets,) and (n_sets, G): q(w), q(b) are the best.

        Frozen coefficients, shape (n_sets, D), are those that `skvi.models.frozen` describes.
        """
        noise = self.known_or(noise)
        shrinkage = np.full((self.n_sets, len(self.sizes)), self.shrinkage) if self.shrinkage else shrinkage
        weights = LinearNormal(shrinkage[:, self.groups], noise, self.design, self.single, frozen)
        factors = {"weights": weights, **self.given_noise(prior, noise)}
        if not self.shrinkage:
            shape = prior.weight_precision.shape + 0.5 * self.by_name(np.tile(self.sizes, (self.n_sets, 1)))
            factors["weight_precision"] = Gamma(shape, shape / self.by_name(shrinkage))
        return Joint(**factors)

    def by_name(self, values):
        """Values by set and group without the axes that users do not know of."""
        return self.named(values if self.groups.any() else values[..., 0])

    def squares(self, posterior):
        """Weighted sums of squares left by the posterior means, shape (n_sets,)."""
        left = np.concatenate([one.residual_squares for one in posterior.weights.systems])
        return self.per_set(left) + self.offset_squares(posterior)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """E[log p(y | w, b, alpha)] - KL(q || p), where alpha tr(S X'WX) + tr(S R) = D has been used."""
        return float(self.bounds(prior, summary, posterior).sum())

    def bounds(self, prior, summary, posterior):
        """The parts of the bound of each set of precisions, shape (n_sets,)."""
        weights = posterior.weights
        left = self.squares(posterior) + self.offset_spread(posterior)
        fit = self.weight * self.expected_log_noise(posterior) - weights.scale * left
        log_det = self.n_each * np.array([one.log_det for one in weights.systems])
        log_shrinkage = self._expected_log_shrinkage(posterior)
        width = (self.by_group(weights) * self.norms(weights) - self.sizes * log_shrinkage).sum(axis=1) + log_det
        return summary.entropy / self.n_sets + 0.5 * (fit - width) - self.divergences(prior, posterior)

    def norms(self, weights):
        """Sums of squares of the mean coefficients, shape (n_sets, G)."""
        return np.stack([one.norms(self.groups) for one in weights.systems])

    def by_group(self, weights):
        """Expected precisions of the coefficients, shape (n_sets, G)."""
        return weights.shrinkage[:, self._first]

    def _expected_log_shrinkage(self, posterior):
        """E[log lambda], shape (n_sets, G)."""
        if self.shrinkage:
            return np.log(self.by_group(posterior.weights))
        return np.reshape(posterior.weight_precision.expected_log, (self.n_sets, -1))


def _logs(noise, shrinkage):
    """Logarithms of precisions of shapes (n_sets,) and (n_sets, G) side by side."""
    return np.log(np.column_stack([noise, shrinkage]))


def _precisions_at(logs):
    """The precisions of such logarithms."""
    precisions = np.exp(logs)
    return precisions[:, 0], precisions[:, 1:]


def _chosen(sets, frozen, others):
    """Frozen coefficients: some sets' from one choice, the others' from another; None is none at all."""
    if frozen is None and others is None:
        return None
    none = np.zeros((len(sets), 1), bool)
    chosen = np.where(sets[:, None], none if frozen is None else frozen, none if others is None else others)
    return chosen if chosen.any() else None


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
        self.determined = self.shares.sum(axis=1) + self.noise * model.offset_spread(posterior)

    def step(self):
        """Expected precisions by coordinate ascent: 2 a + n over 2 b + |m|^2 + tr S."""
        squares = self.squares + self.determined / self.noise
        norms = self.norms + (self.model.sizes - self.shares) / self.shrinkage
        return self._ratios(self.model.weight, squares, self.model.sizes, norms)

    def leap(self):
        """Expected precisions much nearer to the optimum, with no promise that the bound rises.

        A precision of several coefficients takes the fixed point of MacKay (1992), where n - E[lambda] tr S, the
        number of determined coefficients, stays as it is instead of S; that of one coefficient its own best value,
        but rises slowly: of columns that can stand in for each other not all are given up at once.
        """
        noise, shrinkage = self._ratios(self.model.weight - self.determined, self.squares, self.shares, self.norms)
        if self.model.one_each and "weight_precision" in self.prior:
            var = np.stack([one.var for one in self.systems])
            hyper = self.model.hyper(self.prior, "weight_precision", shrinkage.shape)
            best = best_precisions(self.shrinkage, var, self.norms, self.model.n_each, *hyper)
            shrinkage = np.minimum(best, self.model.largest_rise * self.shrinkage)
        # Rows that the coefficients explain away leave the fixed point nothing to learn noise from.
        return np.where(self.model.weight > self.determined, noise, self.step()[0]), shrinkage

    def _ratios(self, n_rows, squares, n_weights, norms):
        noise, shrinkage = self.noise, self.shrinkage
        if "noise_precision" in self.prior:
            a, b = self.model.hyper(self.prior, "noise_precision", noise.shape)
            noise = (n_rows + 2.0 * a) / (squares + 2.0 * b)
        if "weight_precision" in self.prior:
            a, b = self.model.hyper(self.prior, "weight_precision", shrinkage.shape)
            shrinkage = (n_weights + 2.0 * a) / (norms + 2.0 * b)
        return noise, shrinkage
