"""The bound is the evidence's: exact where it can be, below where it must be, and it never falls."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp
from sklearn.exceptions import ConvergenceWarning

from skvi import VariationalGaussianMixture
from skvi.families import Joint
from tests.mixture.cases import FORMS, SETTINGS, blobs, log_evidence

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("n_rows", [1, 2, 40])
def test_one_component_gives_the_log_evidence(form, n_features, n_rows):
    X, _ = blobs(n_rows, n_features, seed=n_rows)
    model = VariationalGaussianMixture(
        1, covariance_type=form, weight_concentration_prior_type="dirichlet_distribution"
    ).fit(X)
    expected = log_evidence(X, model.prior_)
    assert model.elbo_ == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_one_stick_costs_its_own_evidence():
    # With one free stick of Beta(1, gamma), z <= 1 of N rows has probability E[v^N] = N! gamma! / (N + gamma)!.
    X, _ = blobs(30, 2)
    gamma = 0.7
    model = VariationalGaussianMixture(1, weight_concentration_prior=gamma).fit(X)
    stick = gammaln(1 + len(X)) + gammaln(1 + gamma) - gammaln(1 + gamma + len(X))
    assert model.elbo_ == pytest.approx(log_evidence(X, model.prior_) + stick, rel=1e-10)


def _enumerated_evidence(X, prior):
    """Log evidence of a Dirichlet mixture by summing over all assignments."""
    k, alpha = len(prior.weights.concentration), prior.weights.concentration[0]
    terms = []
    for z in itertools.product(range(k), repeat=len(X)):
        z = np.array(z)
        counts = np.bincount(z, minlength=k)
        weights = gammaln(k * alpha) - gammaln(k * alpha + len(X)) + (gammaln(alpha + counts) - gammaln(alpha)).sum()
        terms.append(weights + _components_evidence(X, z, k, prior))
    return logsumexp(terms)


def _components_evidence(X, z, k, prior):
    single = Joint(weights=prior.weights, components=prior.components.permuted([0]))
    if not prior.components.form.shared:
        return sum(log_evidence(X[z == j], single) for j in range(k))
    return _tied_evidence(X, z, k, prior.components)


def _tied_evidence(X, z, k, q):
    # One Wishart for all: mean evidence given Lambda, then Lambda out (Murphy 2007, eq. 266, with pooled scatter).
    from scipy.special import multigammaln

    n, d = X.shape
    scatter, shrink = np.zeros((d, d)), 0.0
    for j in range(k):
        rows, kappa, m = X[z == j], q.mean_precision[j], q.mean[j]
        if len(rows):
            mean = rows.mean(axis=0)
            scatter += (rows - mean).T @ (rows - mean)
            scatter += kappa * len(rows) / (kappa + len(rows)) * np.outer(mean - m, mean - m)
        shrink += 0.5 * d * np.log(kappa / (kappa + len(rows)))
    nu = float(q.dof)
    return (
        -0.5 * n * d * np.log(np.pi)
        + multigammaln(0.5 * (nu + n), d)
        - multigammaln(0.5 * nu, d)
        + 0.5 * nu * np.linalg.slogdet(q.scale)[1]
        - 0.5 * (nu + n) * np.linalg.slogdet(q.scale + scatter)[1]
        + shrink
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("n_components", [2, 3])
def test_bound_is_not_above_the_enumerated_evidence(form, n_features, n_components):
    X, _ = blobs(6, n_features, n_components, seed=3)
    model = VariationalGaussianMixture(
        n_components,
        covariance_type=form,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=0.8,
        n_init=5,
        random_state=0,
    ).fit(X)
    evidence = _enumerated_evidence(X, model.prior_)
    assert model.elbo_ <= evidence + 1e-9
    # Not above for the trivial reason of being far below: label symmetry and mean field cost a few nats.
    assert model.elbo_ > evidence - 6.0 - gammaln(n_components + 1)


def _partitions(n):
    """All partitions of n rows, each as the cluster of every row."""
    partitions = [[0]]
    for _ in range(n - 1):
        partitions = [[*z, j] for z in partitions for j in range(max(z) + 2)]
    return np.array(partitions)


def _process_evidence(X, prior):
    """Log evidence of the infinite Dirichlet process: the Chinese restaurant's sum over partitions."""
    gamma, n = prior.weights.b[0], len(X)
    terms = []
    for z in _partitions(n):
        k = z.max() + 1
        sizes = np.bincount(z)
        restaurant = k * np.log(gamma) + gammaln(sizes).sum() + gammaln(gamma) - gammaln(gamma + n)
        alike = Joint(weights=prior.weights, components=prior.components.permuted([0] * k))
        terms.append(restaurant + _components_evidence(X, z, k, alike))
    return logsumexp(terms)


@pytest.mark.parametrize("form", ["full", "diag", "spherical"])
@pytest.mark.parametrize("n_components", [1, 2, 4])
@pytest.mark.parametrize("concentration", [0.1, 2.0])
def test_bound_is_not_above_the_evidence_of_the_infinite_process(form, n_components, concentration):
    X, _ = blobs(7, 2, 2, seed=1)
    model = VariationalGaussianMixture(
        n_components, covariance_type=form, weight_concentration_prior=concentration, n_init=5, random_state=0
    ).fit(X)
    evidence = _process_evidence(X, model.prior_)
    assert evidence - 10.0 < model.elbo_ <= evidence + 1e-9


def test_partitions_are_as_many_as_bells_number():
    assert len(_partitions(5)) == 52


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
@pytest.mark.parametrize("learning_method", ["batch", "memoized"])
def test_bound_never_falls(form, weights, learning_method):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n_features = int(rng.integers(1, 5))
        X, _ = blobs(int(rng.integers(5, 120)), n_features, 4, spread=rng.uniform(0.3, 4.0), seed=seed)
        model = VariationalGaussianMixture(
            int(rng.integers(2, 7)),
            covariance_type=form,
            weight_concentration_prior_type=weights,
            weight_concentration_prior=rng.choice([1e-3, 0.1, 1.0, 10.0]),
            init_params=rng.choice(["random", "kmeans", "random_from_data"]),
            learning_method=learning_method,
            batch_size=13,
            max_iter=30,
            tol=0.0,
            random_state=seed,
        ).fit(X)
        history = np.array(model.elbo_history_)
        assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_bound_is_the_score_less_the_divergence(form, weights, learning_method):
    X, _ = blobs(150, 3)
    sample_weight = np.random.default_rng(0).uniform(0.0, 2.0, size=len(X))
    model = VariationalGaussianMixture(
        4,
        covariance_type=form,
        weight_concentration_prior_type=weights,
        learning_method=learning_method,
        batch_size=40,
        max_iter=20,
        random_state=0,
    ).fit(X, sample_weight=sample_weight)
    rows = sample_weight.sum() * model.score(X, sample_weight=sample_weight)
    assert model.elbo_ == pytest.approx(rows - model.posterior_.kl(model.prior_), rel=1e-9)
    assert model.elbo_history_[-1] == model.elbo_ == model.lower_bound_


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_memoized_and_batch_share_fixed_points(form, weights):
    X, _ = blobs(200, 2, spread=5.0)
    settings = dict(
        covariance_type=form, weight_concentration_prior_type=weights, tol=1e-12, max_iter=2000, random_state=0
    )
    batch = VariationalGaussianMixture(3, **settings).fit(X)
    memoized = VariationalGaussianMixture(3, learning_method="memoized", batch_size=31, **settings).fit(X)
    assert memoized.elbo_ == pytest.approx(batch.elbo_, rel=1e-8)
    np.testing.assert_allclose(memoized.means_, batch.means_, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weights", ["dirichlet_distribution", "dirichlet_process"])
def test_shift_and_scale_change_only_what_they_should(form, weights):
    X, _ = blobs(300, 3, spread=6.0)
    settings = dict(
        covariance_type=form, weight_concentration_prior_type=weights, tol=1e-10, max_iter=5000, random_state=0
    )
    plain = VariationalGaussianMixture(5, **settings).fit(X)
    moved = VariationalGaussianMixture(5, **settings).fit(1e-3 * X + 1e6)
    scaled = VariationalGaussianMixture(5, **settings).fit(1e-3 * X)
    np.testing.assert_array_equal(plain.predict(X), scaled.predict(1e-3 * X))
    np.testing.assert_array_equal(plain.predict(X), moved.predict(1e-3 * X + 1e6))
    # A density in units a thousand times smaller is a thousand times larger per feature.
    shift = -X.size * np.log(1e-3)
    assert scaled.elbo_ == pytest.approx(plain.elbo_ + shift, rel=1e-10)
    # The sum 1e-3 x + 1e6 itself is rounded, by 1e-10 of 1e-3.
    assert moved.elbo_ == pytest.approx(plain.elbo_ + shift, rel=1e-7)
    np.testing.assert_allclose(scaled.means_, 1e-3 * plain.means_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(moved.covariances_, 1e-6 * plain.covariances_, rtol=1e-4, atol=1e-12)


def test_far_clusters_keep_their_digits():
    # Clusters 1e7 widths apart: expanded squares about one origin would leave no digit of the widths.
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 40])
    X = rng.normal(size=(100, 2)) + 1e7 * labels[:, None]
    model = VariationalGaussianMixture(2, covariance_prior=np.eye(2), mean_precision_prior=1e-14, random_state=0).fit(X)
    for k in range(2):
        rows = X[labels == k]
        center = 1e7 * k
        scatter = np.cov((rows - center).T, bias=True) * len(rows)
        shrink = 1e-14 * np.outer(*[rows.mean(0) - model.mean_prior_] * 2)
        expected = (np.eye(2) + scatter + shrink) / (2 + len(rows))
        np.testing.assert_allclose(model.covariances_[k], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_sweeps_converge_to_a_stationary_point(form, weights):
    X, _ = blobs(120, 2)
    model = VariationalGaussianMixture(
        3, covariance_type=form, weight_concentration_prior_type=weights, tol=1e-13, max_iter=3000, random_state=0
    ).fit(X)
    responsibilities = model.predict_proba(X)
    counts = responsibilities.sum(axis=0)
    means = (responsibilities.T @ X + model.mean_prior_) / (counts + 1.0)[:, None]
    np.testing.assert_allclose(model.means_, means, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.mean_precision_, 1.0 + counts, rtol=1e-4)
    dof = counts.sum() if form == "tied" else counts
    np.testing.assert_allclose(model.degrees_of_freedom_, model.degrees_of_freedom_prior_ + dof, rtol=1e-4)


def test_sticks_sorted_by_mass_raise_the_bound():
    X, _ = blobs(200, 2, 4, spread=5.0)
    order = [3, 1, 0, 2]
    model = VariationalGaussianMixture(4, random_state=0).fit(X)
    assert (np.diff(model.weight_concentration_[0]) <= 1e-9).all()
    shuffled = VariationalGaussianMixture(4, init_params=model.means_[order], random_state=0).fit(X)
    assert shuffled.elbo_ < model.elbo_


def test_bounds_of_nested_truncations_are_comparable():
    # Two sticks more that nobody uses cost nothing but what the rows pay for staying off them.
    X, _ = blobs(300, 2, 2, spread=8.0)
    settings = dict(weight_concentration_prior=0.1, n_init=3, random_state=0)
    elbos = [VariationalGaussianMixture(k, **settings).fit(X).elbo_ for k in (1, 2, 3, 4, 6)]
    assert elbos[1] > elbos[0] + 50.0
    np.testing.assert_allclose(elbos[2:], elbos[1], atol=0.5)


def test_weights_of_a_process_are_not_those_of_a_finite_mixture():
    X, _ = blobs(100, 2)
    settings = dict(weight_concentration_prior=1.0, random_state=0)
    process = VariationalGaussianMixture(3, **settings).fit(X)
    finite = VariationalGaussianMixture(3, weight_concentration_prior_type="dirichlet_distribution", **settings).fit(X)
    a, b = process.weight_concentration_
    np.testing.assert_allclose(b[:-1], 1.0 + np.cumsum((a - 1.0)[::-1])[::-1][1:], rtol=1e-12)
    assert finite.weight_concentration_.sum() == pytest.approx(3.0 + len(X))
    assert process.weights_.sum() == pytest.approx(1.0)


def test_not_converged_is_said_once_with_figures():
    X, _ = blobs(100, 2)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 .* gained .* tol=1e-06") as record:
        VariationalGaussianMixture(4, max_iter=2, random_state=0).fit(X)
    assert len(record) == 1
