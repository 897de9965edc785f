"""The bound of generalised linear models: never above the evidence, near to it, rising, and the same by any road."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp

from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI
from skvi.engine.loop import Restart, run
from skvi.engine.monitor import Monitor
from skvi.engine.schedules import Batch
from skvi.families import FactoredNormal, IndependentNormal, InterceptGivenWeights, Joint
from skvi.models.glm import GeneralizedLinear
from skvi.models.likelihoods import BernoulliLogit, Likelihood, PoissonLog
from skvi.models.sites import Observations

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3)) @ np.array([[1.0, 0.6, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]])
ETA = X @ [1.0, -0.8, 0.0] + 0.4
CASES = {
    "logistic": (BayesianLogisticRegressionVI, (RNG.random(60) < 1.0 / (1.0 + np.exp(-ETA))).astype(int)),
    "poisson": (BayesianPoissonRegressionVI, RNG.poisson(np.exp(ETA))),
}
LIKELIHOODS = {"logistic": BernoulliLogit(), "poisson": PoissonLog()}
SETTINGS = [{}, {"prior": "ard"}, {"groups": ["a", "a", "b"]}, {"weight_precision": 0.7}, {"fit_intercept": False}]


@pytest.fixture(params=CASES)
def name(request):
    return request.param


def importance_sampled(model, name, y, n_draws=200_000):
    """Log evidence, and means and deviations of w, with draws from a wider Student-t around q."""
    rng, rows = np.random.default_rng(1), X - model.X_offset_
    q, b = model.posterior_.weights, model.posterior_.intercept
    mean, root = np.append(q.mean, b.mean), np.zeros((4, 4))
    root[:3, :3], root[3, :3], root[3, 3] = q.root, b.slope @ q.root, b.precision**-0.5
    proposal = stats.multivariate_t(mean, root @ root.T * 1.2, df=8)
    draws = proposal.rvs(n_draws, random_state=rng)
    log_joint = stats.norm.logpdf(draws[:, :3], scale=model.weight_precision**-0.5).sum(axis=1)
    prior = model.prior_.intercept
    log_joint += stats.norm.logpdf(draws[:, 3], prior.mean, np.sqrt(prior.var))
    eta = draws[:, :3] @ rows.T + draws[:, 3:]
    log_joint += LIKELIHOODS[name].log_prob(y, eta).sum(axis=1)
    log_weights = log_joint - proposal.logpdf(draws)
    shares = np.exp(log_weights - logsumexp(log_weights))
    mean = shares @ draws
    return logsumexp(log_weights) - np.log(n_draws), mean, np.sqrt(shares @ (draws - mean) ** 2)


def test_bound_is_just_below_the_evidence_and_the_posterior_near_the_exact_one(name):
    Model, y = CASES[name]
    model = Model(weight_precision=0.7, tol=1e-9).fit(X, y)
    evidence, mean, deviation = importance_sampled(model, name, y)
    assert evidence - 0.1 < model.elbo_ < evidence
    q, b = model.posterior_.weights, model.posterior_.intercept
    assert_allclose(np.append(q.mean, b.mean), mean, atol=0.1 * deviation.min())
    assert_allclose(np.sqrt(np.append(q.var, b.var)), deviation, rtol=0.06)


def test_learned_precision_is_bounded_by_the_evidence_as_well(name):
    """The evidence at each precision, integrated over its prior on a grid."""
    Model, y = CASES[name]
    learned = Model(tol=1e-9).fit(X, y)
    grid = np.linspace(np.log(1e-3), np.log(300.0), 40)
    bounds = [Model(weight_precision=float(np.exp(u)), tol=1e-8).fit(X, y).elbo_ for u in grid]
    hyper = learned.prior_.weight_precision
    log_prior = stats.gamma.logpdf(np.exp(grid), hyper.shape, scale=1.0 / hyper.rate) + grid
    evidence = logsumexp(np.array(bounds) + log_prior) + np.log(grid[1] - grid[0])
    assert evidence - 2.0 < learned.elbo_ < evidence + 0.1


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_bound_rises_and_is_score_less_divergence(name, settings):
    Model, y = CASES[name]
    model = Model(**settings).fit(X, y)
    history = np.array(model.elbo_history_)
    assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()
    assert len(y) * model.score(X, y) - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_natural_gradient_vanishes_at_the_end(name, settings):
    """No other normal posterior nearby has a higher bound."""
    Model, y = CASES[name]
    model = Model(**settings, tol=1e-12).fit(X, y)
    rows = Observations(X, y.astype(float), np.ones(len(y)))
    groups = np.array({"prior": [0, 1, 2], "groups": [0, 0, 1]}.get(next(iter(settings), None), [0, 0, 0]))
    glm = GeneralizedLinear(LIKELIHOODS[name], model.X_offset_, groups)
    rng = np.random.default_rng(0)
    for scale in (1e-2, 1e-1):
        q = model.posterior_.weights
        step = scale * q.root @ rng.standard_normal(3)
        factors = dict(model.posterior_.items())
        for moved in (FactoredNormal(q.mean + step, q.precision), FactoredNormal(q.mean, q.precision * (1.0 + scale))):
            factors["weights"] = moved
            if "intercept" in factors:
                b = model.posterior_.intercept
                factors["intercept"] = InterceptGivenWeights(b.mean, b.precision, b.slope, moved)
            near = Joint(**factors)
            summary, _ = glm.local_step(rows, glm.messages(near, model.prior_), None)
            assert glm.bound(model.prior_, summary, near) < model.elbo_ - 1e-3 * scale**2


def test_jaakkola_bound_is_below_the_exact_one():
    _, y = CASES["logistic"]
    for settings in SETTINGS:
        exact = BayesianLogisticRegressionVI(**settings).fit(X, y)
        classic = BayesianLogisticRegressionVI(bound="jaakkola", tol=1e-9, **settings).fit(X, y)
        assert exact.elbo_ - 5.0 < classic.elbo_ < exact.elbo_


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_weights_are_repetitions(name, settings):
    Model, y = CASES[name]
    weights = np.random.default_rng(3).integers(0, 4, size=len(y))
    weighted = Model(**settings).fit(X, y, sample_weight=weights)
    repeated = Model(**settings).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighted.elbo_ == pytest.approx(repeated.elbo_, rel=1e-10)
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-10)


def test_threads_change_no_bit(name):
    Model, y = CASES[name]
    rows, y = np.tile(X, (2000, 1)), np.tile(y, 2000)
    one, two = (Model(n_jobs=n, max_iter=500).fit(rows, y) for n in (1, 3))
    assert one.elbo_history_ == two.elbo_history_
    assert_array_equal(one.coef_, two.coef_)
    assert_array_equal(one.predict(rows), two.predict(rows))


def test_sparse_rows_are_dense_rows(name):
    from scipy import sparse

    Model, y = CASES[name]
    rows = np.where(np.abs(X) > 0.7, X, 0.0)
    dense, thin = Model().fit(rows, y), Model().fit(sparse.csr_array(rows), y)
    assert thin.elbo_ == pytest.approx(dense.elbo_, rel=1e-10)
    assert_allclose(thin.coef_, dense.coef_, rtol=1e-8)
    assert_allclose(thin.predict(sparse.csr_array(rows)), dense.predict(rows), rtol=1e-8)


def test_shift_and_scale_of_columns(name):
    Model, y = CASES[name]
    plain, shifted, scaled = Model().fit(X, y), Model().fit(X + 1e6, y), Model().fit(1e-6 * X, y)
    assert shifted.elbo_ == pytest.approx(plain.elbo_, abs=1e-7)
    assert scaled.elbo_ == pytest.approx(plain.elbo_, rel=1e-12)
    assert_allclose(shifted.coef_, plain.coef_, rtol=1e-7)
    assert_allclose(scaled.coef_, 1e6 * plain.coef_, rtol=1e-9)
    assert_allclose(shifted.predict(X + 1e6), plain.predict(X), rtol=1e-7)


class UnitNormal(Likelihood):
    """y ~ Normal(eta, 1): the model is conjugate."""

    def log_prob(self, y, eta):
        return stats.norm.logpdf(y, eta)

    def slope(self, y, eta):
        return y - eta

    def curvature(self, y, eta):
        return np.ones(np.broadcast_shapes(np.shape(y), np.shape(eta)))

    def link(self, mean):
        return mean


def fitted(likelihood, rows, y, start_mean=0.0, max_iter=50):
    """A posterior by the engine, from a start with all coefficients alike, and the result of the run."""
    n_features = rows.shape[1]
    prior = Joint(
        weights=IndependentNormal(np.zeros(n_features), np.full(n_features, 2.0)),
        intercept=IndependentNormal(np.asarray(0.5), np.asarray(0.1)),
    )
    weights = FactoredNormal(np.full(n_features, start_mean), 10.0 * np.eye(n_features))
    start = Joint(weights=weights, intercept=InterceptGivenWeights(0.0, 10.0, np.zeros(n_features), weights))
    model = GeneralizedLinear(likelihood, np.zeros(n_features), np.zeros(n_features, int))
    schedule = Batch(model, prior, Observations(rows, y, np.ones(len(y))))
    restart = Restart(Monitor(1e-10))
    schedule.start([restart], [start])
    return run(schedule, [restart], max_iter=max_iter, sort=False)


def test_normal_likelihood_is_solved_in_one_step():
    y = ETA + np.random.default_rng(4).standard_normal(60)
    result = fitted(UnitNormal(), X, y)
    table = np.column_stack([X, np.ones(60)])
    covariance = np.eye(60) + table @ np.diag([0.5, 0.5, 0.5, 10.0]) @ table.T
    evidence = stats.multivariate_normal.logpdf(y, np.full(60, 0.5), covariance)
    assert result.best.bound == pytest.approx(evidence, rel=1e-10)
    assert result.n_iter <= 2


def test_steps_that_lower_the_bound_are_shortened(monkeypatch):
    """From coefficients far too low a Newton step of a Poisson model with large counts ends far too high."""
    passes, refresh = [], Batch.refresh

    def counted(self, *arguments, **options):
        passes.append(self)
        return refresh(self, *arguments, **options)

    monkeypatch.setattr(Batch, "refresh", counted)
    y = 100.0 * np.random.default_rng(5).poisson(np.exp(ETA))
    result = fitted(PoissonLog(), X, y)
    assert len(passes) > result.n_iter + 2
    bounds = np.array(result.best.monitor.bounds)
    assert result.converged
    assert (np.diff(bounds) >= -1e-10 * np.abs(bounds[1:])).all()
    assert bounds[-1] == pytest.approx(fitted(PoissonLog(), X, y, start_mean=4.0).best.bound, rel=1e-9)
