"""Bayesian generalised linear models for scikit-learn: what all of them share."""

from numbers import Integral, Real

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
from skvi.models.row_forms import form_named, form_of
from skvi.models.sites import Observations, expected

TABLE = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}


class GeneralizedLinearVI(LinearReports, ConjugateEstimator):
    """Base of generalised linear models.

    Subclasses give `_likelihood()`, and their `fit` and `partial_fit` hand `Observations` to `_fit_rows` and
    `_partial_fit_rows`.
    """

    #: linear predictors of a row
    _n_sets = 1

    _parameter_constraints = {
        **ConjugateEstimator._parameter_constraints,
        "learning_method": [StrOptions({"batch", "online"})],
        "prior": [StrOptions({"ridge", "ard"})],
        "groups": [None, "array-like"],
        "lambda_1": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_2": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_init": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "weight_precision": [StrOptions({"learn"}), Interval(Real, 0.0, None, closed="neither")],
        "covariance": [StrOptions({"full", "diag", "low_rank"})],
        "rank": [Interval(Integral, 1, None, closed="left")],
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
            form = self._form(rows, whole=self.learning_method == "batch")
            prior, starts = self._prior_and_starts(rows, columns, groups, form, random_state)
            center = self._center(columns)
            if self.warm_start and hasattr(self, "posterior_") and _continues(form, self.posterior_, starts[0]):
                starts[0] = moved_to(self.posterior_, center - self.X_offset_)
            model = GeneralizedLinear(self._likelihood(), center, groups, self._n_sets, form)
            schedule = self._make_schedule(model, prior, rows, random_state, reorder=False)
            return self._keep(schedule, self._run(schedule, starts, X, sort=False))

    def _partial_fit_rows(self, rows, X):
        """Take in more rows; the first call chooses the prior."""
        check_groups(self)
        first, rows = not hasattr(self, "posterior_"), rows.used()
        with _threads.single_threaded_blas():
            groups, form = column_groups(self, rows.x.shape[1]), self._form(rows, whole=False)
            if first:
                columns = describe_columns(rows.x, rows.weights, self._n_threads())
                center = self._center(columns)
                random_state = check_random_state(self.random_state)
                prior, starts = self._prior_and_starts(rows, columns, groups, form, random_state)
            else:
                self._check_form(form)
                center, prior, starts = self.X_offset_, self.prior_, [self.posterior_]
            model = GeneralizedLinear(self._likelihood(), center, groups, self._n_sets, form)
            return self._stream(model, prior, rows, starts, X, first)

    def _form(self, rows, whole):
        """The form of the covariance, for rows that are all there is or for some at a time."""
        return form_named(self.covariance, self.rank, rows.x, whole, self._n_threads())

    def _check_form(self, form):
        if not isinstance(self.posterior_.weights, form.family):
            raise ValueError(
                f"covariance={self.covariance!r}, but the rows seen so far are kept as a "
                f"{type(self.posterior_.weights).__name__}: set it as it was, or call fit"
            )

    def _center(self, columns):
        """Where rows are taken about: their mean, or zero where there is no intercept to make up for it."""
        return columns.mean if self.fit_intercept else np.zeros_like(columns.mean)

    def _prior_and_starts(self, rows, columns, groups, form, random_state):
        likelihood = self._likelihood()
        linked, curvature = self._linked(likelihood, rows)
        prior = make_prior(self, columns, groups, linked)
        return prior, make_starts(self, prior, columns, groups, curvature, form, random_state)

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
        form = form_of(self.posterior_, self._n_threads())
        predictor = form.predictor(self.X_offset_, self.posterior_)

        def task(block):
            return [function(*some) for some in predictor.over(block)]

        with _threads.single_threaded_blas():
            parts = _threads.run(
                [lambda b=block: task(b) for block in form.blocks(rows, self.X_offset_)], self._n_threads()
            )
        return np.concatenate([one for part in parts for one in part], axis=-1)

    def _predictor_moments(self, X, offset=None):
        """Means and variances of the linear predictors of rows, two arrays of shape (K, N)."""
        rows = Observations(X, np.zeros(X.shape[0]), np.ones(X.shape[0]), offset)
        return self._over_rows(rows, lambda rows, mean, var: np.stack([mean, var]))

    def _eta_moments(self, X):
        """The same of what `predict_eta` is about."""
        return self._predictor_moments(X)

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
        mean, var = self._eta_moments(self._validate_rows(X, reset=False))
        mean, std = (values[0] if len(values) == 1 else values.T for values in (mean, np.sqrt(var)))
        return (mean, std) if return_std else mean

    def _score_rows(self, rows):
        """Weighted mean of the expected log-likelihoods of rows."""
        likelihood = self._likelihood()
        values = self._over_rows(rows, lambda some, mean, var: expected(likelihood, some.y, mean, var)[0])
        return float(np.average(values, weights=rows.weights))

    def _intercept_at_zero(self, level):
        mean, var = self._eta_moments(np.zeros((1, len(self.X_offset_))))
        mean, sd = (np.reshape(values, self.posterior_.intercept.mean.shape) for values in (mean, np.sqrt(var)))
        half = sd * ndtri(tail_probabilities(level)[1])
        row = {"mean": mean, "sd": sd, "lower": mean - half, "upper": mean + half}
        return row | {"probability_of_sign": ndtr(np.abs(mean) / sd)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _continues(form, posterior, start):
    """Whether a posterior may be a start: of the same family, with the same factors of the same shapes."""

    def shapes(joint: Joint):
        return {name: np.shape(factor.mean) for name, factor in joint.items()}

    return isinstance(posterior.weights, form.family) and shapes(posterior) == shapes(start)
