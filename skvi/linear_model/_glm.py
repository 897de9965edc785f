"""Bayesian generalised linear models for scikit-learn: what all of them share."""

from numbers import Real

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skvi import _threads
from skvi.base import ConjugateEstimator, check_magnitude
from skvi.families import Joint
from skvi.families.base import tail_probabilities
from skvi.linear_model._glm_parameters import describe_columns, make_prior, make_starts, moved_to
from skvi.linear_model._regression_parameters import check_groups, column_groups
from skvi.linear_model._reports import LinearReports
from skvi.models.glm import GeneralizedLinear
from skvi.models.sites import Observations, Predictor, expected

TABLE = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}


class GeneralizedLinearVI(LinearReports, ConjugateEstimator):
    """Base of generalised linear models.

    Subclasses give `_likelihood()`, and their `fit` and `partial_fit` hand `Observations` to `_fit_rows` and
    `_partial_fit_rows`.
    """

    _parameter_constraints = {
        **ConjugateEstimator._parameter_constraints,
        "learning_method": [StrOptions({"batch", "online"})],
        "prior": [StrOptions({"ridge", "ard"})],
        "groups": [None, "array-like"],
        "lambda_1": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_2": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_init": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "weight_precision": [StrOptions({"learn"}), Interval(Real, 0.0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "intercept_scale": [Interval(Real, 0.0, None, closed="neither")],
    }

    def _validate_rows(self, X, *, reset):
        """Check rows; sparse ones become CSR."""
        X = validate_data(self, X, reset=reset, **TABLE)
        check_magnitude("X", X)
        return X

    def _fit_rows(self, rows, X):
        """Find the posterior of rows, with a prior that suits them."""
        check_groups(self)
        rows = rows.used()
        random_state = check_random_state(self.random_state)
        with _threads.single_threaded_blas():
            columns = describe_columns(rows.x, rows.weights, self._n_threads())
            groups = column_groups(self, len(columns.mean))
            prior, starts = self._prior_and_starts(rows, columns, groups, random_state)
            center = self._center(columns)
            if self.warm_start and hasattr(self, "posterior_") and _same_shapes(self.posterior_, starts[0]):
                starts[0] = moved_to(self.posterior_, center - self.X_offset_)
            model = GeneralizedLinear(self._likelihood(), center, groups)
            schedule = self._make_schedule(model, prior, rows, random_state, reorder=False)
            return self._keep(schedule, self._run(schedule, starts, X, sort=False))

    def _partial_fit_rows(self, rows, X):
        """Take in more rows; the first call chooses the prior."""
        check_groups(self)
        first, rows = not hasattr(self, "posterior_"), rows.used()
        with _threads.single_threaded_blas():
            groups = column_groups(self, rows.x.shape[1])
            if first:
                columns = describe_columns(rows.x, rows.weights, self._n_threads())
                center = self._center(columns)
                random_state = check_random_state(self.random_state)
                prior, starts = self._prior_and_starts(rows, columns, groups, random_state)
            else:
                center, prior, starts = self.X_offset_, self.prior_, [self.posterior_]
            model = GeneralizedLinear(self._likelihood(), center, groups)
            return self._stream(model, prior, rows, starts, X, first)

    def _center(self, columns):
        """Where rows are taken about: their mean, or zero where there is no intercept to make up for it."""
        return columns.mean if self.fit_intercept else np.zeros_like(columns.mean)

    def _prior_and_starts(self, rows, columns, groups, random_state):
        likelihood = self._likelihood()
        linked, curvature = self._linked(likelihood, rows)
        prior = make_prior(self, columns, groups, linked)
        return prior, make_starts(self, prior, columns, groups, curvature, random_state)

    def _linked(self, likelihood, rows):
        """The linear predictor without effects, and the mean curvature of a row there."""
        mean = rows.weights @ rows.y / rows.weight
        linked = likelihood.link(mean) if self.fit_intercept else 0.0
        return linked, float(np.mean(likelihood.curvature(mean, linked)))

    def _attributes(self, schedule, restart):
        posterior, center = restart.posterior, schedule.model.center
        coef = posterior.weights.mean
        at_zero = posterior.intercept.mean - coef @ center if "intercept" in posterior else np.zeros(coef.shape[:-1])
        return {
            "coef_": coef,
            "intercept_": at_zero,
            "lambda_": self._expected_lambda(posterior),
            "X_offset_": center,
        }

    def _expected_lambda(self, posterior):
        if "weight_precision" not in posterior:
            return float(self.weight_precision)
        mean = posterior.weight_precision.mean
        by_column = self.prior == "ard" or self.groups is not None
        return np.atleast_1d(mean) if by_column else float(mean)

    @property
    def sigma_(self):
        """Posterior covariance of the coefficients."""
        check_is_fitted(self)
        return self.posterior_.weights.covariance

    def _over_rows(self, rows, function):
        """Apply a function of (some rows, means, variances) to all in parallel; join along the last axis."""
        predictor = Predictor(self.X_offset_, self.posterior_)
        model = GeneralizedLinear(None, self.X_offset_, np.zeros(len(self.X_offset_), np.int64))

        def task(block):
            return [function(rows, *predictor.moments(rows)) for rows in block.dense()]

        with _threads.single_threaded_blas():
            parts = _threads.run([lambda b=block: task(b) for block in model.blocks(rows)], self._n_threads())
        return np.concatenate([one for part in parts for one in part], axis=-1)

    def _predictor_moments(self, X, offset=None):
        """Means and variances of the linear predictors of rows, two arrays of shape (K, N)."""
        rows = Observations(X, np.zeros(X.shape[0]), np.ones(X.shape[0]), offset)
        return self._over_rows(rows, lambda rows, mean, var: np.stack([mean, var]))

    def predict_eta(self, X, return_std=False):
        """Return the posterior mean of each row's linear predictor, and its standard deviation if asked for.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False

        Returns
        -------
        eta_mean : ndarray of shape (n_samples,)
        eta_std : ndarray of shape (n_samples,)
            With `return_std`.
        """
        check_is_fitted(self)
        mean, var = self._predictor_moments(self._validate_rows(X, reset=False))
        mean, std = (values[0] if len(values) == 1 else values.T for values in (mean, np.sqrt(var)))
        return (mean, std) if return_std else mean

    def _score_rows(self, rows):
        """Weighted mean of the expected log-likelihoods of rows."""
        likelihood = self._likelihood()
        values = self._over_rows(rows, lambda some, mean, var: expected(likelihood, some.y, mean, var)[0])
        return float(np.average(values, weights=rows.weights))

    def _intercept_at_zero(self, level):
        mean, var = self._predictor_moments(np.zeros((1, len(self.X_offset_))))
        mean, sd = (np.reshape(values, self.posterior_.intercept.mean.shape) for values in (mean, np.sqrt(var)))
        half = sd * ndtri(tail_probabilities(level)[1])
        row = {"mean": mean, "sd": sd, "lower": mean - half, "upper": mean + half}
        return row | {"probability_of_sign": ndtr(np.abs(mean) / sd)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _same_shapes(a, b):
    """Whether two joints have the same factors of the same shapes."""

    def shapes(joint: Joint):
        return {name: np.shape(factor.mean) for name, factor in joint.items()}

    return shapes(a) == shapes(b)
