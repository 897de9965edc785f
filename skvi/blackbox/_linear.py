"""Linear models of the black box: normal targets, classes and counts."""

import numpy as np
from scipy.special import gammaln
from sklearn.base import ClassifierMixin, RegressorMixin

from skvi.blackbox._checks import check_numbers, needed_target, target_range
from skvi.blackbox._densities import never_nan, quiet
from skvi.blackbox._observations import Classes, NormalNoise
from skvi.blackbox._predictor import LinearPredictor
from skvi.gradient.compiled import CLASSES, COUNTS, NORMAL

#: numpy draws counts as 64-bit integers
_LARGEST_MEAN = 9e18


class LinearModel(RegressorMixin, NormalNoise, LinearPredictor):
    """Linear regression with normal noise of unknown precision.

    y_n ~ Normal(intercept + x_n'weights, 1 / noise_precision), noise_precision ~ Gamma(noise_shape, noise_rate),
    weights ~ Normal(0, 1 / weight_precision), intercept ~ Normal(0, intercept_scale^2).

    Parameters
    ----------
    weight_precision : float, array-like of shape (n_features,) or "learn", default=1.0
        Precision of the prior of the weights. With "learn" it is one more parameter.
    precision_shape, precision_rate : float, default=1.0 and 0.01
        Shape and rate of the Gamma prior of a learned `weight_precision`.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    intercept_scale : float, default=10.0
        Standard deviation of the prior of the intercept.
    noise_shape, noise_rate : float, default=1.0 and 0.1
        Shape and rate of the Gamma prior of the noise's precision.

    Notes
    -----
    Parameters: `weights` of shape (n_features,), `intercept`, `noise_precision`, and `weight_precision` where it is
    learned. The defaults suit standardised columns and y. X may be sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import LinearModel
    >>> model, X, y = LinearModel(fit_intercept=False), np.array([[1.0], [2.0]]), np.array([1.0, 3.0])
    >>> theta = {"weights": np.array([[1.5]]), "noise_precision": np.array([4.0])}
    >>> model.predict(theta, X)
    array([[1.5, 3. ]])
    >>> model.grad_log_likelihood(theta, X, y, np.ones(2))["weights"]
    array([[-2.]])
    """

    def __init__(
        self,
        weight_precision=1.0,
        precision_shape=1.0,
        precision_rate=0.01,
        fit_intercept=True,
        intercept_scale=10.0,
        noise_shape=1.0,
        noise_rate=0.1,
    ):
        self.weight_precision = weight_precision
        self.precision_shape = precision_shape
        self.precision_rate = precision_rate
        self.fit_intercept = fit_intercept
        self.intercept_scale = intercept_scale
        self.noise_shape = noise_shape
        self.noise_rate = noise_rate

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at zero weights and the middle of y."""
        check_numbers(self, "noise_shape", "noise_rate")
        middle, spread = target_range(needed_target(self, y))
        return [*self._weight_parameters(X, spread, intercept=middle), self._noise_parameter(y)]

    def log_prior(self, theta):
        """Log density of the prior at each draw, shape (T,)."""
        check_numbers(self, "noise_shape", "noise_rate")
        return super().log_prior(theta) + self._log_noise_prior(theta)

    def grad_log_prior(self, theta):
        """Gradient of the prior's log density at each draw."""
        return super().grad_log_prior(theta) | {"noise_precision": self._noise_prior_slope(theta)}

    def predict(self, theta, X):
        """Mean of y at each row, shape (T, N)."""
        return self._outputs(theta, X)

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log densities times their weights, at each draw."""
        slopes, own = self._noise_slopes(theta, self._outputs(theta, X), y, row_weight)
        return self._pull(slopes, X) | {"noise_precision": own}

    def gradient_of_rows(self, parameters, X, y):
        """The gradient of rows of a table where they stand, or None for sparse tables."""
        return self._compiled(X, y, NORMAL, (self.noise_shape, self.noise_rate))


class LogisticModel(ClassifierMixin, Classes, LinearPredictor):
    """Logistic regression of two classes, or softmax regression of more.

    Two classes: log-odds of class 1 are intercept + x_n'weights. K > 2 classes: probabilities are the softmax of
    intercept_k + x_n'weights_k, k = 1, ..., K, all classes alike. weights ~ Normal(0, 1 / weight_precision),
    intercept ~ Normal(0, intercept_scale^2).

    Parameters
    ----------
    weight_precision : float, array-like of shape (n_features,) or "learn", default=1.0
        Precision of the prior of the weights. With "learn" it is one more parameter.
    precision_shape, precision_rate : float, default=1.0 and 0.01
        Shape and rate of the Gamma prior of a learned `weight_precision`: the defaults are those of the covertype
        experiment of Liu & Wang (2016).
    fit_intercept : bool, default=True
        Whether there is an intercept.
    intercept_scale : float, default=10.0
        Standard deviation of the prior of the intercept.

    Notes
    -----
    Parameters: `weights` of shape (n_features,), or (K, n_features); `intercept` of shape () or (K,); and
    `weight_precision` where it is learned. y is coded 0, 1, ..., K - 1. X may be sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import LogisticModel
    >>> model, X = LogisticModel(weight_precision="learn"), np.array([[0.0], [1.0], [2.0]])
    >>> [parameter.name for parameter in model.parameters(X, np.array([0, 1, 1]))]
    ['weights', 'intercept', 'weight_precision']
    >>> theta = {"weights": np.array([[2.0]]), "intercept": np.array([-2.0]), "weight_precision": np.array([1.0])}
    >>> model.predict(theta, X)[0].round(2)
    array([[0.88, 0.12],
           [0.5 , 0.5 ],
           [0.12, 0.88]])
    """

    def __init__(
        self,
        weight_precision=1.0,
        precision_shape=1.0,
        precision_rate=0.01,
        fit_intercept=True,
        intercept_scale=10.0,
    ):
        self.weight_precision = weight_precision
        self.precision_shape = precision_shape
        self.precision_rate = precision_rate
        self.fit_intercept = fit_intercept
        self.intercept_scale = intercept_scale

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at zero."""
        return self._weight_parameters(X, 1.0, self._output_shape(y))

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log-probabilities times their weights, at each draw."""
        return self._pull(self._class_slopes(self._outputs(theta, X), y, row_weight), X)

    def gradient_of_rows(self, parameters, X, y):
        """The gradient of rows of a table where they stand, or None for sparse tables and more than two classes."""
        return self._compiled(X, y, CLASSES) if len(parameters[0].shape) == 1 else None


class PoissonModel(RegressorMixin, LinearPredictor):
    """Poisson regression of counts. y may hold any numbers from zero on: y! stands for Gamma(y + 1).

    y_n ~ Poisson(exp(intercept + x_n'weights)), weights ~ Normal(0, 1 / weight_precision),
    intercept ~ Normal(0, intercept_scale^2).

    Parameters
    ----------
    weight_precision : float, array-like of shape (n_features,) or "learn", default=1.0
        Precision of the prior of the weights. With "learn" it is one more parameter.
    precision_shape, precision_rate : float, default=1.0 and 0.01
        Shape and rate of the Gamma prior of a learned `weight_precision`.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    intercept_scale : float, default=10.0
        Standard deviation of the prior of the intercept.

    Notes
    -----
    Parameters: `weights` of shape (n_features,), `intercept`, and `weight_precision` where it is learned. X may be
    sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import PoissonModel
    >>> model, X = PoissonModel(), np.array([[0.0], [1.0]])
    >>> theta = {"weights": np.array([[np.log(3.0)]]), "intercept": np.array([0.0])}
    >>> model.predict(theta, X)
    array([[1., 3.]])
    >>> model.log_likelihood(theta, X, np.array([0, 3])).round(3)
    array([[-1.   , -1.496]])
    """

    def __init__(
        self,
        weight_precision=1.0,
        precision_shape=1.0,
        precision_rate=0.01,
        fit_intercept=True,
        intercept_scale=10.0,
    ):
        self.weight_precision = weight_precision
        self.precision_shape = precision_shape
        self.precision_rate = precision_rate
        self.fit_intercept = fit_intercept
        self.intercept_scale = intercept_scale

    def _counts(self, y):
        y = needed_target(self, y)
        if len(y) and not y.min() >= 0:
            raise ValueError(f"PoissonModel takes counts, and y holds {y.min()}: give numbers of zero or more")
        return y

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at zero weights and the middle of y."""
        middle, _ = target_range(self._counts(y))
        return self._weight_parameters(X, 1.0, intercept=np.log(max(middle, 0.5)))

    @quiet
    def log_likelihood(self, theta, X, y):
        """Log-probability of each y, shape (T, N)."""
        outputs, y = self._outputs(theta, X), self._counts(y)
        return never_nan(y * outputs - np.exp(outputs) - gammaln(y + 1.0))

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log-probabilities times their weights, at each draw."""
        slopes = self._outputs(theta, X)
        # Beyond e^600 sums over rows would overflow.
        np.exp(np.minimum(slopes, 600.0, out=slopes), out=slopes)
        np.subtract(y, slopes, out=slopes)
        slopes *= row_weight
        return self._pull(slopes, X)

    def gradient_of_rows(self, parameters, X, y):
        """The gradient of rows of a table where they stand, or None for sparse tables."""
        return self._compiled(X, y, COUNTS)

    @quiet
    def predict(self, theta, X):
        """Mean of y at each row, shape (T, N)."""
        return np.exp(self._outputs(theta, X))

    def sample(self, theta, X, rng):
        """Draw y of each row, shape (T, N)."""
        return rng.poisson(np.minimum(self.predict(theta, X), _LARGEST_MEAN))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags
