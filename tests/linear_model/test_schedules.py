"""Streams, restarts, warm starts, threads: however a fit gets there, it is the same fit."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skvi import BayesianLinearRegressionVI
from tests.linear_model.cases import GROUPS, OUTPUTS, data_for, random_weights, regression, settings, sparse_regression

LAYOUTS = {"dense": [np.asarray], "sparse": [sparse.csr_array], "both": [np.asarray, sparse.csr_array]}
CUTS = {"one row first": [1], "growing beyond the columns": [2, 5, 9, 14], "unequal": [30, 33], "equal": [20, 40]}


def stream(model, X, y, weights, cuts, layouts):
    for k, rows in enumerate(np.split(np.arange(len(y)), cuts)):
        table = layouts[k % len(layouts)](X[rows])
        model.partial_fit(table, y[rows], None if weights is None else weights[rows])
    return model


def assert_same_fit(one, other, rtol=1e-8):
    assert one.elbo_ == pytest.approx(other.elbo_, rel=1e-10)
    for name in ("coef_", "intercept_", "alpha_", "lambda_", "sigma_", "X_offset_"):
        expected = getattr(other, name)
        atol = rtol * np.abs(expected).max()
        assert_allclose(getattr(one, name), expected, rtol=rtol, atol=atol, err_msg=name)


# Any three of the four in all combinations.
COMBINED = [
    (groups, outputs, list(LAYOUTS)[(i + j + k) % len(LAYOUTS)], cuts)
    for (i, groups), (j, outputs), (k, cuts) in product(*map(enumerate, (GROUPS, OUTPUTS, CUTS)))
]


@pytest.mark.parametrize(("groups", "outputs", "layouts", "cuts"), COMBINED)
def test_chunks_are_the_whole(groups, outputs, layouts, cuts):
    layouts, cuts = LAYOUTS[layouts], CUTS[cuts]
    X, y = sparse_regression((60, 12), None if outputs == "single" else 3)
    X = X.toarray()
    chosen = settings(groups, outputs, "learned", 12)
    for fit_intercept, weights in ((True, 0.1 + random_weights(60)), (False, None)):
        model = BayesianLinearRegressionVI(fit_intercept=fit_intercept, **chosen)
        streamed = stream(model, X, y, weights, cuts, layouts)
        assert_same_fit(streamed, BayesianLinearRegressionVI(**model.get_params()).fit(X, y, weights))


@pytest.mark.parametrize("shape", [(60, 12), (10, 12)])
def test_chunks_far_from_zero_are_the_whole(shape):
    X, y = regression(shape)
    streamed = stream(BayesianLinearRegressionVI(), X + 1e6, y + 1e6, None, [1, 4], [np.asarray])
    whole = BayesianLinearRegressionVI().fit(X + 1e6, y + 1e6)
    assert streamed.elbo_ == pytest.approx(whole.elbo_, rel=1e-9)
    assert_allclose(streamed.coef_, whole.coef_, rtol=1e-6, atol=1e-8)


def test_partial_fit_goes_on_after_fit_and_fit_forgets():
    X, y = regression((60, 5))
    whole = BayesianLinearRegressionVI().fit(X, y)
    model = BayesianLinearRegressionVI().fit(X[:30], y[:30]).partial_fit(X[30:], y[30:])
    assert_same_fit(model, whole)
    # The summary of a stream outlives predictions from it.
    model = BayesianLinearRegressionVI().partial_fit(X[:30], y[:30])
    model.predict(X, return_std=True)
    assert_same_fit(model.partial_fit(X[30:], y[30:]), whole)
    first = BayesianLinearRegressionVI().fit(X[:30], y[:30])
    assert_same_fit(model.fit(X[:30], y[:30]), first)


def test_parameters_may_change_between_chunks():
    X, y = regression((40, 5))
    model = BayesianLinearRegressionVI().partial_fit(X[:20], y[:20])
    model.set_params(prior="ard", fit_intercept=False).partial_fit(X[20:], y[20:])
    assert_same_fit(model, BayesianLinearRegressionVI(prior="ard", fit_intercept=False).fit(X, y))


def test_partial_fit_refuses_rows_of_another_kind():
    X, y = regression((20, 5))
    model = BayesianLinearRegressionVI().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y has rows of shape \(2,\), but partial_fit began with \(\)"):
        model.partial_fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="X has 4 features"):
        model.partial_fit(X[:, :4], y)
    assert_same_fit(model, BayesianLinearRegressionVI().fit(X, y))


@pytest.mark.parametrize("prior", ["ridge", "ard"])
@pytest.mark.parametrize("shape", [(3000, 120), (80, 400)])
def test_threads_change_no_bit(prior, shape):
    X, y = regression(shape, 2)
    one, many = (BayesianLinearRegressionVI(prior=prior, n_jobs=n).fit(X, y) for n in (1, 3))
    assert one.elbo_history_ == many.elbo_history_
    points = X[:500]
    assert_array_equal(one.coef_, many.coef_)
    for method in ("predict_interval", "predict"):
        assert_array_equal(getattr(one, method)(points), getattr(many, method)(points))
    assert_array_equal(one.log_predictive_density(points, y[:500]), many.log_predictive_density(points, y[:500]))


def test_warm_starts_go_on_where_the_last_fit_ended():
    X, y = data_for("own", (60, 20), noise=3.0)
    cold = BayesianLinearRegressionVI(prior="ard", tol=1e-10).fit(X, y)
    model = BayesianLinearRegressionVI(prior="ard", tol=0.0, max_iter=2, warm_start=True)
    elbos = []
    for _ in range(4):
        with pytest.warns(ConvergenceWarning):
            elbos.append(model.fit(X, y).elbo_)
    assert (np.diff(elbos) > 0.0).all()
    again = model.set_params(tol=1e-10, max_iter=500).fit(X, y)
    # They may differ in what they freeze.
    assert again.elbo_ == pytest.approx(cold.elbo_, abs=1e-4 * len(y))
    assert again.fit(X, y).n_iter_ <= 2
    # Nothing to go on from where there is another number of columns or outputs.
    other = BayesianLinearRegressionVI(prior="ard", tol=1e-10).fit(X[:, :7], y[:, 0])
    assert again.fit(X[:, :7], y[:, 0]).elbo_ == other.elbo_


def test_restarts_keep_the_best_and_all_bounds():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 8))
    y = X[:, 0] + 0.5 * X[:, 1] + rng.standard_normal(12)
    model = BayesianLinearRegressionVI(prior="ard", n_init=6, random_state=0).fit(X, y)
    assert len(model.restart_elbos_) == 6
    assert model.elbo_ == model.restart_elbos_.max()
    assert model.restart_elbos_[0] == pytest.approx(BayesianLinearRegressionVI(prior="ard").fit(X, y).elbo_, rel=1e-12)
    again = BayesianLinearRegressionVI(prior="ard", n_init=6, random_state=0).fit(X, y)
    assert_array_equal(again.restart_elbos_, model.restart_elbos_)
    assert len(set(model.restart_elbos_)) > 1


@pytest.mark.parametrize(
    "start", [dict(alpha_init=1e-2), dict(alpha_init=1e4, lambda_init=1e-3), dict(lambda_init=[1e3, 1.0, 1e-3, 1.0])]
)
@pytest.mark.parametrize("prior", ["ridge", "ard"])
def test_starts_change_the_way_and_not_the_end(prior, start):
    if prior == "ridge" and np.ndim(start.get("lambda_init", 0.0)):
        start = dict(lambda_init=start["lambda_init"][0])
    X, y = regression((60, 4))
    chosen = dict(prior=prior, tol=1e-12, max_iter=5000)
    plain, moved = BayesianLinearRegressionVI(**chosen).fit(X, y), BayesianLinearRegressionVI(**chosen, **start)
    assert moved.fit(X, y).elbo_ == pytest.approx(plain.elbo_, rel=1e-8)
    assert moved.elbo_history_[0] != plain.elbo_history_[0]
    assert_allclose(moved.coef_, plain.coef_, rtol=1e-3, atol=1e-4)


def test_a_fit_that_stops_early_says_so():
    X, y = regression((60, 20), noise=3.0)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 iterations: the last one gained .* nats per row.*tol=0"):
        model = BayesianLinearRegressionVI(prior="ard", max_iter=2, tol=0.0).fit(X, y)
    assert not model.converged_
    assert model.n_iter_ == 2
    assert model.elbo_ == pytest.approx(len(y) * model.score(X, y) - model.posterior_.kl(model.prior_), rel=1e-9)
    with pytest.warns(ConvergenceWarning, match="a gain takes two of them"):
        model.set_params(max_iter=1).fit(X, y)
    assert model.set_params(max_iter=500, tol=1e-6).fit(X, y).converged_


def test_noise_that_was_explained_away_comes_back():
    X, y = regression((20, 60), noise=2.0)
    chosen = dict(weight_precision=1.0, tol=1e-10)
    plain = BayesianLinearRegressionVI(**chosen).fit(X, y)
    # So sure a start that all rows count as determined.
    moved = BayesianLinearRegressionVI(**chosen, alpha_init=1e12).fit(X, y)
    assert moved.elbo_ == pytest.approx(plain.elbo_, rel=1e-7)
    assert moved.n_iter_ < 50
