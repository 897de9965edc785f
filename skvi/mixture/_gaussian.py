"""The variational Gaussian mixture."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skvi import _threads
from skvi.base import SweepObserver, VariationalEstimator, restores_on_error
from skvi.engine.loop import Restart, Result, run
from skvi.engine.monitor import Monitor
from skvi.engine.schedules import Batch, Memoized, Online
from skvi.families import Joint, StickBreaking
from skvi.mixture._attributes import fitted_attributes
from skvi.mixture._parameters import default_prior, distinguishes_components, given_prior, make_starts
from skvi.models.mixture import Mixture
from skvi.models.priors import describe
from skvi.models.rows import Rows

_ONLINE_ROWS = 1024
_MEMOIZED_BATCHES = 20


class VariationalGaussianMixture(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, VariationalEstimator):
    """Gaussian mixture with a full posterior, by variational inference."""

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"full", "tied", "diag", "spherical"})],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "k-means++", "random", "random_from_data"}), "array-like"],
        "weight_concentration_prior_type": [StrOptions({"dirichlet_process", "dirichlet_distribution"})],
        "weight_concentration_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_precision_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "prior": [None, Joint],
        "learning_method": [StrOptions({"batch", "online", "memoized"})],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "learning_decay": [Interval(Real, 0.5, 1.0, closed="right")],
        "learning_offset": [Interval(Real, 0.0, None, closed="left")],
        "total_samples": [None, Interval(Real, 0.0, None, closed="neither")],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
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
        """Find the posterior."""
        warm = self.warm_start and hasattr(self, "posterior_")
        X = self._validate_rows(X, reset=True)
        rows = Rows.of(X, self._validate_weights(sample_weight, X))
        random_state = check_random_state(self.random_state)
        with _threads.single_threaded_blas():
            description = describe(rows, self._n_threads())
            prior = self._make_prior(description)
            starts, labelled = self._make_starts(rows, description, prior, random_state, warm)
            schedule = self._make_schedule(prior, rows, random_state, reorder=not labelled)
            result = self._run(schedule, starts, X, sort=not labelled)
        self._online_steps = 0
        return self._keep(prior, result)

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in more rows."""
        first = not hasattr(self, "posterior_")
        X = self._validate_rows(X, reset=first)
        rows = Rows.of(X, self._validate_weights(sample_weight, X))
        with _threads.single_threaded_blas():
            prior, starts = self._first_start(rows) if first else (self.prior_, [self.posterior_])
            if self.total_samples is not None:
                return self._step_online(prior, rows, starts, first)
            past = None if first else self._past()
            schedule = Batch(Mixture.of(prior), prior, rows, self._n_threads(), past=past)
            return self._keep(prior, self._run(schedule, starts, X, sort=False))

    def _first_start(self, rows):
        description = describe(rows, self._n_threads())
        prior = self._make_prior(description)
        self._online_steps = 0
        starts, _ = self._make_starts(rows, description, prior, check_random_state(self.random_state), warm=False)
        return prior, starts

    def _past(self):
        if self._summary is None:
            raise ValueError(
                "total_samples=None after partial_fit with total_samples: stochastic steps keep no sums of the "
                "earlier rows, so that new ones cannot be added to them; call fit, or set total_samples again"
            )
        return self._summary

    def _step_online(self, prior, rows, starts, first):
        """One natural-gradient step, as if the rows were a sample of total_samples rows."""
        schedule = Online(
            Mixture.of(prior),
            prior,
            rows,
            self._n_threads(),
            batch_size=rows.n_rows,
            rng=np.random.RandomState(0),
            decay=self.learning_decay,
            offset=self.learning_offset,
        )
        restart = Restart(Monitor(0.0), posterior=starts[0])
        if first:
            schedule.start([restart], starts[:1])
        restart.steps = self._online_steps
        schedule.step([restart], schedule.blocks, float(self.total_samples))
        self._online_steps = restart.steps
        restart.monitor.record(restart.bound)
        self._keep(prior, Result(restart, [restart.bound], 1, converged=False, stopped=True))
        self._summary = None
        return self

    def _n_threads(self):
        return _threads.effective_n_jobs(self.n_jobs)

    def _make_prior(self, description):
        if self.prior is not None:
            return given_prior(self, len(description.mean))
        return default_prior(self, description)

    def _make_starts(self, rows, description, prior, random_state, warm):
        """Starts of the restarts, and whether the components' labels mean something to the user."""
        if warm and self.posterior_.components.mean.shape == prior.components.mean.shape:
            return [self.posterior_], True
        if self.prior is not None and distinguishes_components(prior):
            return [prior], True
        starts = make_starts(self, rows, description, random_state)
        return starts, not isinstance(self.init_params, str) or self.prior is not None

    def _make_schedule(self, prior, rows, random_state, reorder):
        """The engine's schedule that `learning_method` names."""
        shared = {"n_jobs": self._n_threads(), "reorder": reorder and isinstance(prior.weights, StickBreaking)}
        arguments = (Mixture.of(prior), prior, rows)
        if self.learning_method == "batch":
            return Batch(*arguments, **shared)
        shared["rng"] = random_state
        if self.learning_method == "memoized":
            size = self.batch_size or max(_ONLINE_ROWS, -(-rows.n_rows // _MEMOIZED_BATCHES))
            return Memoized(*arguments, batch_size=size, **shared)
        size = self.batch_size or _ONLINE_ROWS
        return Online(*arguments, batch_size=size, decay=self.learning_decay, offset=self.learning_offset, **shared)

    def _run(self, schedule, starts, X, sort):
        """Run the engine from the starts; tell callbacks of each sweep."""

        def state(leading):
            return {
                **fitted_attributes(schedule.model, schedule.prior, leading.posterior),
                "posterior_": leading.posterior,
                "prior_": schedule.prior,
            }

        weight = schedule.whole_weight
        restarts = [Restart(Monitor(self.tol * weight, schedule.patience)) for _ in starts]
        observer = SweepObserver(self, X, self.max_iter, state)
        schedule.start(restarts, starts)
        result = run(schedule, restarts, max_iter=self.max_iter, sort=sort, observer=observer)
        observer.close()
        if not (result.converged or result.stopped):
            self._warn_not_converged(result.best.monitor, weight, self.max_iter, self.tol)
        return result

    def _keep(self, prior, result):
        """Store what a fit found."""
        best = result.best
        self.prior_, self.posterior_ = prior, best.posterior
        for name, value in fitted_attributes(Mixture.of(prior), prior, best.posterior).items():
            setattr(self, name, value)
        self.elbo_ = self.lower_bound_ = best.bound
        self.elbo_history_ = self.lower_bounds_ = list(best.monitor.bounds)
        self.restart_elbos_ = np.array(result.bounds)
        self.n_components_ = int((best.summary.statistics["weights"] > 0.5).sum())
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self._summary = best.summary
        return self

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
        """Fit, then return each row's most probable component."""
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

        Returns
        -------
        float
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
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r}: give a positive integer")
        rng = check_random_state(random_state)
        labels = rng.choice(len(self.weights_), size=n_samples, p=self.weights_)
        return self.posterior_.components.sample_rows(labels, rng), labels

    @property
    def _n_features_out(self):
        return self.means_.shape[0]
