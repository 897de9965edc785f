"""What draws of a model's parameters say of rows: scores, densities, predictions."""

import importlib
import inspect
from contextlib import suppress

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skvi.blackbox._base import model_kind
from skvi.families.base import tail_probabilities

# Draws of a row's target from which its predictive interval is read.
_PREDICTIVE_DRAWS = 2000


def _of_kind(*kinds):
    """A check for `available_if`: the estimator's model is one of these kinds."""

    def check(estimator):
        kind = model_kind(estimator.model)
        if kind not in kinds:
            raise AttributeError(f"{type(estimator).__name__} of a {kind} does not have it")
        return True

    return check


def has(name):
    """A check for `available_if`: the model has this method."""

    def check(estimator):
        if estimator.model is not None and not hasattr(estimator.model, name):
            raise AttributeError(f"the model {type(estimator.model).__name__} has no {name}")
        return True

    return check


def _samples(estimator):
    return _of_kind("regressor")(estimator) and has("sample")(estimator)


def _scores_rows(estimator):
    return _of_kind("density")(estimator) and has("log_likelihood")(estimator)


class DrawPredictions:
    """Scores and predictions of estimators whose posterior is draws: `_draws()` are those of the parameters."""

    def _draws(self):
        return self.posterior_.draws

    @available_if(has("log_likelihood"))
    def score(self, X, y=None, sample_weight=None):
        """Return the mean evidence lower bound of a row, in nats: the draws' mean log-likelihood, E_q[log p(y | x)].

        The posterior stays as it is and is averaged over. It bounds the mean log predictive density from below and is
        what cross-validation compares; it is no R2 and no accuracy, which `scoring="r2"` and `scoring="accuracy"`
        give.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        target = self._fitted_target(X, y)
        weights = self._validate_weights(sample_weight, target.X)
        return float(np.average(target.expected_log_likelihood(self._draws()), weights=weights))

    @available_if(has("log_likelihood"))
    def pointwise_log_likelihood(self, X, y=None):
        """Return the log-likelihood (nats) of each row under each draw, shape (n_draws, n_samples).

        It is what importance-sampled leave-one-out cross-validation starts from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        """
        return self._fitted_target(X, y).log_likelihood(self._draws())

    def _log_mean_likelihood(self, X, y=None):
        return self._fitted_target(X, y).log_mean_likelihood(self._draws())

    @available_if(_scores_rows)
    def score_samples(self, X):
        """Return the log posterior predictive density of each row (nats), shape (n_samples,).

        The density itself is averaged over the draws: its logarithm is above the row's part of `score`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        return self._log_mean_likelihood(X)

    @available_if(_of_kind("regressor", "classifier"))
    def log_predictive_density(self, X, y):
        """Return the log posterior predictive density of each row's target (nats), shape (n_samples,).

        The density itself is averaged over the draws: its logarithm is above the row's part of `score`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        """
        return self._log_mean_likelihood(X, y)

    def _over_rows(self, X, function):
        """A function of rows for all of them, joined along the second axis."""
        target = self._fitted_target(X)
        n_draws = len(next(iter(self._draws().values())))
        return np.concatenate(target.over_rows(n_draws, lambda rows, y, weight: function(rows)), axis=1)

    def _predicted(self, X):
        """What each draw predicts of each row."""
        return self._over_rows(X, self._predict_each)

    def _predicted_mean(self, X):
        """What draws predict of each row on average, a chunk of rows at a time."""
        return self._over_rows(X, lambda rows: self._predict_each(rows).mean(axis=0, keepdims=True))[0]

    def _predict_each(self, rows):
        return np.asarray(self.model_.predict(self._draws(), rows), np.float64)

    @available_if(_of_kind("regressor", "classifier"))
    def predict(self, X, return_std=False):
        """Return the posterior predictive mean of each row, or of a classifier's rows the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return the posterior predictive standard deviations too, noise included; of regressors whose
            model can `sample`.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,)
        y_std : ndarray of shape (n_samples,)
            With `return_std`.
        """
        check_is_fitted(self)
        if self._kind() == "classifier":
            if return_std:
                raise ValueError("return_std=True: classes have no standard deviation; see predict_proba")
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        mean = self._predicted_mean(X)
        if not return_std:
            return mean
        _samples(self)
        return mean, self._over_sampled(X, lambda draws: draws.std(axis=0, keepdims=True))[0]

    def _over_sampled(self, X, summary):
        """A summary of each row's predictive draws, joined along the second axis."""
        return self._over_rows(X, lambda rows: summary(self._sampled(rows)))

    def _sampled(self, rows):
        """Draws of the targets of rows, the same at each call: shape (n_draws, n_rows)."""
        draws = self._draws()
        n_draws = len(next(iter(draws.values())))
        chosen = np.arange(max(n_draws, _PREDICTIVE_DRAWS)) % n_draws
        theta = {name: values[chosen] for name, values in draws.items()}
        return self.model_.sample(theta, rows, np.random.default_rng(0))

    @available_if(_samples)
    def predict_interval(self, X, level=0.9):
        """Return central posterior predictive intervals, noise included, shape (n_samples, 2).

        They are quantiles of at least 2000 draws of the target, the same ones whenever the rows are the same.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        level : float, default=0.9
            Probability of each interval, between 0 and 1.
        """
        tails = tail_probabilities(level)
        return self._over_sampled(X, lambda draws: np.quantile(draws, tails, axis=0)).T

    @available_if(_of_kind("classifier"))
    def predict_proba(self, X):
        """Return the posterior predictive probabilities of the classes, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        return self._predicted_mean(X)

    @available_if(_of_kind("classifier"))
    def predict_log_proba(self, X):
        """Return the logarithms of `predict_proba`, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def sample(self, n=1, random_state=None):
        """Draw parameters from the posterior, shape (n, n_parameters), in the order of `parameter_names_`.

        Parameters
        ----------
        n : int, default=1
        random_state : int, RandomState instance or None, default=None
        """
        check_is_fitted(self)
        return self._layout.flatten(self.posterior_.sample(n, check_random_state(random_state)))

    def summary(self, level=0.9):
        """Return what is known of each parameter: mean, standard deviation, interval, probability of its sign.

        Parameters
        ----------
        level : float, default=0.9
            Probability of the central intervals.

        Returns
        -------
        DataFrame
            One row for each number among the parameters.
        """
        check_is_fitted(self)
        draws = self._layout.flatten(self._draws())
        mean = draws.mean(axis=0)
        lower, upper = np.quantile(draws, tail_probabilities(level), axis=0)
        same_sign = np.mean(np.sign(draws) == np.sign(mean), axis=0)
        columns = {"mean": mean, "sd": draws.std(axis=0), "lower": lower, "upper": upper}
        return pd.DataFrame(columns | {"probability_of_sign": same_sign}, index=self.parameter_names_)

    def to_arviz(self, X=None, y=None):
        """Return the draws as ArviZ holds them: one chain, the parameters by name.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows whose log-likelihoods under each draw are to be added, as "rows", for `arviz.loo` and
            `arviz.compare`; None adds none.
        y : array-like of shape (n_samples,), default=None

        Returns
        -------
        arviz.InferenceData
            Since ArviZ 1.0 an xarray.DataTree.

        Raises
        ------
        ImportError
            Where neither ArviZ nor its part arviz-base is installed.
        """
        check_is_fitted(self)
        groups = {"posterior": {name: draws[None] for name, draws in self._draws().items()}}
        if X is not None:
            groups["log_likelihood"] = {"rows": self.pointwise_log_likelihood(X, y)[None]}
        from_dict = _from_dict_of_arviz()
        # Groups were keywords before ArviZ 1.0, and are entries of one dictionary since.
        return from_dict(**groups) if "posterior" in inspect.signature(from_dict).parameters else from_dict(groups)


def _from_dict_of_arviz():
    for library in ("arviz", "arviz_base"):
        with suppress(ImportError):
            return importlib.import_module(library).from_dict
    raise ImportError("to_arviz needs ArviZ: pip install arviz")
