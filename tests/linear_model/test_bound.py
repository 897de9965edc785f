"""The bound is the evidence's: exact where it can be, below and near it elsewhere, and it never falls."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp
from scipy.stats import gamma

from skvi import BayesianLinearRegressionVI
from skvi.models.mixing import Mixing
from skvi.models.regression import _Precisions
from tests.linear_model.cases import (
    ALL_SETTINGS,
    GROUPS,
    OUTPUTS,
    SHAPES,
    data_for,
    evidence_at,
    random_weights,
    regression,
    settings,
    sparse_regression,
)

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("groups", GROUPS)
def test_known_precisions_give_the_log_evidence(groups, outputs, shape):
    for fit_intercept, weighted in itertools.product([True, False], [True, False]):
        for table in (data_for(outputs, shape), sparse_regression(shape, None if outputs == "single" else 3)):
            X, y = table
            weights = random_weights(len(y)) if weighted else np.ones(len(y))
            chosen = settings(groups, outputs, "known", shape[1])
            model = BayesianLinearRegressionVI(fit_intercept=fit_intercept, **chosen).fit(X, y, weights)
            assert model.elbo_ == pytest.approx(evidence_at(model, X, y, weights, 2.0, 0.7), rel=1e-10)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_evidence_of_data_far_from_zero_keeps_its_digits(shape):
    X, y = regression(shape)
    chosen = dict(noise_precision=2.0, weight_precision=0.7)
    plain = BayesianLinearRegressionVI(**chosen).fit(X, y)
    far_X, far_y = X + 1e6, y - 1e6
    moved = BayesianLinearRegressionVI(**chosen).fit(far_X, far_y)
    assert moved.elbo_ == pytest.approx(evidence_at(moved, far_X, far_y, np.ones(len(y)), 2.0, 0.7), rel=1e-10)
    # The sum x + 1e6 itself is rounded, by 1e-10.
    assert moved.elbo_ == pytest.approx(plain.elbo_, rel=1e-8)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("groups", "outputs", "precisions"), ALL_SETTINGS)
def test_bound_is_the_score_less_the_divergence(groups, outputs, precisions, shape):
    X, y = data_for(outputs, shape)
    for fit_intercept, weights in ((True, None), (False, None), (True, random_weights(len(y)))):
        chosen = settings(groups, outputs, precisions, shape[1])
        model = BayesianLinearRegressionVI(fit_intercept=fit_intercept, **chosen).fit(X, y, weights)
        n = len(y) if weights is None else weights.sum()
        expected = n * model.score(X, y, weights) - model.posterior_.kl(model.prior_)
        assert model.elbo_ == pytest.approx(expected, rel=1e-9)
        assert model.elbo_history_[-1] == model.scores_[-1] == model.elbo_


@pytest.mark.parametrize("groups", GROUPS)
def test_bound_of_sparse_rows_is_that_of_dense_ones(groups):
    for shape in ((60, 6), (6, 9)):
        X, y = sparse_regression(shape)
        chosen = settings(groups, "single", "learned", shape[1])
        model = BayesianLinearRegressionVI(**chosen).fit(X, y)
        assert model.elbo_ == pytest.approx(len(y) * model.score(X, y) - model.posterior_.kl(model.prior_), rel=1e-9)
        assert model.elbo_ == pytest.approx(BayesianLinearRegressionVI(**chosen).fit(X.toarray(), y).elbo_, rel=1e-10)


def _log_weights(prior, u):
    """Log density of u = log x with x ~ Gamma."""
    return gamma(prior.shape, scale=1.0 / prior.rate).logpdf(np.exp(u)) + u


def _integrated_evidence(model, X, y):
    """Log evidence by summing over a grid of log precisions, wide enough that the priors leave nothing outside."""
    noise, shrinkage = model.prior_.noise_precision, model.prior_.weight_precision
    steps = np.linspace(-14.0, 5.0, 90 if shrinkage.rate.ndim else 240)
    alphas = np.log(1.0 / noise.rate) + steps
    lambdas = np.log(1.0 / np.atleast_1d(shrinkage.rate))[:, None] + steps
    terms = _log_weights(noise, alphas).reshape(-1, *[1] * len(lambdas))
    for axis, grid in enumerate(lambdas):
        weights = _log_weights(_Nth(shrinkage, axis), grid)
        terms = terms + weights.reshape([-1 if k == axis + 1 else 1 for k in range(1 + len(lambdas))])
    precisions = np.meshgrid(*lambdas, indexing="ij")
    columns = np.stack([precisions[g if len(lambdas) > 1 else 0].ravel() for g in range(X.shape[1])], axis=-1)
    evidence = _evidence_on_grid(model, X, y, np.exp(alphas), np.exp(columns)).reshape(np.shape(terms))
    return logsumexp(terms + evidence) + (1 + len(lambdas)) * np.log(steps[1] - steps[0])


class _Nth:
    def __init__(self, prior, n):
        self.shape, self.rate = np.atleast_1d(prior.shape)[n], np.atleast_1d(prior.rate)[n]


def _evidence_on_grid(model, X, y, alphas, precisions):
    """Log evidence at alphas (A,) and precisions (L, D), shape (A, L): the multivariate normal of y."""
    rows, n = X - X.mean(axis=0), len(y)
    residual = y - model.prior_.intercept.mean
    shared = np.ones((n, n)) / model.prior_.intercept.precision
    covariance = np.einsum("nd,ld,md->lnm", rows, 1.0 / precisions, rows) + shared
    values, vectors = np.linalg.eigh(covariance)
    along = np.einsum("lnm,n->lm", vectors, residual) ** 2
    out = np.empty((len(alphas), len(precisions)))
    for a, alpha in enumerate(alphas):
        total = np.maximum(values, 0.0) + 1.0 / alpha
        out[a] = -0.5 * (n * np.log(2.0 * np.pi) + np.log(total).sum(axis=1) + (along / total).sum(axis=1))
    return out


@pytest.mark.parametrize("shape", [(6, 1), (10, 2), (3, 2), (2, 2)])
@pytest.mark.parametrize("prior", ["ridge", "ard"])
@pytest.mark.parametrize("signal", [0.0, 3.0])
def test_bound_is_below_the_integrated_evidence_and_near_it(shape, prior, signal):
    rng = np.random.default_rng(shape)
    X = rng.standard_normal(shape)
    y = signal * X[:, 0] + rng.standard_normal(shape[0])
    model = BayesianLinearRegressionVI(prior=prior, tol=1e-10, max_iter=5000, n_init=5, random_state=0).fit(X, y)
    evidence = _integrated_evidence(model, X, y)
    # Three rows know little of three precisions: factors cost the more.
    assert evidence - (3.0 if prior == "ard" else 1.5) < model.elbo_ <= evidence + 1e-6


def test_integrated_evidence_is_exact_where_precisions_are_all_but_known():
    # Guards the grid above: Gammas this narrow are known precisions.
    X, y = regression((6, 1))
    chosen = dict(alpha_1=1e4, alpha_2=5e3, lambda_1=1e4, lambda_2=1e4)
    model = BayesianLinearRegressionVI(**chosen).fit(X, y)
    # The grid is laid out for shape one, so that alpha = 2 and lambda = 1 are ten steps of it below its top.
    alphas = np.log(2.0) + np.linspace(-0.1, 0.1, 60)
    lambdas = np.linspace(-0.1, 0.1, 60)
    terms = _log_weights(model.prior_.noise_precision, alphas)[:, None]
    terms = terms + _log_weights(model.prior_.weight_precision, lambdas)
    evidence = _evidence_on_grid(model, X, y, np.exp(alphas), np.exp(lambdas)[:, None])
    integrated = logsumexp(terms + evidence) + 2.0 * np.log(0.2 / 59)
    assert model.elbo_ == pytest.approx(integrated, abs=5e-3)
    assert model.elbo_ == pytest.approx(evidence_at(model, X, y, np.ones(6), 2.0, 1.0), abs=0.05)


NASTY = {
    "plain": lambda X, rng: X,
    "constant": lambda X, rng: np.where(np.arange(X.shape[1]) == 0, 3.1, X),
    "twins": lambda X, rng: np.column_stack([X, X[:, 0]]),
    "unequal": lambda X, rng: X * 10.0 ** rng.integers(-6, 7, size=X.shape[1]),
    "far": lambda X, rng: X + 1e6,
    "tied": lambda X, rng: np.round(X),
    "collinear": lambda X, rng: 1e3 * X @ rng.standard_normal((X.shape[1], X.shape[1])),
    "outliers": lambda X, rng: X * np.exp(3.0 * rng.standard_normal((len(X), 1))),
    "tiny": lambda X, rng: 1e-90 * X,
    "huge": lambda X, rng: 1e90 * X,
}
TARGETS = {
    "exact": lambda signal, rng: signal,
    "clear": lambda signal, rng: signal + 0.1 * rng.standard_normal(signal.shape),
    "noise": lambda signal, rng: 1e6 * rng.standard_normal(signal.shape),
    "zero": lambda signal, rng: 0.0 * signal,
    "constant": lambda signal, rng: 0.0 * signal + 5.0,
}


def nasty(kind, target, seed):
    """A data set of a kind, with parameters that vary from one to the next."""
    rng = np.random.default_rng([seed, *kind.encode()])
    X = NASTY[kind](rng.standard_normal((int(rng.integers(1, 40)), int(rng.integers(1, 30)))), rng)
    coefficients = rng.standard_normal((X.shape[1], 2)) * (rng.random((X.shape[1], 1)) < 0.5)
    signal = (X / np.abs(X).max()) @ coefficients
    y = TARGETS[target](signal[:, 0] if rng.random() < 0.5 else signal, rng)
    vague = dict.fromkeys(["alpha_1", "alpha_2", "lambda_1", "lambda_2"], 1e-6)
    parameters = dict(
        prior=rng.choice(["ridge", "ard"]),
        fit_intercept=bool(rng.random() < 0.7),
        output_precisions=rng.choice(["own", "shared"]),
        tol=rng.choice([0.0, 1e-6]),
        n_init=int(rng.integers(1, 3)),
        max_iter=60,
        random_state=0,
    ) | (vague if rng.random() < 0.3 else {})
    return sparse.csr_array(X) if rng.random() < 0.3 else X, y, parameters


@quiet
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", NASTY)
def test_bound_never_falls_and_nothing_is_beyond_float64(kind, target):
    for seed in range(6):
        X, y, parameters = nasty(kind, target, seed)
        model = BayesianLinearRegressionVI(**parameters).fit(X, y)
        history = np.array(model.elbo_history_)
        assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()
        results = [model.coef_, model.intercept_, model.predict(X), model.predict_interval(X), model.elbo_]
        for values in (*results, model.log_predictive_density(X, y), model.summary().to_numpy()):
            assert np.isfinite(values).all()


@quiet
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("groups", GROUPS)
def test_coordinate_ascent_alone_finds_the_optimum_of_the_leaps(groups, outputs, monkeypatch):
    # Leaps may be wrong without harm; this holds the plain step to its promise.
    X, y = data_for(outputs, (40, 5), noise=2.0)
    chosen = settings(groups, outputs, "learned", 5) | dict(tol=1e-13, max_iter=20_000)
    leaps = BayesianLinearRegressionVI(**chosen).fit(X, y)
    monkeypatch.setattr(_Precisions, "leap", _Precisions.step)
    monkeypatch.setattr(Mixing, "places", lambda self: None)
    steps = BayesianLinearRegressionVI(**chosen).fit(X, y)

    assert (np.diff(steps.elbo_history_[:50]) >= 0.0).all()
    assert steps.elbo_ == pytest.approx(leaps.elbo_, rel=1e-6)
    np.testing.assert_allclose(steps.alpha_, leaps.alpha_, rtol=1e-3)


def _coordinate_updates(model, X, y, weights, groups):
    """Shapes and means of alpha and lambda after one update each, as Bishop (2006, section 10.3) has them."""
    q, prior = model.posterior_.weights, model.prior_
    mean, covariance = np.atleast_2d(q.mean), np.reshape(model.sigma_, (-1, X.shape[1], X.shape[1]))
    y = np.reshape(y, (len(y), -1))
    residuals, rows = y - np.reshape(model.predict(X), y.shape), X - model.X_offset_
    spread = np.einsum("nd,tde,ne->nt", rows, covariance, rows)
    if "intercept" in model.posterior_:
        spread = spread + np.ravel(model.posterior_.intercept.var)
    squares = weights @ (residuals**2 + spread)
    seconds = mean**2 + np.diagonal(covariance, axis1=1, axis2=2)
    norms = np.stack([np.bincount(groups, row) for row in seconds])
    n_rows, n_each = weights.sum(), np.bincount(groups).astype(float)
    if model.output_precisions == "shared":
        squares, norms = squares.sum(keepdims=True), norms.sum(axis=0, keepdims=True)
        n_rows, n_each = n_rows * len(mean), n_each * len(mean)
    shapes = np.ravel(prior.noise_precision.shape) + 0.5 * n_rows, 0.5 * (n_each + np.zeros_like(norms)).ravel()
    shapes[1][:] += np.ravel(prior.weight_precision.shape)
    rates = np.ravel(prior.noise_precision.rate) + 0.5 * squares, np.ravel(prior.weight_precision.rate)
    return shapes, (shapes[0] / rates[0], shapes[1] / (rates[1] + 0.5 * norms.ravel()))


@quiet
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("groups", GROUPS)
def test_coordinate_updates_leave_a_converged_fit_in_place(groups, outputs, shape):
    X, y = data_for(outputs, shape, seed=1)
    chosen = settings(groups, outputs, "learned", shape[1])
    labels = {"ridge": np.zeros(shape[1], int), "ard": np.arange(shape[1]), "groups": np.arange(shape[1]) % 2}[groups]
    for fit_intercept, weights in ((True, 0.5 + random_weights(len(y))), (False, np.ones(len(y)))):
        model = BayesianLinearRegressionVI(fit_intercept=fit_intercept, tol=0.0, max_iter=3000, **chosen)
        shapes, means = _coordinate_updates(model.fit(X, y, weights), X, y, weights, labels)
        for name, shape_after, mean_after in zip(("noise_precision", "weight_precision"), shapes, means, strict=True):
            factor = model.posterior_[name]
            np.testing.assert_allclose(np.ravel(factor.shape), shape_after, rtol=1e-12)
            np.testing.assert_allclose(np.ravel(factor.mean), mean_after, rtol=1e-4)
