"""Black-box variational inference for scikit-learn."""

import copy
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skvi.base import SweepObserver, restores_on_error
from skvi.blackbox._base import ModelEstimator
from skvi.blackbox._fitted import fitted, judged
from skvi.blackbox._inference import BASELINES, FAMILIES, GRADIENTS, METHODS, OBJECTIVES, Inference
from skvi.blackbox._predictions import DrawPredictions
from skvi.gradient.climber import OPTIMIZERS
from skvi.gradient.counting import CountedTarget
from skvi.gradient.normals import NormalApproximation
from skvi.gradient.outcome import Outcome
from skvi.gradient.streaming import Stream

# Looks at the bound that callbacks are told to expect at most.
_LOOKS = 1000


class BlackBoxVI(DrawPredictions, ModelEstimator):
    """The posterior of any model by an approximation of a given family, with a verdict on it.

    An approximation q of the model's parameters is found by gradients of the log density alone, without a learning
    rate to tune. Every fit ends with draws of q, from which come the evidence lower bound with its standard error,
    the Pareto k-hat of importance ratios, the Fisher divergence, and a sentence that says whether to rely on q.

    Parameters
    ----------
    model : object, default=None
        With the methods of the model protocol; see the guide to models. A model that predicts makes the estimator a
        regressor or, where it is a ClassifierMixin, a classifier. None is `GaussianLocationScale` on the scale of X.
    family : {"auto", "meanfield", "fullrank", "lowrank", "planar", "realnvp"}, default="auto"
        What q is in the free numbers, the parameters mapped to real numbers. "meanfield": independent normals.
        "fullrank": any normal. "lowrank": a normal whose covariance is a diagonal and `rank` directions. "planar" and
        "realnvp": a normal sent through a normalising flow of `n_layers` layers, which starts at the best normal.
        "auto" is what the method suits, "fullrank" up to a few hundred free numbers.
    method : {"auto", "pathfinder", "bam", "dadvi", "advi", "natural"}, default="auto"
        How q is found. "pathfinder": normals along the paths of a quasi-Newton search (Zhang et al. 2022). "bam":
        batch and match, the normal whose score fits the model's gradients (Cai et al. 2024). "dadvi": the bound for
        fixed noise, maximised by a quasi-Newton search, with linear-response covariances (Giordano et al. 2024).
        "advi": stochastic gradients, for any family and objective and for mini-batches. "natural": natural
        gradients, of "meanfield" and "fullrank" (Khan & Rue 2023). "auto" starts by pathfinder, goes on by "bam", and
        where the posterior is far from normal by "natural" too, or above 200 free numbers by "dadvi"; by "advi" where
        the family, the objective or mini-batches ask for it.
    objective : {"elbo", "renyi", "bb-alpha"}, default="elbo"
        What is maximised. "renyi": the variational Renyi bound of order `alpha` (Li & Turner 2016), that of
        importance-weighted variational inference at 0. "bb-alpha": black-box alpha energy (Hernandez-Lobato et al.
        2016), which tends to the evidence lower bound as `alpha` tends to 0. Others than "elbo" ask for "advi".
    alpha : float, default=0.5
        Order of "renyi" and "bb-alpha".
    gradient : {"auto", "closed", "stl", "score", "score-cv"}, default="auto"
        Gradient of the evidence lower bound in "advi". "closed": by reparameterisation with the entropy in closed
        form; "stl", which "auto" is: sticking the landing (Roeder et al. 2017); "score": score function with
        leave-one-out baselines, which needs no gradient of the model; "score-cv": with control variates for each
        number besides.
    optimizer : {"adam", "rmsprop", "dowg"}, default="adam"
        How gradients become steps in "advi"; "dowg" finds the length of its steps from the distance travelled.
    step_size : "auto" or float, default="auto"
        Step of the optimizer in "advi", in standard deviations of q, and of "natural", as a share of the whole way.
        "auto" halves the first whenever steps lead on no more, until the means are as exact as `tol` asks; the second
        is 1, and 0.3 with mini-batches.
    n_draws : int, default=None
        Draws of q in a step of "bam", "advi" and "natural", and those that "dadvi" holds fixed; None is the method's
        own choice.
    n_paths : int, default=None
        Paths of "pathfinder", from as many starts; those are given up that lead where another has been. None is
        sixteen, or four where rows times free numbers are more than a million.
    rank : int, default=5
        Number of directions of "lowrank".
    n_layers : int, default=None
        Layers of a flow; None is the family's own choice.
    linear_response : bool, default=True
        Whether "dadvi" corrects its covariance by linear response, where `family` is "auto" and that raises the bound:
        q is then the normal with the corrected covariance.
    importance_resample : "auto" or bool, default="auto"
        Whether the draws of the posterior are chosen by their smoothed importance ratios. `elbo_` is then the
        importance-weighted bound, which is the tighter one. "auto": where q itself is off by more than a twentieth of
        a standard deviation, and k-hat says that the ratios mend it. Draws of a stream of rows are never chosen.
    n_posterior_draws : int, default=1000
        Draws of q that the verdict is made from and that predictions are averaged over. Where they do not decide, the
        verdict takes up to 32 times as many.
    batch_size : int, default=None
        Rows of a mini-batch, drawn without replacement until all have come; None is all rows.
    total_samples : float, default=None
        Number of rows that calls of `partial_fit` are a sample of; None is the rows seen so far.
    max_iter : int, default=None
        Largest number of steps of the method; None is the method's own choice.
    tol : float, default=0.02
        Converged when the means are known to so many posterior standard deviations; "dadvi", whose draws are fixed and
        few, to ten times as many; flows when the last quarter of their steps has gained no more than so many nats.
        "pathfinder" ends where its paths do.
    warm_start : bool, default=False
        Whether `fit` starts from the approximation of the last one, where it is of the same numbers and kind.
    random_state : int, RandomState instance or None, default=None
        Seed of noise, paths and mini-batches.
    n_jobs : int, default=None
        Number of threads: None is all cores (one inside a joblib worker). It changes no bit of the result.
    verbose : int, default=0
        1 prints every `verbose_interval`-th look at the bound, 2 its gain too.
    verbose_interval : int, default=1
        Looks between two messages.

    Attributes
    ----------
    posterior_ : ApproximatePosterior
        Draws of q by parameter, in the model's own (constrained) space: mean, var, interval, covariance, sample, kl,
        log_prob, entropy.
    prior_ : ModelPrior
        The model's prior.
    approximation_ : object
        q in the free numbers, such as `FullRank`.
    parameter_names_ : list of str
        Names of all numbers of the parameters, the columns of `sample`.
    model_ : object
        The copy of the model that was fitted.
    elbo_ : float
        The evidence lower bound in nats, with all constants that the model has: the mean over draws of log joint
        density minus log q. Where draws are chosen by importance it is the importance-weighted bound. It
        equals n * score(X, y) - posterior_.kl(prior_), n being the sum of weights.
    elbo_se_ : float
        Its standard error from the draws.
    elbo_history_ : list of float
        Bounds at the looks of the method, by draws of its own; the last is `elbo_`.
    khat_ : float
        Shape of the tail of the importance ratios p / q (Vehtari et al. 2024): below 0.5 good, above 0.7 the ratios
        have no useful mean. It speaks for the worst direction of all parameters together.
    fisher_divergence_ : float
        Mean squared difference of the gradients of log p and log q, in units of q's covariance: zero where q is
        exact, NaN where the model has no gradient.
    converged_ : bool
        Whether the method came to rest.
    trusted_ : bool
        Whether the method came to rest and the verdict finds nothing against the draws.
    message_ : str
        The verdict in words, with the next thing to try.
    history_ : dict of ndarray
        All figures at the looks of the method.
    n_iter_ : int
        Steps of the method.
    n_grad_evals_ : int
        Gradients of the log density taken in the last fit, one for each draw.
    n_nonfinite_ : int
        Densities and gradients among the evaluated that were not finite; their draws did not count.
    classes_ : ndarray of shape (n_classes,)
        The classes, of classifiers.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names.

    References
    ----------
    Zhang, Carpenter, Gelman & Vehtari (2022), Pathfinder: parallel quasi-Newton variational inference.
    Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei & Saul (2024), Batch and match.
    Giordano, Ingram & Broderick (2024), Black box variational inference with a deterministic objective.
    Kucukelbir, Tran, Ranganath, Gelman & Blei (2017), Automatic differentiation variational inference.
    Li & Turner (2016), Renyi divergence variational inference.
    Yao, Vehtari, Simpson & Gelman (2018), Yes, but did it work?: evaluating variational inference.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import BlackBoxVI, LinearModel
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 2))
    >>> y = X @ [1.0, -2.0] + 0.5 * rng.normal(size=100)
    >>> vi = BlackBoxVI(LinearModel(), random_state=0).fit(X, y)
    >>> vi.converged_, vi.trusted_
    (True, True)
    >>> vi.posterior_["weights"].mean.round(1)
    array([ 0.9, -1.9])
    """

    _parameter_constraints = {
        "model": "no_validation",
        "family": [StrOptions(FAMILIES)],
        "method": [StrOptions(METHODS)],
        "objective": [StrOptions(OBJECTIVES)],
        "alpha": [Interval(Real, None, None, closed="neither")],
        "gradient": [StrOptions(GRADIENTS)],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "step_size": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="neither")],
        "n_draws": [None, Interval(Integral, 2, None, closed="left")],
        "n_paths": [None, Interval(Integral, 1, None, closed="left")],
        "rank": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [None, Interval(Integral, 1, None, closed="left")],
        "linear_response": ["boolean"],
        "importance_resample": [StrOptions({"auto"}), "boolean"],
        "n_posterior_draws": [Interval(Integral, 2, None, closed="left")],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "total_samples": [None, Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [None, Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
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
        family="auto",
        method="auto",
        objective="elbo",
        alpha=0.5,
        gradient="auto",
        optimizer="adam",
        step_size="auto",
        n_draws=None,
        n_paths=None,
        rank=5,
        n_layers=None,
        linear_response=True,
        importance_resample="auto",
        n_posterior_draws=1000,
        batch_size=None,
        total_samples=None,
        max_iter=None,
        tol=0.02,
        warm_start=False,
        random_state=None,
        n_jobs=None,
        verbose=0,
        verbose_interval=1,
    ):
        self.model = model
        self.family = family
        self.method = method
        self.objective = objective
        self.alpha = alpha
        self.gradient = gradient
        self.optimizer = optimizer
        self.step_size = step_size
        self.n_draws = n_draws
        self.n_paths = n_paths
        self.rank = rank
        self.n_layers = n_layers
        self.linear_response = linear_response
        self.importance_resample = importance_resample
        self.n_posterior_draws = n_posterior_draws
        self.batch_size = batch_size
        self.total_samples = total_samples
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Approximate the posterior, and judge the approximation.

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
            For NaN, infinity, shapes or parameters that do not fit, settings that do not go together, weights that are
            negative or all zero, and models whose densities or gradients have the wrong shape or are nowhere finite.
        """
        weights = None
        if X is not None:
            X, y, weights = self._rows(X, y, sample_weight, reset=True)
        target = CountedTarget(self._make_target(self._model_for(X), X, y, weights))
        self._approximate(target, X, self._last(target) if self.warm_start else None)
        self._warn()
        return self

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        """Move the approximation by one step for each mini-batch of the rows given.

        The rows stand for `total_samples` rows, or for all rows seen so far. The first call fits them; later ones take
        stochastic natural gradients, in ever shorter steps. `elbo_` and the other figures are then estimates from the
        rows of the last call, and the message holds no verdict.

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
        weights = weights * ((self.total_samples or seen) / weights.sum())
        if first:
            target = CountedTarget(self._make_target(self._model_for(X), X, y, weights))
            self._approximate(target, X, None)
        else:
            self._stream(CountedTarget(self._target(self.model_, self._layout, X, y, weights)))
        self._weight_seen = seen
        return self

    def _stream(self, target):
        """Step along the mini-batches of a target, and judge where that has led."""
        stream = copy.deepcopy(self._stream_so_far) if hasattr(self, "_stream_so_far") else Stream(self.approximation_)
        # Numbers that are not those of the calls before.
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        inference = Inference(self, target, np.random.RandomState([seed, stream.n_steps]))
        inference.follow(stream)
        outcome = Outcome(stream.average, False, "more rows may come", stream.n_steps)
        verdict = judged(self, target, outcome, inference.rng)
        vars(self).update(fitted(self, target, outcome, verdict, inference.rng, some_rows=True))
        self._stream_so_far = stream

    def _last(self, target):
        """The approximation of the last fit, where it is of the same numbers, and no flow of another kind."""
        if not hasattr(self, "posterior_") or self._layout.labels != target.target.layout.labels:
            return None
        same = self._family == (self.family, self.n_layers)
        return self.approximation_ if same or isinstance(self.approximation_, NormalApproximation) else None

    def _approximate(self, target, X, last):
        """Run the methods asked for, judge what they find, and keep it."""
        rng = check_random_state(self.random_state)
        vars(self).pop("_stream_so_far", None)

        def state(trace):
            found = trace.evaluations[-1].approximation
            outcome = Outcome(found, False, "under way", trace.steps[-1], {"elbo": list(trace.monitor.bounds)})
            seen, seed = CountedTarget(target.target), np.random.RandomState(0)
            return fitted(self, seen, outcome, judged(self, seen, outcome, seed), seed)

        observer = SweepObserver(self, X, self.max_iter or _LOOKS, state)
        inference = Inference(self, target, rng, observer)
        try:
            outcome = inference.run(last)
            verdict = judged(self, target, outcome, rng, inference.rivals)
            vars(self).update(fitted(self, target, outcome, verdict, rng))
        except FloatingPointError as error:
            raise ValueError(
                f"{type(self).__name__} met numbers beyond float64: {error}. Check the model, and give its parameters "
                "a start and a scale"
            ) from error
        observer.close()

    def _takes_gradients(self):
        return self.gradient not in BASELINES

    def _warn(self):
        if not self.converged_:
            warnings.warn(f"{type(self).__name__}: {self.message_}", ConvergenceWarning, stacklevel=5)
        elif not self.trusted_:
            warnings.warn(f"{type(self).__name__}: {self.message_}", UserWarning, stacklevel=5)
