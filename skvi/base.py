"""What scikit-learn asks of every estimator of the library, in one place."""

import functools
import warnings
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data

from skvi import _threads
from skvi.engine.loop import Restart, Result, run
from skvi.engine.mini_batches import Memoized, Online
from skvi.engine.monitor import Monitor
from skvi.engine.schedules import Batch

_LARGEST = 1e100
_PLAIN = {bool, int, float, str, type(None)}
_MOST_VALID = 10000
#: parameters of estimators that were found valid
_valid = set()
_generators = []
_BATCH_ROWS = 1024
_MEMOIZED_BATCHES = 20
_DOC_TEMPLATE = "https://skvi.readthedocs.io/en/stable/{estimator_module}.html#{estimator_name}"


class VariationalEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of all estimators: validation, weights, callbacks, warnings, documentation links."""

    _doc_link_module = "skvi"
    _doc_link_template = _DOC_TEMPLATE

    @classmethod
    @functools.cache
    def _get_param_names(cls):
        # Reading a signature takes longer than a sweep over small data, and every fit validates its parameters.
        return super()._get_param_names()

    def _validate_params(self):
        # Plain values are valid or not whoever has them, and to find out takes longer than sweeps over small data.
        values = tuple(self.get_params(deep=False).values())
        kinds = tuple(map(type, values))
        plain = _PLAIN.issuperset(kinds)
        if plain and (type(self), kinds, values) in _valid:
            return
        super()._validate_params()
        if plain and len(_valid) < _MOST_VALID:
            _valid.add((type(self), kinds, values))

    def _random_state(self):
        """Context of the generator that `random_state` asks for."""
        if isinstance(self.random_state, Integral):
            return lent_random_state(self.random_state)
        return nullcontext(check_random_state(self.random_state))

    def _validate_rows(self, X, *, reset):
        """Check X and return it as a real table, without a copy where it is one already."""
        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        check_magnitude("X", X)
        return X

    def _validate_weights(self, sample_weight, X):
        """Check weights and return them as float64, ones where there are none."""
        if sample_weight is None:
            return np.ones(X.shape[0])
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


@contextmanager
def lent_random_state(seed):
    """Lend a RandomState of that seed: making a new one takes longer than a sweep over small data."""
    try:
        generator = _generators.pop()
    except IndexError:
        generator = np.random.RandomState()
    try:
        generator.seed(seed)
        yield generator
    finally:
        _generators.append(generator)


def check_magnitude(name, values):
    """Raise ValueError where an array, or the stored entries of a sparse one, have squares that overflow."""
    values = values.data if sparse.issparse(values) else values
    largest = max(float(values.max()), -float(values.min())) if values.size else 0.0
    if largest > _LARGEST:
        raise ValueError(
            f"{name} holds a number of magnitude {largest:.3g}: squares beyond {_LARGEST:g} overflow; scale it"
        )


def check_count(name, value):
    """Raise ValueError where an argument is no positive integer."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r}: give a positive integer")


def check_classes(classes):
    """Return the classes, at least two."""
    if len(classes) == 1:
        raise ValueError(
            f"y holds one class alone, {classes.tolist()[0]!r}: give rows of two classes or more with positive "
            "weights, or name all in the `classes` of partial_fit"
        )
    return classes


def check_same_classes(classes, begun):
    """Raise ValueError where classes are given that are not those of the first partial_fit."""
    if classes is not None and not np.array_equal(np.unique(classes), begun):
        raise ValueError(f"classes={classes!r}, but the first call of partial_fit had {begun.tolist()}")


def class_numbers(y, weights, classes):
    """Position of each row's class; of rows without weight any."""
    unknown = np.setdiff1d(y[weights > 0.0], classes)
    if len(unknown):
        raise ValueError(f"y holds {unknown[0]!r}, which is none of the classes {classes.tolist()}")
    return np.minimum(np.searchsorted(classes, y), len(classes) - 1)


def check_same_n_components(estimator, begun):
    """Raise ValueError where n_components has changed since the first partial_fit, which had so many."""
    if estimator.n_components != begun:
        raise ValueError(
            f"n_components={estimator.n_components}, but partial_fit began with {begun}: call fit, or set it back"
        )


def restores_on_error(method):
    """Decorate a method that fits: where it raises, the estimator is as it was before.

    KeyboardInterrupt counts too, so that an interrupted fit leaves the previous one usable.
    """

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapper


class SweepObserver:
    """Tells scikit-learn's callbacks of each sweep of a fit, and whether one of them asks to stop.

    Parameters
    ----------
    estimator : VariationalEstimator
    X : array of the fit
    max_iter : int
    state : callable
        Takes the leading restart; returns its fitted attributes as they stand.
    """

    def __init__(self, estimator, X, max_iter, state):
        self.estimator = estimator
        self.X = X
        self.state = state
        self.context = estimator._init_callback_context(max_subtasks=max_iter)
        self.active = bool(getattr(estimator, "_skl_callbacks", None) or hasattr(estimator, "_parent_callback_ctx"))
        self.context.call_on_fit_task_begin(estimator=estimator, X=X)

    @property
    def idle(self):
        """Whether nobody is to be told of sweeps."""
        return not (self.active or self.estimator.verbose)

    def begin(self, iteration):
        """Open the subtask of a sweep."""
        if self.active:
            self._sweep = self.context.subcontext(task_name="sweep")
            self._sweep.call_on_fit_task_begin(estimator=self.estimator, X=self.X)

    def end(self, iteration, leading):
        """Close the subtask of a sweep; return whether to stop."""
        verbose = self.estimator.verbose
        if verbose and (iteration + 1) % self.estimator.verbose_interval == 0:
            gain = f", gained {leading.monitor.gain:.6g}" if verbose > 1 else ""
            print(f"{type(self.estimator).__name__} iteration {iteration + 1}: bound {leading.bound:.8g} nats{gain}")
        return self.active and self._sweep.call_on_fit_task_end(
            estimator=self.estimator, X=self.X, reconstruction_attributes=lambda: self.state(leading)
        )

    def close(self):
        """Close the task of the fit."""
        self.context.call_on_fit_task_end(estimator=self.estimator, X=self.X)


class ConjugateEstimator(VariationalEstimator):
    """An estimator whose posterior the engine finds: schedules, restarts, streaming, and what a fit leaves.

    Subclasses give `_attributes(schedule, restart)`, the fitted attributes that are theirs alone.
    """

    _parameter_constraints = {
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
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

    def _n_threads(self):
        return _threads.effective_n_jobs(self.n_jobs)

    def _make_schedule(self, model, prior, rows, random_state, reorder):
        """The engine's schedule that `learning_method` names."""
        shared = {"n_jobs": self._n_threads(), "reorder": reorder}
        if self.learning_method == "batch":
            return Batch(model, prior, rows, **shared)
        shared["rng"] = random_state
        if self.learning_method == "memoized":
            size = self.batch_size or max(_BATCH_ROWS, -(-rows.n_rows // _MEMOIZED_BATCHES))
            return Memoized(model, prior, rows, batch_size=size, **shared)
        steps = {"decay": self.learning_decay, "offset": self.learning_offset}
        return Online(model, prior, rows, batch_size=self.batch_size or _BATCH_ROWS, **steps, **shared)

    def _run(self, schedule, starts, X, sort):
        """Run the engine from the starts; tell callbacks of each sweep, and users where it did not converge."""

        def state(leading):
            fitted = self._fitted(schedule, leading)
            # Later sweeps may write over it; priors stay as they are.
            return deepcopy(fitted, {id(fitted["prior_"]): fitted["prior_"]})

        weight = schedule.whole_weight
        restarts = [Restart(Monitor(self.tol * weight, schedule.patience)) for _ in starts]
        observer = SweepObserver(self, X, self.max_iter, state)
        try:
            schedule.start(restarts, starts)
            # They are as large as posteriors.
            starts.clear()
            told = None if observer.idle else observer
            result = run(schedule, restarts, max_iter=self.max_iter, sort=sort, observer=told)
        except (np.linalg.LinAlgError, FloatingPointError) as error:
            raise ValueError(
                f"{type(self).__name__} met numbers beyond float64 ({error}): X or the prior spans too many orders "
                "of magnitude; scale the features, or give a prior on their scale"
            ) from error
        observer.close()
        if not (result.converged or result.stopped):
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} iterations: "
                f"{self._last_gain(result.best.monitor, weight)} at tol={self.tol:g}. Raise max_iter or tol, or "
                "scale the features.",
                ConvergenceWarning,
                stacklevel=5,
            )
        return result

    @staticmethod
    def _last_gain(monitor, weight):
        if not np.isfinite(monitor.gain):
            return "a gain takes two of them"
        return f"the last one gained {monitor.gain / weight:.3g} nats per row"

    def _stream(self, model, prior, rows, starts, X, first):
        """Take in rows on top of those seen: exactly, or by one step as a sample of total_samples rows."""
        if self.total_samples is not None:
            return self._step(model, prior, rows, starts, first)
        past = None if first else self._summary
        if past is None and not first:
            raise ValueError(
                "total_samples=None after partial_fit with total_samples: stochastic steps keep no sums of the "
                "earlier rows, so that new ones cannot be added to them; call fit, or set total_samples again"
            )
        schedule = Batch(model, prior, rows, self._n_threads(), past=past)
        return self._keep(schedule, self._run(schedule, starts, X, sort=False))

    def _step(self, model, prior, rows, starts, first):
        schedule = Online(
            model,
            prior,
            rows,
            n_jobs=self._n_threads(),
            batch_size=rows.n_rows,
            rng=np.random.RandomState(0),
            decay=self.learning_decay,
            offset=self.learning_offset,
            total_weight=float(self.total_samples),
        )
        restart = Restart(Monitor(0.0), prior=prior, posterior=starts[0])
        if first:
            schedule.start([restart], starts[:1])
        restart.steps = 0 if first else self._online_steps
        schedule.sample(restart)
        restart.monitor.record(restart.bound)
        self._keep(schedule, Result(restart, [restart.bound], 1, converged=False, stopped=True))
        self._summary = None
        return self

    def _fitted(self, schedule, restart):
        """Fitted attributes of a restart as it stands."""
        return {
            "prior_": restart.prior,
            "posterior_": restart.posterior,
            "elbo_": restart.bound,
            "elbo_history_": list(restart.monitor.bounds),
            "n_iter_": len(restart.monitor.bounds),
            "converged_": restart.monitor.converged,
            "_summary": schedule.model.lasting(restart.summary, restart.posterior),
            "_online_steps": restart.steps,
            **self._attributes(schedule, restart),
        }

    def _keep(self, schedule, result):
        """Store what a fit found."""
        vars(self).update(self._fitted(schedule, result.best))
        self.restart_elbos_ = np.array(result.bounds)
        self.n_iter_ = result.n_iter
        return self
