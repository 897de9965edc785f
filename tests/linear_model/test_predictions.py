"""Predictions: consistent with draws from the posterior, with each other, and with scikit-learn's conventions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import logsumexp
from scipy.stats import kstest, norm

from skvi import BayesianLinearRegressionVI
from tests.linear_model.cases import (
    GROUPS,
    OUTPUTS,
    PRECISIONS,
    SHAPES,
    data_for,
    random_weights,
    regression,
    settings,
    sparse_regression,
)

N_DRAWS = 8_000


def fitted(groups, outputs, precisions, shape, **parameters):
    X, y = data_for(outputs, shape)
    model = BayesianLinearRegressionVI(**settings(groups, outputs, precisions, shape[1]), **parameters).fit(X, y)
    return model, X, y


def draws_at(model, points, seed=0):
    """Draws of the linear predictor and of the noise precision at points, shapes (S, N, T) and (S, T)."""
    drawn = model.sample_posterior(N_DRAWS, seed)
    coef, intercept = drawn["coef"], drawn["intercept"]
    coef = coef.reshape(N_DRAWS, -1, points.shape[1])
    predictor = np.einsum("nd,std->snt", points, coef) + intercept.reshape(N_DRAWS, 1, -1)
    alpha = drawn["alpha"].reshape(N_DRAWS, -1) if "alpha" in drawn else np.array(model.alpha_)
    return predictor, np.broadcast_to(alpha, (N_DRAWS, coef.shape[1]))


def as_table(array):
    return array.reshape(len(array), -1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("groups", GROUPS)
def test_means_deviations_and_covariances_are_those_of_draws(groups, outputs, shape):
    for precisions in ("learned", "known"):
        for fit_intercept in (True, False):
            model, X, _ = fitted(groups, outputs, precisions, shape, fit_intercept=fit_intercept)
            points = X[:3] + np.array([[0.0], [1.0], [5.0]])
            predictor, alpha = draws_at(model, points)
            mean, std = model.predict(points, return_std=True)
            mean, std = as_table(mean), as_table(std)
            assert (np.abs(predictor.mean(axis=0) - mean) < 6.0 * std / np.sqrt(N_DRAWS)).all()
            noise = (1.0 / alpha).mean(axis=0)
            assert_allclose(np.sqrt(predictor.var(axis=0) + noise), std, rtol=0.06)
            cov = np.reshape(model.predict(points, return_cov=True)[1], (-1, 3, 3))
            assert_allclose(np.sqrt(np.diagonal(cov, axis1=1, axis2=2)), std.T, rtol=1e-6)
            for t, expected in enumerate(cov):
                sampled = np.cov(predictor[:, :, t].T) + noise[t] * np.eye(3)
                widths = np.sqrt(np.diagonal(expected))
                assert_allclose(sampled / np.multiply.outer(widths, widths), _correlation(expected), atol=0.08)


def _correlation(covariance):
    widths = np.sqrt(np.diagonal(covariance))
    return covariance / np.multiply.outer(widths, widths)


@pytest.mark.parametrize("precisions", PRECISIONS)
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_predictive_density_is_the_mean_over_draws(outputs, precisions):
    model, X, y = fitted("ridge", outputs, precisions, (30, 4))
    points, targets = X[:6], y[:6] + np.linspace(0.0, 2.0, 6).reshape(-1, *[1] * (y.ndim - 1))
    predictor, alpha = draws_at(model, points)
    rows = norm.logpdf(as_table(targets), predictor, 1.0 / np.sqrt(alpha)[:, None]).sum(axis=2)
    expected = logsumexp(rows, axis=0) - np.log(N_DRAWS)
    errors = np.std(np.exp(rows - expected), axis=0) / np.sqrt(N_DRAWS)
    assert (np.abs(model.log_predictive_density(points, targets) - expected) < 6.0 * errors + 1e-9).all()


@pytest.mark.parametrize("precisions", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_predictive_density_integrates_to_one_and_to_the_level_within_intervals(shape, precisions):
    model, X, _ = fitted("ridge", "single", precisions, shape)
    point = X[:1] + 1.0
    mean, nodes = model.predict(point)[0], np.polynomial.legendre.leggauss(400)
    for level in (0.5, 0.9):
        low, high = model.predict_interval(point, level)[0]
        assert 0.5 * (low + high) == pytest.approx(mean, rel=1e-9)
        inside = _integral(model, point, low, high, nodes)
        assert inside == pytest.approx(level, abs=1e-7)
    # Heavy tails are taken in by sinh.
    z, weights = 20.0 * nodes[0], 20.0 * nodes[1]
    y = mean + (high - low) * np.sinh(z)
    density = np.exp(model.log_predictive_density(np.repeat(point, len(y), axis=0), y))
    assert weights @ (density * (high - low) * np.cosh(z)) == pytest.approx(1.0, abs=1e-6)


def _integral(model, point, low, high, nodes):
    y = 0.5 * (low + high) + 0.5 * (high - low) * nodes[0]
    density = np.exp(model.log_predictive_density(np.repeat(point, len(y), axis=0), y))
    return 0.5 * (high - low) * nodes[1] @ density


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_score_is_the_expected_log_likelihood_and_below_the_density(outputs):
    model, X, y = fitted("ard", outputs, "learned", (40, 5))
    predictor, alpha = draws_at(model, X)
    targets = as_table(y)
    rows = norm.logpdf(targets, predictor, 1.0 / np.sqrt(alpha)[:, None]).sum(axis=2).mean(axis=1)
    error = rows.std() / np.sqrt(N_DRAWS)
    assert model.score(X, y) == pytest.approx(rows.mean(), abs=6.0 * error)
    density = model.log_predictive_density(X, y).mean()
    assert model.score(X, y) < density < model.score(X, y) + 1.5


def test_score_weighs_rows():
    model, X, y = fitted("ridge", "single", "learned", (30, 4))
    counts = np.random.default_rng(0).integers(0, 4, size=30)
    repeated = model.score(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert model.score(X, y, counts) == pytest.approx(repeated, rel=1e-10)
    halves = 0.5 * (model.score(X[:15], y[:15]) + model.score(X[15:], y[15:]))
    assert model.score(X, y) == pytest.approx(halves, rel=1e-12)


@pytest.mark.parametrize("shape", [(60, 6), (6, 9)])
def test_sparse_rows_are_predicted_as_dense_ones(shape):
    X, y = sparse_regression(shape)
    for fit_on in (X, X.toarray()):
        model = BayesianLinearRegressionVI().fit(fit_on, y)
        for call in (
            model.predict,
            model.predict_interval,
            lambda X, model=model: model.predict(X, return_std=True)[1],
            lambda X, model=model: model.predict(X, return_cov=True)[1],
            lambda X, model=model: model.log_predictive_density(X, y),
            lambda X, model=model: model.score(X, y),
        ):
            assert_array_equal(call(sparse.csc_array(X)), call(X.toarray()))


def test_many_rows_are_predicted_as_few():
    X, y = regression((200, 8))
    model = BayesianLinearRegressionVI().fit(X, y)
    many = np.tile(X, (500, 1))
    rows = [0, 12_345, 65_536, 99_999]
    for method in (model.predict, model.predict_interval, lambda X: model.predict(X, return_std=True)[1]):
        assert_allclose(method(many)[rows], method(many[rows]), rtol=1e-12)


def test_predictions_are_those_of_the_fit_whatever_the_parameters_are_now():
    X, y = regression((30, 4), 2)
    for before, after in (
        (dict(noise_precision=2.0), dict(noise_precision="learn")),
        (dict(output_precisions="shared"), dict(output_precisions="own")),
        (dict(), dict(noise_precision=7.0, output_precisions="shared", fit_intercept=False)),
    ):
        model = BayesianLinearRegressionVI(**before).fit(X, y)
        expected = model.predict_interval(X), model.log_predictive_density(X, y), model.score(X, y)
        model.set_params(**after)
        got = model.predict_interval(X), model.log_predictive_density(X, y), model.score(X, y)
        for one, other in zip(got, expected, strict=True):
            assert_array_equal(one, other)
        assert_allclose(
            model.predict(X, return_std=True)[1], np.sqrt(model.predict(X, return_cov=True)[1].diagonal(0, 1, 2)).T
        )


def test_an_infinite_predictive_variance_gets_a_sentence_and_intervals_stay():
    X, y = regression((1, 3))
    model = BayesianLinearRegressionVI(alpha_1=1e-6).fit(X, y)
    with pytest.raises(
        ValueError, match=r"predictive variance is infinite: .* shape 0\.5, which must be above 1; raise"
    ):
        model.predict(X, return_std=True)
    with pytest.raises(ValueError, match="predictive variance is infinite"):
        model.predict(X, return_cov=True)
    low, high = model.predict_interval(X)[0]
    assert low < model.predict(X)[0] < high


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 90, np.nan])
def test_levels_that_are_no_probabilities_are_refused(level):
    model, X, _ = fitted("ridge", "single", "learned", (20, 3))
    for call in (lambda: model.predict_interval(X, level), lambda: model.summary(level)):
        with pytest.raises(ValueError, match="level="):
            call()


def test_intervals_widen_with_the_level_and_away_from_the_rows():
    model, X, _ = fitted("ridge", "single", "learned", (20, 3))
    widths = [np.ptp(model.predict_interval(X[:1], level)) for level in (0.1, 0.5, 0.9, 0.99, 0.999999)]
    assert (np.diff(widths) > 0.0).all()
    center, far = np.ptp(model.predict_interval(np.stack([X.mean(axis=0), X.mean(axis=0) + 100.0])), axis=1)
    assert far > 5.0 * center


def test_draws_follow_the_seed_and_the_posterior():
    model, _, _ = fitted("ard", "own", "learned", (40, 5))
    drawn = model.sample_posterior(N_DRAWS, 1)
    posterior = model.posterior_
    for name, factor in (("coef", "weights"), ("alpha", "noise_precision"), ("lambda", "weight_precision")):
        mean, sd = posterior[factor].mean, np.sqrt(posterior[factor].var)
        assert (np.abs(drawn[name].mean(axis=0) - mean) < 6.0 * sd / np.sqrt(N_DRAWS)).all(), name
        assert_allclose(drawn[name].std(axis=0), sd, rtol=0.1)
    assert_array_equal(drawn["coef"], model.sample_posterior(N_DRAWS, 1)["coef"])
    assert (model.sample_posterior(3)["coef"] != model.sample_posterior(3)["coef"]).any()
    standard = (drawn["coef"][:, 0, 0] - posterior.weights.mean[0, 0]) / np.sqrt(posterior.weights.var[0, 0])
    assert kstest(standard, norm.cdf).pvalue > 1e-6


def test_weights_of_no_account_leave_predictions_finite():
    # So little is known of the noise that its precision may be 1e-300.
    X, y = regression((4, 2))
    model = BayesianLinearRegressionVI(alpha_1=1e-6, alpha_2=1e-6).fit(X, y, np.full(4, 0.01))
    assert np.isfinite(model.predict_interval(X, 0.5)).all()
    assert np.isfinite(model.log_predictive_density(X, y)).all()
    weights = random_weights(4) + 0.1
    assert model.fit(X, y, weights).score(X, y, weights) < model.log_predictive_density(X, y).max()
