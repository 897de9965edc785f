"""Targets that are classes: their numbers and weights, and which model, prior and starts go with how many."""

import numpy as np
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skvi.base import check_magnitude, class_numbers
from skvi.families import (
    CenteredGivenPrecision,
    CenteredIndependent,
    CenteredIntercept,
    CenteredNormal,
    Gamma,
    Joint,
    NormalGivenPrecision,
)
from skvi.families.centered import centered, centered_var
from skvi.linear_model._glm import TABLE, GeneralizedLinearVI
from skvi.models.likelihoods import BernoulliLogit, JaakkolaLogit
from skvi.models.multinomial import Contrasts
from skvi.models.sites import Observations
from skvi.models.softmax import Softmax, log_probabilities

#: of two classes, by the parameter `bound`
LIKELIHOODS = {"exact": BernoulliLogit, "jaakkola": JaakkolaLogit}
# What more than two classes need.
_OF_SEVERAL = {"bound": "exact", "covariance": "full"}


class GeneralizedLinearClasses(GeneralizedLinearVI):
    """Base of classifiers: two classes have one linear predictor, more have one each."""

    def _validate_pairs(self, X, y, *, reset):
        X, y = validate_data(self, X, y, reset=reset, **TABLE)
        check_classification_targets(y)
        check_magnitude("X", X)
        return X, y

    def _observations(self, X, y, weights, score=False):
        """Rows with y as numbers of classes; outside of scores their weights times those of their classes."""
        numbers = class_numbers(y, weights, self.classes_)
        if self.class_weight is not None and not score:
            weights = weights * class_factors(self.class_weight, self.classes_, y, weights)[numbers]
        return Observations(X, numbers.astype(np.float64), weights)

    @property
    def _several(self):
        """Whether there are more than two classes."""
        return len(self.classes_) > 2

    def _likelihood(self):
        return Softmax(len(self.classes_)) if self._several else LIKELIHOODS[self.bound]()

    @property
    def _n_sets(self):
        return len(self.classes_) if self._several else 1

    def _form(self, rows, whole):
        if not self._several:
            return super()._form(rows, whole)
        for name, value in self._binary_settings():
            raise ValueError(
                f"Only binary classification is supported with {name}={value!r}, and y holds {len(self.classes_)} "
                f"classes: take {name}={_OF_SEVERAL[name]!r}"
            )
        return Contrasts()

    def _binary_settings(self):
        """Parameters that allow two classes alone, with their values."""
        return [(name, getattr(self, name)) for name in _OF_SEVERAL if getattr(self, name) != _OF_SEVERAL[name]]

    def _prior_and_starts(self, rows, columns, groups, form, random_state):
        prior, starts = super()._prior_and_starts(rows, columns, groups, form, random_state)
        if self._several:
            prior = centered_prior(prior)
            starts = [centered_start(prior, start) for start in starts]
        return prior, starts

    def _linked(self, likelihood, rows):
        mean = shares(rows.y.astype(int), rows.weights, len(self.classes_))
        mean = mean if self._several else mean[1]
        linked = likelihood.link(mean)
        linked = linked if self.fit_intercept else np.zeros_like(linked)
        return linked, likelihood.curvature(mean, linked)

    def _attributes(self, schedule, restart):
        attributes = super()._attributes(schedule, restart)
        coef, intercept = attributes["coef_"], attributes["intercept_"]
        return attributes | {"coef_": np.atleast_2d(coef), "intercept_": np.atleast_1d(intercept)}

    def _axis_of_outputs(self, n_outputs):
        return "class", self.classes_

    def _eta_moments(self, X):
        mean, var = super()._eta_moments(X)
        return (centered(mean), centered_var(var)) if self._several else (mean, var)

    def _log_probabilities(self, X):
        """Logarithms of the probabilities of several classes, shape (n_classes, n_samples)."""
        rows = Observations(X, np.zeros(X.shape[0]), np.ones(X.shape[0]))
        return self._over_rows(rows, lambda _, mean, var: log_probabilities(mean, var))


def class_factors(class_weight, classes, y, weights):
    """Factors of the weights by class, as scikit-learn has them."""
    used = np.isin(y, classes)
    return compute_class_weight(class_weight, classes=classes, y=y[used], sample_weight=weights[used])


def shares(numbers, weights, n_classes):
    """Weighted share of each class; as if half a row more had been seen where partial_fit begins without one."""
    counts = np.bincount(numbers, weights, n_classes)
    counts = counts if counts.all() else counts + 0.5
    return counts / counts.sum()


def centered_prior(prior):
    """The prior of several classes, equal for all of them but for the intercepts, about their mean."""
    factors, weights = dict(prior.items()), prior.weights
    if isinstance(weights, NormalGivenPrecision):
        factors["weights"] = CenteredGivenPrecision(weights.parent, weights.groups, weights.shape)
    else:
        factors["weights"] = CenteredIndependent(weights.mean, weights.precision)
    if "intercept" in prior:
        factors["intercept"] = CenteredIndependent(prior.intercept.mean, prior.intercept.precision)
    return Joint(**factors)


def centered_start(prior, start):
    """A start of several classes about their mean."""
    factors, q = dict(start.items()), start.weights
    factors["weights"] = CenteredNormal(q.mean, q.precision)
    if "intercept" in start:
        b = start.intercept
        factors["intercept"] = CenteredIntercept(b.mean, b.precision, b.slope, factors["weights"])
    if "weight_precision" in start:
        old, hyper = start.weight_precision, prior.weight_precision
        shape = hyper.shape + (old.shape - hyper.shape) * factors["weights"].free
        factors["weight_precision"] = Gamma(shape, shape / old.mean)
    return Joint(**factors)
