"""Weights and intercept of a linear predictor, with their priors: what the linear models share."""

import numpy as np
from sklearn.base import BaseEstimator

from skvi.blackbox._checks import check_choice, check_numbers, precision_of, weight_scale
from skvi.blackbox._densities import bounded, gamma_slope, log_gamma, log_normal, quiet, total_square, trailing
from skvi.gradient.compiled import linear_gradient
from skvi.gradient.parameters import Parameter


class LinearPredictor(BaseEstimator):
    """Models of eta_n = intercept + x_n'weights, or of several such predictors.

    weights ~ Normal(0, 1 / weight_precision) and intercept ~ Normal(0, intercept_scale^2). With "learn"
    weight_precision ~ Gamma(precision_shape, precision_rate), one for all weights. Subclasses have these
    hyper-parameters and `fit_intercept`.
    """

    @property
    def _learns_precision(self):
        return isinstance(self.weight_precision, str)

    def _check_weights(self, n_columns):
        check_choice(self, "fit_intercept", (True, False))
        check_numbers(self, "intercept_scale", "precision_shape", "precision_rate")
        if self._learns_precision:
            check_choice(self, "weight_precision", ("learn",))
        else:
            check_numbers(self, "weight_precision", n_columns=n_columns)

    def _weight_parameters(self, X, unit, shape=(), intercept=0.0):
        """Parameters of predictors of a shape, which move by about a unit between rows."""
        n_columns = X.shape[1]
        self._check_weights(n_columns)
        precision = 0.0 if self._learns_precision else np.asarray(self.weight_precision, dtype=float)
        weights = Parameter("weights", (*shape, n_columns), scale=weight_scale(X, unit, precision))
        parameters = [weights]
        if self.fit_intercept:
            parameters.append(Parameter("intercept", shape, start=intercept, scale=unit))
        if self._learns_precision:
            parameters.append(precision_of(weights))
        return parameters

    def _precision(self, theta):
        """Precision of the weights, in a shape that goes with theirs."""
        if self._learns_precision:
            return trailing(bounded(theta["weight_precision"]), theta["weights"])
        return np.asarray(self.weight_precision, dtype=float)

    def log_prior(self, theta):
        """Log density of the prior at each draw, shape (T,)."""
        self._check_weights(theta["weights"].shape[-1])
        density = log_normal(theta["weights"], self._precision(theta))
        if self.fit_intercept:
            density += log_normal(theta["intercept"], float(self.intercept_scale) ** -2)
        if self._learns_precision:
            density += log_gamma(theta["weight_precision"], self.precision_shape, self.precision_rate)
        return density

    @quiet
    def grad_log_prior(self, theta):
        """Gradient of the prior's log density at each draw."""
        weights, precision = theta["weights"], self._precision(theta)
        gradient = {"weights": -precision * weights}
        if self.fit_intercept:
            gradient["intercept"] = theta["intercept"] * -(float(self.intercept_scale) ** -2)
        if self._learns_precision:
            own = gamma_slope(theta["weight_precision"], self.precision_shape, self.precision_rate)
            spread = weights[0].size / bounded(theta["weight_precision"]) - total_square(weights)
            gradient["weight_precision"] = own + 0.5 * spread
        return gradient

    @quiet
    def _outputs(self, theta, X):
        """The predictors of each row, shape (T, N) or (T, K, N)."""
        weights = theta["weights"]
        outputs = weights.reshape(-1, weights.shape[-1]) @ X.T
        outputs = outputs.reshape(*weights.shape[:-1], X.shape[0])
        if self.fit_intercept:
            outputs += theta["intercept"][..., None]
        return outputs

    @quiet
    def _pull(self, slopes, X):
        """Gradients of weights, intercept and their precision from derivatives in the predictors of each row."""
        weights = slopes.reshape(-1, X.shape[0]) @ X
        gradient = {"weights": weights.reshape(*slopes.shape[:-1], X.shape[1])}
        if self.fit_intercept:
            gradient["intercept"] = slopes.sum(axis=-1)
        if self._learns_precision:
            gradient["weight_precision"] = np.zeros(len(slopes))
        return gradient

    def _compiled(self, X, y, likelihood, noise=(1.0, 1.0)):
        """The gradient of rows of models with one predictor, the prior of normal noise being Gamma."""
        given = None if self._learns_precision else np.full(X.shape[1], self.weight_precision, dtype=np.float64)
        priors = float(self.intercept_scale) ** -2, self.precision_shape, self.precision_rate, *noise
        return linear_gradient(X, y, self.fit_intercept, given, likelihood, priors)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
