"""BlackBoxVI: exact where the answer is known, and honest where it cannot be."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from skvi import BayesianLinearRegressionVI, BayesianLogisticRegressionVI
from skvi.blackbox import BlackBoxVI, GaussianLocationScale, LogisticModel, Parameter, from_density
from skvi.blackbox._inference import Inference
from skvi.gradient.counting import CountedTarget
from tests.blackbox.cases import Line, Normal, TwoModes, line

COVARIANCE = np.array([[2.0, 0.9, 0.0], [0.9, 1.0, -0.3], [0.0, -0.3, 0.5]])
MEAN = (1.0, -2.0, 3.0)


class Funnel(BaseEstimator):
    """Neal's funnel: no normal distribution is near it."""

    def parameters(self, X=None, y=None):
        return [Parameter("v"), Parameter("x", 4)]

    def log_prior(self, theta):
        v, x = theta["v"], theta["x"]
        log_v = -0.5 * v**2 / 9.0 - 0.5 * np.log(2.0 * np.pi * 9.0)
        return log_v - 0.5 * np.sum(x**2, axis=1) * np.exp(-v) - 2.0 * (v + np.log(2.0 * np.pi))

    def grad_log_prior(self, theta):
        v, x = theta["v"], theta["x"]
        shrunk = x * np.exp(-v)[:, None]
        return {"v": -v / 9.0 + 0.5 * np.sum(x * shrunk, axis=1) - 2.0, "x": -shrunk}


def quiet_fit(estimator, *data):
    """Fit without the warnings that a verdict comes with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(*data)


@pytest.mark.parametrize("method", ["auto", "bam", "pathfinder", "natural"])
def test_a_normal_posterior_is_recovered(method):
    vi = BlackBoxVI(Normal(MEAN, COVARIANCE), method=method, random_state=0).fit(None)
    exact = 0.1 if method == "pathfinder" else 1e-6
    assert_allclose(vi.posterior_.theta.mean, MEAN, atol=exact)
    assert_allclose(vi.posterior_.covariance, COVARIANCE, atol=exact)
    assert_allclose(vi.elbo_, 0.0, atol=exact)
    assert vi.converged_
    assert vi.trusted_
    assert vi.khat_ < 0.5
    assert vi.fisher_divergence_ < 20.0 * exact


def test_linear_response_makes_up_for_independence():
    model = Normal(MEAN, COVARIANCE)
    corrected = BlackBoxVI(model, method="dadvi", random_state=0).fit(None)
    assert_allclose(corrected.posterior_.theta.mean, MEAN, atol=1e-3)
    assert_allclose(corrected.posterior_.covariance, COVARIANCE, atol=1e-3)
    settings = dict(linear_response=False, importance_resample=False, random_state=0)
    plain = quiet_fit(BlackBoxVI(model, method="dadvi", **settings), None)
    assert_allclose(plain.posterior_.theta.var, 1.0 / np.diag(np.linalg.inv(COVARIANCE)), rtol=0.3)
    assert plain.elbo_ < corrected.elbo_


def test_the_bound_of_a_conjugate_model_is_the_exact_one():
    X, y = line(80, 3)
    vi = BlackBoxVI(Line(noise=0.5, width=2.0), random_state=0).fit(X, y)
    exact = BayesianLinearRegressionVI(noise_precision=4.0, weight_precision=0.25, fit_intercept=False).fit(X, y)
    assert_allclose(vi.elbo_, exact.elbo_, atol=1e-6)
    assert_allclose(vi.elbo_, Line(0.5, 2.0).log_evidence(X, y), atol=1e-6)
    assert_allclose(vi.posterior_["weights"].mean, exact.coef_, atol=1e-7)
    assert_allclose(vi.posterior_.covariance, exact.sigma_, atol=1e-8)
    assert_allclose(vi.score(X, y), exact.score(X, y), atol=1e-8)


def test_the_bound_of_logistic_regression_is_that_of_its_own_estimator():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = scale(X[:200, :3]), y[:200]
    model = LogisticModel(weight_precision=1.0, fit_intercept=False)
    vi = BlackBoxVI(model, random_state=0).fit(X, y)
    own = BayesianLogisticRegressionVI(weight_precision=1.0, fit_intercept=False, tol=1e-10).fit(X, y)
    assert_allclose(vi.elbo_, own.elbo_, atol=0.1)
    mean, sd = own.coef_.ravel(), np.sqrt(np.diag(own.sigma_))
    assert_allclose(vi.posterior_["weights"].mean, mean, atol=0.1 * sd.min())
    assert_allclose(np.sqrt(vi.posterior_["weights"].var), sd, rtol=0.05)


def test_the_bound_is_score_less_divergence():
    X, y = line()
    for vi in (BlackBoxVI(Line(), random_state=0), BlackBoxVI(Line(), importance_resample=True, random_state=0)):
        vi.fit(X, y)
        assert_allclose(vi.elbo_, len(X) * vi.score(X, y) - vi.posterior_.kl(vi.prior_), rtol=1e-9)


@pytest.mark.parametrize("family", ["meanfield", "fullrank", "lowrank", "planar", "realnvp"])
def test_every_family_fits_a_regression(family):
    X, y = line(40)
    vi = quiet_fit(BlackBoxVI(Line(), family=family, max_iter=300, random_state=0), X, y)
    mean, covariance = Line().posterior(X, y)
    assert_allclose(vi.posterior_["weights"].mean, mean, atol=0.1 * np.sqrt(covariance.max()))
    assert vi.elbo_ <= Line().log_evidence(X, y) + 4.0 * vi.elbo_se_ + 1e-9
    draws = vi.posterior_.sample(4000, random_state=1)["weights"]
    assert_allclose(draws.std(axis=0), np.sqrt(vi.posterior_["weights"].var), rtol=0.1)


@pytest.mark.parametrize("family", ["planar", "realnvp"])
def test_flows_gain_on_the_best_normal(family):
    normal = quiet_fit(BlackBoxVI(Funnel(), family="fullrank", random_state=0), None)
    flow = quiet_fit(BlackBoxVI(Funnel(), family=family, max_iter=600, random_state=0), None)
    assert flow.elbo_ > normal.elbo_ + 0.1
    assert flow.elbo_ < 4.0 * flow.elbo_se_


@pytest.mark.parametrize("settings", [{}, {"family": "meanfield"}, {"method": "pathfinder"}, {"method": "dadvi"}])
@pytest.mark.parametrize("model", [Funnel(), TwoModes()], ids=["funnel", "two modes"])
def test_no_bad_fit_is_silent(model, settings):
    vi = BlackBoxVI(model, random_state=0, **settings)
    with pytest.warns((UserWarning, ConvergenceWarning)):
        vi.fit(None)
    assert not vi.trusted_
    assert "try" in vi.message_ or "set" in vi.message_ or "raise" in vi.message_.lower()


def test_importance_weights_mend_what_is_nearly_right():
    def log_density(draws):
        return -0.5 * np.sum(draws**2, axis=1) - 0.2 * np.sum(draws**4, axis=1)

    def gradient(draws):
        return -draws - 0.8 * draws**3

    grid = np.linspace(-5.0, 5.0, 2001)
    weight = np.exp(log_density(grid[:, None]))
    variance = np.sum(weight * grid**2) / weight.sum()
    evidence = 2.0 * np.log(weight.sum() * (grid[1] - grid[0]))
    model = from_density(log_density, gradient, n_parameters=2)
    settings = dict(family="meanfield", linear_response=False, n_posterior_draws=20000, random_state=0)
    plain = quiet_fit(BlackBoxVI(model, importance_resample=False, **settings), None)
    mended = quiet_fit(BlackBoxVI(model, importance_resample=True, **settings), None)
    assert plain.elbo_ < mended.elbo_
    assert_allclose(mended.elbo_, evidence, atol=0.02)
    assert_allclose(mended.posterior_.theta.var, variance, rtol=0.03)
    with pytest.raises(AttributeError, match="importance_resample=False"):
        mended.posterior_.log_prob(mended.posterior_.draws)


def test_densities_at_draws_of_the_posterior():
    vi = BlackBoxVI(Normal(MEAN, COVARIANCE), random_state=0).fit(None)
    draws = vi.posterior_.sample(10, random_state=0)
    assert_allclose(vi.posterior_.log_prob(draws), Normal(MEAN, COVARIANCE).log_prior(draws), atol=1e-5)
    X = np.random.default_rng(0).normal(3.0, 2.0, size=(40, 1))
    vi = BlackBoxVI(random_state=0).fit(X)
    values = -vi.posterior_.log_prob(vi.posterior_.draws)
    assert_allclose(values.mean(), vi.posterior_.entropy(), atol=1e-9)


def test_threads_change_no_bit_and_seeds_repeat():
    X, y = line(3000, 3)
    one, two, again = (quiet_fit(BlackBoxVI(Line(), n_jobs=n, random_state=3), X, y) for n in (1, 2, 2))
    assert one.elbo_ == two.elbo_ == again.elbo_
    assert_array_equal(one.posterior_["weights"].draws, two.posterior_["weights"].draws)


def test_weights_count_as_repetition():
    X, y = line(30)
    weights = np.random.default_rng(0).integers(0, 3, size=30)
    weighted = BlackBoxVI(Line(), random_state=0).fit(X, y, sample_weight=weights)
    repeated = BlackBoxVI(Line(), random_state=0).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_allclose(weighted.elbo_, repeated.elbo_, rtol=1e-7)
    assert_allclose(weighted.posterior_["weights"].mean, repeated.posterior_["weights"].mean, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "bam", "family": "meanfield"}, "family='meanfield'.*method='bam'"),
        ({"method": "dadvi", "family": "fullrank"}, "family='fullrank'.*method='dadvi'"),
        ({"method": "natural", "family": "realnvp"}, "family='realnvp'.*method='natural'"),
        ({"method": "bam", "objective": "renyi"}, "objective='renyi'.*method='bam'"),
        ({"method": "bam", "batch_size": 10}, "batch_size=10.*method='bam'"),
        ({"method": "bam", "gradient": "score"}, "gradient='score'.*method='bam'"),
        ({"objective": "bb-alpha", "alpha": np.inf}, "alpha"),
        ({"objective": "renyi", "gradient": "score"}, "gradient='score'.*objective='renyi'"),
        ({"method": "natural", "step_size": 2.0}, "step_size=2.0"),
        ({"family": "circle"}, "family"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_settings_that_do_not_go_together_are_refused_in_words(settings, words):
    X, y = line()
    with pytest.raises(ValueError, match=words):
        BlackBoxVI(Line(), **settings).fit(X, y)


def test_black_box_alpha_asks_for_rows():
    with pytest.raises(ValueError, match="rows"):
        BlackBoxVI(Normal(), objective="bb-alpha").fit(None)


def test_score_gradients_need_none_of_the_model():
    def log_density(draws):
        return -0.5 * np.sum((draws - 1.0) ** 2, axis=1)

    vi = BlackBoxVI(from_density(log_density, n_parameters=2), gradient="score", family="meanfield", random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*central differences")
        vi.fit(None)
    assert vi.n_grad_evals_ == 0
    assert np.isnan(vi.fisher_divergence_)
    assert_allclose(vi.posterior_.theta.mean, 1.0, atol=0.15)
    assert_allclose(np.sqrt(vi.posterior_.theta.var), 1.0, atol=0.15)


@pytest.mark.parametrize(
    ("objective", "alpha", "least", "most"),
    [("renyi", 0.0, 1.02, 3.0), ("renyi", 2.0, 0.5, 0.97), ("bb-alpha", 1e-4, 0.95, 1.05), ("bb-alpha", 0.5, 1.1, 3.0)],
)
def test_objectives_trade_width(objective, alpha, least, most):
    """Independent weights of correlated columns are too narrow: small powers widen them, large ones narrow them."""
    X, y = line(40)
    X[:, 1] = 0.8 * X[:, 0] + 0.6 * X[:, 1]
    settings = dict(family="meanfield", importance_resample=False, random_state=0)
    elbo = quiet_fit(BlackBoxVI(Line(), method="advi", **settings), X, y)
    vi = quiet_fit(BlackBoxVI(Line(), objective=objective, alpha=alpha, **settings), X, y)
    ratio = np.sqrt(vi.posterior_["weights"].var / elbo.posterior_["weights"].var)
    assert (least < ratio).all()
    assert (ratio < most).all()
    assert vi.elbo_ <= Line().log_evidence(X, y) + 4.0 * vi.elbo_se_


def test_mini_batches_come_near_the_whole():
    X, y = line(2000, 2)
    mean, covariance = Line().posterior(X, y)
    vi = quiet_fit(BlackBoxVI(Line(), batch_size=200, random_state=0), X, y)
    sd = np.sqrt(np.diag(covariance))
    assert_allclose((vi.posterior_["weights"].mean - mean) / sd, 0.0, atol=0.3)
    assert_allclose(np.sqrt(vi.posterior_["weights"].var) / sd, 1.0, atol=0.2)


def test_partial_fit_goes_on_and_on():
    X, y = line(400, 2)
    mean, covariance = Line().posterior(X, y)
    vi = BlackBoxVI(Line(), total_samples=400, batch_size=50, n_posterior_draws=100, random_state=0)
    for _ in range(10):
        for rows in np.array_split(np.arange(400), 4):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                vi.partial_fit(X[rows], y[rows])
    sd = np.sqrt(np.diag(covariance))
    assert_allclose((vi.posterior_["weights"].mean - mean) / sd, 0.0, atol=0.35)
    assert_allclose(np.sqrt(vi.posterior_["weights"].var) / sd, 1.0, atol=0.15)
    assert "last call" in vi.message_


def test_streams_leave_weights_alone_and_end_with_fit():
    X, y = line(40)
    weights = np.ones(40)
    weights.setflags(write=False)
    vi = BlackBoxVI(Line(), total_samples=400, n_posterior_draws=100, random_state=0)
    for _ in range(3):
        vi.partial_fit(X, y, sample_weight=weights)
    vi.fit(X, -y)
    before = vi.posterior_["weights"].mean
    vi.set_params(total_samples=None).partial_fit(X, -y)
    assert_allclose(vi.posterior_["weights"].mean, before, atol=0.1)


def test_an_interrupted_stream_is_as_it_was():
    X, y = line(40)
    vi = BlackBoxVI(Line(), total_samples=40, n_posterior_draws=100, random_state=0).partial_fit(X, y).partial_fit(X, y)
    stream, steps = vi._stream_so_far, vi._stream_so_far.n_steps
    original = vi.model_.grad_log_likelihood
    vi.model_.grad_log_likelihood = lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        vi.partial_fit(X, y)
    vi.model_.grad_log_likelihood = original
    assert vi._stream_so_far is stream
    assert stream.n_steps == steps


def test_warm_starts_begin_where_the_last_fit_ended():
    X, y = line()
    vi = BlackBoxVI(Line(), warm_start=True, random_state=0).fit(X, y)
    first = vi.n_grad_evals_
    again = vi.fit(X, y)
    assert again.n_grad_evals_ < first
    assert again.converged_


def test_warm_starts_of_another_kind_begin_anew():
    X, y = line()
    vi = BlackBoxVI(Line(), family="planar", n_layers=2, max_iter=20, warm_start=True, random_state=0)
    quiet_fit(vi, X, y)
    for settings in ({"n_layers": 3}, {"family": "realnvp"}, {"family": "fullrank"}, {"method": "pathfinder"}):
        assert np.isfinite(quiet_fit(vi.set_params(**settings), X, y).elbo_)
    quiet_fit(vi, X, y)


def test_densities_that_are_not_finite_are_counted_and_survived():
    def log_density(draws):
        with np.errstate(invalid="ignore"):
            return np.sum(2.0 * np.log(draws) - draws, axis=1)

    def gradient(draws):
        return np.where(draws > 0.0, 2.0 / draws - 1.0, np.nan)

    model = from_density(log_density, gradient, n_parameters=2, start=[2.0, 2.0])
    vi = quiet_fit(BlackBoxVI(model, random_state=0), None)
    assert vi.n_nonfinite_ > 0
    assert np.isfinite(vi.posterior_.theta.mean).all()


@pytest.mark.parametrize("importance_resample", [False, True])
def test_mass_where_the_density_is_zero_costs_the_bound(importance_resample):
    """A normal that covers a half-normal density is confined to the half line: the bound is the log evidence, zero."""

    def log_density(draws):
        return np.where(draws[:, 0] > 0.0, 0.5 * np.log(2.0 / np.pi) - 0.5 * draws[:, 0] ** 2, -np.inf)

    model = from_density(log_density, np.negative, n_parameters=1, start=[1.0])
    vi = quiet_fit(BlackBoxVI(model, importance_resample=importance_resample, random_state=0), None)
    assert_allclose(vi.elbo_, 0.0, atol=max(4.0 * vi.elbo_se_, 0.1))
    assert (vi.posterior_.theta.draws > 0.0).all()
    assert "finite" in vi.message_ or not vi.trusted_
    assert_allclose(vi.elbo_, -vi.posterior_.kl(vi.prior_), atol=1e-9)


@pytest.mark.parametrize("n_draws", [30, 100])
def test_few_draws_have_the_moments_of_the_approximation(n_draws):
    vi = BlackBoxVI(Normal(MEAN, COVARIANCE), n_posterior_draws=n_draws, random_state=0).fit(None)
    assert_allclose(vi.posterior_.theta.mean, MEAN, atol=1e-6)
    assert_allclose(vi.posterior_.theta.var, np.diag(COVARIANCE), rtol=1e-5)


def test_one_row_and_one_parameter():
    vi = quiet_fit(BlackBoxVI(Normal((3.0,), ((4.0,),)), random_state=0), None)
    assert_allclose(vi.posterior_.theta.mean, 3.0, atol=1e-6)
    X = np.array([[2.0]])
    one = quiet_fit(BlackBoxVI(GaussianLocationScale(), random_state=0), X)
    assert np.isfinite(one.elbo_)
    assert np.isfinite(one.score_samples(X)).all()


def test_history_is_kept():
    vi = BlackBoxVI(Normal(MEAN, COVARIANCE), random_state=0).fit(None)
    assert all(isinstance(values, np.ndarray) for values in vi.history_.values())
    assert vi.elbo_history_[-1] == vi.elbo_
    assert vi.n_grad_evals_ > 0
    assert vi.n_nonfinite_ == 0
    assert "k-hat" in vi.message_


@pytest.mark.parametrize(
    ("family", "n_parameters", "method", "searched"),
    [
        ("auto", 200, "bam", "fullrank"),
        ("auto", 201, "dadvi", "meanfield"),
        ("fullrank", 200, "bam", "fullrank"),
        ("fullrank", 201, "natural", "fullrank"),
        ("meanfield", 2, "dadvi", "meanfield"),
        ("lowrank", 2, "advi", "lowrank"),
    ],
)
def test_auto_chooses_by_size_and_family(family, n_parameters, method, searched):
    target = CountedTarget(SimpleNamespace(n_parameters=n_parameters, has_rows=False))
    inference = Inference(BlackBoxVI(family=family), target, np.random.RandomState(0))
    assert (inference.method, inference.family) == (method, searched)
