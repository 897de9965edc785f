"""Linear regression with a normal prior of the coefficients as a whole, such as an earlier posterior.

    w ~ Normal(m0, P0^-1),   b ~ Normal(mu, 1 / tau) the prediction at x0,   q(w) q(b) q(alpha)

The point x0 is the prior's and not the mean of the rows, so that the factors are best in turns.
"""

import numpy as np

from skvi.families import IndependentNormal, Intercept, Joint, Normal
from skvi.models.linear import Regression


class InformedRegression(Regression):
    """A regression whose prior knows the coefficients.

    Parameters
    ----------
    design : Design
    center : ndarray of shape (D,)
        x0.
    **options
        Of `Regression`, of which no shrinkage is learned.
    """

    def __init__(self, design, center, **options):
        super().__init__(design, **options)
        self.shift = design.x_mean - center
        self.gram = design.gram

    @staticmethod
    def stated(prior):
        """The prior with its coefficients as one normal distribution."""
        weights = prior.weights
        precision = weights.precision
        if isinstance(weights, IndependentNormal):
            precision = precision[..., None] * np.eye(precision.shape[-1])
        factors = {name: factor for name, factor in prior.items() if name not in ("weights", "weight_precision")}
        return Joint(weights=Normal(weights.mean, precision), **factors)

    def start(self, prior, noise, shrinkage=None):
        """The posterior at expected noise precisions, shape (n_sets,), from the prior's intercept."""
        return self._given(prior, prior.get("intercept"), self.known_or(noise))

    def global_step(self, prior, summary, posterior):
        """Coordinate ascent in noise, coefficients and intercept."""
        noise = self.best_noise(prior, self._squares(posterior))
        return self._given(prior, posterior.get("intercept"), noise)

    def _given(self, prior, intercept, noise):
        """Factors at expected noise precisions; the coefficients' given an intercept."""
        weights = self._weights(prior.weights, intercept, self.per_output(noise))
        factors = {"weights": weights}
        if intercept is not None:
            factors["intercept"] = self._intercept(prior.intercept, weights, self.per_output(noise))
        return Joint(**factors, **self.noise_factor(prior, noise))

    def _weights(self, prior, intercept, noise):
        cross = self.design.cross[0] if self.single else self.design.cross
        gram, noise = self.gram, np.asarray(noise)[..., None]
        if intercept is not None:
            pull = self.design.weight * self.shift
            gram = gram + np.multiply.outer(pull, self.shift)
            cross = cross + np.asarray(self.target - intercept.mean)[..., None] * pull
        fitted = prior.mean @ gram
        precision = prior.precision + noise[..., None] * gram
        step = np.linalg.solve(precision, (noise * (cross - fitted))[..., None])[..., 0]
        return Normal(prior.mean + step, precision)

    def _intercept(self, prior, weights, noise):
        pull = noise * self.design.weight
        precision = prior.precision + pull
        left = self.target - weights.mean @ self.shift - prior.mean
        return Intercept(prior.mean + pull / precision * left, precision, prior.center)

    def _squares(self, posterior):
        """Expected weighted sums of squares of the noise, shape (n_sets,)."""
        weights = posterior.weights
        mean = np.atleast_2d(weights.mean)
        covariance = np.reshape(weights.covariance, (-1, *self.gram.shape))
        left = self.design.residual_squares(mean) + np.einsum("tde,de->t", covariance, self.gram)
        if "intercept" in posterior:
            offset = self.target - posterior.intercept.mean - weights.mean @ self.shift
            spread = posterior.intercept.var + weights.quadratic(self.shift[None])[..., 0]
            left = left + self.design.weight * (offset**2 + spread)
        return self.per_set(left)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """E[log p(y | w, b, alpha)] - KL(q || p)."""
        noise = np.broadcast_to(self.noise or posterior.noise_precision.mean, self.n_sets)
        fit = self.weight * self.expected_log_noise(posterior) - noise * self._squares(posterior)
        return summary.entropy + 0.5 * float(fit.sum()) - posterior.kl(prior)
