"""Independent normal columns of unknown mean and precision."""

import numpy as np
from sklearn.base import BaseEstimator

from skvi.blackbox._checks import check_numbers, column_ranges
from skvi.blackbox._densities import LOG_2PI, bounded, gamma_slope, log_gamma, log_normal, never_nan, quiet
from skvi.gradient.parameters import Parameter


class GaussianLocationScale(BaseEstimator):
    """Columns that are normal, each of an unknown mean and precision: the model of the textbooks.

    x_nd ~ Normal(mean_d, 1 / precision_d), mean_d ~ Normal(location, scale^2), precision_d ~ Gamma(shape, rate).

    Parameters
    ----------
    location : float or array-like of shape (n_features,), default=0.0
        Mean of the prior of the means.
    scale : float or array-like of shape (n_features,), default=10.0
        Standard deviation of the prior of the means.
    shape, rate : float or array-like of shape (n_features,), default=1.0
        Of the prior of the precisions, whose mean is shape / rate.

    Notes
    -----
    Parameters: `mean` and `precision`, both of shape (n_features,). The defaults suit columns of a deviation near one
    that lie near zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import GaussianLocationScale
    >>> model, X = GaussianLocationScale(), np.array([[0.0], [2.0]])
    >>> model.parameters(X)
    [Parameter('mean', shape=(1,), constraint=Real()), Parameter('precision', shape=(1,), constraint=Positive())]
    >>> theta = {"mean": np.array([[1.0]]), "precision": np.array([[0.5]])}
    >>> model.log_likelihood(theta, X).round(3)
    array([[-1.516, -1.516]])
    """

    def __init__(self, location=0.0, scale=10.0, shape=1.0, rate=1.0):
        self.location = location
        self.scale = scale
        self.shape = shape
        self.rate = rate

    def _check(self, n_columns):
        check_numbers(self, "location", n_columns=n_columns, positive=False)
        check_numbers(self, "scale", "shape", "rate", n_columns=n_columns)

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at the middle and range of each column."""
        n_columns = X.shape[1]
        self._check(n_columns)
        middle, spread = column_ranges(X)
        return [
            Parameter("mean", n_columns, start=middle, scale=spread),
            Parameter("precision", n_columns, "positive", start=spread**-2),
        ]

    def log_prior(self, theta):
        """Log density of the prior at each draw, shape (T,)."""
        self._check(theta["mean"].shape[1])
        means = log_normal(theta["mean"], np.square(self.scale, dtype=float) ** -1, np.asarray(self.location))
        return means + log_gamma(theta["precision"], np.asarray(self.shape, float), np.asarray(self.rate, float))

    def grad_log_prior(self, theta):
        """Gradient of the prior's log density at each draw."""
        return {
            "mean": (np.asarray(self.location) - theta["mean"]) / np.square(self.scale, dtype=float),
            "precision": gamma_slope(theta["precision"], np.asarray(self.shape, float), np.asarray(self.rate, float)),
        }

    @quiet
    def log_likelihood(self, theta, X, y=None):
        """Log density of each row, shape (T, N)."""
        mean, precision = theta["mean"], bounded(theta["precision"])
        # About the draws' middle the terms of the expanded square are as small as the square itself.
        origin = np.median(mean, axis=0)
        rows, mean = X - origin, mean - origin
        pull = precision * mean
        constant = (np.log(precision) - LOG_2PI - pull * mean).sum(axis=1)
        densities = precision @ np.square(rows).T
        densities *= -0.5
        densities += pull @ rows.T
        densities += 0.5 * constant[:, None]
        return never_nan(densities)

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log densities times their weights, at each draw."""
        weight = np.sum(row_weight)
        origin = row_weight @ X / (weight or 1.0)
        rows, offset = X - origin, theta["mean"] - origin
        sums, squares = row_weight @ rows, row_weight @ np.square(rows)
        precision = bounded(theta["precision"])
        about_mean = squares - 2.0 * offset * sums + weight * offset**2
        return {
            "mean": precision * (sums - weight * offset),
            "precision": 0.5 * (weight / precision - about_mean),
        }

    def sample(self, theta, X, rng):
        """Draw tables of X's shape, one for each draw of the parameters: shape (T, N, D)."""
        noise = rng.standard_normal((len(theta["mean"]), *X.shape))
        noise /= np.sqrt(bounded(theta["precision"]))[:, None]
        noise += theta["mean"][:, None]
        return noise
