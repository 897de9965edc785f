"""What models of the same kind of target share: normal noise, and classes."""

import numpy as np

from skvi.blackbox._checks import needed_target, target_range
from skvi.blackbox._densities import LOG_2PI, bounded, gamma_slope, log_gamma, never_nan, quiet
from skvi.gradient.observations import class_densities, class_slopes, normal_slopes
from skvi.gradient.parameters import Parameter


class NormalNoise:
    """Targets that are normal about a model's `predict`, of the precision `noise_precision`, whose prior is Gamma.

    The model has the hyper-parameters `noise_shape` and `noise_rate`.
    """

    def _noise_parameter(self, y):
        _, spread = target_range(y)
        return Parameter("noise_precision", (), "positive", start=spread**-2)

    def _log_noise_prior(self, theta):
        return log_gamma(theta["noise_precision"], self.noise_shape, self.noise_rate)

    def _noise_prior_slope(self, theta):
        return gamma_slope(theta["noise_precision"], self.noise_shape, self.noise_rate)

    @quiet
    def log_likelihood(self, theta, X, y):
        """Log density of each y, shape (T, N)."""
        precision = bounded(theta["noise_precision"])[:, None]
        squares = (y - self.predict(theta, X)) ** 2
        return never_nan(0.5 * (np.log(precision) - LOG_2PI) - (0.5 * precision) * squares)

    def _noise_slopes(self, theta, means, y, row_weight):
        """Weighted derivatives of the log density in the means, which are written over, and in the precision."""
        precision = bounded(theta["noise_precision"])
        slopes, squares = normal_slopes(means, y, row_weight, precision)
        return slopes, 0.5 * (np.sum(row_weight) / precision - squares)

    def sample(self, theta, X, rng):
        """Draw y of each row, shape (T, N)."""
        means = self.predict(theta, X)
        return means + rng.standard_normal(means.shape) / np.sqrt(bounded(theta["noise_precision"]))[:, None]


class Classes:
    """Targets that are classes 0, ..., K - 1, by a model's `_outputs`.

    Two classes have one output, of shape (T, N): the log-odds of class 1. More have one each, of shape (T, K, N), whose
    softmax are the probabilities.
    """

    def _output_shape(self, y):
        """Shape of the outputs of a row."""
        n_classes = int(self._labels(y).max()) + 1
        if n_classes < 2:
            raise ValueError(f"{type(self).__name__}: y holds one class alone: give rows of two or more classes")
        return () if n_classes == 2 else (n_classes,)

    @quiet
    def _labels(self, y):
        """The classes as integers."""
        y = needed_target(self, y)
        labels = y.astype(np.intp)
        wrong = (labels != y) | (labels < 0)
        if wrong.any():
            raise ValueError(f"{type(self).__name__} takes classes 0, 1, ..., K - 1, and y holds {y[wrong][0]}")
        return labels

    @quiet
    def log_likelihood(self, theta, X, y):
        """Log-probability of each y, shape (T, N)."""
        outputs, labels = self._outputs(theta, X), self._labels(y)
        n_classes = 2 if outputs.ndim == 2 else outputs.shape[1]
        if len(labels) and labels.max() >= n_classes:
            raise ValueError(
                f"{type(self).__name__}: y holds class {labels.max()}, and there are {n_classes} from 0 on"
            )
        if outputs.ndim == 2:
            return class_densities(outputs, labels)
        outputs -= outputs.max(axis=1, keepdims=True)
        own = outputs[:, labels, np.arange(len(labels))]
        return never_nan(own - np.log(np.exp(outputs, out=outputs).sum(axis=1)))

    @quiet
    def predict(self, theta, X):
        """Probability of each class, shape (T, N, K)."""
        outputs = self._outputs(theta, X)
        if outputs.ndim == 2:
            return np.stack([_sigmoid(-outputs), _sigmoid(outputs)], axis=2)
        parts, wholes = _softmax_parts(outputs)
        return np.moveaxis(np.divide(parts, wholes, out=parts), 1, 2)

    def sample(self, theta, X, rng):
        """Draw the class of each row, shape (T, N)."""
        cumulative = np.cumsum(self.predict(theta, X)[..., :-1], axis=2)
        uniform = rng.random(cumulative.shape[:2])
        return (uniform[..., None] >= cumulative).sum(axis=2)

    @quiet
    def _class_slopes(self, outputs, y, row_weight):
        """Weighted derivatives of the log-probabilities in the outputs, which are written over."""
        if outputs.ndim == 2:
            return class_slopes(outputs, y, row_weight)
        slopes, wholes = _softmax_parts(outputs)
        slopes *= -(row_weight / wholes)
        slopes[:, np.asarray(y, dtype=np.intp), np.arange(len(y))] += row_weight
        return slopes


def _sigmoid(outputs):
    """Probability of class 1 from its log-odds, which are written over."""
    np.exp(np.negative(outputs, out=outputs), out=outputs)
    outputs += 1.0
    return np.reciprocal(outputs, out=outputs)


def _softmax_parts(outputs):
    """Numerators of the softmax, written over the outputs, and denominators."""
    outputs -= outputs.max(axis=1, keepdims=True)
    np.exp(outputs, out=outputs)
    return outputs, outputs.sum(axis=1, keepdims=True)
