"""What scikit-learn asks of every estimator of the library, in one place."""

import functools
import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, validate_data

_DOC_TEMPLATE = "https://skvi.readthedocs.io/en/stable/{estimator_module}.html#{estimator_name}"


class VariationalEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of all estimators: validation, weights, callbacks, warnings, documentation links."""

    _doc_link_module = "skvi"
    _doc_link_template = _DOC_TEMPLATE

    def _validate_rows(self, X, *, reset):
        """Check X and return it as a real table, without a copy where it is one already."""
        return validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_min_samples=1, accept_large_sparse=False
        )

    def _validate_weights(self, sample_weight, X):
        """Check weights and return them as float64, ones where there are none."""
        if sample_weight is None:
            return np.ones(X.shape[0])
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)

    def _warn_not_converged(self, monitor, weight, max_iter, tol):
        warnings.warn(
            f"{type(self).__name__} did not converge in max_iter={max_iter} iterations: the last one gained "
            f"{monitor.gain / weight:.3g} nats per row, above tol={tol:g}. Raise max_iter or tol, or scale the "
            "features.",
            ConvergenceWarning,
            stacklevel=4,
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
