"""Bayesian Poisson regression for scikit-learn."""

import warnings

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from skvi.base import check_magnitude, restores_on_error
from skvi.linear_model._glm import TABLE, GeneralizedLinearVI
from skvi.models.glm_predictive import log_predictive, poisson_quantile
from skvi.models.likelihoods import PoissonLog
from skvi.models.sites import Observations

_LARGEST_LOG = np.log(np.finfo(float).max) - 1.0


class BayesianPoissonRegressionVI(RegressorMixin, GeneralizedLinearVI):
    """Poisson regression with a full posterior over coefficients and intercept.

    y ~ Poisson(exposure exp(b + (x - mean of the rows)'w)) with w ~ Normal(0, 1 / lambda), Gamma priors of lambda, a
    normal one of b, and the posterior q(w, b) q(lambda), q(w, b) a Gaussian with all correlations or with some. y may
    hold any non-negative numbers: y! stands for Gamma(y + 1).

    Parameters
    ----------
    prior : {"ridge", "ard"}, default="ridge"
        One precision for all coefficients (or for each of the `groups`), or one for each: automatic relevance
        determination.
    groups : array-like of shape (n_features,), default=None
        Label of each column; columns of a label share a precision.
    lambda_1, lambda_2 : float, default=None
        Shape and rate of the Gamma priors of the coefficients' precisions. None: 0.5, and the shape times a tenth of
        the variance that a coefficient needs to give the linear predictor its equal share of a variance of one.
    lambda_init : float or array-like, default=None
        Expected precisions that the first sweep starts from. None: the natural scale of the data.
    weight_precision : float or "learn", default="learn"
        Precision of the coefficients, where it is known. With n rows it is n times PoissonRegressor's alpha.
    covariance : {"full", "diag", "low_rank"}, default="full"
        What of the covariance of the coefficients the posterior keeps: all of it, their variances, or variances and
        `rank` directions (of the precision). The last two are for many columns, sparse ones too; no bound is higher
        than that of "full".
    rank : int, default=20
        Directions of "low_rank".
    fit_intercept : bool, default=True
        Whether there is an intercept. Without one, rows are taken about zero.
    intercept_scale : float, default=10.0
        Standard deviation of the prior of b, around the logarithm of the mean of y in units of the exposure.
    learning_method : {"batch", "online"}, default="batch"
        All rows before each update of the posterior, or stochastic steps from mini-batches.
    batch_size : int, default=None
        Rows in a mini-batch of "online" (None: 1024).
    learning_decay : float, default=0.7
        Exponent of the online step size (t + learning_offset)^-learning_decay, in (0.5, 1].
    learning_offset : float, default=10.0
        Delay of the online step size: larger values make early steps smaller.
    total_samples : float, default=None
        Number of rows that calls of `partial_fit` are a sample of. None keeps the sites of earlier rows.
    max_iter : int, default=500
        Largest number of sweeps.
    tol : float, default=1e-6
        Converged when a sweep gains less than tol times the sum of weights (nats).
    n_init : int, default=1
        Number of starts; those after the first have random precisions. The best bound is kept.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts and of mini-batches.
    warm_start : bool, default=False
        Whether `fit` starts from the last posterior, where it has the right shape.
    n_jobs : int, default=None
        Number of threads: None is all cores (one inside a joblib worker). It changes no bit of the result.
    verbose : int, default=0
        1 prints the bound of every `verbose_interval` sweeps, 2 its last gain too.
    verbose_interval : int, default=10
        Sweeps between two messages.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Posterior means of the coefficients.
    intercept_ : float
        Posterior mean of the linear predictor at x = 0.
    lambda_ : float or ndarray
        Expected precision of the coefficients: a number, or one for each column or group.
    sigma_ : ndarray of shape (n_features, n_features), or (n_features,) with covariance="diag"
        Posterior covariance of the coefficients, computed at each use; of "diag" the variances.
    posterior_ : Joint
        Posterior, with factors `weights`, `intercept` and `weight_precision` as far as there are such: mean, var,
        interval, sample, kl. The intercept is the linear predictor at the mean of the rows, given the coefficients.
    prior_ : Joint
        Prior, with the same factors.
    elbo_ : float
        Evidence lower bound of the training data in nats, with all constants. Larger is better. It equals
        n * score(X, y) - posterior_.kl(prior_), n being the sum of weights.
    elbo_history_ : list of float
        Bound after each sweep; the last is `elbo_`.
    restart_elbos_ : ndarray of shape (n_init,)
        Bounds that the starts reached.
    X_offset_ : ndarray of shape (n_features,)
        Weighted mean of the rows, where the intercept is taken.
    n_iter_ : int
        Sweeps of the best start.
    converged_ : bool
        Whether the best start converged.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names.

    Notes
    -----
    All expectations have closed forms. A sweep replaces the likelihood by Gaussian sites of the same expected value
    and gradient and multiplies them with the prior (Khan & Lin 2017), near to a Newton step; a step that would lower
    the bound is halved until it does not.

    After `partial_fit` the sites of earlier rows stand for them as they were: `elbo_` is then an estimate of the
    bound of all rows seen. With `total_samples` it is an estimate from the last mini-batch.

    References
    ----------
    Khan & Lin (2017), Conjugate-computation variational inference.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi import BayesianPoissonRegressionVI
    >>> X = np.arange(8.0)[:, None]
    >>> model = BayesianPoissonRegressionVI().fit(X, [1, 1, 3, 4, 8, 9, 20, 31])
    >>> model.predict_interval(X[-1:], level=0.9)
    array([[20., 43.]])
    """

    def __init__(
        self,
        *,
        prior="ridge",
        groups=None,
        lambda_1=None,
        lambda_2=None,
        lambda_init=None,
        weight_precision="learn",
        covariance="full",
        rank=20,
        fit_intercept=True,
        intercept_scale=10.0,
        learning_method="batch",
        batch_size=None,
        learning_decay=0.7,
        learning_offset=10.0,
        total_samples=None,
        max_iter=500,
        tol=1e-6,
        n_init=1,
        random_state=None,
        warm_start=False,
        n_jobs=None,
        verbose=0,
        verbose_interval=10,
    ):
        self.prior = prior
        self.groups = groups
        self.lambda_1 = lambda_1
        self.lambda_2 = lambda_2
        self.lambda_init = lambda_init
        self.weight_precision = weight_precision
        self.covariance = covariance
        self.rank = rank
        self.fit_intercept = fit_intercept
        self.intercept_scale = intercept_scale
        self.learning_method = learning_method
        self.batch_size = batch_size
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.total_samples = total_samples
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def _likelihood(self):
        return PoissonLog()

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, exposure=None):
        """Find the posterior.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Non-negative numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: w counts as w equal rows, zero as absence.
        exposure : array-like of shape (n_samples,), default=None
            Positive factors of the rates: times, areas, populations at risk. None: one.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, shapes or parameters that do not fit, negative y, exposures that are not positive, and
            weights that are negative or all zero.
        """
        X, rows = self._observations(X, y, sample_weight, exposure, reset=True)
        return self._fit_rows(rows, X)

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, exposure=None):
        """Take in more rows, with the sites of earlier ones, and the prior, as they were.

        The first call chooses prior and centre from its rows. With `total_samples` each call takes one stochastic
        step instead.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight, exposure : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        X, rows = self._observations(X, y, sample_weight, exposure, reset=not hasattr(self, "posterior_"))
        return self._partial_fit_rows(rows, X)

    def _observations(self, X, y, sample_weight, exposure, *, reset):
        X, y = validate_data(self, X, y, reset=reset, y_numeric=True, **TABLE)
        y = np.asarray(y, dtype=np.float64)
        check_magnitude("X", X)
        check_magnitude("y", y)
        if (y < 0.0).any():
            raise ValueError(
                f"y holds the negative value {y.min():g}: give counts, or other numbers that are not negative"
            )
        return X, Observations(X, y, self._validate_weights(sample_weight, X), _offset(exposure, X))

    def _linked(self, likelihood, rows):
        count = rows.weights @ rows.y
        # Without a single event the rate is as if there had been half of one.
        count = count if count > 0.0 else 0.5
        exposure = rows.weights @ np.exp(rows.offset) if rows.offset is not None else rows.weight
        if self.fit_intercept:
            return likelihood.link(count / exposure), float(count / rows.weight)
        return 0.0, float(exposure / rows.weight)

    def _attributes(self, schedule, restart):
        attributes = super()._attributes(schedule, restart)
        return attributes | {"intercept_": float(attributes["intercept_"])}

    def _moments(self, X, exposure):
        """Means and variances of the logarithms of the rows' rates."""
        check_is_fitted(self)
        X = self._validate_rows(X, reset=False)
        mean, var = self._predictor_moments(X, _offset(exposure, X))
        return mean[0], var[0]

    def predict(self, X, exposure=None, return_std=False):
        """Return the posterior predictive mean of each row, and its standard deviation if asked for.

        The mean is exposure exp(m + v / 2), the linear predictor being normal with mean m and variance v.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        exposure : array-like of shape (n_samples,), default=None
        return_std : bool, default=False

        Returns
        -------
        y_mean : ndarray of shape (n_samples,)
        y_std : ndarray of shape (n_samples,)
            With `return_std`: of coefficients, intercept and count together.

        Warns
        -----
        RuntimeWarning
            Where a value is beyond the largest number, which is returned in its place.
        """
        mean, var = self._moments(X, exposure)
        log_mean = mean + 0.5 * var
        if not return_std:
            return _exp_within_range(log_mean)
        # Var[y] = E[rate] + Var[rate], and Var[rate] = E[rate]^2 (exp(v) - 1)
        with np.errstate(divide="ignore"):
            log_spread = 2.0 * log_mean + var + np.log(-np.expm1(-var))
        return _exp_within_range(log_mean), _exp_within_range(0.5 * np.logaddexp(log_mean, log_spread))

    def predict_interval(self, X, level=0.9, exposure=None):
        """Return central predictive intervals: each holds a new count of its row with at least probability `level`.

        The ends are counts, quantiles of the Poisson distribution with the linear predictor integrated out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        level : float, default=0.9
            Strictly between 0 and 1.
        exposure : array-like of shape (n_samples,), default=None

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level={level!r}: give a probability strictly between 0 and 1, such as 0.9")
        mean, var = self._moments(X, exposure)
        ends = [poisson_quantile(p, mean, var) for p in (0.5 - 0.5 * level, 0.5 + 0.5 * level)]
        return np.column_stack(ends)

    def score(self, X, y, sample_weight=None, exposure=None):
        """Return the mean evidence lower bound of a row, in nats: E_q[log p(y | x, w, b)].

        The posterior stays as it is and is averaged over. It bounds the mean log predictive density from below and
        is what cross-validation compares; it is not the mean of `log_predictive_density`, which averages the
        probability itself, nor R^2, which `scoring="r2"` gives.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight, exposure : array-like of shape (n_samples,), default=None
        """
        check_is_fitted(self)
        _, rows = self._observations(X, y, sample_weight, exposure, reset=False)
        return self._score_rows(rows)

    def log_predictive_density(self, X, y, exposure=None):
        """Return the log posterior predictive probability of each row's count (nats), shape (n_samples,).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        exposure : array-like of shape (n_samples,), default=None
        """
        check_is_fitted(self)
        X, rows = self._observations(X, y, None, exposure, reset=False)
        mean, var = self._predictor_moments(X, rows.offset)
        return log_predictive(self._likelihood(), rows.y, mean[0], var[0])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        # The checks mean R^2, and score is a bound in nats.
        tags.regressor_tags.poor_score = True
        return tags


def _offset(exposure, X):
    """Logarithms of exposures; None where there are none."""
    if exposure is None:
        return None
    exposure = check_array(exposure, ensure_2d=False, dtype=np.float64, input_name="exposure")
    check_consistent_length(X, exposure)
    if exposure.ndim != 1 or not (exposure > 0.0).all():
        raise ValueError(f"exposure of shape {exposure.shape}: give one positive number for each row")
    return np.log(exposure)


def _exp_within_range(x):
    """exp, with a warning and the largest number where that is beyond its range."""
    if (x > _LARGEST_LOG).any():
        warnings.warn(
            f"{int((x > _LARGEST_LOG).sum())} of {len(x)} predictions exceed the largest number and are cut off there: "
            "their rows lie far from those of the fit",
            RuntimeWarning,
            stacklevel=3,
        )
    return np.exp(np.minimum(x, _LARGEST_LOG))
