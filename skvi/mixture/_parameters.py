"""From the estimator's parameters to a prior and to starts."""

import numpy as np
from sklearn.utils.validation import check_array

from skvi import _threads
from skvi.base import check_same_n_components, lent_random_state
from skvi.families import Joint
from skvi.models.gaussian import COMPONENTS
from skvi.models.priors import default_covariance
from skvi.models.starts import (
    GivenResponsibilities,
    NearestCenter,
    RandomResponsibilities,
    Sample,
    row_keys,
)
from skvi.models.weights import WEIGHTS

_FIRST_TRIES = 4


def _positive(name, value, low=0.0):
    if not np.isfinite(value) or value <= low:
        raise ValueError(f"{name}={value!r}: give a finite number above {low:g}, or None for the default")
    return float(value)


def _shaped(name, value, shape):
    array = np.array(value, dtype=np.float64)
    if not (np.abs(array) < 1e100).all():
        raise ValueError(f"{name} holds NaN or infinity, or a number beyond 1e100: give finite numbers")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: it must have shape {shape}")
    return array


def _mean_prior(estimator, description):
    if estimator.mean_prior is None:
        return description.mean
    return _shaped("mean_prior", estimator.mean_prior, description.mean.shape)


def _covariance_prior(estimator, description):
    """Covariance prior in scikit-learn's shape for the covariance type, `reg_covar` included."""
    d, kind = len(description.mean), estimator.covariance_type
    identity = {"full": np.eye(d), "tied": np.eye(d), "diag": np.ones(d), "spherical": np.ones(())}[kind]
    given = estimator.covariance_prior
    if given is None:
        value = default_covariance(description)
        if kind not in ("full", "tied"):
            value = np.diag(value) if kind == "diag" else np.diag(value).mean()
    elif np.ndim(given) == 0:
        value = _positive("covariance_prior", given) * identity
    else:
        value = _shaped("covariance_prior", given, identity.shape)
        if kind in ("full", "tied") and not _is_definite(value):
            raise ValueError("covariance_prior must be symmetric and positive definite")
        if not (kind in ("full", "tied") or (value > 0.0).all()):
            raise ValueError("covariance_prior must be positive in each feature")
    return value + estimator.reg_covar * identity


def _is_definite(matrix):
    if not np.allclose(matrix, matrix.T):
        return False
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _default_prior(estimator, description):
    """Prior of a Gaussian mixture from the estimator's parameters and a description of the data."""
    k, d = estimator.n_components, len(description.mean)
    concentration = estimator.weight_concentration_prior
    concentration = 1.0 / k if concentration is None else _positive("weight_concentration_prior", concentration)
    precision = estimator.mean_precision_prior
    precision = 1.0 if precision is None else _positive("mean_precision_prior", precision)
    dof = estimator.degrees_of_freedom_prior
    dof = float(d) if dof is None else _positive("degrees_of_freedom_prior", dof, d - 1.0)
    covariance = _covariance_prior(estimator, description)
    family = COMPONENTS[estimator.covariance_type].family
    form = family.form
    scale = d * covariance if estimator.covariance_type == "spherical" else covariance
    scale = scale if form.shared else np.repeat(np.asarray(scale)[None], k, axis=0)
    components = family(
        mean=np.repeat(_mean_prior(estimator, description)[None], k, axis=0),
        mean_precision=np.full(k, precision),
        dof=np.array(dof) if form.shared else np.full(k, dof),
        scale=scale,
    )
    weights = WEIGHTS[estimator.weight_concentration_prior_type].prior(concentration, k)
    return Joint(weights=weights, components=components)


def _given_prior(estimator, n_features):
    """The user's prior, checked against the estimator's other parameters."""
    prior, k = estimator.prior, estimator.n_components
    family, kind = _families(estimator)
    if set(prior) != {"weights", "components"}:
        raise ValueError(f"prior has factors {sorted(prior)}: it must have 'weights' and 'components'")
    for name, expected in (("weights", kind), ("components", family)):
        if type(prior[name]) is not expected:
            raise ValueError(
                f"prior.{name} is a {type(prior[name]).__name__}, but covariance_type="
                f"{estimator.covariance_type!r} and weight_concentration_prior_type="
                f"{estimator.weight_concentration_prior_type!r} need a {expected.__name__}"
            )
    if prior.components.mean.shape != (k, n_features):
        raise ValueError(
            f"prior.components is for {prior.components.mean.shape} components and features: "
            f"n_components={k} and X have {(k, n_features)}"
        )
    n_weights = len(prior.weights.natural()[0])
    if n_weights != k:
        raise ValueError(f"prior.weights is for {n_weights} components: n_components is {k}")
    if not prior.proper:
        raise ValueError("prior has parameters outside the domain of its families, such as a negative concentration")
    return prior


def make_prior(estimator, description):
    """The user's prior, or that of the estimator's parameters and the data."""
    if estimator.prior is not None:
        return _given_prior(estimator, len(description.mean))
    return _default_prior(estimator, description)


def check_same_model(estimator, prior):
    """Raise ValueError where the parameters ask for another model than the one that is being updated."""
    family, weights = _families(estimator)
    if type(prior.components) is not family or type(prior.weights) is not weights:
        raise ValueError(
            "covariance_type or weight_concentration_prior_type has changed since the first partial_fit: call fit, or "
            "set them back"
        )
    check_same_n_components(estimator, len(prior.components.mean))


def _families(estimator):
    weights = WEIGHTS[estimator.weight_concentration_prior_type].family
    return COMPONENTS[estimator.covariance_type].family, weights


def same_kind(posterior, prior):
    """Whether a posterior is one under the prior's families and sizes."""
    kinds = all(type(posterior[name]) is type(factor) for name, factor in prior.items())
    return kinds and posterior.components.mean.shape == prior.components.mean.shape


def distinguishes_components(prior):
    """Whether a prior treats components differently, so that their labels mean something."""
    factors = (prior.components.mean, prior.components.mean_precision, prior.components.dof, prior.components.scale)
    arrays = [*factors[:2], *(() if prior.components.form.shared else factors[2:]), *prior.weights.natural()]
    return any((array != array[:1]).any() for array in arrays)


def make_starts(estimator, rows, description, random_state):
    """One start per restart, each from a seed of its own."""
    k, init = estimator.n_components, estimator.init_params
    if not isinstance(init, str):
        return [_given_start(init, rows, description, k)]
    seeds = random_state.randint(np.iinfo(np.int32).max, size=estimator.n_init)
    if init == "random":
        reference = np.repeat(description.mean[None], k, axis=0)
        return [RandomResponsibilities(reference, int(seed)) for seed in seeds]
    sample = Sample(rows, row_keys(rows, description), k)
    find = {"kmeans": sample.k_means, "k-means++": sample.spread_out, "random_from_data": sample.draw}[init]
    # The first start is the best of several k-means; others are single runs, for variety.
    tries = [{"n_tries": 1 if number else _FIRST_TRIES} if init == "kmeans" else {} for number in range(len(seeds))]

    def start(seed, tried):
        with lent_random_state(seed) as rng:
            return NearestCenter(find(k, rng, **tried))

    tasks = [lambda s=seed, t=tried: start(s, t) for seed, tried in zip(seeds, tries, strict=True)]
    return _threads.run(tasks, _threads.effective_n_jobs(estimator.n_jobs))


def _given_start(init, rows, description, k):
    array = check_array(init, dtype=np.float64, order="C", input_name="init_params")
    d = rows.values.shape[1]
    if array.shape == (k, d):
        return NearestCenter(array)
    if array.shape != (rows.n_rows, k):
        raise ValueError(
            f"init_params has shape {array.shape}: give means of shape {(k, d)} or responsibilities of shape "
            f"{(rows.n_rows, k)}, or one of 'kmeans', 'k-means++', 'random', 'random_from_data'"
        )
    totals = array.sum(axis=1, keepdims=True)
    if (array < 0.0).any() or not (totals > 0.0).all():
        raise ValueError("init_params holds negative responsibilities, or a row of zeros only")
    return GivenResponsibilities(np.repeat(description.mean[None], k, axis=0), array / totals)
