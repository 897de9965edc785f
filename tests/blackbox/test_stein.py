"""Stein variational gradient descent by what it means: targets that are known, and what must not change them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.exceptions import ConvergenceWarning

from skvi import SVGDSampler
from skvi.blackbox import GaussianLocationScale
from skvi.gradient.entropy import cloud_entropy
from skvi.gradient.parameters import Layout
from skvi.gradient.steps import KestenStep
from skvi.gradient.targets import Target
from tests.blackbox.cases import Line, Normal, Softmax, TwoModes, line

COVARIANCE = np.array([[1.0, 0.6], [0.6, 0.5]])
MEAN = np.array([3.0, -1.0])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "adagrad", "sgd"])
def test_every_optimizer_recovers_a_normal_target(optimizer):
    sampler = SVGDSampler(Normal(MEAN, COVARIANCE), optimizer=optimizer, max_iter=3000, random_state=0).fit(None)
    assert sampler.converged_
    assert_allclose(sampler.posterior_.theta.mean, MEAN, atol=0.05)
    assert_allclose(np.cov(sampler.particles_.T), COVARIANCE, rtol=0.15)
    # A bound of a normal distribution with these moments, so below the log evidence of zero, and close to it.
    assert -0.02 < sampler.elbo_ < 1e-10
    assert sampler.kernel_stein_discrepancy_ < 0.5
    assert 0.8 < sampler.spread_ < 1.05


@pytest.mark.parametrize(
    ("kernel", "preconditioner", "optimizer"),
    [("imq", None, "rmsprop"), ("rbf", "hessian", "sgd"), ("imq", "hessian", "sgd"), ("rbf", "hessian", "rmsprop")],
)
def test_kernels_and_metrics_recover_a_normal_target(kernel, preconditioner, optimizer):
    narrow = np.array([[1.0, 0.0], [0.0, 1e-2]])
    model = Normal(MEAN, narrow)
    settings = dict(preconditioner=preconditioner, optimizer=optimizer, max_iter=3000, random_state=0)
    sampler = SVGDSampler(model, kernel=kernel, **settings).fit(None)
    assert sampler.converged_
    assert_allclose(sampler.posterior_.theta.mean, MEAN, atol=0.05)
    assert_allclose(sampler.posterior_.theta.var, np.diag(narrow), rtol=0.2)


def test_an_ill_conditioned_target_takes_fewer_steps_with_its_curvature():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    model = Normal(np.ones(4), (turn * [1.0, 0.1, 1e-2, 1e-4]) @ turn.T)
    settings = dict(tol=1e-3, max_iter=3000, random_state=0)
    curved = SVGDSampler(model, preconditioner="hessian", optimizer="sgd", **settings).fit(None)
    plain = SVGDSampler(model, optimizer="adam", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain.fit(None)
    assert curved.converged_
    assert curved.n_iter_ < 0.7 * plain.n_iter_


def test_particles_from_one_spot_find_both_modes():
    start = 0.1 * np.random.default_rng(0).standard_normal((100, 2))
    sampler = SVGDSampler(TwoModes(), init=start).fit(None)
    side = sampler.particles_.sum(axis=1) > 0.0
    assert 0.35 < side.mean() < 0.65
    assert_allclose(sampler.particles_[side].mean(axis=0), 2.0, atol=0.2)
    assert_allclose(sampler.particles_[~side].mean(axis=0), -2.0, atol=0.2)


@pytest.mark.parametrize("annealing", ["linear", "cyclic"])
def test_annealing_ends_at_the_target_and_not_before(annealing):
    settings = dict(optimizer="adam", max_iter=2000, random_state=0)
    sampler = SVGDSampler(Normal(MEAN, COVARIANCE), annealing=annealing, **settings).fit(None)
    assert 1500 <= sampler.n_iter_
    assert_allclose(sampler.posterior_.theta.mean, MEAN, atol=0.05)
    assert_allclose(np.cov(sampler.particles_.T), COVARIANCE, rtol=0.15)


def test_a_regression_is_that_of_the_closed_form():
    X, y = line()
    model = Line()
    sampler = SVGDSampler(model, random_state=0).fit(X, y)
    mean, covariance = model.posterior(X, y)
    sd = np.sqrt(np.diag(covariance))
    assert_allclose(sampler.posterior_.weights.mean, mean, atol=0.1 * sd.max())
    assert_allclose(np.sqrt(sampler.posterior_.weights.var), sd, rtol=0.15)
    assert sampler.elbo_ < model.log_evidence(X, y)
    assert sampler.elbo_ == pytest.approx(model.log_evidence(X, y), abs=0.1)
    assert_allclose(sampler.predict(X), X @ sampler.posterior_.weights.mean, atol=1e-10)
    _, std = sampler.predict(X, return_std=True)
    assert_allclose(std, np.sqrt(np.einsum("nd,de,ne->n", X, covariance, X) + 0.25), rtol=0.08)
    interval = sampler.predict_interval(X, 0.9)
    assert_allclose(interval[:, 1] - interval[:, 0], 2.0 * norm.ppf(0.95) * std, rtol=0.08)


def test_location_and_scale_are_those_of_the_conjugate_posterior():
    X = np.random.default_rng(0).normal(4.0, 2.0, size=(400, 1))
    sampler = SVGDSampler(random_state=0).fit(X)
    assert_allclose(sampler.posterior_["mean"].mean, X.mean(), atol=0.02)
    assert_allclose(np.sqrt(sampler.posterior_["mean"].var), X.std() / 20.0, rtol=0.1)
    assert_allclose(sampler.posterior_["precision"].mean, 1.0 / X.var(), rtol=0.02)


def test_the_bound_is_score_less_divergence():
    X, y = line()
    weights = np.random.default_rng(0).uniform(0.0, 2.0, len(y))
    sampler = SVGDSampler(Line(), max_iter=50, tol=1e9, random_state=0).fit(X, y, sample_weight=weights)
    expected = weights.sum() * sampler.score(X, y, weights) - sampler.posterior_.kl(sampler.prior_)
    assert sampler.elbo_ == pytest.approx(expected, rel=1e-9)
    table = np.random.default_rng(1).gamma(2.0, size=(50, 2))
    sampler = SVGDSampler(max_iter=50, tol=1e9, random_state=0).fit(table)
    expected = 50 * sampler.score(table) - sampler.posterior_.kl(sampler.prior_)
    assert sampler.elbo_ == pytest.approx(expected, rel=1e-9)


def test_predictive_densities_integrate_to_one():
    X = np.random.default_rng(0).normal(size=(30, 1))
    sampler = SVGDSampler(random_state=0).fit(X)
    grid = np.linspace(-20.0, 20.0, 4001)[:, None]
    assert np.trapezoid(np.exp(sampler.score_samples(grid)), grid[:, 0]) == pytest.approx(1.0, abs=1e-3)
    assert sampler.score(X) < sampler.score_samples(X).mean()


def test_weights_are_repetitions():
    X, y = line(30)
    weights = np.random.default_rng(0).integers(0, 4, 30)
    model = SVGDSampler(Line(), max_iter=200, tol=1e9, evaluate_every=200, random_state=0)
    weighted = model.fit(X, y, sample_weight=weights).particles_
    repeated = model.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights)).particles_
    assert_allclose(weighted, repeated, rtol=1e-7, atol=1e-9)


def test_shifts_and_units_of_the_table_change_what_they_should():
    X = np.random.default_rng(0).normal(size=(40, 2))
    settings = dict(step_size=0.05, max_iter=100, evaluate_every=100, tol=1e9, random_state=0)
    plain = SVGDSampler(**settings).fit(X)
    moved = SVGDSampler(**settings).fit(1e-6 * X + 1e3)
    assert_allclose((moved.posterior_["mean"].mean - 1e3) * 1e6, plain.posterior_["mean"].mean, atol=1e-5)
    assert_allclose(moved.elbo_ - 80 * np.log(1e6), plain.elbo_, atol=1e-3)


def test_the_order_of_particles_does_not_matter():
    start = np.random.default_rng(0).standard_normal((40, 2))
    settings = dict(n_particles=40, max_iter=30, tol=1e9, evaluate_every=30)
    one = SVGDSampler(Normal(MEAN, COVARIANCE), init=start, **settings).fit(None).particles_
    other = SVGDSampler(Normal(MEAN, COVARIANCE), init=start[::-1].copy(), **settings).fit(None).particles_
    assert_allclose(one, other[::-1], atol=1e-10)


@pytest.mark.parametrize("batch_size", [None, 50])
def test_threads_change_no_bit(batch_size):
    X, y = line(3000, 3)
    settings = dict(n_particles=200, max_iter=20, tol=1e9, batch_size=batch_size, random_state=0)
    one, two = (SVGDSampler(Line(), n_jobs=n_jobs, **settings).fit(X, y) for n_jobs in (1, 2))
    assert_array_equal(one.particles_, two.particles_)
    assert one.elbo_ == two.elbo_


def test_minibatches_find_the_posterior():
    X, y = line(400)
    sampler = SVGDSampler(Line(), batch_size=50, max_iter=2000, tol=0.05, random_state=0).fit(X, y)
    mean, covariance = Line().posterior(X, y)
    assert_allclose(sampler.posterior_.weights.mean, mean, atol=np.sqrt(covariance.max()))


def test_partial_fit_finds_the_posterior_of_the_stream():
    X, y = line(400)
    sampler = SVGDSampler(Line(), total_samples=400, random_state=0)
    for _ in range(40):
        for begin in range(0, 400, 50):
            sampler.partial_fit(X[begin : begin + 50], y[begin : begin + 50])
    mean, covariance = Line().posterior(X, y)
    assert_allclose(sampler.posterior_.weights.mean, mean, atol=2.0 * np.sqrt(covariance.max()))
    unknown = SVGDSampler(Line(), random_state=0).partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    assert unknown._weight_seen == 400.0


def test_warm_starts_go_on():
    model = SVGDSampler(Normal(MEAN, COVARIANCE), max_iter=200, tol=1e9, evaluate_every=200, random_state=0)
    whole = model.set_params(max_iter=400, evaluate_every=400).fit(None).particles_
    model.set_params(max_iter=200, evaluate_every=200, warm_start=False).fit(None)
    model.set_params(warm_start=True).fit(None)
    assert_allclose(model.particles_, whole, atol=1e-12)


def test_classes_and_their_probabilities():
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 3.0], [3.0, 0.0], [-3.0, -3.0]])
    numbers = np.repeat(np.arange(3), 20)
    X, y = centers[numbers] + rng.standard_normal((60, 2)), np.array(["a", "b", "c"])[numbers]
    sampler = SVGDSampler(Softmax(), n_particles=200, random_state=0).fit(X, y)
    assert sampler.classes_.tolist() == ["a", "b", "c"]
    assert_allclose(sampler.predict_proba(X).sum(axis=1), 1.0)
    assert (sampler.predict(X) == y).mean() > 0.9
    chosen = sampler.predict_proba(X)[np.arange(60), numbers]
    assert_allclose(sampler.log_predictive_density(X, y), np.log(chosen))
    assert sampler.transform(X).shape == (60, 600)
    with pytest.raises(ValueError, match="none of the classes"):
        sampler.score(X, np.full(60, "d"))
    with pytest.raises(ValueError, match="one class alone"):
        SVGDSampler(Softmax()).fit(X, np.full(60, "d"))
    with pytest.raises(ValueError, match="the first call of partial_fit had"):
        sampler.partial_fit(X, y, classes=["a", "b"])


def test_a_collapse_is_said():
    model = Normal(np.zeros(30), np.eye(30))
    with pytest.warns(UserWarning, match="The 30 particles have collapsed: their variances are about 0.1"):
        sampler = SVGDSampler(model, n_particles=30, random_state=0).fit(None)
    assert sampler.spread_ == pytest.approx(sampler.posterior_.theta.var.mean(), rel=0.1)


def test_one_particle_climbs_to_the_mode():
    sampler = SVGDSampler(Normal(MEAN, COVARIANCE), n_particles=1, max_iter=3000, random_state=0).fit(None)
    assert_allclose(sampler.particles_[0], MEAN, atol=1e-2)
    assert np.isfinite(sampler.elbo_)


def test_gradients_that_are_missing_are_differences():
    class Ungraded:
        def parameters(self, X=None, y=None):
            return Normal(MEAN, COVARIANCE).parameters()

        def log_prior(self, theta):
            return Normal(MEAN, COVARIANCE).log_prior(theta)

    settings = dict(max_iter=100, tol=1e9, evaluate_every=100, random_state=0)
    with pytest.warns(UserWarning, match="no grad_log_prior: gradients are central differences"):
        sampler = SVGDSampler(Ungraded(), **settings).fit(None)
    exact = SVGDSampler(Normal(MEAN, COVARIANCE), **settings).fit(None)
    assert_allclose(sampler.particles_, exact.particles_, atol=1e-6)


def test_densities_have_no_score():
    sampler = SVGDSampler(Normal(MEAN, COVARIANCE))
    for name in ("score", "score_samples", "predict", "predict_proba", "pointwise_log_likelihood"):
        assert not hasattr(sampler, name)
    with pytest.raises(ValueError, match="X=None, but Line has a log_likelihood"):
        SVGDSampler(Line()).fit(None)


def test_particles_where_the_density_is_not_finite_are_counted():
    class Half(Normal):
        def grad_log_prior(self, theta):
            gradient = super().grad_log_prior(theta)["theta"]
            return {"theta": np.where(theta["theta"][:, :1] < -1.0, np.nan, gradient)}

    sampler = SVGDSampler(Half(np.zeros(2), np.eye(2)), max_iter=20, tol=1e9, random_state=0).fit(None)
    assert 0 < sampler.n_nonfinite_ < sampler.n_grad_evals_
    assert np.isfinite(sampler.particles_).all()

    class Nowhere(Normal):
        def grad_log_prior(self, theta):
            return {"theta": np.full_like(theta["theta"], np.nan)}

    with pytest.raises(ValueError, match=r"(not finite|NaN)"):
        SVGDSampler(Nowhere(np.zeros(2), np.eye(2))).fit(None)


def test_wrong_gradients_are_found_before_a_step_is_made():
    class Downhill(Line):
        def grad_log_likelihood(self, theta, X, y, row_weight):
            return {"weights": -super().grad_log_likelihood(theta, X, y, row_weight)["weights"]}

    with pytest.raises(ValueError, match=r"Downhill are not those of its log densities.*check_model"):
        SVGDSampler(Downhill()).fit(*line())


def test_particles_of_the_users_have_to_fit():
    with pytest.raises(ValueError, match=r"give particles of shape \(100, 2\)"):
        SVGDSampler(Normal(MEAN, COVARIANCE), init=np.zeros((3, 2))).fit(None)
    X = np.random.default_rng(0).normal(size=(20, 1))
    with pytest.raises(ValueError, match="outside Positive"):
        SVGDSampler(GaussianLocationScale(), n_particles=2, init=[[0.0, 1.0], [0.0, -1.0]]).fit(X)


class TestEntropy:
    def test_many_particles_have_that_of_their_moments(self):
        particles = np.random.default_rng(0).standard_normal((500, 2)) @ np.array([[2.0, 0.0], [1.0, 0.5]])
        expected = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * np.cov(particles.T, bias=True))[1]
        assert cloud_entropy(particles) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("n", [2, 10, 39, 40, 41, 100])
    def test_few_particles_have_that_of_their_shrunk_covariance(self, n):
        rng = np.random.default_rng(0)
        particles = rng.standard_normal((n, 40)) @ rng.standard_normal((40, 40)) + rng.standard_normal(40)
        scale = particles.std(axis=0)
        standard = (particles - particles.mean(axis=0)) / scale
        kept = 1.0 - max(ledoit_wolf_shrinkage(standard, assume_centered=True), 1.0 / (1.0 + n))
        correlation = kept * (standard.T @ standard / n)
        np.fill_diagonal(correlation, 1.0)
        covariance = 2.0 * np.pi * np.e * correlation * np.outer(scale, scale)
        assert cloud_entropy(particles) == pytest.approx(0.5 * np.linalg.slogdet(covariance)[1], rel=1e-10)

    def test_units_of_coordinates_shift_it(self):
        particles, units = np.random.default_rng(0).standard_normal((10, 40)), np.geomspace(1e-6, 1e9, 40)
        shifted = cloud_entropy(particles) + np.log(units).sum()
        assert cloud_entropy(particles * units) == pytest.approx(shifted, rel=1e-12)

    def test_particles_at_one_spot_have_a_finite_one(self):
        assert np.isfinite(cloud_entropy(np.full((5, 3), 1e6)))


class TestTarget:
    def test_minibatches_are_unbiased(self):
        X, y = line(40)
        weights = np.full(40, 1.5)
        model = Line()
        target = Target(model, Layout(model.parameters(X)), X, y, weights)
        z = np.random.default_rng(0).standard_normal((3, 2))
        parts = [target.minibatch(np.arange(i, 40, 4)).gradient(z) for i in range(4)]
        assert_allclose(np.mean(parts, axis=0), target.gradient(z), rtol=1e-10)

    def test_chunks_of_rows_are_the_whole(self, monkeypatch):
        X, y = line(1000)
        model = Line()
        target = Target(model, Layout(model.parameters(X)), X, y, np.ones(1000), n_jobs=2)
        z = np.random.default_rng(0).standard_normal((3, 2))
        theta = target.layout.constrain(z)
        before = target.gradient(z), target.log_density(z), target.log_likelihood(theta)
        monkeypatch.setattr("skvi.gradient.targets._CHUNK_DOUBLES", 1)
        after = target.gradient(z), target.log_density(z), target.log_likelihood(theta)
        for one, other in zip(before, after, strict=True):
            assert_allclose(one, other, rtol=1e-12)


class TestKestenStep:
    @staticmethod
    def _factor(increments):
        step = KestenStep()
        for increment in increments:
            step.observe(increment, increment)
        return step.factor

    def test_steps_that_lead_on_grow(self):
        assert_array_equal(self._factor(np.ones((10, 3, 2))), 1.25)

    def test_windows_that_lead_nowhere_make_them_one_over_their_number(self):
        back_and_forth = np.ones((40, 3, 2)) * np.where(np.arange(40) % 2, 1.0, -1.0)[:, None, None]
        assert_allclose(self._factor(back_and_forth), 1.0 / 5.0, rtol=1e-14)

    def test_noise_shortens_them_but_never_freezes(self):
        noise = np.random.default_rng(0).standard_normal((1000, 20, 2))
        factor = self._factor(noise)
        assert np.all(factor > 1.0 / 101.0)
        assert np.all(factor < 1.0 / 20.0)

    def test_coordinates_have_their_own(self):
        increments = np.ones((10, 3, 2))
        increments[::2, :, 1] = -1.0
        assert_array_equal(self._factor(increments), [1.25, 0.5])


def test_minibatches_find_the_posterior_by_themselves():
    X, y = line(2000)
    whole = SVGDSampler(Line(), n_particles=20, max_iter=1000, random_state=0).fit(X, y)
    parts = SVGDSampler(Line(), n_particles=20, max_iter=2000, tol=0.0, batch_size=50, random_state=0)
    with pytest.warns(ConvergenceWarning):
        parts.fit(X, y)
    deviation = whole.particles_.std(axis=0)
    assert np.all(np.abs(parts.particles_.mean(axis=0) - whole.particles_.mean(axis=0)) < deviation)
    assert parts.elbo_ == pytest.approx(whole.elbo_, abs=2.0)


def test_evaluations_between_steps_of_minibatches_are_near_those_on_all_rows():
    X, y = line(4000)
    sampler = SVGDSampler(Line(), n_particles=20, max_iter=200, tol=0.0, batch_size=20, random_state=0)
    with pytest.warns(ConvergenceWarning):
        sampler.fit(X, y)
    assert len(sampler.elbo_history_) == 20
    assert sampler.elbo_history_[-1] == sampler.elbo_
    direct = len(X) * sampler.score(X, y) - sampler.posterior_.kl(sampler.prior_)
    assert sampler.elbo_ == pytest.approx(direct, rel=1e-9)
    assert sampler.elbo_history_[-2] == pytest.approx(sampler.elbo_, rel=0.2)
