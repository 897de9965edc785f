"""Bayesian neural networks of one hidden layer."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skvi.blackbox._checks import check_choice, check_numbers, needed_target, precision_of, target_range
from skvi.blackbox._densities import bounded, gamma_slope, log_gamma, log_normal, quiet, total, trailing
from skvi.blackbox._observations import Classes, NormalNoise
from skvi.gradient.parameters import Parameter

_WEIGHTS = ("hidden_weights", "hidden_biases", "output_weights", "output_biases")
#: activations of a block of rows stay in the processor's cache
_BLOCK = 2**18


class _Network(BaseEstimator):
    """A hidden layer, linear outputs, and normal weights and biases of one unknown precision.

    Activations have the shape (T, H, N): draws, units, rows, so that each draw is one matrix product. Weights and
    biases of the hidden layer are side by side, and rows have a one behind them.
    """

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
        squares = sum(total(theta[name] ** 2) for name in _WEIGHTS)
        slope = gamma_slope(theta["weight_precision"], self.precision_shape, self.precision_rate)
        gradient["weight_precision"] = slope + 0.5 * (n_weights / precision - squares)
        return gradient

    def _hidden_layer(self, theta):
        """Weights and biases of the hidden layer side by side, shape (T, H, D + 1)."""
        return np.concatenate([theta["hidden_weights"], theta["hidden_biases"][:, :, None]], axis=2)

    def _blocks(self, X, layer):
        """Pairs of the places of some rows and the rows, with a one behind each."""
        size = max(32, _BLOCK // max(1, layer.shape[0] * layer.shape[1]))
        for first in range(0, len(X), size):
            rows = X[first : first + size]
            yield slice(first, first + size), np.concatenate([rows, np.ones((len(rows), 1))], axis=1)

    def _activations(self, layer, rows):
        """What the hidden units make of rows, shape (T, H, N)."""
        hidden = layer @ rows.T
        return np.tanh(hidden, out=hidden) if self.activation == "tanh" else np.maximum(hidden, 0.0, out=hidden)

    def _activation_slopes(self, hidden):
        """Derivatives of the activations, written over them."""
        if self.activation == "tanh":
            np.square(hidden, out=hidden)
            return np.subtract(1.0, hidden, out=hidden)
        return np.greater(hidden, 0.0, out=hidden)

    def _block_outputs(self, theta, hidden):
        """Outputs of rows from their activations, shape (T, N) or (T, K, N)."""
        weights = theta["output_weights"]
        outputs = (weights[:, None] @ hidden)[:, 0] if weights.ndim == 2 else weights @ hidden
        outputs += theta["output_biases"][..., None]
        return outputs

    @quiet
    def _outputs(self, theta, X):
        """Outputs of the network, shape (T, N) or (T, K, N)."""
        layer, biases = self._hidden_layer(theta), theta["output_biases"]
        outputs = np.empty((*biases.shape, len(X)))
        for place, rows in self._blocks(X, layer):
            outputs[..., place] = self._block_outputs(theta, self._activations(layer, rows))
        return outputs

    def _pull(self, theta, rows, hidden, slopes):
        """Gradients of weights and biases from derivatives in the outputs of rows; activations are written over."""
        weights, one_output = theta["output_weights"], slopes.ndim == 2
        outward = slopes[:, None] if one_output else slopes
        output_weights = outward @ hidden.transpose(0, 2, 1)
        inward = self._activation_slopes(hidden)
        inward *= outward if one_output else weights.transpose(0, 2, 1) @ outward
        layer = inward @ rows
        if one_output:
            # One output's weights are the same for all rows, so that they can wait until rows are summed.
            layer *= weights[:, :, None]
        return {
            "hidden_weights": layer[:, :, :-1],
            "hidden_biases": layer[:, :, -1],
            "output_weights": output_weights.reshape(weights.shape),
            "output_biases": slopes.sum(axis=-1),
        }

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log densities times their weights, at each draw."""
        layer, gradient = self._hidden_layer(theta), None
        for place, rows in self._blocks(X, layer):
            hidden = self._activations(layer, rows)
            slopes, own = self._slopes(theta, self._block_outputs(theta, hidden), y[place], row_weight[place])
            part = self._pull(theta, rows, hidden, slopes) | own
            gradient = part if gradient is None else {name: gradient[name] + part[name] for name in part}
        if self._learns_precision:
            gradient["weight_precision"] = np.zeros(len(layer))
        return gradient


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
