"""What all estimators share that take a model of the user's own."""

import warnings
from copy import deepcopy

import numpy as np
from sklearn.base import clone
from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags, TransformerTags, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skvi import _threads
from skvi.base import VariationalEstimator, check_classes, check_magnitude, check_same_classes, class_numbers
from skvi.blackbox._check import check_quickly
from skvi.blackbox._checks import column_ranges
from skvi.blackbox._jitted import batched
from skvi.blackbox._location_scale import GaussianLocationScale
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target

# Free numbers up to which a missing gradient is made up for by differences.
_MOST_DIFFERENCED = 50
# Draws and rows on which gradients are compared with differences, the step, and what may lie between the two.
_SLOPE_DRAWS = 5
_SLOPE_ROWS = 100
_SLOPE_STEP = 1e-4
_SLOPE_TOLERANCE = 0.05
# Quarters of a column's range in the standard deviation of the default model's prior of its mean.
_VAGUE = 10.0


def model_tags(model):
    """What a model tells scikit-learn of itself; a model need not be a BaseEstimator."""
    return get_tags(model) if hasattr(model, "__sklearn_tags__") else Tags(None, TargetTags(required=False))


def model_kind(model):
    """What a model makes of the estimator that takes it: a "classifier", a "regressor" or a "density"."""
    kind = model_tags(model).estimator_type
    if kind in {"classifier", "regressor"}:
        return kind
    return "regressor" if hasattr(model, "predict") else "density"


def check_slope(target):
    """Compare gradients with differences of the log density along a line, at a few draws and rows.

    Raises
    ------
    ValueError
        Where they differ at most of the draws.
    """
    rows = None if target.X is None else slice(0, _SLOPE_ROWS)
    few = target if rows is None else target.minibatch(rows)
    rng = np.random.default_rng(0)
    z, line = 0.3 * rng.standard_normal((2, _SLOPE_DRAWS, target.n_parameters))

    def differ(one, other):
        return np.abs(one - other) > _SLOPE_TOLERANCE * (1.0 + np.abs(one) + np.abs(other))

    with np.errstate(all="ignore"):
        rise, again = (
            (few.log_density(z + step * line) - few.log_density(z - step * line)) / (2.0 * step)
            for step in (_SLOPE_STEP, 10.0 * _SLOPE_STEP)
        )
        slope = np.sum(few.gradient(z) * line, axis=1)
        # Where the density is rounded so coarsely that differences contradict each other they accuse nobody.
        off = differ(rise, slope) & ~differ(rise, again)
    finite = np.isfinite(rise) & np.isfinite(slope)
    if (off & finite).sum() > 0.5 * finite.sum():
        worst = int(np.argmax(np.where(finite, np.abs(rise - slope), -1.0)))
        raise ValueError(
            f"the gradients of {type(target.model).__name__} are not those of its log densities: along a line the log "
            f"density rises at {rise[worst]:.4g}, the gradient says {slope[worst]:.4g}. check_model(model, X, y) names "
            "the coordinates that are off"
        )


class ModelPrior:
    """The prior of a model, which is known by its density.

    Parameters
    ----------
    model : object
        With the methods of the model protocol.
    """

    def __init__(self, model):
        self.model = model

    def log_prob(self, theta):
        """Log density (nats) at draws of the parameters, shape (T,)."""
        return self.model.log_prior(theta)

    def __repr__(self):
        return f"ModelPrior({self.model!r})"


class ModelEstimator(VariationalEstimator):
    """Base of estimators with a parameter `model`: rows, labels, tags and the target of inference."""

    def _kind(self):
        return model_kind(self.model)

    def _model_for(self, X):
        """A copy of the model; the default one is of the scale of X."""
        if self.model is None:
            middle, spread = column_ranges(X)
            return GaussianLocationScale(location=middle, scale=_VAGUE * spread, shape=1.0, rate=spread**2)
        try:
            return clone(self.model)
        except TypeError:
            return deepcopy(self.model)

    def _table_options(self):
        sparse = model_tags(self.model).input_tags.sparse
        return {"dtype": np.float64, "accept_sparse": "csr" if sparse else False}

    def _validate_data(self, X, y, *, reset):
        """Check rows and targets."""
        options = {"reset": reset, **self._table_options()}
        kind = self._kind()
        if kind == "density":
            X = validate_data(self, X, **options)
            check_magnitude("X", X)
            check_consistent_length(X, y)
            return X, None if y is None else np.asarray(y)
        X, y = validate_data(self, X, y, y_numeric=kind == "regressor", **options)
        check_magnitude("X", X)
        if kind == "classifier":
            check_classification_targets(y)
            return X, y
        check_magnitude("y", y)
        return X, np.asarray(y, dtype=np.float64)

    def _encoded(self, y, weights):
        """Labels of classifiers as their places among the classes."""
        return class_numbers(y, weights, self.classes_) if self._kind() == "classifier" else y

    def _rows(self, X, y, sample_weight, classes=None, *, reset, first=True):
        """Rows that count, with their targets and weights."""
        X, y = self._validate_data(X, y, reset=reset)
        weights = self._validate_weights(sample_weight, X)
        used = weights > 0.0
        if not used.any():
            raise ValueError("sample_weight is zero for all rows: give a positive weight to one at least")
        if not used.all():
            X, weights, y = X[used], weights[used], None if y is None else y[used]
        if self._kind() == "classifier":
            if first:
                self.classes_ = check_classes(np.unique(y if classes is None else np.asarray(classes)))
            else:
                check_same_classes(classes, self.classes_)
        return X, self._encoded(y, weights), weights

    def _make_target(self, model, X, y, weights):
        """The target of inference for rows; X is None for a density without data."""
        if X is None and hasattr(model, "log_likelihood"):
            raise ValueError(
                f"X=None, but {type(model).__name__} has a log_likelihood of rows: give X, or a model without one, "
                "such as from_density makes"
            )
        if not hasattr(model, "parameters"):
            raise ValueError(
                f"model={model!r}: give an object with the methods of the model protocol: parameters, log_prior and, "
                "for rows, log_likelihood; None is a model of location and scale"
            )
        model = batched(model, _threads.effective_n_jobs(self.n_jobs))
        layout = Layout(model.parameters(*self._with_all_classes(X, y)))
        check_quickly(model, layout, X, y)
        target = self._target(model, layout, X, y, weights)
        if target.has_gradient:
            check_slope(target)
        return target

    def _with_all_classes(self, X, y):
        """Rows and targets in which every class of a classifier occurs: a model counts them when it is fitted."""
        if self._kind() != "classifier":
            return X, y
        absent = np.setdiff1d(np.arange(len(self.classes_)), y)
        if not len(absent):
            return X, y
        return X[np.append(np.arange(X.shape[0]), np.zeros(len(absent), dtype=int))], np.append(y, absent)

    def _target(self, model, layout, X, y, weights):
        target = Target(model, layout, X, y, weights, _threads.effective_n_jobs(self.n_jobs))
        if not target.has_gradient and self._takes_gradients():
            self._warn_of_differences(model, layout)
        return target

    def _takes_gradients(self):
        """Whether a fit asks for the gradients of the model."""
        return True

    @staticmethod
    def _warn_of_differences(model, layout):
        missing = "grad_log_prior" if not hasattr(model, "grad_log_prior") else "grad_log_likelihood"
        if layout.n_free > _MOST_DIFFERENCED:
            raise ValueError(
                f"{type(model).__name__} has no {missing} and {layout.n_free} free parameters: differences serve up to "
                f"{_MOST_DIFFERENCED}; write the gradient"
            )
        warnings.warn(
            f"{type(model).__name__} has no {missing}: gradients are central differences, which take "
            f"{2 * layout.n_free} evaluations each; write it to be faster and more exact",
            UserWarning,
            stacklevel=7,
        )

    def _fitted_target(self, X, y=None):
        """The target of new rows at the model and layout of the fit."""
        check_is_fitted(self)
        if y is None and self._kind() != "density":
            X = validate_data(self, X, reset=False, **self._table_options())
            check_magnitude("X", X)
        else:
            X, y = self._validate_data(X, y, reset=False)
            y = self._encoded(y, np.ones(X.shape[0]))
        n_jobs = _threads.effective_n_jobs(self.n_jobs)
        return Target(self.model_, self._layout, X, y, np.ones(X.shape[0]), n_jobs)

    def __sklearn_tags__(self):
        tags, of_model = super().__sklearn_tags__(), model_tags(self.model)
        kind = self._kind()
        tags.estimator_type = "density_estimator" if kind == "density" else kind
        if hasattr(self, "transform"):
            tags.transformer_tags = TransformerTags()
        if kind == "classifier":
            multi_class = of_model.classifier_tags is None or of_model.classifier_tags.multi_class
            tags.classifier_tags = ClassifierTags(poor_score=True, multi_class=multi_class)
        elif kind == "regressor":
            tags.regressor_tags = RegressorTags(poor_score=True)
        tags.input_tags = of_model.input_tags
        tags.target_tags.required = kind != "density"
        tags.target_tags.positive_only = of_model.target_tags.positive_only
        return tags
