"""More columns than rows: the full covariance on the side of the rows is the one by matrices of D x D."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI
from skvi.families import FactoredNormal, RowNormal
from skvi.linear_model import _glm
from skvi.models.matrix_form import Matrix

RNG = np.random.default_rng(0)
N, D = 40, 150
X = np.where(RNG.random((N, D)) < 0.4, RNG.standard_normal((N, D)), 0.0)
CORRELATED = X + 0.6 * RNG.standard_normal((N, 1))
ETA = CORRELATED[:, :5] @ [1.0, -1.0, 0.5, 0.7, -0.4]
CASES = {
    "logistic": (BayesianLogisticRegressionVI, (RNG.random(N) < 1.0 / (1.0 + np.exp(-ETA))).astype(int)),
    "poisson": (BayesianPoissonRegressionVI, RNG.poisson(np.exp(0.6 * ETA))),
}
SETTINGS = [
    {},
    {"prior": "ard"},
    {"groups": np.arange(D) % 3},
    {"weight_precision": 0.7},
    {"fit_intercept": False},
    {"intercept_scale": 1e4},
]
LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_array}


@pytest.fixture(params=CASES)
def name(request):
    return request.param


def by_matrices(model, rows, y, monkeypatch, **keywords):
    with monkeypatch.context() as patch:
        patch.setattr(_glm, "form_named", lambda *_: Matrix())
        return model.fit(rows, y, **keywords)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_answers_are_those_of_matrices(name, settings, layout, monkeypatch):
    Model, y = CASES[name]
    rows = LAYOUTS[layout](X if layout == "sparse" else CORRELATED)
    weights = np.random.default_rng(0).choice([0.5, 1.0, 3.0], size=N)
    wide = Model(**settings).fit(rows, y, sample_weight=weights)
    square = by_matrices(Model(**settings), rows, y, monkeypatch, sample_weight=weights)
    assert type(wide.posterior_.weights) is RowNormal
    assert type(square.posterior_.weights) is FactoredNormal
    assert_allclose(wide.elbo_history_, square.elbo_history_, rtol=1e-8)
    assert_allclose(wide.coef_, square.coef_, atol=1e-8)
    assert_allclose(wide.sigma_, square.sigma_, atol=1e-8)
    assert_allclose(wide.posterior_.weights.var, square.posterior_.weights.var, rtol=1e-8)
    new = LAYOUTS[layout](np.asarray(CORRELATED[:9] + 0.1))
    for ours, theirs in zip(*(m.predict_eta(new, return_std=True) for m in (wide, square)), strict=True):
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
    assert_allclose(wide.summary(), square.summary(), rtol=1e-7, atol=1e-8)


def test_no_matrix_of_columns_squared_is_formed(monkeypatch):
    """With twenty thousand columns one would take three gigabytes."""
    rng = np.random.default_rng(1)
    rows, y = rng.standard_normal((30, 20_000)), rng.integers(2, size=30)
    model = BayesianLogisticRegressionVI().fit(rows, y)
    assert np.isfinite(model.predict_proba(rows)).all()
    assert len(model.summary()) == 20_001
    assert model.sample_posterior(3)["coef"].shape == (3, 20_000)
    assert 30 * model.score(rows, y) - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)


def test_draws_have_the_moments_of_the_posterior(name):
    Model, y = CASES[name]
    model = Model(weight_precision=5.0).fit(CORRELATED, y)
    draws = model.sample_posterior(20_000, random_state=0)
    eta = CORRELATED[:8] @ draws["coef"].T + np.ravel(draws["intercept"])
    mean, std = model.predict_eta(CORRELATED[:8], return_std=True)
    assert_allclose(eta.mean(axis=1), mean, atol=0.05)
    assert_allclose(eta.std(axis=1), std, rtol=0.04)
    assert abs(model.posterior_.kl(model.posterior_)) < 1e-8


def test_threads_change_no_bit(name):
    Model, y = CASES[name]
    rows = np.tile(CORRELATED, (1, 60))
    one, two = (Model(n_jobs=n, prior="ard", max_iter=3, tol=10.0).fit(rows, y) for n in (1, 3))
    assert one.elbo_history_ == two.elbo_history_
    assert_array_equal(one.coef_, two.coef_)


def test_the_posterior_keeps_what_it_needs(name):
    """The caller's table may change, and the model be saved and loaded."""
    Model, y = CASES[name]
    for layout in LAYOUTS.values():
        rows = layout(CORRELATED.copy())
        model = Model().fit(rows, y)
        before = model.predict_eta(CORRELATED, return_std=True)
        (rows.data if sparse.issparse(rows) else rows)[:] = 7.0
        again = pickle.loads(pickle.dumps(model))
        for other in (model, again):
            for ours, theirs in zip(other.predict_eta(CORRELATED, return_std=True), before, strict=True):
                assert_allclose(ours, theirs, rtol=1e-9)


def test_rows_can_be_added_to_a_fit_and_warm_starts_go_on(name):
    Model, y = CASES[name]
    both, labels = np.vstack([CORRELATED, CORRELATED]), np.append(y, y)
    model = Model(weight_precision=5.0).fit(CORRELATED, y).partial_fit(CORRELATED, y)
    whole = Model(weight_precision=5.0).fit(both, labels)
    assert (np.abs(model.coef_ - whole.coef_) < np.sqrt(whole.posterior_.weights.var)).all()
    warm = Model(weight_precision=5.0, warm_start=True).fit(CORRELATED, y)
    elbo = warm.elbo_
    assert warm.fit(CORRELATED, y).elbo_ == pytest.approx(elbo, abs=1e-4)
    assert warm.n_iter_ <= 3
    assert np.isfinite(warm.fit(CORRELATED[::-1] - 2.0, y).elbo_)
