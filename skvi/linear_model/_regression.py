"""Bayesian linear regression for scikit-learn."""

from numbers import Real

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skvi import _threads
from skvi.base import ConjugateEstimator, restores_on_error
from skvi.engine.schedules import Batch
from skvi.families import Joint, Normal, NormalGivenPrecision, SpikeSlab
from skvi.linear_model._predictions import LinearPredictions
from skvi.linear_model._regression_parameters import check_groups, make_problem, make_starts
from skvi.linear_model._reports import LinearReports
from skvi.models.sums import summed

_INHERITED = ("tol", "max_iter", "n_init", "random_state", "warm_start", "n_jobs", "verbose", "verbose_interval")


class BayesianLinearRegressionVI(
    LinearReports, LinearPredictions, MultiOutputMixin, RegressorMixin, ConjugateEstimator
):
    """Linear regression with a full posterior over coefficients, intercept and precisions.

    y = b + (x - mean of the rows)'w + noise, with w ~ Normal(0, 1 / lambda), noise ~ Normal(0, 1 / alpha), Gamma
    priors of alpha and lambda, a normal one of b, and the mean-field posterior q(w) q(b) q(alpha) q(lambda).
    Parameters and attributes are named as those of `sklearn.linear_model.BayesianRidge`.

    Parameters
    ----------
    prior : {"ridge", "ard", "spike_slab"} or Joint, default="ridge"
        One precision for all coefficients (or for each of the `groups`); one for each, automatic relevance
        determination; or each coefficient zero or normal, with a probability of being in. A Joint, such as the
        `posterior_` or `prior_` of another fit, is the prior itself.
    groups : array-like of shape (n_features,), default=None
        Label of each column; columns of a label share a precision.
    alpha_1, alpha_2 : float, default=None
        Shape and rate of the Gamma prior of the noise precision. None: 0.5, and the shape times a tenth of the variance
        of y.
    lambda_1, lambda_2 : float, default=None
        Shape and rate of the Gamma priors of the coefficients' precisions. None: 0.5, and the shape times a tenth of
        the variance that a coefficient needs to explain its equal share of the variance of y. scikit-learn's 1e-6 is
        possible, but useless where bounds are compared: so vague a prior decides the comparison alone.
    inclusion_1, inclusion_2 : float, default=1.0
        Parameters of the Beta prior of the probability that a coefficient of "spike_slab" is not zero.
    alpha_init : float, default=None
        Expected precision of the noise that the first sweep starts from. None: by the variance of y.
    lambda_init : float or array-like, default=None
        Expected precisions of the coefficients that the first sweep starts from: a number, or one for each precision.
        None: natural scales of the data.
    noise_precision : float or "learn", default="learn"
        Precision of the noise, where it is known.
    weight_precision : float or "learn", default="learn"
        Precision of the coefficients, where it is known.
    fit_intercept : bool, default=True
        Whether there is an intercept. Without one, rows are taken about zero.
    intercept_scale : float, default=10.0
        The prior of b is Normal around the mean of y, its deviation so many times that of y.
    output_precisions : {"own", "shared"}, default="own"
        Whether each column of a two-dimensional y has precisions of its own, or all share them.
    max_iter : int, default=500
        Largest number of sweeps.
    tol : float, default=1e-6
        Converged when a sweep gains less than tol times the sum of weights (nats). scikit-learn's Bayesian
        regressions compare coefficients.
    n_init : int, default=1
        Number of starts; those after the first have random precisions. The best bound is kept.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts.
    warm_start : bool, default=False
        Whether `fit` starts from the precisions of the last one.
    n_jobs : int, default=None
        Number of threads: None is all cores (one inside a joblib worker). It changes no bit of the result.
    verbose : int, default=0
        1 prints the bound of every `verbose_interval` sweeps, 2 its last gain too.
    verbose_interval : int, default=10
        Sweeps between two messages.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Posterior means of the coefficients.
    intercept_ : float or ndarray of shape (n_outputs,)
        Posterior mean of the prediction at x = 0.
    alpha_ : float or ndarray of shape (n_outputs,)
        Expected precision of the noise.
    lambda_ : float or ndarray
        Expected precision of the coefficients: a number, or one for each column or group; of several outputs with
        precisions of their own, one row each.
        Absent where `prior` is a normal Joint.
    inclusion_probability_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        With "spike_slab": posterior probability of each coefficient that it is not zero.
    sigma_ : ndarray of shape (n_features, n_features) or (n_outputs, n_features, n_features)
        Posterior covariance of the coefficients, computed when first asked for.
    posterior_ : Joint
        Posterior, with factors `weights`, `intercept`, `noise_precision`, `weight_precision` and `inclusion` as far
        as there are such: mean, var, interval, sample, kl. The intercept is the prediction
        at `X_offset_`.
    prior_ : Joint
        Prior, with the same factors.
    elbo_ : float
        Evidence lower bound of the training data in nats, with all constants. Larger is better. It equals
        n * score(X, y) - posterior_.kl(prior_), n being the sum of weights; with both precisions known it is the
        log evidence.
    elbo_history_ : list of float
        Bound after each sweep; the last is `elbo_`.
    scores_ : list of float
        The same as `elbo_history_`.
    restart_elbos_ : ndarray of shape (n_init,)
        Bounds that the starts reached.
    X_offset_ : ndarray of shape (n_features,)
        Where the intercept is taken: the mean of the rows, or the point of a given prior.
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
    Given expected precisions q(w) is known, so that the bound is a function of them alone. Each sweep takes the
    fixed point of MacKay (1992), for the precision of a single coefficient its best value given all others (Tipping
    & Faul 2003), and coordinate ascent (Bishop 2006, section 10.3) where the bound would fall: it never does.

    Data enter as X'X, X'y and y'y about a point among them: one pass, after which a sweep costs of the order of D
    ("ridge", in an eigenbasis) or D^3; where rows are fewer, of N or N^2 D.

    References
    ----------
    MacKay (1992), Bayesian interpolation.
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.3.
    Tipping & Faul (2003), Fast marginal likelihood maximisation for sparse Bayesian models.
    Drugowitsch (2013), Variational Bayesian inference for linear and logistic regression.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skvi import BayesianLinearRegressionVI
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = BayesianLinearRegressionVI().fit(X, y)
    >>> model.predict_interval(X[:2], level=0.9).round(0)
    array([[112., 292.],
           [-19., 161.]])
    """

    _parameter_constraints = {
        **{name: ConjugateEstimator._parameter_constraints[name] for name in _INHERITED},
        "prior": [StrOptions({"ridge", "ard", "spike_slab"}), Joint],
        "groups": [None, "array-like"],
        "alpha_1": [None, Interval(Real, 0.0, None, closed="neither")],
        "alpha_2": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_1": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_2": [None, Interval(Real, 0.0, None, closed="neither")],
        "inclusion_1": [Interval(Real, 0.0, None, closed="neither")],
        "inclusion_2": [Interval(Real, 0.0, None, closed="neither")],
        "alpha_init": [None, Interval(Real, 0.0, None, closed="neither")],
        "lambda_init": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "noise_precision": [StrOptions({"learn"}), Interval(Real, 0.0, None, closed="neither")],
        "weight_precision": [StrOptions({"learn"}), Interval(Real, 0.0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "intercept_scale": [Interval(Real, 0.0, None, closed="neither")],
        "output_precisions": [StrOptions({"own", "shared"})],
    }

    def __init__(
        self,
        *,
        prior="ridge",
        groups=None,
        alpha_1=None,
        alpha_2=None,
        lambda_1=None,
        lambda_2=None,
        inclusion_1=1.0,
        inclusion_2=1.0,
        alpha_init=None,
        lambda_init=None,
        noise_precision="learn",
        weight_precision="learn",
        fit_intercept=True,
        intercept_scale=10.0,
        output_precisions="own",
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
        self.alpha_1 = alpha_1
        self.alpha_2 = alpha_2
        self.lambda_1 = lambda_1
        self.lambda_2 = lambda_2
        self.inclusion_1 = inclusion_1
        self.inclusion_2 = inclusion_2
        self.alpha_init = alpha_init
        self.lambda_init = lambda_init
        self.noise_precision = noise_precision
        self.weight_precision = weight_precision
        self.fit_intercept = fit_intercept
        self.intercept_scale = intercept_scale
        self.output_precisions = output_precisions
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Find the posterior.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: w counts as w equal rows, zero as absence.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, shapes or parameters that do not fit, and weights that are negative or all zero.
        """
        warm = self.posterior_ if self.warm_start and hasattr(self, "posterior_") else None
        X, y = self._validate_pairs(X, y, reset=True)
        weights = self._validate_weights(sample_weight, X)
        with _threads.single_threaded_blas():
            data = summed(X, np.reshape(y, (len(y), -1)), weights, self._n_threads())
            return self._fit(data, X, single=y.ndim == 1, warm=warm)

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Take in more rows: after all of them, the posterior is that of `fit` on all at once.

        Default priors follow the data seen so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        first = not hasattr(self, "posterior_")
        X, y = self._validate_pairs(X, y, reset=first)
        weights = self._validate_weights(sample_weight, X)
        single, past = y.ndim == 1, None
        if not first:
            past = self._summary.statistics["design"]
            seen = self.posterior_.weights.mean.shape[:-1]
            if y.shape[1:] != seen:
                raise ValueError(f"y has rows of shape {y.shape[1:]}, but partial_fit began with {seen}")
        with _threads.single_threaded_blas():
            origin = None if first else past.origin
            data = summed(X, np.reshape(y, (len(y), -1)), weights, self._n_threads(), origin)
            return self._fit(data if first else past + data, X, single)

    def _fit(self, data, X, single, warm=None):
        check_groups(self)
        n_jobs = self._n_threads()
        design = data.design(self.fit_intercept, n_jobs)
        model, prior = make_problem(self, design, single, n_jobs)
        starts = make_starts(self, model, prior, warm, check_random_state(self.random_state))
        schedule = Batch(model, prior, data, n_jobs)
        return self._keep(schedule, self._run(schedule, starts, X, sort=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # The checks mean R^2, and score is a bound in nats.
        tags.regressor_tags.poor_score = True
        return tags

    def _attributes(self, schedule, restart):
        posterior, weights = restart.posterior, restart.posterior.weights
        n_features, intercept = weights.mean.shape[-1], posterior.get("intercept")
        center = np.zeros(n_features) if intercept is None else intercept.center
        at_zero = np.zeros(weights.mean.shape[:-1]) if intercept is None else intercept.mean - weights.mean @ center
        noise = posterior.get("noise_precision")
        return {
            "coef_": weights.mean,
            "intercept_": _number(at_zero),
            "alpha_": float(self.noise_precision) if noise is None else _number(noise.mean),
            "X_offset_": center,
        }

    @property
    def lambda_(self):
        """Expected precision of the coefficients."""
        check_is_fitted(self)
        shrinkage, weights = self.posterior_.get("weight_precision"), self.prior_.weights
        if shrinkage is None:
            if isinstance(weights, Normal):
                raise AttributeError("the prior of the coefficients is a normal distribution: there is no lambda_")
            return float(np.ravel(weights.precision)[0])
        by_column = self.groups is not None or (isinstance(self.prior, str) and self.prior == "ard")
        # A single column or group has an axis all the same.
        one = isinstance(weights, NormalGivenPrecision) and not weights.groups.any()
        return shrinkage.mean[..., None] if by_column and one else _number(shrinkage.mean)

    @property
    def inclusion_probability_(self):
        """Posterior probability of each coefficient that it is not zero."""
        check_is_fitted(self)
        if not isinstance(self.posterior_.weights, SpikeSlab):
            raise AttributeError("inclusion_probability_ belongs to prior='spike_slab'")
        return self.posterior_.weights.inclusion_probability

    @property
    def sigma_(self):
        """Posterior covariance of the coefficients."""
        check_is_fitted(self)
        return self.posterior_.weights.covariance

    @property
    def scores_(self):
        """Bound after each sweep."""
        check_is_fitted(self)
        return self.elbo_history_


def _number(value):
    return float(value) if np.ndim(value) == 0 else value
