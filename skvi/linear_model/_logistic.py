"""Bayesian logistic regression for scikit-learn."""

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skvi.base import check_classes, check_same_classes, restores_on_error
from skvi.linear_model._classes import LIKELIHOODS, GeneralizedLinearClasses
from skvi.models.glm_predictive import logit_of_mean
from skvi.models.softmax import log_odds


class BayesianLogisticRegressionVI(ClassifierMixin, GeneralizedLinearClasses):
    """Logistic regression of two or more classes with a full posterior over coefficients and intercept.

    logit p(y = 1) = b + (x - mean of the rows)'w with w ~ Normal(0, 1 / lambda), Gamma priors of lambda, a normal one
    of b, and the posterior q(w, b) q(lambda), q(w, b) a Gaussian with all correlations or with some. Of K > 2 classes
    each has such a linear predictor eta_k with the same prior, and p(y = k) is proportional to exp(eta_k).

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
        Precision of the coefficients, where it is known. LogisticRegression's is 1 / C.
    covariance : {"full", "diag", "low_rank"}, default="full"
        What of the covariance of the coefficients the posterior keeps: all of it, their variances, or variances and
        `rank` directions (of the precision). The last two are for many columns, sparse ones too, and two classes; no
        bound is higher than that of "full".
    rank : int, default=20
        Directions of "low_rank".
    fit_intercept : bool, default=True
        Whether there is an intercept. Without one, rows are taken about zero.
    intercept_scale : float, default=10.0
        Standard deviation of the prior of b, around the logit of the weighted share of the second class, or around
        the logarithms of the shares of all.
    bound : {"exact", "jaakkola"}, default="exact"
        Expected log-likelihoods by quadrature, or their classic lower bound (Jaakkola & Jordan 2000), which is
        always below: `elbo_` and `score` are then of that bound. The latter is for two classes.
    class_weight : dict or "balanced", default=None
        Factors of the sample weights by class, as in scikit-learn. `elbo_` is then that of the rows so weighted.
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
    classes_ : ndarray of shape (n_classes,)
        The classes; y = 1 above stands for the second of two.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Posterior means of the coefficients; of more than two classes about their mean over the classes, which is all
        that probabilities depend on.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Posterior mean of the linear predictor at x = 0.
    lambda_ : float or ndarray
        Expected precision of the coefficients: a number, or one for each column or group.
    sigma_ : ndarray of shape (n_features, n_features) or (n_classes, n_features, n_features)
        Posterior covariance of the coefficients, of each class its own, computed at each use; with covariance="diag"
        the variances, of shape (n_features,).
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
    The linear predictor of a row is normal under q, so that the bound needs one-dimensional integrals alone, which
    are computed to ten digits. Of more than two classes the posterior is that of Z_k - mean(Z) with independent
    normal Z_k: with Gumbel noise the integrals stay one-dimensional, and are computed to eight digits (where a
    deviation exceeds 64 an upper bound of log sum exp takes their place). A sweep replaces the likelihood by Gaussian
    sites of the same expected value and gradient and multiplies them with the prior (Khan & Lin 2017), near to a
    Newton step; a step that would lower the bound is halved until it does not. Where classes are separated the prior
    keeps the posterior proper.

    After `partial_fit` the sites of earlier rows stand for them as they were: `elbo_` is then an estimate of the
    bound of all rows seen, and with `bound="jaakkola"` a lower bound. With `total_samples` it is an estimate from
    the last mini-batch.

    References
    ----------
    Jaakkola & Jordan (2000), Bayesian parameter estimation via variational methods.
    Khan & Lin (2017), Conjugate-computation variational inference.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skvi import BayesianLogisticRegressionVI
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = BayesianLogisticRegressionVI(prior="ard").fit(X, y)
    >>> model.predict_proba(X[:2]).shape
    (2, 2)
    >>> print(f"{model.summary().loc['intercept', 'probability_of_sign']:.2f}")
    1.00
    """

    _parameter_constraints = {
        **GeneralizedLinearClasses._parameter_constraints,
        "bound": [StrOptions(set(LIKELIHOODS))],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

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
        bound="exact",
        class_weight=None,
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
        self.bound = bound
        self.class_weight = class_weight
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

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Find the posterior.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two or more classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: w counts as w equal rows, zero as absence.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, shapes or parameters that do not fit, a single class, and weights that are negative or
            all zero.
        """
        X, y = self._validate_pairs(X, y, reset=True)
        weights = self._validate_weights(sample_weight, X)
        self.classes_ = check_classes(np.unique(y[weights > 0.0]))
        return self._fit_rows(self._observations(X, y, weights), X)

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take in more rows, with the sites of earlier ones, and the prior, as they were.

        The first call chooses prior and centre from its rows. With `total_samples` each call takes one stochastic
        step instead.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All classes: needed at the first call where its rows do not hold each of them.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        first = not hasattr(self, "posterior_")
        X, y = self._validate_pairs(X, y, reset=first)
        weights = self._validate_weights(sample_weight, X)
        if first:
            self.classes_ = check_classes(np.unique(y[weights > 0.0] if classes is None else np.asarray(classes)))
        else:
            check_same_classes(classes, self.classes_)
        return self._partial_fit_rows(self._observations(X, y, weights), X)

    def decision_function(self, X):
        """Return log-odds, the posterior integrated out, shape (n_samples,) or (n_samples, n_classes).

        Those of the second of two classes, or of each class against all others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = self._validate_rows(X, reset=False)
        if self._several:
            return log_odds(self._log_probabilities(X)).T
        mean, var = self._predictor_moments(X)
        return logit_of_mean(mean[0], var[0])

    def predict_log_proba(self, X):
        """Return the logarithms of `predict_proba`, shape (n_samples, n_classes).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        if self._several:
            return self._log_probabilities(self._validate_rows(X, reset=False)).T
        odds = self.decision_function(X)
        return -np.logaddexp(0.0, np.column_stack([odds, -odds]))

    def predict_proba(self, X):
        """Return the posterior predictive probabilities of the classes, shape (n_samples, n_classes).

        The linear predictors are integrated out, by quadrature: a row about which the posterior knows little has
        probabilities near each other, wherever its mean lies.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X):
        """Return each row's more probable class, shape (n_samples,).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = self._validate_rows(X, reset=False)
        if self._several:
            return self.classes_[self._log_probabilities(X).argmax(axis=0)]
        mean, _ = self._predictor_moments(X)
        return self.classes_[(mean[0] > 0.0).astype(int)]

    def score(self, X, y, sample_weight=None):
        """Return the mean evidence lower bound of a row, in nats: E_q[log p(y | x, w, b)].

        The posterior stays as it is and is averaged over. It bounds the mean log predictive density from below and
        is what cross-validation compares; it is not the mean of `log_predictive_density`, which averages the
        probability itself, nor the accuracy, which `scoring="accuracy"` gives.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        """
        check_is_fitted(self)
        X, y = self._validate_pairs(X, y, reset=False)
        return self._score_rows(self._observations(X, y, self._validate_weights(sample_weight, X), score=True))

    def log_predictive_density(self, X, y):
        """Return the log posterior predictive probability of each row's class (nats), shape (n_samples,).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        """
        check_is_fitted(self)
        X, y = self._validate_pairs(X, y, reset=False)
        rows = self._observations(X, y, np.ones(X.shape[0]), score=True)
        return self.predict_log_proba(X)[np.arange(len(rows.y)), rows.y.astype(int)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = not self._binary_settings()
        # The checks mean the accuracy, and score is a bound in nats.
        tags.classifier_tags.poor_score = True
        return tags
