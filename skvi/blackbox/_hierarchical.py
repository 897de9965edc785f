"""Regression in which each group of rows has an intercept of its own."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin

from skvi.blackbox._checks import check_choice, check_numbers, needed_target, target_range, weight_scale
from skvi.blackbox._densities import LOG_2PI, log_normal, quiet, total
from skvi.blackbox._observations import NormalNoise
from skvi.gradient.parameters import Parameter


class HierarchicalIntercepts(RegressorMixin, NormalNoise, BaseEstimator):
    """Linear regression in which intercepts differ between groups and are drawn from one population.

    y_n ~ Normal(intercept_g(n) + x_n'slopes, 1 / noise_precision), intercept_g ~ Normal(location, spread^2),
    location ~ Normal(0, location_scale^2), spread ~ half-normal of scale spread_scale,
    slopes ~ Normal(0, slope_scale^2), noise_precision ~ Gamma(noise_shape, noise_rate).

    Parameters
    ----------
    group_column : int, default=0
        The column of X that holds the group of each row: 0, 1, ..., G - 1. All other columns have slopes.
    n_groups : int, default=None
        G. None: one more than the largest group in the rows of the fit.
    centered : bool, default=False
        Whether the intercepts themselves are parameters. If not, offsets ~ Normal(0, 1) are, and
        intercept_g = location + spread offset_g, which is easier to follow where groups have few rows.
    location_scale : float, default=10.0
        Standard deviation of the prior of the population's mean.
    spread_scale : float, default=1.0
        Of the half-normal prior of the population's standard deviation.
    slope_scale : float or array-like of shape (n_features - 1,), default=1.0
        Standard deviation of the prior of the slopes.
    noise_shape, noise_rate : float, default=1.0 and 0.1
        Shape and rate of the Gamma prior of the noise's precision.

    Notes
    -----
    Parameters: `location`, `spread`, `offsets` of shape (G,), or `intercepts` where they are centered, `slopes` of
    shape (n_features - 1,) where there are other columns, and `noise_precision`. The defaults suit a standardised y.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import HierarchicalIntercepts
    >>> model, X, y = HierarchicalIntercepts(), np.array([[0.0], [1.0], [1.0]]), np.array([0.1, 2.0, 2.4])
    >>> [parameter.name for parameter in model.parameters(X, y)]
    ['location', 'spread', 'offsets', 'noise_precision']
    >>> theta = {
    ...     "location": np.array([1.0]),
    ...     "spread": np.array([2.0]),
    ...     "offsets": np.array([[-0.5, 0.5]]),
    ...     "noise_precision": np.array([1.0]),
    ... }
    >>> model.predict(theta, X)
    array([[0., 2., 2.]])
    """

    def __init__(
        self,
        group_column=0,
        n_groups=None,
        centered=False,
        location_scale=10.0,
        spread_scale=1.0,
        slope_scale=1.0,
        noise_shape=1.0,
        noise_rate=0.1,
    ):
        self.group_column = group_column
        self.n_groups = n_groups
        self.centered = centered
        self.location_scale = location_scale
        self.spread_scale = spread_scale
        self.slope_scale = slope_scale
        self.noise_shape = noise_shape
        self.noise_rate = noise_rate

    def _check(self, n_slopes):
        check_choice(self, "centered", (True, False))
        check_numbers(self, "location_scale", "spread_scale", "noise_shape", "noise_rate")
        check_numbers(self, "slope_scale", n_columns=n_slopes)
        if self.n_groups is not None and not (isinstance(self.n_groups, Integral) and self.n_groups >= 1):
            raise ValueError(f"HierarchicalIntercepts(n_groups={self.n_groups!r}): give a positive integer or None")

    @quiet
    def _groups(self, X, n_groups=None):
        """The group of each row."""
        column, n_columns = self.group_column, X.shape[1]
        if not (isinstance(column, Integral) and -n_columns <= column < n_columns):
            raise ValueError(
                f"HierarchicalIntercepts(group_column={column!r}): X has {n_columns} columns, give the number of one"
            )
        codes = X[:, column]
        groups = codes.astype(np.intp)
        wrong = (groups != codes) | (groups < 0)
        if wrong.any():
            raise ValueError(
                f"group_column={column} holds {codes[wrong][0]}: give groups as integers 0, 1, ..., which is what "
                "OrdinalEncoder makes of labels"
            )
        if n_groups is not None and len(groups) and groups.max() >= n_groups:
            raise ValueError(
                f"group_column={column} holds group {groups.max()}, and the model has {n_groups}: give n_groups="
                f"{groups.max() + 1} or more for groups that the rows of the fit do not have"
            )
        return groups

    def _slope_columns(self, n_columns):
        """Which columns have slopes."""
        return np.delete(np.arange(n_columns), self.group_column)

    def parameters(self, X, y=None):
        """The parameters of a table's model; searches start at the middle of y."""
        self._check(X.shape[1] - 1)
        groups = self._groups(X, self.n_groups)
        n_groups = int(groups.max()) + 1 if self.n_groups is None else self.n_groups
        middle, unit = target_range(needed_target(self, y))
        parameters = [
            Parameter("location", start=middle, scale=unit),
            Parameter("spread", (), "positive", start=min(unit, float(self.spread_scale))),
            Parameter("intercepts", n_groups, start=middle, scale=unit)
            if self.centered
            else Parameter("offsets", n_groups),
        ]
        columns = self._slope_columns(X.shape[1])
        if len(columns):
            scale = weight_scale(X[:, columns], unit, np.square(self.slope_scale, dtype=float) ** -1)
            parameters.append(Parameter("slopes", len(columns), scale=scale))
        return [*parameters, self._noise_parameter(y)]

    @quiet
    def log_prior(self, theta):
        """Log density of the prior at each draw, shape (T,)."""
        self._check(theta["slopes"].shape[1] if "slopes" in theta else 0)
        spread = theta["spread"]
        # A half-normal number has twice the density of a normal one.
        density = np.log(2.0) + log_normal(spread, float(self.spread_scale) ** -2)
        density += log_normal(theta["location"], float(self.location_scale) ** -2)
        density += self._log_noise_prior(theta)
        if self.centered:
            scaled = self._scaled(theta)
            constant = -np.log(_bounded_spread(theta)) - 0.5 * LOG_2PI
            density += scaled.shape[1] * constant - 0.5 * total(scaled**2)
        else:
            density += log_normal(theta["offsets"], 1.0)
        if "slopes" in theta:
            density += log_normal(theta["slopes"], np.square(self.slope_scale, dtype=float) ** -1)
        return density

    def _scaled(self, theta):
        """Distances of the intercepts from their population's mean in standard deviations."""
        return (theta["intercepts"] - theta["location"][:, None]) / _bounded_spread(theta)[:, None]

    @quiet
    def grad_log_prior(self, theta):
        """Gradient of the prior's log density at each draw."""
        gradient = {
            "location": theta["location"] * -(float(self.location_scale) ** -2),
            "spread": theta["spread"] * -(float(self.spread_scale) ** -2),
            "noise_precision": self._noise_prior_slope(theta),
        }
        if self.centered:
            scaled, spread = self._scaled(theta), _bounded_spread(theta)
            gradient["intercepts"] = -scaled / spread[:, None]
            gradient["location"] -= gradient["intercepts"].sum(axis=1)
            gradient["spread"] += (total(scaled**2) - scaled.shape[1]) / spread
        else:
            gradient["offsets"] = -theta["offsets"]
        if "slopes" in theta:
            gradient["slopes"] = -theta["slopes"] / np.square(self.slope_scale, dtype=float)
        return gradient

    def _intercepts(self, theta):
        """Intercept of each group, shape (T, G)."""
        if self.centered:
            return theta["intercepts"]
        return theta["location"][:, None] + _bounded_spread(theta)[:, None] * theta["offsets"]

    @quiet
    def _means(self, theta, X, groups):
        means = self._intercepts(theta)[:, groups]
        if "slopes" in theta:
            means += theta["slopes"] @ X[:, self._slope_columns(X.shape[1])].T
        return means

    def predict(self, theta, X):
        """Mean of y at each row, shape (T, N)."""
        n_groups = theta["intercepts" if self.centered else "offsets"].shape[1]
        return self._means(theta, X, self._groups(X, n_groups))

    @quiet
    def grad_log_likelihood(self, theta, X, y, row_weight):
        """Gradient of the sum of the rows' log densities times their weights, at each draw."""
        groups = X[:, self.group_column].astype(np.intp)
        slopes, own = self._noise_slopes(theta, self._means(theta, X, groups), y, row_weight)
        n_groups = theta["intercepts" if self.centered else "offsets"].shape[1]
        n_rows = len(groups)
        members = sparse.csr_array((np.ones(n_rows), groups, np.arange(n_rows + 1)), shape=(n_rows, n_groups))
        intercepts = slopes @ members
        gradient = {"noise_precision": own}
        if self.centered:
            gradient |= {"intercepts": intercepts, "location": np.zeros(len(own)), "spread": np.zeros(len(own))}
        else:
            gradient["offsets"] = _bounded_spread(theta)[:, None] * intercepts
            gradient["location"] = intercepts.sum(axis=1)
            gradient["spread"] = np.einsum("tg,tg->t", intercepts, theta["offsets"])
        if "slopes" in theta:
            gradient["slopes"] = slopes @ X[:, self._slope_columns(X.shape[1])]
        return gradient


def _bounded_spread(theta):
    """Standard deviation of the intercepts, kept where squares of its quotients and products are finite."""
    return np.clip(theta["spread"], 1e-80, 1e80)
