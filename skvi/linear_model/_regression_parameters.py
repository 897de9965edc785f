"""From the estimator's parameters to a model, a prior and starts."""

from numbers import Real

import numpy as np

from skvi.families import (
    Beta,
    Gamma,
    IndependentNormal,
    Intercept,
    Joint,
    Normal,
    NormalGivenPrecision,
    SpikeSlabGiven,
)
from skvi.models.informed import InformedRegression
from skvi.models.regression import LinearRegression
from skvi.models.spike_slab import SpikeSlabRegression

#: shape of a default Gamma prior; coefficients are then Cauchy, their precision integrated out
_SHAPE = 0.5
#: natural scale of a precision over the mean of its default prior: weakly informative
_RATIO = 0.1


def make_problem(estimator, design, single, n_jobs):
    """The model and its prior.

    Parameters
    ----------
    estimator : BayesianLinearRegressionVI
    design : Design
    single : bool
        Whether y has one dimension.
    n_jobs : int

    Returns
    -------
    model : Regression
    prior : Joint
    """
    options = {
        "shared": estimator.output_precisions == "shared",
        "single": single,
        "noise": known(estimator.noise_precision),
        "shrinkage": known(estimator.weight_precision),
        "n_jobs": n_jobs,
    }
    if isinstance(estimator.prior, Joint):
        return _given_problem(estimator, design, options)
    if estimator.prior == "spike_slab":
        model = SpikeSlabRegression(design, **options)
    else:
        model = LinearRegression(design, column_groups(estimator, design.n_features), **options)
    return model, _default_prior(estimator, model)


def column_groups(estimator, n_features):
    """Group of each column, from zero on: each has a precision of its own."""
    if estimator.groups is None:
        return np.arange(n_features) if estimator.prior == "ard" else np.zeros(n_features, np.int64)
    groups = np.asarray(estimator.groups)
    if groups.shape != (n_features,):
        raise ValueError(f"groups has shape {groups.shape}: give one label for each of the {n_features} columns")
    return np.unique(groups, return_inverse=True)[1]


def check_groups(estimator):
    """Raise ValueError where groups meet a prior that has no use for them."""
    if estimator.groups is not None and not (isinstance(estimator.prior, str) and estimator.prior == "ridge"):
        raise ValueError(
            f"groups are for prior='ridge', one precision each, but prior={estimator.prior!r}: leave groups=None"
        )


def known(value):
    """A precision that is given; None where it is learned."""
    return float(value) if isinstance(value, Real) else None


def scales(model):
    """Natural precisions of noise, shape (n_sets,), and of the coefficients, shape (n_sets, G).

    One over the variance of y; and those at which the columns of all groups together have the variance of y, an equal
    share to each group. A coefficient that is selected may have all of it. What does not vary counts as varying by one.
    """
    design = model.design
    var_y = output_variances(design)
    var_y = var_y if model.n_sets == len(var_y) else np.full(1, var_y.mean())
    var_x = moving_variances(design.diagonal / design.weight, np.abs(design.x_mean))
    by_group = np.bincount(model.groups, var_x) if isinstance(model, LinearRegression) else var_x.mean(keepdims=True)
    with np.errstate(over="ignore"):
        precisions = len(by_group) * by_group / var_y[:, None]
    if not (np.isfinite(precisions) & (precisions > np.finfo(float).tiny)).all():
        raise ValueError(
            f"X and y are so many orders of magnitude apart (variances around {by_group.mean():.3g} and "
            f"{var_y.mean():.3g}) that precisions of the coefficients are beyond float64: scale one of them"
        )
    return 1.0 / var_y, precisions


def output_variances(design):
    """Variances of the outputs, shape (T,); one where there is none."""
    return moving_variances(design.squares / design.weight, np.abs(design.y_mean))


def moving_variances(variances, centers):
    """Variances, those that are rounding of their centre replaced by the mean of the others, or one."""
    moving = (variances > (8.0 * np.finfo(float).eps * centers) ** 2) & (variances > 1e-200)
    return np.where(moving, variances, variances[moving].mean() if moving.any() else 1.0)


def _default_prior(estimator, model):
    """Prior from the estimator's parameters and the data."""
    design = model.design
    noise, shrinkage = scales(model)
    factors = {}
    if not model.noise:
        factors["noise_precision"] = gamma_prior(estimator.alpha_1, estimator.alpha_2, model.named(noise))
    if not model.shrinkage:
        by_name = model.by_name(shrinkage)
        factors["weight_precision"] = gamma_prior(estimator.lambda_1, estimator.lambda_2, by_name)
    if isinstance(model, SpikeSlabRegression):
        ones = np.ones_like(model.named(noise))
        factors["inclusion"] = Beta(estimator.inclusion_1 * ones, estimator.inclusion_2 * ones)
    if estimator.fit_intercept:
        precision = 1.0 / (estimator.intercept_scale**2 * output_variances(design))
        at = (design.y_mean[0], precision[0]) if model.single else (design.y_mean, precision)
        factors["intercept"] = Intercept(*at, design.x_mean)
    return Joint(weights=_weight_prior(model, factors), **factors)


def _weight_prior(model, factors):
    design = model.design
    shape = (design.n_features,) if model.single else (design.n_outputs, design.n_features)
    if isinstance(model, SpikeSlabRegression):
        return SpikeSlabGiven(model.shrinkage or factors["weight_precision"], factors["inclusion"], shape)
    if model.shrinkage:
        return IndependentNormal(np.zeros(shape), np.full(shape, model.shrinkage))
    return NormalGivenPrecision(factors["weight_precision"], model.groups, shape)


def gamma_prior(shape, rate, scale):
    """A Gamma prior; the default has its mean well above the natural scale."""
    scale = np.asarray(scale)
    shape = _SHAPE if shape is None else float(shape)
    rate = shape * _RATIO / scale if rate is None else np.full_like(scale, float(rate))
    return Gamma(np.full_like(rate, shape), rate)


def _given_problem(estimator, design, options):
    """The user's prior, checked, and the model that it belongs to."""
    prior = estimator.prior
    single = options["single"]
    needed = {"weights"} | ({"intercept"} if estimator.fit_intercept else set())
    needed |= set() if options["noise"] else {"noise_precision"}
    if not needed <= set(prior):
        raise ValueError(f"prior has factors {sorted(prior)}: it must have {sorted(needed)}")
    shape = (design.n_features,) if single else (design.n_outputs, design.n_features)
    if np.shape(prior.weights.mean) != shape:
        raise ValueError(f"prior.weights has shape {np.shape(prior.weights.mean)}: X and y need {shape}")
    if "intercept" in needed and not isinstance(prior.intercept, Intercept):
        raise ValueError(f"prior.intercept is a {type(prior.intercept).__name__}: it must be an Intercept")
    prior = Joint(**{name: factor for name, factor in prior.items() if name in needed | _PARENTS})
    if isinstance(prior.weights, (NormalGivenPrecision, SpikeSlabGiven)):
        return _hierarchical_problem(prior, design, options)
    if not isinstance(prior.weights, (Normal, IndependentNormal)):
        raise ValueError(
            f"prior.weights is a {type(prior.weights).__name__}: it must be a normal distribution, or a prior_ of "
            "another fit"
        )
    center = prior.intercept.center if "intercept" in prior else np.zeros(design.n_features)
    return InformedRegression(design, center, **options), InformedRegression.stated(prior)


_PARENTS = {"weight_precision", "inclusion", "noise_precision"}


def _hierarchical_problem(prior, design, options):
    """The model of a prior_ of another fit; its intercept is moved to the mean of these rows."""
    if options["shrinkage"]:
        raise ValueError("weight_precision is known, but prior.weights has a precision to learn: leave it at 'learn'")
    factors = dict(prior.items())
    if "intercept" in factors:
        factors["intercept"] = Intercept(prior.intercept.mean, prior.intercept.precision, design.x_mean)
    if isinstance(prior.weights, SpikeSlabGiven):
        return SpikeSlabRegression(design, **options), Joint(**factors)
    return LinearRegression(design, prior.weights.groups, **options), Joint(**factors)


def make_starts(estimator, model, prior, posterior, random_state):
    """Posteriors to start from: the given one where it fits, else natural precisions; then random multiples of them."""
    noise, shrinkage = scales(model)
    if estimator.alpha_init is not None:
        noise = np.full_like(noise, estimator.alpha_init)
    if estimator.lambda_init is not None:
        shrinkage = np.broadcast_to(initial_precisions(estimator.lambda_init, shrinkage.shape[1]), shrinkage.shape)
    starts = [model.start(prior, noise, shrinkage)]
    if posterior is not None and set(posterior) == set(prior) and model.continues(posterior):
        starts = [model.continued(prior, posterior)]
    for _ in range(estimator.n_init - 1):
        scattered = shrinkage * np.exp(2.0 * random_state.standard_normal(shrinkage.shape))
        starts.append(model.start(prior, noise, scattered))
    return starts


def initial_precisions(value, n_groups):
    """Initial precisions by group: a number, or one for each group, or each column."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1 or array.size not in (1, n_groups) or not (array > 0.0).all() or not np.isfinite(array).all():
        raise ValueError(
            f"lambda_init={value!r}: give a positive number, or {n_groups} of them, one for each precision"
        )
    return array
