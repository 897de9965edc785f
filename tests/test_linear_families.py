"""Families of regression coefficients: normals that data describe, and priors that other factors describe."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skvi.families import Gamma, IndependentNormal, Joint, LinearNormal, Normal, NormalGivenPrecision
from skvi.models.sums import summed

N = 40_000
GROUPS = np.array([0, 1, 0, 1, 1])
N_FEATURES = len(GROUPS)
#: shape of the precisions, groups, and shape of the coefficients
HIERARCHIES = {
    "one precision": ((), np.zeros(N_FEATURES, int), (N_FEATURES,)),
    "groups": ((2,), GROUPS, (N_FEATURES,)),
    "each its own": ((N_FEATURES,), np.arange(N_FEATURES), (N_FEATURES,)),
    "one shared by outputs": ((), np.zeros(N_FEATURES, int), (3, N_FEATURES)),
    "groups shared by outputs": ((2,), GROUPS, (3, N_FEATURES)),
    "one for each output": ((3,), np.zeros(N_FEATURES, int), (3, N_FEATURES)),
    "groups for each output": ((3, 2), GROUPS, (3, N_FEATURES)),
}
each_hierarchy = pytest.mark.parametrize("name", HIERARCHIES)
#: outputs, sets of precisions, and whether the output has no axis
LAYOUTS = {"single": (1, 1, True), "column": (1, 1, False), "own": (3, 3, False), "shared": (3, 1, False)}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
EQUAL = pytest.mark.parametrize("equal", [True, False], ids=["equal", "unequal"])
ROWS = pytest.mark.parametrize("n_rows", [3, N_FEATURES, 30])


def gamma(shape, seed=0, least=3.0):
    rng = np.random.default_rng(seed)
    return Gamma(rng.gamma(4.0, size=shape) + least, rng.gamma(4.0, size=shape) + 0.5)


def hierarchy(name):
    """A joint of precisions and coefficients given them."""
    shape, groups, coefficients = HIERARCHIES[name]
    parent = gamma(shape)
    return Joint(weights=NormalGivenPrecision(parent, groups, coefficients), weight_precision=parent)


def linear_normal(layout, n_rows=30, equal=True, seed=0):
    n_outputs, n_sets, single = LAYOUTS[layout]
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n_rows, N_FEATURES)), rng.normal(size=(n_rows, n_outputs))
    design = summed(x, y, rng.uniform(0.5, 2.0, size=n_rows), 1).design(True)
    shrinkage = rng.uniform(0.5, 3.0, size=(n_sets, 1 if equal else N_FEATURES)) * np.ones(N_FEATURES)
    return LinearNormal(shrinkage, rng.uniform(0.2, 2.0, size=n_sets), design, single)


def expanded(name, values):
    """Precisions of draws, shape (S, ...), as they apply to each coefficient."""
    shape, groups, coefficients = HIERARCHIES[name]
    values = values if groups.any() else values[..., None]
    values = values[..., groups]
    return values[:, None] if len(coefficients) > 1 and len(shape) < 1 + bool(groups.any()) else values


def assert_near(values, expected, n_errors=6.0):
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - expected) <= n_errors * error + 1e-12)


# Coefficients given precisions


@each_hierarchy
def test_marginal_variances_and_intervals_are_those_of_draws(name):
    prior = hierarchy(name).weights
    draws = prior.sample(N, 1)
    assert draws.shape == (N, *HIERARCHIES[name][2])
    assert_near(draws, prior.mean)
    assert_near(draws**2, prior.var)
    for level in (0.5, 0.9):
        low, high = np.moveaxis(prior.interval(level), -1, 0)
        covered = ((low <= draws) & (draws <= high)).mean(axis=0)
        assert_allclose(covered, level, atol=6.0 * np.sqrt(level * (1.0 - level) / N))


@each_hierarchy
def test_alone_each_coefficient_is_a_student_t(name):
    prior = hierarchy(name).weights
    draws = prior.sample(N, 2).reshape(N, -1)
    parent = prior.parent
    dof, width = (expanded(name, values[None])[0] for values in (2.0 * parent.shape, parent.rate / parent.shape))
    dof, width = (np.broadcast_to(values, prior.shape).ravel() for values in (dof, np.sqrt(width)))
    for j in (0, draws.shape[1] - 1):
        assert stats.kstest(draws[:, j], stats.t(dof[j], scale=width[j]).cdf).pvalue > 1e-6


@each_hierarchy
def test_draws_of_a_joint_use_the_precisions_drawn_with_them(name):
    joint = hierarchy(name)
    for order in (joint, Joint(weight_precision=joint.weight_precision, weights=joint.weights)):
        drawn = order.sample(N, 3)
        assert list(drawn) == list(order)
        precision = np.broadcast_to(expanded(name, drawn["weight_precision"]), (N, *joint.weights.shape))
        standard = drawn["weights"] * np.sqrt(precision)
        assert stats.kstest(standard.ravel()[: 2 * N], stats.norm.cdf).pvalue > 1e-6
        # Standardised by their own precisions they do not depend on them any more.
        flat = standard.reshape(N, -1)
        log_precision = np.log(precision).reshape(N, -1)
        for j in range(flat.shape[1]):
            assert abs(np.corrcoef(flat[:, j] ** 2, log_precision[:, j])[0, 1]) < 6.0 / np.sqrt(N)


def test_coefficients_of_one_precision_are_large_together():
    drawn = hierarchy("groups").sample(N, 4)["weights"]
    correlation = np.corrcoef(np.log(np.abs(drawn)).T)
    together = GROUPS[:, None] == GROUPS
    assert (correlation[together] > 0.01).all()
    assert np.abs(correlation[~together]).max() < 6.0 / np.sqrt(N)


@pytest.mark.parametrize("shape", [0.3, 1.0])
def test_variance_is_infinite_where_the_shape_is_at_most_one(shape):
    prior = NormalGivenPrecision(Gamma(np.array(shape), np.array(2.0)), np.zeros(2, int), (2,))
    assert_array_equal(prior.var, np.inf)
    assert np.isfinite(prior.interval(0.9)).all()


@each_hierarchy
def test_hierarchies_have_entropies_and_differ_by_their_precisions_alone(name):
    prior = hierarchy(name)
    drawn = prior.sample(4_000, 8)
    deviations = 1.0 / np.sqrt(expanded(name, drawn["weight_precision"]))
    log_p = stats.norm(0.0, deviations).logpdf(drawn["weights"]).reshape(4_000, -1).sum(axis=1)
    log_p = log_p + np.array([prior.weight_precision.log_prob(value) for value in drawn["weight_precision"]])
    assert_near(-log_p, prior.entropy())
    shape, groups, coefficients = HIERARCHIES[name]
    parent = gamma(shape, seed=9)
    other = Joint(weights=NormalGivenPrecision(parent, groups, coefficients), weight_precision=parent)
    assert prior.kl(other) == pytest.approx(prior.weight_precision.kl(parent))
    assert prior.kl(prior) == 0.0


@pytest.mark.parametrize("kind", ["linear", "independent"])
@each_hierarchy
def test_divergence_of_a_hierarchy_is_the_mean_over_draws(name, kind):
    """KL(q || p) of a joint where p(w | lambda) depends on lambda, with q(w) and q(lambda) independent."""
    shape, _, coefficients = HIERARCHIES[name]
    prior = hierarchy(name)
    layout = {1: "single", 2: "own"}[len(coefficients)]
    q = Joint(weights=linear_normal(layout, equal=False), weight_precision=gamma(shape, seed=5))
    if kind == "independent":
        prior = Joint(weights=IndependentNormal(0.3 + np.zeros(coefficients), 2.0), weight_precision=gamma(shape))
    drawn = q.sample(N, 6)
    weights, precisions = drawn["weights"], drawn["weight_precision"]
    dense = Normal(q.weights.mean, q.weights.precision)
    log_q = np.array([dense.log_prob(w) for w in weights[:4_000]])
    if kind == "independent":
        log_p = stats.norm(0.3, np.sqrt(0.5)).logpdf(weights[:4_000])
    else:
        log_p = stats.norm(0.0, 1.0 / np.sqrt(expanded(name, precisions[:4_000]))).logpdf(weights[:4_000])
    log_q = log_q + np.array([q.weight_precision.log_prob(value) for value in precisions[:4_000]])
    log_p = log_p.reshape(4_000, -1).sum(axis=1)
    log_p = log_p + np.array([prior.weight_precision.log_prob(value) for value in precisions[:4_000]])
    assert_near(log_q - log_p, q.kl(prior))


def test_divergence_vanishes_where_posterior_and_prior_are_equal():
    rng = np.random.default_rng(0)
    design = summed(rng.normal(size=(20, 3)), rng.normal(size=(20, 1)), np.ones(20), 1).design(True)
    # Data of no precision leave the prior.
    q = LinearNormal(np.full((1, 3), 2.0), np.zeros(1), design, True)
    prior = IndependentNormal(np.zeros(3), np.full(3, 2.0))
    assert prior.divergence_from(q, None) == pytest.approx(0.0, abs=1e-12)
    known = Gamma(np.array(1e12), np.array(0.5e12))
    given = NormalGivenPrecision(known, np.zeros(3, int), (3,))
    assert given.divergence_from(q, Joint(weight_precision=known)) == pytest.approx(0.0, abs=1e-10)


# Coefficients that data describe


@ROWS
@EQUAL
@each_layout
def test_coefficients_are_what_the_precision_says(layout, equal, n_rows):
    q = linear_normal(layout, n_rows, equal)
    design, n_outputs = q.design, LAYOUTS[layout][0]
    scale = np.broadcast_to(q.scale, n_outputs)
    precision = np.broadcast_to(q.shrinkage, (n_outputs, N_FEATURES))[:, :, None] * np.eye(N_FEATURES)
    precision = precision + scale[:, None, None] * design.gram
    covariance = np.linalg.inv(precision)
    mean = scale[:, None] * np.einsum("tde,te->td", covariance, design.cross)
    points = np.random.default_rng(1).normal(size=(4, N_FEATURES))
    expected = {
        "precision": precision,
        "covariance": covariance,
        "mean": mean,
        "var": np.diagonal(covariance, axis1=1, axis2=2),
        "log_det": np.linalg.slogdet(precision)[1],
    }
    for name, value in expected.items():
        value = value[0] if q.single else value
        assert np.shape(getattr(q, name)) == np.shape(value), name
        assert_allclose(getattr(q, name), value, rtol=1e-9, atol=1e-11, err_msg=name)
    spread = np.einsum("nd,tde,ne->tn", points, covariance, points)
    assert_allclose(q.quadratic(points), spread[0] if q.single else spread, rtol=1e-9)
    assert q.proper


@EQUAL
@each_layout
def test_draws_and_intervals_are_those_of_a_dense_normal(layout, equal):
    q = linear_normal(layout, 4, equal)
    dense = Normal(q.mean, q.precision)
    draws = q.sample(N, 1)
    assert draws.shape == (N, *q.mean.shape)
    assert_near(draws, dense.mean)
    offsets = draws - q.mean
    assert_near(offsets[..., :, None] * offsets[..., None, :], dense.covariance)
    assert_allclose(q.interval(0.8), dense.interval(0.8), rtol=1e-9)
    assert q.entropy() == pytest.approx(dense.entropy(), rel=1e-10)
    low, high = np.moveaxis(q.interval(0.8), -1, 0)
    assert_allclose(((low <= draws) & (draws <= high)).mean(axis=0), 0.8, atol=0.012)
    if q.mean.ndim > 1 and len(q.mean) > 1:
        # Outputs are independent, shared precisions or not.
        across = np.corrcoef(offsets[:, 0].T, offsets[:, 1].T)[:N_FEATURES, N_FEATURES:]
        assert np.abs(across).max() < 6.0 / np.sqrt(N)
    assert_array_equal(q.sample(3, 7), q.sample(3, 7))


@each_layout
def test_divergence_between_two_of_them_is_that_of_dense_normals(layout):
    q, p = linear_normal(layout, 4, False), linear_normal(layout, 30, False, seed=1)
    dense_q, dense_p = (Normal(one.mean, one.precision) for one in (q, p))
    assert q.kl(p) == pytest.approx(dense_q.kl(dense_p), rel=1e-9)
    assert q.kl(q) == pytest.approx(0.0, abs=1e-12)


@EQUAL
@each_layout
@ROWS
def test_files_hold_parameters_and_data_alone(layout, n_rows, equal):
    q = linear_normal(layout, n_rows, equal)
    size = len(pickle.dumps(q))
    expected = q.covariance, q.mean, q.var
    assert len(pickle.dumps(q)) == size
    loaded = pickle.loads(pickle.dumps(q))
    for name, value in zip(("covariance", "mean", "var"), expected, strict=True):
        assert_array_equal(getattr(loaded, name), value, err_msg=name)
