"""What generalised linear models say of rows: everything integrated out, and calibrated."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.model_selection import cross_validate

from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI
from skvi.models.glm_predictive import logit_of_mean, poisson_quantile

RNG = np.random.default_rng(0)
X = RNG.standard_normal((200, 3)) + np.array([0.0, 5.0, -2.0])
ETA = (X - X.mean(axis=0)) @ [1.0, -0.7, 0.0] + 0.3
LABELS = np.where(RNG.random(200) < 1.0 / (1.0 + np.exp(-ETA)), "yes", "no")
COUNTS = RNG.poisson(np.exp(ETA))


@pytest.fixture(scope="module")
def classifier():
    return BayesianLogisticRegressionVI().fit(X, LABELS)


@pytest.fixture(scope="module")
def regressor():
    return BayesianPoissonRegressionVI().fit(X, COUNTS)


def test_probabilities_are_means_over_posterior_draws(classifier):
    draws = classifier.sample_posterior(40_000, random_state=0)
    eta = X[:20] @ draws["coef"].T + draws["intercept"]
    expected = (1.0 / (1.0 + np.exp(-eta))).mean(axis=1)
    assert_allclose(classifier.predict_proba(X[:20])[:, 1], expected, atol=2e-3)
    mean, std = classifier.predict_eta(X[:20], return_std=True)
    assert_allclose(mean, eta.mean(axis=1), atol=0.02)
    assert_allclose(std, eta.std(axis=1), rtol=0.02)


@pytest.mark.parametrize("var", [0.0, 0.3, 1.0, 4.0, 60.0, 1e4])
def test_log_odds_keep_their_digits_in_both_tails(var):
    mean = np.array([-60.0, -20.0, -1.0, 0.0, 0.5, 8.0, 60.0])
    t = np.linspace(-38.0, 38.0, 400001)
    for m, got in zip(mean, logit_of_mean(mean, np.full(7, var)), strict=True):
        eta = m + np.sqrt(var) * t
        tails = [np.exp(-0.5 * t**2 - np.logaddexp(0.0, sign * eta)).sum() for sign in (-1.0, 1.0)]
        assert got == pytest.approx(np.log(tails[0] / tails[1]), rel=1e-7 if var < 1e3 else 1e-6, abs=1e-9)


def test_decision_function_is_the_log_odds_of_the_probability(classifier):
    proba = classifier.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)
    assert_allclose(classifier.decision_function(X), np.log(proba[:, 1] / proba[:, 0]), rtol=1e-9, atol=1e-12)
    assert_allclose(classifier.predict_log_proba(X), np.log(proba), rtol=1e-9)
    assert (classifier.predict(X) == classifier.classes_[proba.argmax(axis=1)]).all()
    plugged_in = 1.0 / (1.0 + np.exp(-classifier.predict_eta(X)))
    assert (np.abs(proba[:, 1] - 0.5) < np.abs(plugged_in - 0.5)).all()


def test_score_is_below_the_predictive_density(classifier, regressor):
    for model, y in ((classifier, LABELS), (regressor, COUNTS)):
        density = model.log_predictive_density(X, y)
        assert density.shape == (200,)
        assert model.score(X, y) < density.mean() < model.score(X, y) + 0.1


def test_means_are_near_those_of_penalised_maximum_likelihood():
    ours = BayesianLogisticRegressionVI(weight_precision=1.0, intercept_scale=100.0).fit(X, LABELS)
    theirs = LogisticRegression(C=1.0, tol=1e-8).fit(X, LABELS)
    assert_allclose(ours.coef_, theirs.coef_, atol=0.1)
    ours = BayesianPoissonRegressionVI(weight_precision=1.0, intercept_scale=100.0).fit(X, COUNTS)
    theirs = PoissonRegressor(alpha=1.0 / 200, tol=1e-8).fit(X, COUNTS)
    assert_allclose(ours.coef_, theirs.coef_, atol=0.02)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=0.05)


def test_poisson_predictions_are_moments_and_quantiles_over_draws(regressor):
    draws = regressor.sample_posterior(40_000, random_state=0)
    rates = np.exp(X[:10] @ draws["coef"].T + draws["intercept"])
    counts = np.random.default_rng(1).poisson(rates)
    mean, std = regressor.predict(X[:10], return_std=True)
    assert_allclose(mean, rates.mean(axis=1), rtol=0.01)
    assert_allclose(std, counts.std(axis=1), rtol=0.02)
    lower, upper = regressor.predict_interval(X[:10], level=0.8).T
    for row, low, high in zip(counts, lower, upper, strict=True):
        assert (row <= low).mean() >= 0.1 - 0.01
        assert (row < low).mean() <= 0.1 + 0.01
        assert (row <= high).mean() >= 0.9 - 0.01
        assert (row < high).mean() <= 0.9 + 0.01


def test_poisson_quantiles_without_spread_are_those_of_scipy():
    rates = np.array([1e-3, 0.4, 3.0, 57.0, 2.5e4])
    for probability in (0.05, 0.5, 0.95):
        got = poisson_quantile(probability, np.log(rates), np.full(5, 1e-20))
        assert_allclose(got, stats.poisson.ppf(probability, rates), rtol=1e-12)


def simulated(rng, n_rows, likelihood):
    """Rows, coefficients and targets drawn from the prior of a model with known precision."""
    rows = rng.standard_normal((n_rows + 20, 3))
    w, b = rng.standard_normal(3) * 0.7, 0.3 * rng.standard_normal()
    eta = (rows - rows[:n_rows].mean(axis=0)) @ w + b
    y = rng.poisson(np.exp(eta)) if likelihood == "poisson" else rng.random(len(rows)) < 1.0 / (1.0 + np.exp(-eta))
    return rows, w, eta, y


@pytest.mark.parametrize("likelihood", ["logistic", "poisson"])
def test_intervals_of_coefficients_cover_at_their_level(likelihood):
    rng, hits = np.random.default_rng(7), []
    Model = BayesianPoissonRegressionVI if likelihood == "poisson" else BayesianLogisticRegressionVI
    for _ in range(800):
        rows, w, _, y = simulated(rng, 40, likelihood)
        if likelihood == "logistic" and len(set(y[:40])) < 2:
            continue
        model = Model(weight_precision=0.7**-2.0, n_jobs=1).fit(rows[:40], y[:40])
        lower, upper = model.posterior_.weights.interval(0.9).T
        hits.append((lower < w) & (w < upper))
    assert 0.88 < np.mean(hits) < 0.92


def test_probabilities_are_calibrated():
    rng, probabilities, outcomes = np.random.default_rng(3), [], []
    for _ in range(300):
        rows, _, _, y = simulated(rng, 40, "logistic")
        if len(set(y[:40])) == 2:
            model = BayesianLogisticRegressionVI(weight_precision=0.7**-2.0, n_jobs=1).fit(rows[:40], y[:40])
            probabilities.append(model.predict_proba(rows[40:])[:, 1])
            outcomes.append(y[40:])
    p, hit = np.concatenate(probabilities), np.concatenate(outcomes)
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        assert p[inside].mean() == pytest.approx(hit[inside].mean(), abs=0.04)


def test_exposure_is_an_offset_and_is_routed():
    exposure = np.exp(RNG.normal(size=200))
    y = RNG.poisson(exposure * np.exp(ETA))
    model = BayesianPoissonRegressionVI().fit(X, y, exposure=exposure)
    assert_allclose(model.coef_, [1.0, -0.7, 0.0], atol=0.2)
    assert_allclose(model.predict(X, exposure=exposure), exposure * model.predict(X), rtol=1e-12)
    n_score = 200 * model.score(X, y, exposure=exposure)
    assert n_score - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)
    with config_context(enable_metadata_routing=True):
        routed = BayesianPoissonRegressionVI().set_fit_request(exposure=True).set_score_request(exposure=True)
        scores = cross_validate(routed, X, y, params={"exposure": exposure}, cv=3)["test_score"]
    ignored = cross_validate(BayesianPoissonRegressionVI(), X, y, cv=3)["test_score"]
    assert (scores > ignored).all()


def test_online_and_partial_fit_come_near_the_batch():
    for Model, y in ((BayesianLogisticRegressionVI, LABELS), (BayesianPoissonRegressionVI, COUNTS)):
        rows, y = np.tile(X, (20, 1)), np.tile(y, 20)
        batch = Model().fit(rows, y)
        online = Model(learning_method="online", batch_size=200, random_state=0).fit(rows, y)
        assert online.elbo_ == pytest.approx(batch.elbo_, abs=0.01 * abs(batch.elbo_) ** 0.5)
        order = np.random.default_rng(0).permutation(len(y))
        stream = Model()
        for part in np.array_split(order, 5):
            stream.partial_fit(rows[part], y[part])
        deviation = np.sqrt(batch.posterior_.weights.var)
        assert (np.abs(np.ravel(stream.coef_ - batch.coef_)) < 0.5 * deviation).all()
        assert_allclose(stream.posterior_.weights.var, batch.posterior_.weights.var, rtol=0.05)
        one = Model(total_samples=len(y)).partial_fit(rows[order[:500]], y[order[:500]])
        assert np.isfinite(one.partial_fit(rows[order[500:900]], y[order[500:900]]).elbo_)


def test_partial_fit_with_the_classic_bound_is_a_lower_bound():
    rows, y = np.tile(X, (3, 1)), np.tile(LABELS, 3)
    order = np.random.default_rng(0).permutation(600)
    stream = BayesianLogisticRegressionVI(bound="jaakkola", weight_precision=1.0)
    for part in np.array_split(order, 4):
        stream.partial_fit(rows[part], y[part], classes=["no", "yes"])
    exact = 600 * stream.score(rows, y) - stream.posterior_.kl(stream.prior_)
    assert exact - 5.0 < stream.elbo_ < exact
