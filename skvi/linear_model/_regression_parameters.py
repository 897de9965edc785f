"""From the estimator's parameters to a prior and to starts."""

from numbers import Real

import numpy as np

from skvi.families import Gamma, IndependentNormal, Joint, NormalGivenPrecision

#: rate of a default Gamma prior times the natural scale of its precision, at shape one: weakly informative
_RATE = 0.01


def column_groups(estimator, n_features):
    """Group of each column, from zero on: each has a precision of its own."""
    if estimator.groups is None:
        return np.arange(n_features) if estimator.prior == "ard" else np.zeros(n_features, np.int64)
    if estimator.prior != "ridge":
        raise ValueError(f"groups come with prior='ridge', one precision each; prior={estimator.prior!r} has its own")
    groups = np.asarray(estimator.groups)
    if groups.shape != (n_features,):
        raise ValueError(f"groups has shape {groups.shape}: give one label for each of the {n_features} columns")
    return np.unique(groups, return_inverse=True)[1]


def known(value):
    """A precision that is given; None where it is learned."""
    return float(value) if isinstance(value, Real) else None


def scales(design, groups, shared):
    """Natural scales: the variance of y by set of precisions, and precisions of the coefficients by set and group.

    The second give the columns of all groups together the variance of y, an equal share to each group. What does
    not vary counts as varying by one.
    """
    var_y = _positive(design.squares / design.weight, np.abs(design.y_mean))
    var_x = _positive(design.diagonal / design.weight, np.abs(design.x_mean))
    var_y = np.full(1, var_y.mean()) if shared else var_y
    by_group = np.bincount(groups, var_x)
    return var_y, len(by_group) * by_group / var_y[:, None]


def _positive(variances, centers):
    """Variances, those that are rounding of their centre replaced by the mean of the others, or one."""
    moving = (variances > (8.0 * np.finfo(float).eps * centers) ** 2) & (variances > 1e-200)
    return np.where(moving, variances, variances[moving].mean() if moving.any() else 1.0)


def make_prior(estimator, design, groups, shared, single):
    """Joint prior of the coefficients, the intercept and the precisions that are learned."""
    var_y, precisions = scales(design, groups, shared)
    factors = {}
    named = _Named(groups, single or shared)
    if known(estimator.noise_precision) is None:
        factors["noise_precision"] = _gamma(estimator.alpha_1, estimator.alpha_2, named(1.0 / var_y))
    shape = (design.n_features,) if single else (design.n_outputs, design.n_features)
    precision = known(estimator.weight_precision)
    if precision is None:
        factors["weight_precision"] = _gamma(estimator.lambda_1, estimator.lambda_2, named(precisions))
        weights = NormalGivenPrecision(factors["weight_precision"], groups, shape)
    else:
        weights = IndependentNormal(np.zeros(shape), np.full(shape, precision))
    if estimator.fit_intercept:
        own = _positive(design.squares / design.weight, np.abs(design.y_mean))
        mean, spread = (design.y_mean[0], own[0]) if single else (design.y_mean, own)
        factors["intercept"] = IndependentNormal(mean, 1.0 / (estimator.intercept_scale**2 * spread))
    return Joint(weights=weights, **factors)


def _gamma(shape, rate, scale):
    """A Gamma prior; the default has shape one and its mean far above the natural scale."""
    shape = 1.0 if shape is None else float(shape)
    rate = shape * _RATE / scale if rate is None else np.full_like(scale, float(rate))
    return Gamma(np.full_like(rate, shape), rate)


class _Named:
    """Drops the axes of sets and groups where users do not know of them."""

    def __init__(self, groups, one_set):
        self.one_group = not groups.any()
        self.one_set = one_set

    def __call__(self, values):
        values = values[..., 0] if values.ndim > 1 and self.one_group else values
        return np.asarray(values[0] if self.one_set else values)


def make_starts(estimator, design, groups, shared, random_state):
    """Expected precisions to start from, for each restart: the natural scales, then random multiples of them."""
    var_y, precisions = scales(design, groups, shared)
    noise = 1.0 / var_y if estimator.alpha_init is None else np.full_like(var_y, estimator.alpha_init)
    if estimator.lambda_init is not None:
        precisions = np.broadcast_to(_initial(estimator.lambda_init, groups), precisions.shape)
    starts = [(noise, precisions)]
    for _ in range(estimator.n_init - 1):
        starts.append((noise, precisions * np.exp(2.0 * random_state.standard_normal(precisions.shape))))
    return starts


def _initial(value, groups):
    """Initial precisions by group: a number, or one for each group, or each column."""
    array = np.asarray(value, dtype=np.float64)
    n_groups = groups.max() + 1
    if array.ndim > 1 or array.size not in (1, n_groups) or not (array > 0.0).all() or not np.isfinite(array).all():
        raise ValueError(
            f"lambda_init={value!r}: give a positive number, or {n_groups} of them, one for each precision"
        )
    return array
