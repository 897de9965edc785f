"""Models and data that several tests share."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skvi.blackbox import Parameter


class Normal(BaseEstimator):
    """A normal density without rows: what every method has to recover."""

    def __init__(self, mean=(0.0,), covariance=((1.0,),)):
        self.mean = mean
        self.covariance = covariance

    def parameters(self, X=None, y=None):
        return [Parameter("theta", len(self.mean))]

    def log_prior(self, theta):
        offset = theta["theta"] - self.mean
        precision = np.linalg.inv(self.covariance)
        log_det = np.linalg.slogdet(2.0 * np.pi * np.asarray(self.covariance))[1]
        return -0.5 * (np.einsum("ti,ij,tj->t", offset, precision, offset) + log_det)

    def grad_log_prior(self, theta):
        return {"theta": -(theta["theta"] - self.mean) @ np.linalg.inv(self.covariance)}


class TwoModes(BaseEstimator):
    """Half a normal density at (-2, -2), half one at (2, 2)."""

    def parameters(self, X=None, y=None):
        return [Parameter("theta", 2)]

    def _parts(self, theta):
        return np.stack([-0.5 * np.sum((theta["theta"] - center) ** 2, axis=1) for center in (-2.0, 2.0)])

    def log_prior(self, theta):
        return np.logaddexp(*self._parts(theta)) - np.log(4.0 * np.pi)

    def grad_log_prior(self, theta):
        parts = self._parts(theta)
        shares = np.exp(parts - np.logaddexp(*parts))[:, :, None]
        return {"theta": shares[0] * (-2.0 - theta["theta"]) + shares[1] * (2.0 - theta["theta"])}


class Line(RegressorMixin, BaseEstimator):
    """Regression with known noise, so that the posterior is normal and known."""

    def __init__(self, noise=0.5, width=2.0):
        self.noise = noise
        self.width = width

    def parameters(self, X, y=None):
        return [Parameter("weights", X.shape[1])]

    def log_prior(self, theta):
        w = theta["weights"] / self.width
        return -0.5 * np.sum(w**2, axis=1) - w.shape[1] * (0.5 * np.log(2.0 * np.pi) + np.log(self.width))

    def grad_log_prior(self, theta):
        return {"weights": -theta["weights"] / self.width**2}

    def log_likelihood(self, theta, X, y):
        left = (y - theta["weights"] @ X.T) / self.noise
        return -0.5 * left**2 - 0.5 * np.log(2.0 * np.pi) - np.log(self.noise)

    def grad_log_likelihood(self, theta, X, y, row_weight):
        return {"weights": ((y - theta["weights"] @ X.T) * row_weight) @ X / self.noise**2}

    def predict(self, theta, X):
        return theta["weights"] @ X.T

    def sample(self, theta, X, rng):
        mean = self.predict(theta, X)
        return mean + self.noise * rng.standard_normal(mean.shape)

    def posterior(self, X, y):
        """Mean and covariance in closed form."""
        covariance = np.linalg.inv(np.eye(X.shape[1]) / self.width**2 + X.T @ X / self.noise**2)
        return covariance @ X.T @ y / self.noise**2, covariance

    def log_evidence(self, X, y):
        """Log density of y in closed form."""
        covariance = self.noise**2 * np.eye(len(y)) + self.width**2 * X @ X.T
        log_det = np.linalg.slogdet(2.0 * np.pi * covariance)[1]
        return -0.5 * (y @ np.linalg.solve(covariance, y) + log_det)


class Softmax(ClassifierMixin, BaseEstimator):
    """Classes whose log-odds are linear, a vector of weights for each."""

    def parameters(self, X, y):
        return [Parameter("weights", (int(y.max()) + 1, X.shape[1] + 1))]

    def log_prior(self, theta):
        return -0.5 * np.sum(theta["weights"] ** 2 + np.log(2.0 * np.pi), axis=(1, 2))

    def grad_log_prior(self, theta):
        return {"weights": -theta["weights"]}

    def _log_shares(self, theta, X):
        eta = np.einsum("tkd,nd->tnk", theta["weights"][..., 1:], X) + theta["weights"][:, None, :, 0]
        return eta - np.logaddexp.reduce(eta, axis=2, keepdims=True)

    def log_likelihood(self, theta, X, y):
        return self._log_shares(theta, X)[:, np.arange(len(y)), y]

    def grad_log_likelihood(self, theta, X, y, row_weight):
        left = (np.eye(theta["weights"].shape[1])[y] - np.exp(self._log_shares(theta, X))) * row_weight[:, None]
        slopes = np.einsum("tnk,nd->tkd", left, X)
        return {"weights": np.concatenate([left.sum(axis=1)[:, :, None], slopes], axis=2)}

    def predict(self, theta, X):
        return np.exp(self._log_shares(theta, X))


class Recorder:
    """Records the bound after each look at a fit, looks closer, and stops after so many.

    Parameters
    ----------
    n_looks : int
    look : callable
        Takes the estimator as it stands, and X.
    """

    def __init__(self, n_looks, look):
        self.n_looks = n_looks
        self.look = look
        self.bounds = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        if context.task_name == "sweep":
            self.bounds.append(fitted_estimator.elbo_)
            self.look(fitted_estimator, X)
        return len(self.bounds) == self.n_looks

    def teardown(self, estimator, context):
        pass


def line(n=60, d=2, seed=0):
    """Rows and targets of `Line`."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X @ np.linspace(1.0, -1.0, d) + 0.5 * rng.standard_normal(n)
