"""The posterior: against Gibbs sampling, against scikit-learn, and under changes of units."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import BayesianRidge

from skvi import BayesianLinearRegressionVI
from tests.linear_model.cases import GROUPS, OUTPUTS, SHAPES, data_for, random_weights, regression, settings

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# Far beyond the default, so that no difference is where sweeps stopped.
TIGHT = dict(tol=1e-13, max_iter=5000)


def gibbs(model, X, y, n_sweeps, seed=0):
    """Draws of (w, b) by Gibbs sampling under a fitted model's prior: alpha, lambda, then all coefficients at once."""
    rng = np.random.default_rng(seed)
    prior, n_features = model.prior_, X.shape[1]
    by_column = prior.weight_precision.rate.ndim > 0
    a, b = prior.weight_precision.shape, prior.weight_precision.rate
    rows = np.column_stack([X - X.mean(axis=0), np.ones(len(X))])
    gram, center = rows.T @ rows, np.append(np.zeros(n_features), prior.intercept.mean)
    pull = rows.T @ (y - rows @ center)
    theta, draws = np.linalg.lstsq(rows, y, rcond=None)[0], np.empty((n_sweeps, n_features + 1))
    for s in range(n_sweeps):
        residuals = y - rows @ theta
        noise_rate = prior.noise_precision.rate + 0.5 * residuals @ residuals
        alpha = rng.gamma(prior.noise_precision.shape + 0.5 * len(y)) / noise_rate
        squares = theta[:-1] ** 2
        n_each, squares = (1.0, squares) if by_column else (n_features, squares.sum())
        shrinkage = rng.gamma(a + 0.5 * n_each) / (b + 0.5 * squares)
        precision = np.append(np.broadcast_to(shrinkage, n_features), prior.intercept.precision)
        factor = np.linalg.cholesky(np.diag(precision) + alpha * gram)
        mean = np.linalg.solve(factor.T, np.linalg.solve(factor, alpha * pull))
        theta = center + mean + np.linalg.solve(factor.T, rng.standard_normal(n_features + 1))
        draws[s] = theta
    return draws[n_sweeps // 20 :]


@pytest.mark.parametrize(("prior", "shape"), [("ridge", (60, 3)), ("ridge", (40, 10)), ("ard", (80, 4))])
def test_posterior_agrees_with_gibbs_sampling(prior, shape):
    X, y = regression(shape, noise=0.3, seed=3)
    model = BayesianLinearRegressionVI(prior=prior).fit(X, y)
    draws = gibbs(model, X, y, 6_000)
    mean = np.append(model.coef_, model.posterior_.intercept.mean)
    sd = np.sqrt(np.append(model.posterior_.weights.var, model.posterior_.intercept.var))
    # Mean field: means are off by a tenth of a deviation; deviations are short by up to a tenth.
    assert (np.abs(draws.mean(axis=0) - mean) < 0.12 * sd).all()
    ratio = sd / draws.std(axis=0)
    assert ((ratio > 0.88) & (ratio < 1.05)).all()
    correlation = np.corrcoef(draws[:, :-1].T)
    expected = model.sigma_ / np.multiply.outer(sd[:-1], sd[:-1])
    assert_allclose(expected, correlation, atol=0.08)


VAGUE = dict.fromkeys(["alpha_1", "alpha_2", "lambda_1", "lambda_2"], 1e-6)


@pytest.mark.parametrize("shape", [(300, 6), (100, 30)])
def test_coefficients_are_near_those_of_scikit_learn(shape):
    X, y = regression(shape)
    theirs = BayesianRidge(max_iter=3000, tol=1e-8).fit(X, y)
    ours = BayesianLinearRegressionVI(**VAGUE, **TIGHT).fit(X, y)
    # Theirs maximises the evidence of the two precisions, ours averages over them.
    assert_allclose(ours.coef_, theirs.coef_, atol=0.02 * np.abs(theirs.coef_).max())
    assert_allclose(ours.predict(X), theirs.predict(X), atol=0.02 * y.std())
    assert_allclose(ours.alpha_, theirs.alpha_, rtol=0.02)
    assert_allclose(ours.lambda_, theirs.lambda_, rtol=0.05)
    assert_allclose(ours.sigma_, theirs.sigma_, rtol=0.05, atol=1e-5)


@pytest.mark.parametrize("shape", [(50, 6), (12, 20)])
def test_evidence_is_that_of_scikit_learn_at_its_precisions(shape):
    X, y = regression(shape)
    theirs = BayesianRidge(fit_intercept=False, compute_score=True, max_iter=5000, tol=1e-13).fit(X, y)
    alpha, shrinkage = theirs.alpha_, theirs.lambda_
    ours = BayesianLinearRegressionVI(fit_intercept=False, noise_precision=alpha, weight_precision=shrinkage)
    ours.fit(X, y)
    hyper = 1e-6 * (np.log(shrinkage) - shrinkage + np.log(alpha) - alpha)
    assert ours.elbo_ == pytest.approx(theirs.scores_[-1] - hyper, rel=1e-8)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-9)
    assert_allclose(ours.sigma_, theirs.sigma_, rtol=1e-6, atol=1e-9)


def assert_same_posterior(one, other, X, elbo=0.0, unit_x=1.0, unit_y=1.0, shift=0.0, rtol=2e-5):
    """The second fit is the first in other units: y' = unit_y y + shift, X' = unit_x X."""
    scale = unit_y / unit_x
    assert other.elbo_ == pytest.approx(one.elbo_ + elbo, rel=1e-8)
    assert_allclose(other.coef_, scale * one.coef_, rtol=rtol, atol=rtol * np.abs(scale * one.coef_).max())
    assert_allclose(other.posterior_.weights.var, scale**2 * one.posterior_.weights.var, rtol=rtol)
    assert_allclose(other.alpha_, one.alpha_ / unit_y**2, rtol=rtol)
    for got, expected in zip(other.predict(X[1], return_std=True), one.predict(X[0], return_std=True), strict=True):
        assert_allclose(got, unit_y * expected + shift, rtol=rtol, atol=rtol * unit_y)
        shift = 0.0


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("groups", GROUPS)
def test_units_and_origins_change_what_they_should(groups, outputs, shape):
    X, y = data_for(outputs, shape, seed=2)
    model = BayesianLinearRegressionVI(**settings(groups, outputs, "learned", shape[1]), **TIGHT)
    weights = 0.5 + random_weights(len(y))
    plain = model.fit(X, y, weights)

    def fitted(X, y):
        return BayesianLinearRegressionVI(**model.get_params()).fit(X, y, weights)

    # A density in units a thousand times larger is a thousand times smaller per target.
    per_target = -weights.sum() * (1 if outputs == "single" else 3)
    for unit in (1e-6, 1e6):
        scaled = fitted(X, unit * y)
        assert_same_posterior(plain, scaled, (X, X), elbo=per_target * np.log(unit), unit_y=unit)
        assert_same_posterior(plain, fitted(unit * X, y), (X, unit * X), unit_x=unit)
    moved = fitted(X, y + 1e6)
    assert_same_posterior(plain, moved, (X, X), shift=1e6)
    far = fitted(X + 1e6, y)
    assert_same_posterior(plain, far, (X, X + 1e6))
    # The prediction at zero is now a million away from the rows.
    assert np.abs(far.intercept_).max() > 1e3


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_columns_may_have_units_of_their_own_under_relevance_alone(shape):
    X, y = regression(shape)
    units = 10.0 ** np.random.default_rng(0).integers(-4, 5, size=shape[1])
    plain, scaled = (BayesianLinearRegressionVI(prior="ard", **TIGHT).fit(table, y) for table in (X, X * units))
    assert_same_posterior(plain, scaled, (X, X * units), unit_x=units)
    assert_allclose(scaled.lambda_, units**2 * plain.lambda_, rtol=1e-6)
    one, other = (BayesianLinearRegressionVI(**TIGHT).fit(table, y) for table in (X, X * units))
    assert abs(one.elbo_ - other.elbo_) > 0.05


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("groups", GROUPS)
def test_order_of_columns_and_rows_changes_nothing(groups, shape):
    X, y = regression(shape)
    rng = np.random.default_rng(0)
    columns, rows = rng.permutation(shape[1]), rng.permutation(shape[0])
    chosen = settings(groups, "single", "learned", shape[1])
    plain = BayesianLinearRegressionVI(**chosen, **TIGHT).fit(X, y)
    if "groups" in chosen:
        chosen["groups"] = chosen["groups"][columns]
    other = BayesianLinearRegressionVI(**chosen, **TIGHT).fit(X[rows][:, columns], y[rows])
    assert other.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
    assert_allclose(other.coef_, plain.coef_[columns], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [SHAPES["tall"], SHAPES["wide"]])
def test_outputs_with_their_own_precisions_are_fits_of_their_own(shape):
    X, y = regression(shape, 3)
    for groups in GROUPS:
        chosen = settings(groups, "own", "learned", shape[1]) | TIGHT
        whole = BayesianLinearRegressionVI(**chosen).fit(X, y)
        parts = [BayesianLinearRegressionVI(**chosen).fit(X, column) for column in y.T]
        points = X[:4] + 0.3
        assert whole.elbo_ == pytest.approx(sum(part.elbo_ for part in parts), rel=1e-9)
        assert whole.score(X, y) == pytest.approx(
            sum(part.score(X, t) for part, t in zip(parts, y.T, strict=True)), rel=1e-6
        )
        for name in ("coef_", "intercept_", "alpha_", "lambda_", "sigma_"):
            stacked = np.stack([getattr(part, name) for part in parts])
            assert_allclose(getattr(whole, name), stacked, rtol=1e-5, atol=1e-7, err_msg=name)
        for got, expected in zip(
            whole.predict(points, return_std=True),
            zip(*[part.predict(points, return_std=True) for part in parts], strict=True),
            strict=True,
        ):
            assert_allclose(got, np.stack(expected, axis=-1), rtol=1e-5)
        intervals = np.stack([part.predict_interval(points) for part in parts], axis=1)
        assert_allclose(whole.predict_interval(points), intervals, rtol=1e-5, atol=1e-6)
        covariances = np.stack([part.predict(points, return_cov=True)[1] for part in parts])
        assert_allclose(whole.predict(points, return_cov=True)[1], covariances, rtol=1e-4, atol=1e-6)
        densities = sum(part.log_predictive_density(X, t) for part, t in zip(parts, y.T, strict=True))
        assert_allclose(whole.log_predictive_density(X, y), densities, rtol=1e-5)


def test_a_column_of_targets_is_one_output_with_an_axis():
    X, y = regression((30, 4))
    flat, column = BayesianLinearRegressionVI().fit(X, y), BayesianLinearRegressionVI().fit(X, y[:, None])
    assert column.elbo_ == flat.elbo_
    assert_allclose(column.coef_, flat.coef_[None])
    assert_allclose(column.predict(X), flat.predict(X)[:, None])
    assert_allclose(column.predict_interval(X), flat.predict_interval(X)[:, None])
    assert_allclose(column.predict(X, return_cov=True)[1], flat.predict(X, return_cov=True)[1][None])


def test_groups_stand_between_ridge_and_relevance():
    X, y = regression((40, 4))
    kinds = dict(prior="ridge"), dict(prior="ard"), dict(groups=["all"] * 4), dict(groups=list("dbca"))
    ridge, ard, together, apart = (BayesianLinearRegressionVI(**kind, **TIGHT).fit(X, y) for kind in kinds)
    assert together.elbo_ == pytest.approx(ridge.elbo_, rel=1e-12)
    assert_allclose(together.lambda_, [ridge.lambda_])
    assert apart.elbo_ == pytest.approx(ard.elbo_, rel=1e-8)
    # One precision for each label, labels sorted.
    assert_allclose(apart.lambda_, ard.lambda_[[3, 1, 2, 0]], rtol=1e-3)


def test_relevance_prunes_what_does_not_matter_and_the_bound_tells():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 40))
    sparse_y = X[:, :3] @ [3.0, -2.0, 1.0] + 0.5 * rng.standard_normal(200)
    dense_y = X @ rng.standard_normal(40) + 0.5 * rng.standard_normal(200)
    ridge, ard = BayesianLinearRegressionVI(), BayesianLinearRegressionVI(prior="ard")
    assert ard.fit(X, sparse_y).elbo_ > ridge.fit(X, sparse_y).elbo_ + 5.0
    assert np.abs(ard.coef_[3:]).max() < 0.15 < np.abs(ridge.coef_[:3]).min()
    assert_allclose(ard.coef_[:3], [3.0, -2.0, 1.0], atol=0.15)
    assert ridge.fit(X, dense_y).elbo_ > ard.fit(X, dense_y).elbo_ + 5.0


@quiet
@pytest.mark.parametrize("prior", ["ridge", "ard"])
def test_twins_share_their_coefficient(prior):
    X, y = regression((40, 3), noise=0.5)
    twins = np.column_stack([X, X[:, 0]])
    model = BayesianLinearRegressionVI(prior=prior).fit(twins, y)
    alone = BayesianLinearRegressionVI(prior=prior).fit(X, y)
    assert model.coef_[0] + model.coef_[3] == pytest.approx(alone.coef_[0], abs=0.05)
    if prior == "ridge":
        assert model.coef_[0] == pytest.approx(model.coef_[3], rel=1e-6)
    # The data know their sum, and of their difference no more than the prior.
    sums, difference = np.array([[1.0, 0, 0, 1.0]]), np.array([[1.0, 0, 0, -1.0]])
    q = model.posterior_.weights
    assert q.quadratic(sums)[0] < 0.1
    assert q.quadratic(difference)[0] == pytest.approx(np.sum(1.0 / q.shrinkage[0, [0, 3]]), rel=0.5)
    assert q.quadratic(difference)[0] > 10.0 * q.quadratic(sums)[0]
