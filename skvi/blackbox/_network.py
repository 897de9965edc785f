"""Bayesian neural networks of one hidden layer."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skvi.blackbox._checks import check_choice, check_numbers, needed_target, precision_of, target_range
from skvi.blackbox._densities import bounded, gamma_slope, log_gamma, log_normal, quiet, total_square, trailing
from skvi.blackbox._observations import Classes, NormalNoise
from skvi.gradient.compiled import CLASSES, NORMAL, network_gradient
from skvi.gradient.layers import HiddenLayer
from skvi.gradient.parameters import Parameter

_WEIGHTS = ("hidden_weights", "hidden_biases", "output_weights", "output_biases")
#: activations of a block of rows stay in the processor's cache
_BLOCK = 2**18


class _Network(BaseEstimator):
    """A hidden layer, linear outputs, and normal weights and biases of one unknown precision."""

    def _check(self):
        if not (isinstance(self.n_hidden, Integral) and self.n_hidden >= 1):
            raise ValueError(f"{type(self).__name__}(n_hidden={self.n_hidden!r}): give a positive integer")
        check_choice(self, "activation", ("relu", "tanh"))
        check_numbers(self, "precision_shape", "precision_rate")
        if not self._learns_precision:
            check_numbers(self, "weight_precision")

    @property
    def _learns_precision(self):
        return isinstance(self.weight_precision, str) and self.weight_precision == "learn"

    def _precision(self, theta):
        """The precision of weights and biases at each draw, shape (T,)."""
        if self._learns_precision:
            return bounded(theta["weight_precision"])
        return np.full(len(theta["hidden_biases"]), float(self.weight_precision))

    def _weight_parameters(self, X, shape=(), start=0.0, unit=1.0):
        """Parameters of a network whose outputs have a shape and move by about a unit."""
        self._check()
        n_columns, n_hidden = X.shape[1], int(self.n_hidden)
        hidden, output = 1.0 / np.sqrt(n_columns + 1.0), unit / np.sqrt(n_hidden + 1.0)
        weights = [
            Parameter("hidden_weights", (n_hidden, n_columns), scale=hidden),
            Parameter("hidden_biases", n_hidden, scale=hidden),
            Parameter("output_weights", (*shape, n_hidden), scale=output),
            Parameter("output_biases", shape, start=start, scale=output),
        ]
        return [*weights, precision_of(*weights)] if self._learns_precision else weights

    def log_prior(self, theta):
        """Log density of the prior at each draw, shape (T,)."""
        self._check()
        precision = self._precision(theta)
        density = sum(log_normal(theta[name], trailing(precision, theta[name])) for name in _WEIGHTS)
        if self._learns_precision:
            density += log_gamma(theta["weight_precision"], self.precision_shape, self.precision_rate)
        return density

    @quiet
    def grad_log_prior(self, theta):
        """Gradient of the prior's log density at each draw."""
        precision = self._precision(theta)
        gradient = {name: -trailing(precision, theta[name]) * theta[name] for name in _WEIGHTS}
        if not self._learns_precision:
            return gradient
        n_weights = sum(theta[name][0].size for name in _WEIGHTS)
        squares = sum(total_square(theta[name]) for name in _WEIGHTS)
        slope = gamma_slope(theta["weight_precision"], self.precision_shape, self.precision_rate)
        gradient["weight_precision"] = slope + 0.5 * (n_weights / precision - squares)
        return gradient

    def _hidden_layer(self, theta):
        """The network of each draw, and the shape of its outputs of a row."""
        weights, biases = theta["output_weights"], theta["output_biases"]
        layer = HiddenLayer(
            np.asarray(theta["hidden_weights"], dtype=float),
            np.asarray(theta["hidden_biases"], dtype=float),
            np.asarray(weights, dtype=float).reshape(len(weights), -1, weights.shape[-1]),
            np.asarray(biases, dtype=float).reshape(len(biases), -1),
            self.activation == "relu",
        )
        return layer, biases.shape[1:]

    def _blocks(self, X, theta):
        """Places of rows whose activations stay in the cache."""
        n_draws, n_hidden = theta["hidden_biases"].shape
        size = max(32, _BLOCK // max(1, n_draws * n_hidden))
        return [slice(first, first + size) for first in range(0, len(X), size)]

    @quiet
    def _outputs(self, theta, X):
        """Outputs of the network, shape (T, N) or (T, K, N)."""
        layer, shape = self._hidden_layer(theta)
        n_draws = len(theta["output_biases"])
        outputs = np.empty((n_draws, *shape, len(X)))
        for rows in self._blocks(X, theta):
            outputs[..., rows] = layer.outputs(X[rows]).reshape(n_draws, *shape, -1)
        return outputs

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log densities times their weights, at each draw."""
        (layer, shape), gradient = self._hidden_layer(theta), None
        n_draws = len(theta["output_biases"])
        for rows in self._blocks(X, theta):
            outputs = layer.outputs(X[rows]).reshape(n_draws, *shape, -1)
            slopes, own = self._slopes(theta, outputs, y[rows], row_weight[rows])
            parts = layer.pull_back(slopes.reshape(n_draws, -1, slopes.shape[-1]))
            part = {name: part.reshape(theta[name].shape) for name, part in zip(_WEIGHTS, parts, strict=True)} | own
            gradient = part if gradient is None else {name: gradient[name] + part[name] for name in part}
        if self._learns_precision:
            gradient["weight_precision"] = np.zeros(n_draws)
        return gradient

    def _compiled(self, X, y, likelihood, noise=(1.0, 1.0)):
        """The gradient of rows of rectifiers with one output, the prior of normal noise being Gamma."""
        if self.activation != "relu":
            return None
        n_weights = self.n_hidden * (X.shape[1] + 2) + 1
        given = None if self._learns_precision else np.full(n_weights, float(self.weight_precision))
        priors = 0.0, self.precision_shape, self.precision_rate, *noise
        return network_gradient(X, y, self.n_hidden, given, likelihood, priors)


class NeuralNetworkRegressionModel(RegressorMixin, NormalNoise, _Network):
    """A Bayesian neural network of one hidden layer, for regression: the model of Liu & Wang (2016).

    y_n ~ Normal(w'h_n + b, 1 / noise_precision) with hidden units h_nj = activation(v_j'x_n + a_j). All weights and
    biases ~ Normal(0, 1 / weight_precision), weight_precision ~ Gamma(precision_shape, precision_rate),
    noise_precision ~ Gamma(noise_shape, noise_rate).

    Parameters
    ----------
    n_hidden : int, default=50
        Number of hidden units.
    activation : {"relu", "tanh"}, default="relu"
        What each hidden unit makes of its linear predictor.
    weight_precision : float or "learn", default="learn"
        Precision of the prior of weights and biases. With "learn" it is one more parameter, as in the paper; the
        density then is by far the highest at a precision that lets all weights vanish, where methods that seek modes
        end once they have converged.
    precision_shape, precision_rate : float, default=1.0 and 0.1
        Shape and rate of the Gamma prior of a learned `weight_precision`.
    noise_shape, noise_rate : float, default=1.0 and 0.1
        Shape and rate of the Gamma prior of the noise's precision.

    Notes
    -----
    Parameters: `hidden_weights` of shape (n_hidden, n_features), `hidden_biases` and `output_weights` of shape
    (n_hidden,), `output_biases`, `noise_precision`, and `weight_precision` where it is learned. Standardise columns
    and y.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import NeuralNetworkRegressionModel
    >>> model, X, y = NeuralNetworkRegressionModel(n_hidden=2), np.array([[-1.0], [2.0]]), np.array([0.0, 1.0])
    >>> [parameter.shape for parameter in model.parameters(X, y)]
    [(2, 1), (2,), (2,), (), (), ()]
    >>> theta = {
    ...     "hidden_weights": np.array([[[1.0], [-1.0]]]),
    ...     "hidden_biases": np.zeros((1, 2)),
    ...     "output_weights": np.array([[0.5, 3.0]]),
    ...     "output_biases": np.zeros(1),
    ... }
    >>> model.predict(theta, X)
    array([[3., 1.]])
    """

    def __init__(
        self,
        n_hidden=50,
        activation="relu",
        weight_precision="learn",
        precision_shape=1.0,
        precision_rate=0.1,
        noise_shape=1.0,
        noise_rate=0.1,
    ):
        self.n_hidden = n_hidden
        self.activation = activation
        self.weight_precision = weight_precision
        self.precision_shape = precision_shape
        self.precision_rate = precision_rate
        self.noise_shape = noise_shape
        self.noise_rate = noise_rate

    def _check(self):
        super()._check()
        check_numbers(self, "noise_shape", "noise_rate")

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at zero weights and the middle of y."""
        middle, spread = target_range(needed_target(self, y))
        return [*self._weight_parameters(X, (), middle, spread), self._noise_parameter(y)]

    def log_prior(self, theta):
        """Log density of the prior at each draw, shape (T,)."""
        return super().log_prior(theta) + self._log_noise_prior(theta)

    def grad_log_prior(self, theta):
        """Gradient of the prior's log density at each draw."""
        return super().grad_log_prior(theta) | {"noise_precision": self._noise_prior_slope(theta)}

    def predict(self, theta, X):
        """Mean of y at each row, shape (T, N)."""
        return self._outputs(theta, X)

    def _slopes(self, theta, outputs, y, row_weight):
        slopes, own = self._noise_slopes(theta, outputs, y, row_weight)
        return slopes, {"noise_precision": own}

    def gradient_of_rows(self, parameters, X, y):
        """The gradient of rows of a table where they stand, or None for hyperbolic tangents."""
        return self._compiled(X, y, NORMAL, (self.noise_shape, self.noise_rate))


class NeuralNetworkClassificationModel(ClassifierMixin, Classes, _Network):
    """A Bayesian neural network of one hidden layer, for classification.

    Two classes: the log-odds of class 1 are w'h_n + b with hidden units h_nj = activation(v_j'x_n + a_j). K > 2
    classes: probabilities are the softmax of w_k'h_n + b_k, k = 1, ..., K. All weights and biases ~
    Normal(0, 1 / weight_precision), weight_precision ~ Gamma(precision_shape, precision_rate).

    Parameters
    ----------
    n_hidden : int, default=50
        Number of hidden units.
    activation : {"relu", "tanh"}, default="relu"
        What each hidden unit makes of its linear predictor.
    weight_precision : float or "learn", default="learn"
        Precision of the prior of weights and biases. With "learn" it is one more parameter, as in the paper; the
        density then is by far the highest at a precision that lets all weights vanish, where methods that seek modes
        end once they have converged.
    precision_shape, precision_rate : float, default=1.0 and 0.1
        Shape and rate of the Gamma prior of a learned `weight_precision`.

    Notes
    -----
    Parameters: `hidden_weights` of shape (n_hidden, n_features), `hidden_biases` of shape (n_hidden,),
    `output_weights` of shape (n_hidden,), or (K, n_hidden), `output_biases` of shape () or (K,), and
    `weight_precision` where it is learned. y is coded 0, 1, ..., K - 1. Standardise columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import NeuralNetworkClassificationModel
    >>> model = NeuralNetworkClassificationModel(n_hidden=2, activation="tanh")
    >>> X, y = np.array([[-1.0], [0.0], [2.0]]), np.array([0, 1, 2])
    >>> [parameter.shape for parameter in model.parameters(X, y)]
    [(2, 1), (2,), (3, 2), (3,), ()]
    """

    def __init__(
        self, n_hidden=50, activation="relu", weight_precision="learn", precision_shape=1.0, precision_rate=0.1
    ):
        self.n_hidden = n_hidden
        self.activation = activation
        self.weight_precision = weight_precision
        self.precision_shape = precision_shape
        self.precision_rate = precision_rate

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at zero weights."""
        return self._weight_parameters(X, self._output_shape(y))

    def _slopes(self, theta, outputs, y, row_weight):
        return self._class_slopes(outputs, y, row_weight), {}

    def gradient_of_rows(self, parameters, X, y):
        """The gradient of rows of a table where they stand, or None for hyperbolic tangents and more classes."""
        return self._compiled(X, y, CLASSES) if parameters[3].shape == () else None
