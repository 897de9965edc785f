"""Models for tests, written as a user would write them."""

import numba
import numpy as np
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skvi.blackbox import Parameter


class Linear(RegressorMixin, BaseEstimator):
    """y ~ N(X beta, sigma^2), beta ~ N(0, scale^2), sigma ~ Exponential(1)."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def parameters(self, X, y=None):
        return [Parameter("beta", X.shape[1]), Parameter("sigma", (), "positive")]

    def log_prior(self, theta):
        return -0.5 * np.sum((theta["beta"] / self.scale) ** 2, axis=1) - theta["sigma"]

    def log_likelihood(self, theta, X, y):
        sigma = theta["sigma"][:, None]
        return -0.5 * (self._residuals(theta, X, y) / sigma) ** 2 - np.log(sigma)

    def grad_log_prior(self, theta):
        return {"beta": -theta["beta"] / self.scale**2, "sigma": -np.ones_like(theta["sigma"])}

    def grad_log_likelihood(self, theta, X, y, row_weight):
        sigma = theta["sigma"][:, None]
        residuals = self._residuals(theta, X, y)
        return {
            "beta": (row_weight * residuals / sigma**2) @ X,
            "sigma": (row_weight * (residuals**2 / sigma**3 - 1.0 / sigma)).sum(axis=1),
        }

    def predict(self, theta, X):
        return theta["beta"] @ X.T

    def _residuals(self, theta, X, y):
        return y - theta["beta"] @ X.T


class Softmax(ClassifierMixin, BaseEstimator):
    """Softmax regression with coefficients (D, C), all N(0, 1)."""

    def parameters(self, X, y=None):
        return [Parameter("beta", (X.shape[1], int(y.max()) + 1))]

    def log_prior(self, theta):
        return -0.5 * np.sum(theta["beta"] ** 2, axis=(1, 2))

    def log_likelihood(self, theta, X, y):
        return log_softmax(self._scores(theta, X), axis=2)[:, np.arange(len(y)), y]

    def grad_log_prior(self, theta):
        return {"beta": -theta["beta"]}

    def grad_log_likelihood(self, theta, X, y, row_weight):
        errors = np.eye(theta["beta"].shape[2])[y] - self.predict(theta, X)
        return {"beta": np.einsum("nd,tnc,n->tdc", X, errors, row_weight)}

    def predict(self, theta, X):
        return softmax(self._scores(theta, X), axis=2)

    def _scores(self, theta, X):
        return np.einsum("nd,tdc->tnc", X, theta["beta"])


class Shares:
    """No estimator: counts of three kinds in each row, shares on the simplex, ordered and interval numbers besides."""

    def parameters(self, X, y=None):
        return [
            Parameter("shares", 3, "simplex"),
            Parameter("cuts", 2, "ordered"),
            Parameter("rate", (), "interval"),
        ]

    def log_prior(self, theta):
        return -0.5 * np.sum(theta["cuts"] ** 2, axis=1) + np.log(theta["rate"])

    def log_likelihood(self, theta, X, y):
        return np.log(theta["shares"]) @ X.T

    def grad_log_prior(self, theta):
        return {
            "shares": np.zeros_like(theta["shares"]),
            "cuts": -theta["cuts"],
            "rate": 1.0 / theta["rate"],
        }

    def grad_log_likelihood(self, theta, X, y, row_weight):
        return {
            "shares": (row_weight @ X) / theta["shares"],
            "cuts": np.zeros_like(theta["cuts"]),
            "rate": np.zeros_like(theta["rate"]),
        }


# Plain loops, which compile ten times faster than expressions of whole arrays.


@numba.njit
def jitted_log_prior(vector):
    return -0.5 * np.sum((vector[:-1] / 2.0) ** 2) - vector[-1]


@numba.njit
def jitted_log_likelihood(vector, X, y):
    sigma, values = vector[-1], np.empty(len(y))
    for n in range(len(y)):
        mean = 0.0
        for d in range(X.shape[1]):
            mean += vector[d] * X[n, d]
        values[n] = -0.5 * ((y[n] - mean) / sigma) ** 2 - np.log(sigma)
    return values


@numba.njit
def jitted_grad_log_prior(vector):
    gradient = -vector / 4.0
    gradient[-1] = -1.0
    return gradient


@numba.njit
def jitted_grad_log_likelihood(vector, X, y, row_weight):
    n_rows, n_features = X.shape
    sigma, gradient = vector[-1], np.zeros(n_features + 1)
    for n in range(n_rows):
        residual = y[n]
        for d in range(n_features):
            residual -= vector[d] * X[n, d]
        for d in range(n_features):
            gradient[d] += row_weight[n] * residual / sigma**2 * X[n, d]
        gradient[n_features] += row_weight[n] * (residual**2 / sigma**3 - 1.0 / sigma)
    return gradient


@numba.njit
def jitted_predict(vector, X):
    return X @ vector[:-1]


class JittedLinear(RegressorMixin, BaseEstimator):
    """`Linear` of scale 2 in compiled functions of one draw."""

    log_prior = staticmethod(jitted_log_prior)
    log_likelihood = staticmethod(jitted_log_likelihood)
    grad_log_prior = staticmethod(jitted_grad_log_prior)
    grad_log_likelihood = staticmethod(jitted_grad_log_likelihood)
    predict = staticmethod(jitted_predict)

    def parameters(self, X, y=None):
        return [Parameter("beta", X.shape[1]), Parameter("sigma", (), "positive")]


@numba.njit
def jitted_probabilities(vector, X):
    eta, probabilities = X @ vector, np.empty((len(X), 2))
    for n in range(len(X)):
        probabilities[n, 0] = 1.0 / (1.0 + np.exp(eta[n]))
        probabilities[n, 1] = 1.0 / (1.0 + np.exp(-eta[n]))
    return probabilities


class JittedLogistic(ClassifierMixin, BaseEstimator):
    """Logistic regression whose predictions alone are compiled, the rest being batched."""

    predict = staticmethod(jitted_probabilities)

    def parameters(self, X, y=None):
        return [Parameter("beta", X.shape[1])]

    def log_prior(self, theta):
        return -0.5 * np.sum(theta["beta"] ** 2, axis=1)

    def log_likelihood(self, theta, X, y):
        return np.log(expit((2 * y - 1) * (theta["beta"] @ X.T)))


def linear_data(n_rows=40, n_features=3):
    """Rows and targets of a linear model."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features))
    return X, X @ np.arange(1.0, n_features + 1.0) + rng.standard_normal(n_rows)
