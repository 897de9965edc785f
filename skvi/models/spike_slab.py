"""Regression with a spike-and-slab prior: each coefficient is zero or normal (Carbonetto & Stephens 2012).

    w_j = 0 or w_j ~ Normal(0, 1 / lambda), the second with probability pi,   lambda ~ Gamma,   pi ~ Beta

and q(w_1) ... q(w_D) q(b) q(alpha) q(lambda) q(pi), each factor the best given the others in its turn.
"""

import numpy as np

from skvi import _threads
from skvi.families import Beta, Gamma, Joint, SpikeSlab
from skvi.kernels.selection import select_by_gram, select_by_rows
from skvi.models.design import GramDesign
from skvi.models.linear import Regression


class SpikeSlabRegression(Regression):
    """A regression whose coefficients are selected.

    Parameters
    ----------
    design : Design
    **options
        Of `Regression`.
    """

    def __init__(self, design, **options):
        super().__init__(design, **options)
        #: coefficients are visited by falling correlation with the target
        self.orders = np.argsort(-(design.cross**2) / np.maximum(design.diagonal, 1e-300), axis=1, kind="stable")

    def continues(self, posterior):
        weights = posterior.weights
        return isinstance(weights, SpikeSlab) and weights.slab_mean.shape == self.design.cross.shape

    def start(self, prior, noise, shrinkage):
        """The posterior with no coefficient in."""
        shape = self.design.cross.shape
        noise = self.known_or(noise)
        weights = SpikeSlab(np.zeros(shape), np.ones(shape), np.zeros(shape), self.single)
        factors = {"weights": weights, **self.given_noise(prior, noise), "inclusion": prior.inclusion}
        if not self.shrinkage:
            rate = prior.weight_precision.shape / self.by_name(shrinkage)
            factors["weight_precision"] = Gamma(prior.weight_precision.shape, rate)
        return Joint(**factors)

    def global_step(self, prior, summary, posterior):
        """One sweep over the coefficients, then over the factors that they inform."""
        weights = self._selected(posterior)
        noise = self.best_noise(prior, self._squares(weights, posterior))
        factors = {"weights": weights, **self.given_noise(prior, noise), **self._hyper_posterior(prior, weights)}
        return Joint(**factors)

    def _selected(self, posterior):
        """The best coefficients, one at a time."""
        noise, shrinkage = (self._by_output(v) for v in (self._noise_mean(posterior), self._shrinkage(posterior)[0]))
        log_in, log_out = posterior.inclusion.expectations()
        log_odds = self._by_output(log_in - log_out) + 0.5 * self._by_output(self._shrinkage(posterior)[1])
        old = posterior.weights
        slab_mean, inclusion = old.slab_mean.copy(), old.inclusion.copy()
        precision = shrinkage[:, None] + noise[:, None] * self.design.diagonal
        sweep = self._sweep_gram if isinstance(self.design, GramDesign) else self._sweep_rows
        tasks = [
            lambda t=t: sweep(t, noise[t], precision[t], log_odds[t], slab_mean[t], inclusion[t])
            for t in range(self.design.n_outputs)
        ]
        _threads.run(tasks, self.n_jobs)
        return SpikeSlab(slab_mean, precision, inclusion, self.single)

    def _sweep_gram(self, output, noise, precision, log_odds, slab_mean, inclusion):
        gram, cross = self.design.gram, self.design.cross[output]
        fitted = gram @ (inclusion * slab_mean)
        select_by_gram(self.orders[output], gram, cross, noise, precision, log_odds, slab_mean, inclusion, fitted)

    def _sweep_rows(self, output, noise, precision, log_odds, slab_mean, inclusion):
        columns, squares = self.design.columns, self.design.diagonal
        residual = self.design.targets[output] - (inclusion * slab_mean) @ columns
        select_by_rows(
            self.orders[output], columns, squares, noise, precision, log_odds, slab_mean, inclusion, residual
        )

    def _by_output(self, values):
        return np.broadcast_to(values, self.design.n_outputs).astype(np.float64)

    def _noise_mean(self, posterior):
        return self.noise or posterior.noise_precision.mean

    def _shrinkage(self, posterior):
        """E[lambda] and E[log lambda]."""
        if self.shrinkage:
            return self.shrinkage, np.log(self.shrinkage)
        return posterior.weight_precision.mean, posterior.weight_precision.expected_log

    def _squares(self, weights, posterior):
        """Expected weighted sums of squares of the noise, shape (n_sets,)."""
        left = self.design.residual_squares(weights.means) + weights.variances @ self.design.diagonal
        return self.per_set(left) + self.offset_squares(posterior) + self.offset_spread(posterior)

    def _hyper_posterior(self, prior, weights):
        """Factors of pi and lambda given the coefficients."""
        counts = self.named(self.per_set(weights.inclusion))
        n_out = self.named(self.per_set(1.0 - weights.inclusion))
        factors = {"inclusion": Beta(prior.inclusion.a + counts, prior.inclusion.b + n_out)}
        if not self.shrinkage:
            parent = prior.weight_precision
            energy = self.named(self.per_set(weights.inclusion * weights.slab_squares))
            factors["weight_precision"] = Gamma(parent.shape + 0.5 * counts, parent.rate + 0.5 * energy)
        return factors

    def bound(self, prior, summary, posterior, n_jobs=1):
        """E[log p(y | w, b, alpha)] - KL(q || p)."""
        left = self._squares(posterior.weights, posterior)
        noise = np.broadcast_to(self._noise_mean(posterior), self.n_sets)
        fit = 0.5 * float((self.weight * self.expected_log_noise(posterior) - noise * left).sum())
        weights = prior.weights.divergence_from(posterior.weights, posterior)
        return summary.entropy + fit - weights - self.divergence(prior, posterior)
