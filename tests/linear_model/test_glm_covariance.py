"""Diagonal and low-rank covariances of generalised linear models: bounds in order, and exact for the q they have."""

import itertools
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI
from skvi.models import row_forms
from tests.linear_model.test_glm_inputs import HARD

RNG = np.random.default_rng(0)
N, D = 60, 25
COMMON = 0.6 * RNG.standard_normal((N, 1))
X = np.where(RNG.random((N, D)) < 0.4, RNG.standard_normal((N, D)), 0.0)
CORRELATED = X + COMMON
ETA = CORRELATED[:, :5] @ [1.0, -1.0, 0.5, 0.7, -0.4]
CASES = {
    "logistic": (BayesianLogisticRegressionVI, (RNG.random(N) < 1.0 / (1.0 + np.exp(-ETA))).astype(int)),
    "poisson": (BayesianPoissonRegressionVI, RNG.poisson(np.exp(0.6 * ETA))),
}
SETTINGS = [{}, {"prior": "ard"}, {"groups": np.arange(D) % 3}, {"weight_precision": 0.7}, {"fit_intercept": False}]
FORMS = [{"covariance": "diag"}, {"covariance": "low_rank", "rank": 3}]
BOTH = list(itertools.product(CASES, FORMS))


def ids(value):
    return "-".join(map(str, value)) if isinstance(value, dict) else str(value)


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.fixture(params=FORMS, ids=ids)
def form(request):
    return request.param


@pytest.fixture(params=SETTINGS, ids=ids)
def settings(request):
    return request.param


def test_more_of_the_covariance_gives_a_higher_bound(name, settings):
    Model, y = CASES[name]
    forms = [{"covariance": "diag"}, *[{"covariance": "low_rank", "rank": r} for r in (1, 4, 12, D)], {}]
    bounds = [Model(**settings, **form, tol=1e-8).fit(CORRELATED, y).elbo_ for form in forms]
    assert (np.diff(bounds[:-1]) > 0.0).all()
    assert bounds[-2] == pytest.approx(bounds[-1], abs=1e-4)
    assert bounds[0] < bounds[-1] - 0.05


def test_bound_rises_and_is_score_less_divergence(name, settings, form):
    Model, y = CASES[name]
    model = Model(**settings, **form).fit(CORRELATED, y)
    history = np.array(model.elbo_history_)
    assert model.converged_
    assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()
    assert N * model.score(CORRELATED, y) - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)


@pytest.mark.parametrize("settings", [{"weight_precision": 0.7}, {"fit_intercept": False}], ids=ids)
def test_rank_of_all_columns_is_the_full_covariance(name, settings):
    Model, y = CASES[name]
    full = Model(**settings, tol=1e-10).fit(CORRELATED, y)
    low = Model(**settings, tol=1e-10, covariance="low_rank", rank=D).fit(CORRELATED, y)
    assert low.elbo_ == pytest.approx(full.elbo_, abs=1e-6)
    assert_allclose(low.coef_, full.coef_, atol=1e-5)
    assert_allclose(low.sigma_, full.sigma_, atol=1e-4 * full.sigma_.max())
    for ours, theirs in zip(*(m.predict_eta(CORRELATED, return_std=True) for m in (low, full)), strict=True):
        assert_allclose(ours, theirs, atol=1e-4)


def test_independent_columns_need_no_more_than_the_diagonal(name):
    """Rows that have one column each tell nothing of two coefficients together."""
    Model, _ = CASES[name]
    rows = np.kron(np.eye(4), np.linspace(0.5, 2.0, 10)[:, None])
    y = np.random.default_rng(1).integers(2, size=40)
    full, diagonal = (Model(fit_intercept=False, covariance=c, tol=1e-9).fit(rows, y) for c in ("full", "diag"))
    assert diagonal.elbo_ == pytest.approx(full.elbo_, abs=1e-7)
    assert_allclose(diagonal.coef_, full.coef_, atol=1e-5)
    assert_allclose(diagonal.sigma_, np.diagonal(full.sigma_), rtol=1e-4)


def expected_log_likelihood(name, eta, y):
    if name == "poisson":
        from scipy.special import gammaln

        return (y * eta - np.exp(eta) - gammaln(y + 1.0)).sum(axis=-1)
    return -np.logaddexp(0.0, np.where(y > 0, -eta, eta)).sum(axis=-1)


@pytest.mark.parametrize("n_columns", [1, 2])
def test_bound_is_the_integral_it_stands_for(name, form, n_columns):
    """Brute force over a grid of standardised (w, b), and the best among the scaled neighbours of q."""
    Model, y = CASES[name]
    rows, y = CORRELATED[:12, :n_columns], y[:12]
    model = Model(weight_precision=0.7, **(form | {"rank": 1}), tol=1e-10).fit(rows, y)
    q, b = model.posterior_.weights, model.posterior_.intercept
    nodes, masses = np.polynomial.hermite_e.hermegauss(30)
    grid = np.stack(np.meshgrid(*[nodes] * (n_columns + 1), indexing="ij"), axis=-1).reshape(-1, n_columns + 1)
    mass = np.prod(np.stack(np.meshgrid(*[masses / masses.sum()] * (n_columns + 1))), axis=0).ravel()
    covariance = np.diag(q.var) if form["covariance"] == "diag" else q.covariance
    w = q.mean + grid[:, :-1] @ np.linalg.cholesky(covariance).T
    intercept = b.mean + (w - q.mean) @ b.slope + grid[:, -1] / np.sqrt(b.precision)
    eta = w @ (rows - model.X_offset_).T + intercept[:, None]
    expected = mass @ expected_log_likelihood(name, eta, y)
    assert 12 * model.score(rows, y) == pytest.approx(expected, rel=1e-6)
    prior = model.prior_.intercept
    log_prior = -0.35 * (w**2).sum(axis=1) - 0.5 * prior.precision * (intercept - prior.mean) ** 2
    log_prior += 0.5 * (n_columns * np.log(0.7) + np.log(prior.precision))
    log_q = -0.5 * (grid**2).sum(axis=1) - 0.5 * np.linalg.slogdet(covariance)[1] + 0.5 * np.log(b.precision)
    assert model.posterior_.kl(model.prior_) == pytest.approx(mass @ (log_q - log_prior), rel=1e-8)


@pytest.mark.parametrize(("name", "form"), BOTH)
def test_no_diagonal_or_shifted_posterior_nearby_is_better(name, form):
    """The bound is stationary in the means, and in the scale of every variance of mean field."""
    from skvi.families import DiagonalNormal, InterceptGivenWeights, Joint, LowRankNormal

    Model, y = CASES[name]
    model = Model(weight_precision=0.7, tol=1e-12, **form).fit(CORRELATED, y)
    best, posterior = model.elbo_, model.posterior_
    q, b = posterior.weights, posterior.intercept

    def bound(weights):
        model.posterior_ = Joint(
            weights=weights, intercept=InterceptGivenWeights(b.mean, b.precision, b.slope, weights)
        )
        return N * model.score(CORRELATED, y) - model.posterior_.kl(model.prior_)

    rng = np.random.default_rng(0)
    for scale in (1e-2, 1e-1):
        step = scale * rng.standard_normal(D)
        if form["covariance"] == "low_rank":
            assert bound(LowRankNormal(q.mean + step * np.sqrt(q.var), q.diagonal, q.factor)) < best
            continue
        assert bound(DiagonalNormal(q.mean + step * np.sqrt(q.var), q.precision)) < best
        assert bound(DiagonalNormal(q.mean, q.precision * np.exp(step))) < best


@pytest.mark.parametrize("settings", SETTINGS[:3], ids=ids)
def test_sparse_rows_are_dense_rows(name, form, settings):
    Model, y = CASES[name]
    dense, thin = Model(**form, **settings).fit(X, y), Model(**form, **settings).fit(sparse.csr_array(X), y)
    assert thin.elbo_ == pytest.approx(dense.elbo_, rel=1e-9)
    assert_allclose(thin.coef_, dense.coef_, rtol=1e-6, atol=1e-9)
    for ours, theirs in zip(
        *(m.predict_eta(r, True) for m, r in ((thin, sparse.csr_array(X)), (dense, X))), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_sparse_entries_may_be_stored_in_pieces(name, form):
    Model, y = CASES[name]
    whole = sparse.csr_array(X)
    twice = sparse.csr_array((np.repeat(0.5 * whole.data, 2), np.repeat(whole.indices, 2), 2 * whole.indptr), X.shape)
    model = Model(**form).fit(twice, y)
    assert model.elbo_ == pytest.approx(Model(**form).fit(whole, y).elbo_, rel=1e-9)
    assert twice.nnz == 2 * whole.nnz


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("settings", SETTINGS[:3], ids=ids)
def test_rows_summed_up_are_rows_kept(name, form, settings, layout, monkeypatch):
    """A product with all rows is one with their Gram matrix; either way the same answer."""
    Model, y = CASES[name]
    fits = []
    for summed in (True, False):
        monkeypatch.setattr(row_forms, "_narrow", lambda x, summed=summed: summed)
        fits.append(Model(tol=1e-12, **form, **settings).fit(layout(X), y))
    # Directions of low rank turn on for ever, with gains below any tolerance.
    exact = form["covariance"] == "diag"
    assert fits[0].elbo_ == pytest.approx(fits[1].elbo_, rel=1e-9 if exact else 1e-5)
    assert_allclose(fits[0].coef_, fits[1].coef_, atol=1e-6 if exact else 1e-2)


def test_narrow_rows_are_summed_up_and_wide_text_is_not():
    words = sparse.random(200, 2000, density=0.002, format="csr", random_state=0)
    assert row_forms.form_named("diag", 1, np.zeros((1000, 50)), True, 1).summed
    assert not row_forms.form_named("diag", 1, np.zeros((1000, 2000)), True, 1).summed
    assert not row_forms.form_named("low_rank", 5, words, True, 1).summed


@pytest.mark.parametrize("settings", SETTINGS, ids=ids)
def test_weights_are_repetitions(name, form, settings):
    Model, y = CASES[name]
    weights = np.random.default_rng(3).integers(0, 4, size=N)
    weighted = Model(**form, **settings).fit(CORRELATED, y, sample_weight=weights)
    repeated = Model(**form, **settings).fit(np.repeat(CORRELATED, weights, axis=0), np.repeat(y, weights))
    assert weighted.elbo_ == pytest.approx(repeated.elbo_, rel=1e-9)
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_threads_change_no_bit(name, form, layout):
    Model, y = CASES[name]
    rows, y = layout(np.tile(X, (700, 1))), np.tile(y, 700)
    one, two = (Model(n_jobs=n, max_iter=3, tol=10.0, **form).fit(rows, y) for n in (1, 3))
    assert one.elbo_history_ == two.elbo_history_
    assert_array_equal(one.coef_, two.coef_)
    assert_array_equal(one.predict(rows), two.predict(rows))


def test_order_of_rows_changes_nothing_but_rounding(name, form):
    Model, y = CASES[name]
    order = np.random.default_rng(0).permutation(N)
    plain, other = Model(**form).fit(CORRELATED, y), Model(**form).fit(CORRELATED[order], y[order])
    assert other.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)


def test_shift_and_scale_of_columns(name, form):
    Model, y = CASES[name]
    plain, shifted, scaled = (Model(**form).fit(rows, y) for rows in (X, X + 1e6, 1e-6 * X))
    assert shifted.elbo_ == pytest.approx(plain.elbo_, abs=1e-5)
    assert scaled.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
    assert_allclose(scaled.coef_, 1e6 * plain.coef_, rtol=1e-5, atol=1e-2)
    assert_allclose(shifted.predict_eta(X + 1e6), plain.predict_eta(X), atol=1e-4)


@pytest.mark.parametrize("prior", ["ridge", "ard"])
@pytest.mark.parametrize("case", HARD)
def test_hard_inputs_end_finite_and_rising(case, prior, form):
    Model, rows, y = HARD[case]
    model = Model(prior=prior, **form).fit(rows, y)
    history = np.array(model.elbo_history_)
    assert model.converged_
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.log_predictive_density(rows, y)).all()
    assert len(y) * model.score(rows, y) - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)
    assert np.isfinite(model.summary().to_numpy()).all()


def test_draws_have_the_moments_of_the_posterior(name, form):
    Model, y = CASES[name]
    model = Model(**form).fit(CORRELATED, y)
    draws = model.sample_posterior(40_000, random_state=0)
    eta = CORRELATED[:10] @ draws["coef"].T + np.ravel(draws["intercept"])
    mean, std = model.predict_eta(CORRELATED[:10], return_std=True)
    assert_allclose(eta.mean(axis=1), mean, atol=0.03)
    assert_allclose(eta.std(axis=1), std, rtol=0.03)
    table = model.summary()
    assert_allclose(table["sd"][:D], draws["coef"].std(axis=0), rtol=0.03)
    assert table["sd"]["intercept"] == pytest.approx(np.std(draws["intercept"]), rel=0.03)
    drawn = model.posterior_.sample(5, random_state=0)
    assert drawn["weights"].shape == (5, D)
    assert abs(model.posterior_.kl(model.posterior_)) < 1e-10
    assert np.isfinite(model.posterior_.weights.entropy())


def test_predictions_integrate_the_posterior_out(form):
    Model, y = CASES["logistic"]
    model = Model(**form).fit(CORRELATED, y)
    draws = model.sample_posterior(40_000, random_state=0)
    eta = CORRELATED[:10] @ draws["coef"].T + np.ravel(draws["intercept"])
    assert_allclose(model.predict_proba(CORRELATED[:10])[:, 1], (1.0 / (1.0 + np.exp(-eta))).mean(axis=1), atol=3e-3)
    Model, y = CASES["poisson"]
    model = Model(**form).fit(CORRELATED, y)
    interval = model.predict_interval(CORRELATED)
    assert ((interval[:, 0] <= y) & (y <= interval[:, 1])).mean() > 0.85


def many_rows(name):
    """Rows that no plane separates."""
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((1500, 8)) + 0.5 * rng.standard_normal((1500, 1))
    eta = 0.5 * (rows @ [1.0, -1.0, 0.5, 0.0, 0.0, 0.3, 0.0, -0.6])
    return rows, rng.poisson(np.exp(eta)) if name == "poisson" else (rng.random(1500) < 1.0 / (1.0 + np.exp(-eta))) * 1


def test_online_comes_near_the_batch(name, form):
    (Model, _), (rows, y) = CASES[name], many_rows(name)
    batch = Model(**form).fit(rows, y)
    online = Model(learning_method="online", batch_size=200, random_state=0, **form).fit(rows, y)
    assert online.elbo_ == pytest.approx(batch.elbo_, abs=0.5)
    assert (np.abs(np.ravel(online.coef_ - batch.coef_)) < 0.5 * np.sqrt(batch.posterior_.weights.var)).all()


def test_partial_fit_comes_near_the_batch(name, form):
    (Model, _), (rows, y) = CASES[name], many_rows(name)
    batch, stream = Model(**form).fit(rows, y), Model(**form)
    for part in np.array_split(np.arange(1500), 5):
        stream.partial_fit(sparse.csr_array(rows[part]), y[part])
    # Later rows learn nothing of the correlations among earlier ones beyond what q keeps.
    assert (np.abs(np.ravel(stream.coef_ - batch.coef_)) < 1.5 * np.sqrt(batch.posterior_.weights.var)).all()
    assert_allclose(stream.posterior_.weights.var, batch.posterior_.weights.var, rtol=0.3)
    exact = 1500 * stream.score(rows, y) - stream.posterior_.kl(stream.prior_)
    assert batch.elbo_ - 3.0 < exact < batch.elbo_ + 0.01
    assert stream.elbo_ == pytest.approx(exact, abs=3.0)
    one = Model(total_samples=1500, **form).partial_fit(rows[:500], y[:500])
    assert np.isfinite(one.partial_fit(rows[500:900], y[500:900]).elbo_)


def test_fitted_models_keep_no_rows(name, form):
    Model, y = CASES[name]
    rows, y = sparse.csr_array(np.tile(X, (200, 1))), np.tile(y, 200)
    model = Model(**form).fit(rows, y)
    assert len(pickle.dumps(model)) < 30_000
    again = pickle.loads(pickle.dumps(model))
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)
    assert again.elbo_ == pytest.approx(again.partial_fit(rows[:60], y[:60]).elbo_, rel=0.1)


def test_partial_fit_refuses_another_covariance():
    Model, y = CASES["logistic"]
    model = Model(covariance="diag").fit(CORRELATED, y)
    with pytest.raises(
        ValueError, match="covariance='low_rank', but the rows seen so far are kept as a DiagonalNormal"
    ):
        model.set_params(covariance="low_rank").partial_fit(CORRELATED, y)


def test_warm_starts_take_over_what_fits():
    Model, y = CASES["logistic"]
    for form in FORMS:
        model = Model(warm_start=True, **form).fit(CORRELATED, y)
        first = model.elbo_
        assert model.fit(CORRELATED, y).n_iter_ <= 3
        assert model.elbo_ == pytest.approx(first, abs=1e-3)
    assert np.isfinite(model.set_params(covariance="full").fit(CORRELATED, y).elbo_)


def test_exposure_and_class_weights_reach_every_form(form):
    Model, y = CASES["poisson"]
    exposure = np.linspace(0.5, 2.0, N)
    model = Model(**form).fit(CORRELATED, y, exposure=exposure)
    value = N * model.score(CORRELATED, y, exposure=exposure) - model.posterior_.kl(model.prior_)
    assert value == pytest.approx(model.elbo_, rel=1e-9)
    Model, y = CASES["logistic"]
    weighted = Model(class_weight={0: 1.0, 1: 3.0}, **form).fit(CORRELATED, y)
    other = Model(**form).fit(CORRELATED, y, sample_weight=np.array([1.0, 3.0])[y])
    assert_allclose(weighted.coef_, other.coef_, rtol=1e-7)
