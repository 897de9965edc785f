"""Properties of exponential families over a table of random members."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skvi.families import (
    Beta,
    Dirichlet,
    Gamma,
    IndependentNormal,
    Joint,
    Moments,
    Normal,
    NormalGamma,
    NormalWishart,
    SphericalNormalGamma,
    StickBreaking,
    TiedNormalWishart,
    Wishart,
)
from skvi.families.forms import DIAGONAL, FULL, SPHERICAL, TIED

FORMS = {FULL: NormalWishart, TIED: TiedNormalWishart, DIAGONAL: NormalGamma, SPHERICAL: SphericalNormalGamma}


def random_definite(rng, *shape):
    """Symmetric positive definite matrices, some way from the identity."""
    root = 0.4 * rng.normal(size=shape) + np.eye(shape[-1])
    return root @ np.swapaxes(root, -1, -2) + 0.2 * np.eye(shape[-1])


def reduced(form, matrices):
    """What a form keeps of one matrix per component (of their sum, where it is shared)."""
    diagonals = np.diagonal(matrices, axis1=1, axis2=2).copy()
    return {FULL: matrices, TIED: matrices.sum(0), DIAGONAL: diagonals, SPHERICAL: diagonals.sum(1)}[form]


def dirichlet(*shape):
    return lambda rng: Dirichlet(rng.gamma(3.0, size=shape) + 0.2)


def sticks(n_components):
    return lambda rng: StickBreaking(rng.gamma(3.0, size=n_components) + 0.5, rng.gamma(3.0, size=n_components) + 0.5)


def gamma(*shape):
    return lambda rng: Gamma(rng.gamma(4.0, size=shape) + 0.5, rng.gamma(4.0, size=shape) + 0.5)


def beta(*shape):
    return lambda rng: Beta(rng.gamma(4.0, size=shape) + 0.5, rng.gamma(4.0, size=shape) + 0.5)


def wishart(*shape):
    return lambda rng: Wishart(shape[-1] + 8.0 + rng.uniform(size=shape[:-2]), random_definite(rng, *shape))


def normal(*shape):
    return lambda rng: Normal(rng.normal(size=shape), random_definite(rng, *shape, shape[-1]))


def independent_normal(*shape):
    return lambda rng: IndependentNormal(rng.normal(size=shape), rng.gamma(3.0, size=shape) + 0.2)


def normal_precision(form, n_components, n_features):
    def make(rng):
        dof = n_features + 10.0 + 4.0 * rng.uniform(size=() if form.shared else n_components)
        scale = 5.0 * reduced(form, random_definite(rng, n_components, n_features, n_features))
        mean = rng.normal(size=(n_components, n_features))
        return FORMS[form](mean, 0.5 + rng.gamma(2.0, size=n_components), dof, scale)

    return make


MAKERS = {
    "dirichlet": dirichlet(4),
    "dirichlet-one-component": dirichlet(1),
    "dirichlet-batch": dirichlet(3, 4),
    "sticks": sticks(5),
    "sticks-one-component": sticks(1),
    "gamma": gamma(),
    "gamma-batch": gamma(3, 2),
    "beta": beta(),
    "beta-batch": beta(3, 2),
    "wishart-1d": wishart(1, 1),
    "wishart-3d": wishart(3, 3),
    "wishart-batch": wishart(3, 2, 2),
    "normal-1d": normal(1),
    "normal-3d": normal(3),
    "normal-batch": normal(3, 2),
    "independent-normal": independent_normal(),
    "independent-normal-batch": independent_normal(3, 2),
} | {
    f"{family.__name__}-{n_components}x{n_features}": normal_precision(form, n_components, n_features)
    for form, family in FORMS.items()
    for n_components in (1, 3)
    for n_features in (1, 3)
}
LOCATED = [name for name, make in MAKERS.items() if make(np.random.default_rng(0)).origin is not None]
CONTINUOUS = [name for name in MAKERS if name != "dirichlet-one-component"]

each_family = pytest.mark.parametrize("name", MAKERS)
each_located = pytest.mark.parametrize("name", LOCATED)
each_continuous = pytest.mark.parametrize("name", CONTINUOUS)
each_form = pytest.mark.parametrize("form", FORMS, ids=repr)


def rng_of(name):
    return np.random.default_rng(list(name.encode()))


def pair(name):
    """Two random members, and the generator they came from."""
    rng = rng_of(name)
    return MAKERS[name](rng), MAKERS[name](rng), rng


def origins(q, rng):
    """The member's own origin, and one elsewhere."""
    return [q.origin] if q.origin is None else [q.origin, q.origin + rng.normal(size=q.origin.shape)]


def parameters(q):
    return q.__getstate__().items()


def assert_same_member(q, other, **tolerances):
    assert type(q) is type(other)
    for field, value in parameters(q):
        assert_allclose(vars(other)[field], value, err_msg=field, **tolerances)


def as_values(draws):
    """Draws of one value or of several, as a tuple of arrays."""
    return draws if isinstance(draws, tuple) else (draws,)


def to_sticks(weights):
    """The sticks that weights (n_draws, n_components) were broken from."""
    left = 1.0 - np.cumsum(weights, axis=1) + weights
    return weights / left


def log_probs(members, n, seed):
    """Log densities of n draws from the first member under all of them, shape (n_members, n)."""
    draws = as_values(members[0].sample(n, seed))
    if isinstance(members[0], StickBreaking):
        draws = (to_sticks(draws[0]),)
    return np.array([[q.log_prob(*values) for values in zip(*draws, strict=True)] for q in members])


def assert_mean(values, expected, n_errors=5.0, slack=1e-12):
    """The mean over the first axis is as expected, within standard errors."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - expected) <= n_errors * error + slack)


# The log-normaliser and what follows from it


def perturbations(array, symmetric):
    """Unit steps in each coordinate; half a step in each of two mirrored entries of a symmetric matrix."""
    for index in np.ndindex(np.shape(array)):
        step = np.zeros(np.shape(array))
        step[index] += 0.5
        step[(*index[:-2], index[-1], index[-2]) if symmetric else index] += 0.5
        yield index, step


def is_matrix(q, position):
    """Whether a natural parameter consists of symmetric matrices."""
    return isinstance(q, (Wishart, Normal, NormalWishart, TiedNormalWishart)) and position == 1


def numerical_gradient(q, position, origin, width=1e-5):
    """Central differences of the log-normaliser along one natural parameter, through from_natural."""
    natural = q.natural(origin)
    gradient = np.zeros(np.shape(natural[position]))

    def log_normalizer(step):
        moved = (*natural[:position], natural[position] + step, *natural[position + 1 :])
        return q.from_natural(moved, origin).log_normalizer(origin)

    for index, step in perturbations(natural[position], is_matrix(q, position)):
        gradient[index] = (log_normalizer(width * step) - log_normalizer(-width * step)) / (2.0 * width)
    return gradient


@each_family
def test_gradient_of_the_log_normalizer_is_the_expectations(name):
    q, _, rng = pair(name)
    for origin in origins(q, rng):
        for position, expected in enumerate(q.expectations(origin)):
            gradient = numerical_gradient(q, position, origin)
            assert_allclose(gradient, np.broadcast_to(expected, gradient.shape), rtol=1e-6, atol=1e-7)


@each_family
def test_natural_parameters_and_back(name):
    q, _, rng = pair(name)
    for origin in origins(q, rng):
        assert_same_member(q, q.from_natural(q.natural(origin), origin), rtol=1e-11, atol=1e-12)


@each_located
def test_results_do_not_depend_on_the_origin(name):
    q, p, rng = pair(name)
    own, other = origins(q, rng)
    products = [
        sum(np.vdot(m, e) for m, e in zip(q.expectations(o), p.natural(o), strict=True)) - p.log_normalizer(o)
        for o in (own, other)
    ]
    assert_allclose(products[1], products[0], rtol=1e-11)


@each_continuous
def test_kl_and_entropy_agree_with_monte_carlo(name):
    q, p, _ = pair(name)
    log_q, log_p = log_probs([q, p], 3000, seed=1)
    assert_mean(log_q - log_p, q.kl(p))
    assert_mean(-log_q, q.entropy())


@each_continuous
def test_kl_is_positive_and_zero_to_itself(name):
    q, p, _ = pair(name)
    assert q.kl(p) > 1e-3
    assert 0.0 <= q.kl(q) < 1e-12
    assert 0.0 <= q.kl(copy.deepcopy(q)) < 1e-12


def test_one_component_has_neither_entropy_nor_divergence():
    q, p = Dirichlet(np.array([0.3])), Dirichlet(np.array([7.0]))
    assert q.kl(p) == 0.0
    assert q.entropy() == 0.0
    assert_array_equal(q.interval(0.5), [[1.0, 1.0]])


@each_located
def test_kl_is_invariant_under_a_shift(name):
    q, p, _ = pair(name)
    expected = q.kl(p)
    for member in (q, p):
        member.mean = member.mean + 1e6
    shifted = [type(member)(**dict(parameters(member))) for member in (q, p)]
    assert_allclose(shifted[0].kl(shifted[1]), expected, rtol=1e-8)


# Conjugate updates


def moments_of(form, rows, responsibilities, reference):
    """Moments (n_components, ...) of rows, by their definition."""
    d = rows[None] - reference[:, None]
    second = np.einsum("nk,knd,kne->kde", responsibilities, d, d)
    return Moments(
        form, reference, responsibilities.sum(0), np.einsum("nk,knd->kd", responsibilities, d), reduced(form, second)
    )


def random_statistics(q, rng):
    """Statistics that some data might have."""
    if isinstance(q, (Dirichlet, StickBreaking)):
        return rng.gamma(2.0, size=np.shape(q.natural()[0]))
    if isinstance(q, Beta):
        return rng.gamma(2.0, size=q.a.shape), rng.gamma(2.0, size=q.a.shape)
    if isinstance(q, Gamma):
        return rng.gamma(2.0, size=q.shape.shape), -rng.gamma(2.0, size=q.shape.shape)
    if isinstance(q, Wishart):
        return 3.0 + rng.gamma(2.0, size=q.dof.shape), random_definite(rng, *q.scale.shape)
    if isinstance(q, IndependentNormal):
        return rng.normal(size=q.mean.shape), rng.gamma(2.0, size=q.mean.shape)
    if isinstance(q, Normal):
        return rng.normal(size=q.mean.shape), random_definite(rng, *q.precision.shape)
    n_components, n_features = q.mean.shape
    responsibilities = rng.dirichlet(np.ones(n_components), size=20)
    return moments_of(q.form, rng.normal(size=(20, n_features)), responsibilities, rng.normal(size=q.mean.shape))


@each_family
def test_gain_is_the_expected_statistics_less_the_divergence(name):
    q, p, rng = pair(name)
    statistics = random_statistics(q, rng)
    increments = q.coordinates(statistics, q.origin)
    fit = sum(np.sum(m * s) for m, s in zip(q.expectations(q.origin), increments, strict=True))
    assert_allclose(q.gain(p, statistics), fit - q.kl(p), rtol=1e-10, atol=1e-10)


@each_family
def test_gain_after_an_update_is_the_rise_of_the_log_normalizer(name):
    _, p, rng = pair(name)
    statistics = random_statistics(p, rng)
    q = p.updated(statistics)
    rise = q.log_normalizer(q.origin) - p.log_normalizer(q.origin)
    assert_allclose(q.gain(p, statistics), rise, rtol=1e-10, atol=1e-10)


@each_continuous
def test_an_update_has_the_largest_gain(name):
    _, p, rng = pair(name)
    statistics = random_statistics(p, rng)
    best = p.updated(statistics)
    for other in (p, best.blended(p, 0.1), best.blended(p, -0.1)):
        assert other.gain(p, statistics) < best.gain(p, statistics)


@each_family
def test_blended_ends_at_both_members(name):
    q, p, _ = pair(name)
    assert_same_member(q, q.blended(p, 0.0), rtol=1e-11, atol=1e-12)
    assert_same_member(p, q.blended(p, 1.0), rtol=1e-11, atol=1e-12)


@each_family
def test_blended_halfway_averages_natural_parameters(name):
    q, p, rng = pair(name)
    origin = origins(q, rng)[-1]
    half = q.blended(p, 0.5).natural(origin)
    for got, a, b in zip(half, q.natural(origin), p.natural(origin), strict=True):
        assert_allclose(got, 0.5 * (a + b), rtol=1e-10, atol=1e-11)


def test_dirichlet_adds_counts():
    q = Dirichlet(np.array([0.5, 1.0, 2.0])).updated(np.array([3.0, 0.0, 1.5]))
    assert_allclose(q.concentration, [3.5, 1.0, 3.5])


def test_sticks_count_those_that_stop_and_those_that_pass():
    """Blei & Jordan 2006, eq. 18 and 19."""
    counts = np.array([4.0, 0.0, 2.5])
    q = StickBreaking(np.ones(3), np.full(3, 0.7)).updated(counts)
    assert_allclose(q.a, 1.0 + counts)
    assert_allclose(q.b, [0.7 + 2.5, 0.7 + 2.5, 0.7])


@pytest.mark.parametrize("n_features", [1, 3])
@each_form
def test_normal_precision_update_is_the_textbook_one(form, n_features):
    """Bishop 2006, eq. 10.60 to 10.63, with what each form keeps of W^-1."""
    rng = np.random.default_rng(n_features)
    p = normal_precision(form, 3, n_features)(rng)
    rows, responsibilities = rng.normal(size=(20, n_features)), rng.dirichlet(np.ones(3), size=20)
    q = p.updated(moments_of(form, rows, responsibilities, rng.normal(size=p.mean.shape)))

    counts = responsibilities.sum(0)
    centers = responsibilities.T @ rows / counts[:, None]
    scatter = np.array([np.cov(rows.T, aweights=r, bias=True).reshape(n_features, -1) for r in responsibilities.T])
    pull = p.mean_precision * counts / (p.mean_precision + counts)
    offset = centers - p.mean
    added = counts[:, None, None] * scatter + pull[:, None, None] * offset[:, :, None] * offset[:, None]
    weight = p.mean_precision + counts
    assert_allclose(q.mean_precision, weight)
    assert_allclose(q.mean, (p.mean_precision[:, None] * p.mean + counts[:, None] * centers) / weight[:, None])
    assert_allclose(q.dof, p.dof + (counts.sum() if form.shared else counts))
    assert_allclose(q.scale, p.scale + reduced(form, added))


# Moments


def assert_same_moments(got, expected, **tolerances):
    assert_array_equal(got.reference, expected.reference)
    for field in ("count", "first", "second"):
        assert_allclose(getattr(got, field), getattr(expected, field), err_msg=field, **tolerances)


def random_rows(rng, n_features=3):
    return rng.normal(size=(20, n_features)), rng.dirichlet(np.ones(2), size=20)


@each_form
def test_moments_about_different_references_add_up(form):
    rng = np.random.default_rng(0)
    rows, responsibilities = random_rows(rng)
    here, there = rng.normal(size=(2, 2, 3))
    first = moments_of(form, rows[:8], responsibilities[:8], here)
    second = moments_of(form, rows[8:], responsibilities[8:], there)
    whole = moments_of(form, rows, responsibilities, here)
    assert_same_moments(first + second, whole, rtol=1e-12, atol=1e-12)
    assert_same_moments(whole - second, first, rtol=1e-11, atol=1e-11)
    assert_same_moments(whole.about(there), moments_of(form, rows, responsibilities, there), rtol=1e-11, atol=1e-11)


@each_form
def test_scaled_and_permuted_moments(form):
    rng = np.random.default_rng(1)
    rows, responsibilities = random_rows(rng)
    reference, order = rng.normal(size=(2, 3)), np.array([1, 0])
    moments = moments_of(form, rows, responsibilities, reference)
    assert_same_moments(2.5 * moments, moments_of(form, rows, 2.5 * responsibilities, reference), rtol=1e-12)
    permuted = moments_of(form, rows, responsibilities[:, order], reference[order])
    assert_same_moments(moments.permuted(order), permuted, rtol=1e-12)


@each_form
def test_clusters_far_apart_keep_their_digits(form):
    """Clusters lie 1e7 of their widths apart; sums of squares about one origin would have no digits left."""
    rng = np.random.default_rng(2)
    centers = np.array([[-5e6, 0.0], [5e6, 0.0]])
    labels = np.repeat([0, 1], 50)
    rows = centers[labels] + rng.normal(size=(100, 2))
    responsibilities = np.eye(2)[labels]
    scale = reduced(form, 2 * [np.eye(2)] * np.ones((2, 1, 1)))
    prior = FORMS[form](centers, np.ones(2), np.array(3.0) if form.shared else np.full(2, 3.0), scale)

    parts = [
        moments_of(form, rows[part], responsibilities[part], centers + rng.normal(size=(2, 2)))
        for part in (slice(0, 40), slice(40, 100))
    ]
    got = prior.updated(parts[0] + parts[1]).scale

    local = rows - centers[labels]
    exact = np.array([scatter_about_prior(local[labels == k]) for k in range(2)])
    naive = np.array([expanded_scatter(rows[labels == k], centers[k]) for k in range(2)])
    expected = scale + reduced(form, exact)
    assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    assert not np.allclose(scale + reduced(form, naive), expected, rtol=1e-6, atol=1e-6)


def scatter_about_prior(rows):
    """Scatter plus the pull of a prior at zero of precision one."""
    n, mean = len(rows), rows.mean(0)
    return (rows - mean).T @ (rows - mean) + n / (n + 1.0) * np.outer(mean, mean)


def expanded_scatter(rows, center):
    """The same about a prior at `center`, from sums of squares about the origin."""
    n, total = len(rows), rows.sum(0) + center
    return rows.T @ rows + np.outer(center, center) - np.outer(total, total) / (n + 1.0)


@each_form
def test_permuting_components_permutes_a_posterior(form):
    rng = np.random.default_rng(3)
    p = normal_precision(form, 3, 2)(rng)
    order = np.array([2, 0, 1])
    statistics = random_statistics(p, rng)
    one = p.updated(statistics).permuted(order)
    assert_same_member(one, p.permuted(order).updated(statistics.permuted(order)), rtol=1e-11)


# Means, variances, intervals, draws


def located_values(q, draws):
    """The draws whose mean, var and interval the member states."""
    return as_values(draws)[0]


@each_family
def test_draws_have_the_stated_mean_and_variance(name):
    q, _, _ = pair(name)
    values = located_values(q, q.sample(20_000, 2))
    assert values.shape == (20_000, *q.mean.shape)
    assert_mean(values, q.mean, n_errors=6.0)
    assert_mean((values - q.mean) ** 2, q.var, n_errors=6.0)


@pytest.mark.parametrize("name", [name for name in LOCATED if "Normal" in name])
def test_draws_have_the_expected_precision(name):
    q, _, _ = pair(name)
    _, precisions = q.sample(20_000, 3)
    assert_mean(precisions, q.expected_precision, n_errors=6.0)


@each_form
def test_rows_drawn_from_components_are_student_t(form):
    q = normal_precision(form, 2, 2)(np.random.default_rng(4))
    labels = np.repeat([1, 0], 20_000)
    rows = q.sample_rows(labels, np.random.default_rng(5))
    squared, dof = q.covariance_of_mean
    dof = np.broadcast_to(dof, squared.shape)
    widths = np.sqrt(squared * (q.mean_precision + 1.0)[:, None])
    for k in range(2):
        for i in range(2):
            twin = stats.t(dof[k, i], q.mean[k, i], widths[k, i])
            assert stats.kstest(rows[labels == k, i], twin.cdf).pvalue > 1e-6


@pytest.mark.parametrize("level", [0.5, 0.9])
@each_continuous
def test_intervals_cover_at_their_level(name, level):
    q, _, _ = pair(name)
    n = 4000
    values = located_values(q, q.sample(n, 4))
    if isinstance(q, Wishart):
        values = np.diagonal(values, axis1=-2, axis2=-1)
    interval = q.interval(level)
    assert interval.shape == (*values.shape[1:], 2)
    coverage = ((interval[..., 0] <= values) & (values <= interval[..., 1])).mean(0)
    # Weights of a broken stick are products of Betas, for which their interval is an approximation.
    slack = 0.03 if isinstance(q, StickBreaking) else 0.0
    assert np.all(np.abs(coverage - level) <= 5.0 * np.sqrt(level * (1.0 - level) / n) + slack)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 90, np.nan])
@each_family
def test_levels_that_are_no_probabilities_are_refused(name, level):
    q, _, _ = pair(name)
    with pytest.raises(ValueError, match="level="):
        q.interval(level)


@each_family
def test_a_random_state_gives_the_same_draws(name):
    q, _, _ = pair(name)
    for one, other in zip(as_values(q.sample(3, 7)), as_values(q.sample(3, 7)), strict=True):
        assert_array_equal(one, other)


def log_density_of_means(q, mean, covariances):
    """Sum over components of Normal log densities at their means."""
    covariances = covariances / q.mean_precision[:, None, None]
    rows = zip(mean, q.mean, covariances, strict=True)
    return sum(stats.multivariate_normal(m, cov).logpdf(x) for x, m, cov in rows)


def log_density(q, *value):
    """Log density of one value by scipy."""
    match q:
        case Dirichlet():
            members = zip(np.atleast_2d(value[0]), np.atleast_2d(q.concentration), strict=True)
            return sum(stats.dirichlet(a).logpdf(theta) for theta, a in members)
        case StickBreaking():
            return stats.beta(q.a, q.b).logpdf(value[0]).sum()
        case Beta():
            return stats.beta(q.a, q.b).logpdf(value[0]).sum()
        case Gamma():
            return stats.gamma(q.shape, scale=1.0 / q.rate).logpdf(value[0]).sum()
        case Wishart():
            d = q.scale.shape[-1]
            members = zip(value[0].reshape(-1, d, d), q.dof.ravel(), q.scale.reshape(-1, d, d), strict=True)
            return sum(stats.wishart(dof, np.linalg.inv(scale)).logpdf(x) for x, dof, scale in members)
        case IndependentNormal():
            return stats.norm(q.mean, np.sqrt(q.var)).logpdf(value[0]).sum()
        case Normal():
            d = q.mean.shape[-1]
            members = zip(value[0].reshape(-1, d), q.mean.reshape(-1, d), q.precision.reshape(-1, d, d), strict=True)
            return sum(stats.multivariate_normal(mean, np.linalg.inv(p)).logpdf(x) for x, mean, p in members)
    mean, precision = value
    n_components, n_features = mean.shape
    match q:
        case NormalWishart() | TiedNormalWishart():
            full = np.broadcast_to(precision, (n_components, n_features, n_features))
            log_precision = log_density(Wishart(q.dof, q.scale), precision)
        case NormalGamma():
            full = precision[:, :, None] * np.eye(n_features)
            log_precision = log_density(Gamma(0.5 * q.dof[:, None], 0.5 * q.scale), precision)
        case SphericalNormalGamma():
            full = precision[:, None, None] * np.eye(n_features)
            log_precision = log_density(Gamma(0.5 * n_features * q.dof, 0.5 * q.scale), precision)
    return log_precision + log_density_of_means(q, mean, np.linalg.inv(full))


@each_continuous
def test_log_prob_is_that_of_scipy(name):
    q, p, _ = pair(name)
    draws = as_values(p.sample(5, 6))
    draws = (to_sticks(draws[0]),) if isinstance(q, StickBreaking) else draws
    for value in zip(*draws, strict=True):
        assert_allclose(q.log_prob(*value), log_density(q, *value), rtol=1e-9, atol=1e-9)


# Python manners


@each_family
def test_pickling_keeps_the_parameters_and_nothing_else(name):
    q, p, _ = pair(name)
    q.kl(p)
    loaded = pickle.loads(pickle.dumps(q))
    assert set(vars(loaded)) == {field for field, _ in parameters(q)}
    for one, other in zip(loaded.natural(q.origin), q.natural(q.origin), strict=True):
        assert_array_equal(one, other)
    assert loaded.kl(p) == q.kl(p)


@each_family
def test_repr_names_the_family_and_its_parameters(name):
    q, _, _ = pair(name)
    assert repr(q).startswith(f"{type(q).__name__}(")
    assert all(f"{field}={np.shape(value)}" in repr(q) for field, value in parameters(q))


@pytest.fixture
def joints():
    rng = np.random.default_rng(8)
    return [
        Joint(weights=dirichlet(3)(rng), components=normal_precision(FULL, 3, 2)(rng), noise=gamma()(rng))
        for _ in range(2)
    ]


def test_joint_sums_over_its_factors(joints):
    q, p = joints
    assert_allclose(q.kl(p), sum(q[name].kl(p[name]) for name in q))
    assert_allclose(q.entropy(), sum(q[name].entropy() for name in q))


def test_joint_gives_factors_by_attribute_and_by_item(joints):
    q, _ = joints
    assert list(q) == ["weights", "components", "noise"]
    assert len(q) == 3
    assert q.weights is q["weights"] is dict(q.items())["weights"]
    assert set(q.mean) == set(q.var) == set(q.interval(0.5)) == set(q.sample(2, 0)) == set(q)


def test_joint_updates_and_blends_factor_by_factor(joints):
    q, p = joints
    rng = np.random.default_rng(9)
    statistics = {name: random_statistics(factor, rng) for name, factor in q.items()}
    updated, blended = q.updated(statistics), q.blended(p, 0.3)
    for name in q:
        assert_same_member(updated[name], q[name].updated(statistics[name]))
        assert_same_member(blended[name], q[name].blended(p[name], 0.3))


def test_joint_draws_follow_the_random_state(joints):
    q, _ = joints
    assert_array_equal(q.sample(4, 1)["weights"], q.sample(4, 1)["weights"])
    assert not np.array_equal(q.sample(4, 1)["weights"], q.sample(4, 2)["weights"])


def test_joint_prints_its_factors(joints):
    q, _ = joints
    assert repr(q).splitlines() == ["Joint of", *[f"  {name}: {factor!r}" for name, factor in q.items()]]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda q: pickle.loads(pickle.dumps(q))])
def test_joint_can_be_copied(joints, copied):
    q, p = joints
    assert copied(q).kl(p) == q.kl(p)


def test_joint_refuses_what_is_no_family():
    with pytest.raises(TypeError, match="'weights' is a ndarray"):
        Joint(weights=np.ones(3))


def test_joint_names_its_factors_where_one_is_missing(joints):
    q, _ = joints
    with pytest.raises(AttributeError, match="no factor named 'means'; there are weights, components, noise"):
        q.means  # noqa: B018
    assert not hasattr(q, "means")


def test_divergence_from_another_family_is_refused():
    sticks = StickBreaking(np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match="kl of a StickBreaking from a Gamma"):
        sticks.kl(Gamma(np.ones(2), np.ones(2)))


def test_joint_is_a_mapping():
    factors = {"a": Gamma(np.ones(2), np.ones(2)), "b": Dirichlet(np.ones(3))}
    assert dict(Joint(**factors)) == factors
