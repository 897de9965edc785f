"""Stein variational gradient descent for scikit-learn."""

import warnings
from numbers import Integral, Real

from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skvi.base import SweepObserver, restores_on_error
from skvi.blackbox._base import ModelEstimator
from skvi.blackbox._features import DrawFeatures
from skvi.blackbox._particles import ParticleFlows
from skvi.blackbox._predictions import DrawPredictions
from skvi.gradient.annealing import ANNEALINGS
from skvi.gradient.loop import run
from skvi.gradient.optimizers import OPTIMIZERS

# Evaluations of a fit, unless evaluate_every says otherwise.
_EVALUATIONS = 20
# Share of the target's spread below which the particles count as collapsed.
_COLLAPSED = 0.5
# Mini-batches from which a metric takes the curvature.
_METRIC_BATCHES = 10
# Rows of an evaluation as a share of those of the steps before it: looking must not cost more than moving.
_LOOK = 0.1


class SVGDSampler(ParticleFlows, DrawFeatures, DrawPredictions, ModelEstimator):
    """Particles that flow to the posterior of a model: Stein variational gradient descent.

    Each step moves all particles along phi(z) = mean_j [k(z_j, z) grad log p(z_j) + grad_j k(z_j, z)], in which the
    first term drives them to where the posterior is dense and the second keeps them apart (Liu & Wang 2016, eq. 8).

    Parameters
    ----------
    model : object, default=None
        With the methods of the model protocol; see the guide to models. A model that predicts makes the sampler a
        regressor or, where it is a ClassifierMixin, a classifier. None is `GaussianLocationScale` on the scale of X.
    n_particles : int, default=100
        Number of particles.
    kernel : {"rbf", "imq"}, default="rbf"
        exp(-d^2 / (2 h^2)) or (1 + d^2 / h^2)^(-1/2), d being the distance of two particles.
    bandwidth : "median" or float, default="median"
        h. "median" is the rule of the reference code, anew at every step: h^2 = median(d^2) / (2 log(n + 1)), the
        median over all pairs, those of a particle with itself included. A number is in units of the parameters'
        scales.
    step_size : "auto" or float, default="auto"
        Step of the optimizer, in units of the parameters' scales. "auto" starts at 0.1, with mini-batches at 0.05, and
        adapts it for each coordinate: longer while steps lead on, shorter where they circle or, with mini-batches,
        wander about. With a number "rmsprop" never comes to rest, but goes on in steps of that size.
    optimizer : {"rmsprop", "adagrad", "adam", "sgd"}, default="rmsprop"
        How directions become steps. "rmsprop" is what the reference code runs under the name AdaGrad; "sgd" takes them
        as they are, and suits `preconditioner="hessian"`.
    preconditioner : None or "hessian", default=None
        "hessian" measures distances and steps by the mean negative Hessian of the log density, by differences of
        gradients, anew at each evaluation (Wang et al. 2019). It takes 2 P gradients at ten particles.
    annealing : None, "linear" or "cyclic", default=None
        Drive that rises from zero over three quarters of max_iter once, or four times (D'Angelo & Fortuin 2021), so
        that particles find modes that lie apart. Convergence is then not looked at before.
    batch_size : int, default=None
        Rows of a mini-batch, drawn without replacement until all have come; None is all rows.
    total_samples : float, default=None
        Number of rows that calls of `partial_fit` are a sample of; None is the rows seen so far.
    max_iter : int, default=1000
        Largest number of steps.
    tol : float, default=3e-3
        Converged when between two evaluations the particles' mean direction, in standard deviations of the cloud,
        and the mean rate at which it grows are at most tol in every coordinate.
    evaluate_every : int, default=None
        Steps between two evaluations; None is a twentieth of max_iter. The last is on all rows. With `batch_size`
        those before are on a tenth as many rows as the steps between them, always the same, and at least on ten
        mini-batches.
    init : array-like of shape (n_particles, n_parameters), default=None
        Particles to start from, in the order of `parameter_names_`. None: normal about each parameter's start with
        its scale as standard deviation.
    warm_start : bool, default=False
        Whether `fit` continues from the particles of the last one, where their number fits.
    random_state : int, RandomState instance or None, default=None
        Seed of the first particles and of mini-batches.
    n_jobs : int, default=None
        Number of threads: None is all cores (one inside a joblib worker). It changes no bit of the result.
    verbose : int, default=0
        1 prints every `verbose_interval`-th evaluation, 2 its gain too.
    verbose_interval : int, default=1
        Evaluations between two messages.

    Attributes
    ----------
    particles_ : ndarray of shape (n_particles, n_parameters)
        The particles, in the model's own (constrained) parameters.
    parameter_names_ : list of str
        Names of the columns of `particles_`.
    posterior_ : JointDraws
        The particles by parameter: mean, var, interval, sample, kl, entropy.
    prior_ : ModelPrior
        The model's prior.
    model_ : object
        The copy of the model that was fitted.
    elbo_ : float
        An estimate in nats of the evidence lower bound, and no bound: the particles' mean log density plus the
        entropy of a normal distribution with their covariance. For a normal target it is the bound of that
        distribution exactly; where the posterior is not normal the entropy, and so the estimate, is too large. With
        fewer than ten particles a parameter the covariance is shrunk towards its diagonal (Ledoit & Wolf 2004).
        It equals n * score(X, y) - posterior_.kl(prior_), n being the sum of weights.
    elbo_se_ : float
        Standard error of the mean log density over particles.
    elbo_history_ : list of float
        Estimates at the evaluations; the last is `elbo_`.
    kernel_stein_discrepancy_ : float
        How far the particles are from the posterior: zero is not at all. Root of the V-statistic with an inverse
        multiquadric kernel (Gorham & Mackey 2017), in units of the parameters' scales.
    kernel_stein_discrepancy_history_ : list of float
        The same at the evaluations.
    spread_ : float
        Spread of the particles as a share of what the posterior asks for, by Stein's identity: the median over
        parameters of -mean((z - mean z) d log p / dz), which is one under the posterior. Below a half fit warns.
    n_iter_ : int
        Steps of the last fit.
    n_grad_evals_ : int
        Gradients taken in the last fit, one for each particle and step.
    n_nonfinite_ : int
        Gradients among them that were not finite; their particles were moved by the others alone.
    converged_ : bool
        Whether the particles came to rest.
    classes_ : ndarray of shape (n_classes,)
        The classes, of classifiers.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names.

    Notes
    -----
    Particles do not stay apart in many dimensions: with the median rule the variances of 100 particles are 0.93 of a
    normal posterior's in 2 dimensions, 0.7 in 5, 0.2 in 20 and less than 0.1 in 55. Means hold. `spread_` shows it
    for any posterior and costs nothing.

    References
    ----------
    Liu & Wang (2016), Stein variational gradient descent: a general purpose Bayesian inference algorithm.
    Gorham & Mackey (2017), Measuring sample quality with kernels.
    Wang, Tang, Bajaj & Liu (2019), Stein variational gradient descent with matrix-valued kernels.
    D'Angelo & Fortuin (2021), Annealed Stein variational gradient descent.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi import SVGDSampler
    >>> X = np.random.default_rng(0).normal(5.0, 2.0, size=(200, 1))
    >>> sampler = SVGDSampler(random_state=0).fit(X)
    >>> sampler.parameter_names_
    ['mean[0]', 'precision[0]']
    >>> print(f"{sampler.posterior_['mean'].mean[0]:.1f}")
    5.0
    """

    _parameter_constraints = {
        "model": "no_validation",
        "n_particles": [Interval(Integral, 1, None, closed="left")],
        "kernel": [StrOptions({"rbf", "imq"})],
        "bandwidth": [StrOptions({"median"}), Interval(Real, 0.0, None, closed="neither")],
        "step_size": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="neither")],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "preconditioner": [None, StrOptions({"hessian"})],
        "annealing": [None, StrOptions(set(ANNEALINGS))],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "total_samples": [None, Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "evaluate_every": [None, Interval(Integral, 1, None, closed="left")],
        "init": [None, "array-like"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        model=None,
        *,
        n_particles=100,
        kernel="rbf",
        bandwidth="median",
        step_size="auto",
        optimizer="rmsprop",
        preconditioner=None,
        annealing=None,
        batch_size=None,
        total_samples=None,
        max_iter=1000,
        tol=3e-3,
        evaluate_every=None,
        init=None,
        warm_start=False,
        random_state=None,
        n_jobs=None,
        verbose=0,
        verbose_interval=1,
    ):
        self.model = model
        self.n_particles = n_particles
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.step_size = step_size
        self.optimizer = optimizer
        self.preconditioner = preconditioner
        self.annealing = annealing
        self.batch_size = batch_size
        self.total_samples = total_samples
        self.max_iter = max_iter
        self.tol = tol
        self.evaluate_every = evaluate_every
        self.init = init
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Let the particles flow to the posterior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            None for a model that is a density without rows.
        y : array-like of shape (n_samples,), default=None
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: w counts as w equal rows, zero as absence.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, shapes or parameters that do not fit, weights that are negative or all zero, and
            models whose densities or gradients have the wrong shape or are nowhere finite.
        """
        weights = None
        if X is not None:
            X, y, weights = self._rows(X, y, sample_weight, reset=True)
        target = self._make_target(self._model_for(X), X, y, weights)
        rng = check_random_state(self.random_state)
        flow = self._continued(target, rng) or self._start(target, rng, noisy=self.batch_size is not None)
        trace = self._flow_to_rest(flow, X)
        self._keep(flow, trace)
        self._warn(trace)
        return self

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        """Move the particles by one step for each mini-batch of the rows given.

        The rows stand for `total_samples` rows, or for all rows seen so far. `elbo_` and the other figures are then
        estimates from these rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes, of a classifier: needed at the first call where its rows do not hold them all.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        first = not hasattr(self, "posterior_")
        X, y, weights = self._rows(X, y, sample_weight, classes, reset=first, first=first)
        seen = weights.sum() + (0.0 if first else self._weight_seen)
        weights *= (self.total_samples or seen) / weights.sum()
        rng = check_random_state(self.random_state)
        if first:
            flow = self._start(self._make_target(self._model_for(X), X, y, weights), rng, noisy=True)
        else:
            flow = self._resumed(self._target(self.model_, self._layout, X, y, weights), rng)
        trace = run(flow, max_iter=flow.n_batches, evaluate_every=flow.n_batches, tol=0.0)
        self._keep(flow, trace)
        self._weight_seen = seen
        return self

    def _flow_to_rest(self, flow, X):
        every = self.evaluate_every or max(1, self.max_iter // _EVALUATIONS)
        if self.batch_size is not None:
            flow.metric_rows = _METRIC_BATCHES * self.batch_size
            flow.look_rows = max(flow.metric_rows, int(_LOOK * every * self.batch_size))

        def state(trace):
            return self._fitted(flow) | self._found(trace)

        observer = SweepObserver(self, X, -(-self.max_iter // every), state)
        try:
            trace = run(flow, max_iter=self.max_iter, evaluate_every=every, tol=self.tol, observer=observer)
        except FloatingPointError as error:
            raise ValueError(
                f"{type(self).__name__} met numbers beyond float64: {error}. Check the model, give its "
                "parameters a start and a scale, or lower step_size"
            ) from error
        observer.close()
        return trace

    def _keep(self, flow, trace):
        """Store what a fit found."""
        vars(self).update(self._fitted(flow) | self._found(trace))

    def _warn(self, trace):
        name = type(self).__name__
        if not (trace.converged or trace.stopped):
            warnings.warn(
                f"{name} did not converge in max_iter={self.max_iter} steps: the particles still move by "
                f"{trace.rest:.3g} at tol={self.tol:g}. Raise max_iter or tol, or give the model's parameters a start "
                "and a scale.",
                ConvergenceWarning,
                stacklevel=5,
            )
        if self.spread_ < _COLLAPSED and self.n_particles > 1:
            warnings.warn(
                f"The {self.n_particles} particles have collapsed: their variances are about {self.spread_:.2g} of "
                f"what the posterior of {len(self._layout.labels)} parameters asks for, so that intervals are too "
                "narrow. Raise n_particles, or trust the means alone.",
                UserWarning,
                stacklevel=5,
            )
