"""The variational Gaussian mixture."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skvi import _threads
from skvi.base import ConjugateEstimator, check_count, restores_on_error
from skvi.families import Joint, StickBreaking
from skvi.mixture._attributes import fitted_attributes
from skvi.mixture._parameters import check_same_model, distinguishes_components, make_prior, make_starts, same_kind
from skvi.models.mixture import Mixture
from skvi.models.priors import describe
from skvi.models.rows import Rows


class VariationalGaussianMixture(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, ConjugateEstimator):
    """Gaussian mixture with a posterior over all its parameters, by variational inference.

    A drop-in for scikit-learn's `BayesianGaussianMixture` with an exact evidence lower bound, mini-batches,
    sample weights and threads. Rows are drawn from one of K Gaussians; weights, means and precisions have
    conjugate priors and a mean-field posterior q(z) q(weights) q(means, precisions).

    Parameters
    ----------
    n_components : int, default=1
        Number of components, K. With a sparse weight prior it is the largest number: what the data do not
        need stays empty (see `n_components_`).
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Form of the precisions: one matrix per component, one matrix for all, one number per component and
        feature, or one number per component. Each is the posterior of its own model.
    tol : float, default=1e-6
        A sweep that gains less than `tol` nats per unit of weight means convergence. scikit-learn's mixture
        compares the change of the total, so that its 1e-3 is another number for each number of rows.
    reg_covar : float, default=0.0
        Added to the diagonal of `covariance_prior`: it belongs to the model, and the bound stays exact.
    max_iter : int, default=500
        Largest number of sweeps over the data.
    n_init : int, default=1
        Number of starts; the best bound is kept. One is all there is where `init_params` is an array.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"} or array-like, default="kmeans"
        How rows are first assigned: to the nearest of K centres, which k-means, its seeding alone, or a draw
        of rows finds; or with random responsibilities. An array holds the centres (n_components, n_features),
        or the responsibilities (n_samples, n_components); the components then keep its order.
    weight_concentration_prior_type : {"dirichlet_process", "dirichlet_distribution"}, default="dirichlet_process"
        Prior of the weights. The process has infinitely many components of which the first K are free.
    weight_concentration_prior : float, default=None
        Concentration: gamma of the process, or alpha of each component. None is 1 / n_components.
    mean_precision_prior : float, default=None
        Precision of a mean in units of its component's, as if it were seen that many times. None is 1.
    mean_prior : array-like of shape (n_features,), default=None
        Centre of the means. None is the mean of the data.
    degrees_of_freedom_prior : float, default=None
        Degrees of freedom of the precisions, above n_features - 1. None is n_features.
    covariance_prior : float or array-like, default=None
        Inverse scale of the precisions: (n_features, n_features) for "full" and "tied", (n_features,) for
        "diag"; a number stands for that multiple of the identity. None is the covariance of the data, or its
        diagonal where that is singular (see `skvi.models.priors.default_covariance`).
    prior : Joint, default=None
        A whole prior in place of the parameters above, such as `posterior_` of an earlier fit. Where it tells
        the components apart it is also the start, and they keep their order.
    learning_method : {"batch", "online", "memoized"}, default="batch"
        All rows before each update of the posterior; stochastic steps from mini-batches; or exact incremental
        updates after each mini-batch, which need fewer sweeps and one summary a mini-batch.
    batch_size : int, default=None
        Rows in a mini-batch of "online" (None: 1024) and "memoized" (None: a twentieth, at least 1024).
    learning_decay : float, default=0.7
        Exponent of the online step size (t + learning_offset)^-learning_decay, in (0.5, 1].
    learning_offset : float, default=10.0
        Delay of the online step size: larger values make early steps smaller.
    total_samples : float, default=None
        Number of rows that calls of `partial_fit` are a sample of. None adds each call's rows exactly.
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
    weights_ : ndarray of shape (n_components,)
        Expected weights, renormalised over the free components of a process.
    means_ : ndarray of shape (n_components, n_features)
        Expected means.
    covariances_ : ndarray
        Inverse of the expected precisions, shaped as `covariance_type` says.
    precisions_ : ndarray
        Expected precisions, shaped alike.
    precisions_cholesky_ : ndarray
        Upper-triangular U with U U' = precision; square roots for "diag" and "spherical".
    weight_concentration_ : ndarray of shape (n_components,) or tuple of two
        Parameters of the posterior of the weights: of the Dirichlet, or of the sticks' Betas.
    mean_precision_ : ndarray of shape (n_components,)
        Precision of each mean in units of its component's.
    degrees_of_freedom_ : ndarray of shape (n_components,), or float if tied
        Degrees of freedom of the precisions.
    weight_concentration_prior_ : float
        Concentration of the prior of the weights.
    mean_precision_prior_ : float
        Precision of the prior of the means.
    mean_prior_ : ndarray of shape (n_features,)
        Centre of the prior of the means.
    degrees_of_freedom_prior_ : float
        Degrees of freedom of the prior of the precisions.
    covariance_prior_ : float or ndarray
        Inverse scale of the prior of the precisions.
    posterior_ : Joint
        Posterior, with factors `weights` and `components`: mean, var, interval, sample, kl.
    prior_ : Joint
        Prior, with the same factors.
    elbo_ : float
        Evidence lower bound of the training data in nats, with all constants. Larger is better; comparable
        between models of the same rows in the same units. It equals
        n * score(X) - posterior_.kl(prior_), n being the sum of weights.
    elbo_history_ : list of float
        Bound after each sweep; the last is `elbo_`. After "online" the others are means over a lap.
    lower_bound_ : float
        The same as `elbo_`.
    lower_bounds_ : list of float
        The same as `elbo_history_`.
    restart_elbos_ : ndarray of shape (n_starts,)
        Bounds that the starts reached.
    n_components_ : int
        Number of components with an expected count above one half.
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
    Compare `elbo_` under equal priors: default priors depend on the data and on `n_components`. A bound of a
    finite mixture stands for one labelling of its components; to compare numbers of components add
    log(n_components!).

    With "batch" and "memoized" the bound never falls. In "batch" a weight counts as that many equal rows, the
    start included. After `partial_fit` `elbo_` is a lower bound for all rows seen, with the responsibilities
    of earlier calls as they were; with `total_samples` it is an estimate from the last mini-batch.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.2.
    Blei & Jordan (2006), Variational inference for Dirichlet process mixtures.
    Hoffman, Blei, Wang & Paisley (2013), Stochastic variational inference.
    Hughes & Sudderth (2013), Memoized online variational inference.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi import VariationalGaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [4, 2], [12, 4], [10, 7]])
    >>> model = VariationalGaussianMixture(2, random_state=0).fit(X)
    >>> model.predict([[0, 0], [9, 3]])
    array([0, 1])
    >>> model.posterior_.components.interval(0.9).shape
    (2, 2, 2)
    """

    _parameter_constraints = {
        **ConjugateEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"full", "tied", "diag", "spherical"})],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "k-means++", "random", "random_from_data"}), "array-like"],
        "weight_concentration_prior_type": [StrOptions({"dirichlet_process", "dirichlet_distribution"})],
        "weight_concentration_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_precision_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "prior": [None, Joint],
    }

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-6,
        reg_covar=0.0,
        max_iter=500,
        n_init=1,
        init_params="kmeans",
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=None,
        mean_precision_prior=None,
        mean_prior=None,
        degrees_of_freedom_prior=None,
        covariance_prior=None,
        prior=None,
        learning_method="batch",
        batch_size=None,
        learning_decay=0.7,
        learning_offset=10.0,
        total_samples=None,
        random_state=None,
        warm_start=False,
        n_jobs=None,
        verbose=0,
        verbose_interval=10,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.prior = prior
        self.learning_method = learning_method
        self.batch_size = batch_size
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.total_samples = total_samples
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the posterior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Real numbers; float32 is read as it is and summed in float64.
        y : ignored
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
        warm = self.warm_start and hasattr(self, "posterior_")
        X = self._validate_rows(X, reset=True)
        rows = Rows.of(X, self._validate_weights(sample_weight, X))
        with _threads.single_threaded_blas(), self._random_state() as random_state:
            prior, starts, labelled = self._begin(rows, random_state, warm)
            reorder = not labelled and isinstance(prior.weights, StickBreaking)
            schedule = self._make_schedule(Mixture.of(prior), prior, rows, random_state, reorder)
            return self._keep(schedule, self._run(schedule, starts, X, sort=not labelled))

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in more rows, with the responsibilities of earlier ones as they were.

        The first call chooses the prior and the start. Each call sweeps over its rows until they converge, so
        that `elbo_` is a lower bound for all rows seen. With `total_samples` it takes one stochastic step
        instead. Components are never sorted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        first = not hasattr(self, "posterior_")
        X = self._validate_rows(X, reset=first)
        rows = Rows.of(X, self._validate_weights(sample_weight, X))
        with _threads.single_threaded_blas(), self._random_state() as random_state:
            if first:
                prior, starts, _ = self._begin(rows, random_state)
            else:
                prior, starts = self.prior_, [self.posterior_]
                check_same_model(self, prior)
            return self._stream(Mixture.of(prior), prior, rows, starts, X, first)

    def _begin(self, rows, random_state, warm=False):
        """Prior, starts, and whether the components' labels mean something to the user."""
        description = describe(rows, self._n_threads())
        prior = make_prior(self, description)
        if warm and same_kind(self.posterior_, prior):
            return prior, [self.posterior_], True
        if self.prior is not None and distinguishes_components(prior):
            return prior, [prior], True
        labelled = not isinstance(self.init_params, str) or self.prior is not None
        return prior, make_starts(self, rows, description, random_state), labelled

    def _attributes(self, schedule, restart):
        return fitted_attributes(schedule.model, schedule.prior, restart)

    def _map(self, X, method, *arguments):
        """Apply a row-wise method of the model to blocks of X in parallel; join the results."""
        model = Mixture.of(self.posterior_)
        with _threads.single_threaded_blas():
            read = model.messages(self.posterior_) if method != "log_predictive" else self.posterior_
            blocks = model.blocks(Rows.of(X))
            tasks = [lambda b=block: getattr(model, method)(b, read, *arguments) for block in blocks]
            return np.concatenate(_threads.run(tasks, self._n_threads()))

    def predict(self, X):
        """Return each row's most probable component, an integer array of shape (n_samples,)."""
        check_is_fitted(self)
        return self._map(self._validate_rows(X, reset=False), "labels")

    def predict_proba(self, X):
        """Return the responsibilities q(z = k) of each row, shape (n_samples, n_components); rows sum to one."""
        check_is_fitted(self)
        return self._map(self._validate_rows(X, reset=False), "responsibilities")

    def transform(self, X):
        """Return the responsibilities as features: the same as `predict_proba`."""
        return self.predict_proba(X)

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit, then return each row's most probable component, an array of shape (n_samples,)."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def score(self, X, y=None, sample_weight=None):
        """Return the mean evidence lower bound of a row, in nats.

        The posterior over parameters stays as it is and is averaged over: (1/n) sum_i of
        E_q[log p(x_i, z_i | theta)] - E_q[log q(z_i)] at each row's best q(z_i), which has a closed form. It
        bounds the mean log predictive density from below and is what cross-validation compares; it is not the
        mean of `score_samples`, which averages the density itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
        """
        check_is_fitted(self)
        X = self._validate_rows(X, reset=False)
        weights = self._validate_weights(sample_weight, X)
        return float(np.average(self._map(X, "row_bounds"), weights=weights))

    def score_samples(self, X):
        """Return the log posterior predictive density of each row (nats), shape (n_samples,).

        Parameters are integrated out: a mixture of Student-t densities, normalised, with weights `weights_`.
        """
        check_is_fitted(self)
        return self._map(self._validate_rows(X, reset=False), "log_predictive")

    def sample(self, n_samples=1, random_state=None):
        """Draw rows from the posterior predictive distribution.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
            None draws anew at each call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
        y : ndarray of shape (n_samples,)
            Component of each row.
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        rng = check_random_state(random_state)
        labels = rng.choice(len(self.weights_), size=n_samples, p=self.weights_)
        return self.posterior_.components.sample_rows(labels, rng), labels

    @property
    def _n_features_out(self):
        return self.means_.shape[0]
