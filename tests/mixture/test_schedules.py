"""Mini-batches, streaming, threads: other routes to the same posterior."""

import multiprocessing
import os
import threading

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV, cross_val_score

from skvi import VariationalGaussianMixture
from tests.mixture.cases import FORMS, SETTINGS, blobs, separated


def _fitted(model):
    return {
        name: np.asarray(value, dtype=float)
        for name, value in vars(model).items()
        if name in ("elbo_", "elbo_history_", "weights_", "means_", "covariances_", "mean_precision_")
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_threads_change_no_bit(form, learning_method):
    # Large enough to be cut into several tasks.
    X, _ = blobs(30_000, 5, 6)
    settings = dict(
        covariance_type=form, learning_method=learning_method, batch_size=10_000, max_iter=4, n_init=2, random_state=0
    )
    one = VariationalGaussianMixture(6, n_jobs=1, **settings).fit(X)
    for n_jobs in (2, 5):
        several = VariationalGaussianMixture(6, n_jobs=n_jobs, **settings).fit(X)
        for name, value in _fitted(one).items():
            np.testing.assert_array_equal(value, _fitted(several)[name], err_msg=name)
        np.testing.assert_array_equal(one.score_samples(X), several.score_samples(X))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_block_size_changes_nothing_beyond_rounding(form, monkeypatch):
    X, _ = blobs(5_000, 18, 4)
    settings = dict(covariance_type=form, max_iter=3, random_state=0)
    whole = VariationalGaussianMixture(4, **settings).fit(X)
    monkeypatch.setattr("skvi.models.mixture._BLOCK_DOUBLES", 2_000)
    monkeypatch.setattr("skvi.engine.blocks.TASK_COST", 1e4)
    blocks = VariationalGaussianMixture(4, **settings).fit(X)
    for name, value in _fitted(whole).items():
        np.testing.assert_allclose(_fitted(blocks)[name], value, rtol=1e-12, atol=1e-13, err_msg=name)


def test_online_comes_close_to_batch():
    X, _ = separated(3_000, 4)
    batch = VariationalGaussianMixture(4, random_state=0).fit(X)
    online = VariationalGaussianMixture(
        4, learning_method="online", batch_size=200, max_iter=60, tol=1e-4, random_state=0
    ).fit(X)
    assert online.elbo_ == pytest.approx(batch.elbo_, rel=1e-3)
    np.testing.assert_allclose(online.means_, batch.means_, atol=0.2)


def test_one_full_step_of_rate_one_is_a_batch_sweep(monkeypatch):
    monkeypatch.setattr("skvi.engine.schedules.Batch.growth", 1.0)
    X, _ = blobs(200, 2)
    # Given means are not sorted, so that nothing follows the last sweep.
    settings = dict(max_iter=1, weight_concentration_prior_type="dirichlet_distribution", init_params=X[:3])
    with pytest.warns(UserWarning, match="did not converge"):
        batch = VariationalGaussianMixture(3, **{**settings, "max_iter": 2}).fit(X)
    with pytest.warns(UserWarning, match="did not converge"):
        online = VariationalGaussianMixture(
            3, learning_method="online", batch_size=200, learning_offset=0.0, **settings
        ).fit(X)
    assert online.elbo_ == pytest.approx(batch.elbo_, rel=1e-12)


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_partial_fit_once_is_fit(form, weights):
    X, _ = separated(200)
    # Labels are as the start left them: only `fit` sorts.
    centers = [[0.0, 0.0], [30.0, 30.0], [60.0, 0.0]]
    settings = dict(covariance_type=form, weight_concentration_prior_type=weights, init_params=centers)
    fit = VariationalGaussianMixture(3, **settings).fit(X)
    partial = VariationalGaussianMixture(3, **settings).partial_fit(X)
    assert partial.elbo_ == pytest.approx(fit.elbo_, rel=1e-12)
    np.testing.assert_allclose(partial.means_, fit.means_, rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_partial_fit_adds_up(form):
    X, _ = separated(600)
    chunks = np.array_split(X, 4)
    settings = dict(covariance_type=form, weight_concentration_prior_type="dirichlet_distribution", random_state=0)
    stream = VariationalGaussianMixture(3, **settings)
    for chunk in chunks:
        stream.partial_fit(chunk)
    whole = VariationalGaussianMixture(3, prior=stream.prior_, **settings).fit(X)
    # Clear clusters: frozen responsibilities are those of the whole.
    assert stream.elbo_ == pytest.approx(whole.elbo_, rel=1e-7)
    assert stream.mean_precision_.sum() == pytest.approx(3.0 + len(X))


def test_partial_fit_bound_is_not_above_that_of_a_fit_at_the_same_posterior():
    X, _ = blobs(400, 2, spread=1.5)
    stream = VariationalGaussianMixture(3, random_state=0)
    for chunk in np.array_split(X, 5):
        stream.partial_fit(chunk)
    exact = len(X) * stream.score(X) - stream.posterior_.kl(stream.prior_)
    assert stream.elbo_ <= exact + 1e-8
    assert stream.elbo_ > exact - 0.2 * len(X)


def test_fit_then_partial_fit_goes_on():
    X, _ = separated(400)
    model = VariationalGaussianMixture(3, random_state=0).fit(X[:200]).partial_fit(X[200:])
    assert model.mean_precision_.sum() == pytest.approx(3.0 + len(X))
    assert model.elbo_ == pytest.approx(len(X) * model.score(X) - model.posterior_.kl(model.prior_), rel=1e-5)


def test_partial_fit_with_total_samples_takes_one_step_each():
    X, _ = separated(2_000)
    model = VariationalGaussianMixture(3, total_samples=2_000, random_state=0)
    rng = np.random.default_rng(0)
    for _ in range(40):
        model.partial_fit(X[rng.integers(len(X), size=200)])
    whole = VariationalGaussianMixture(3, prior=model.prior_, random_state=0).fit(X)
    assert model.mean_precision_.sum() == pytest.approx(2_003.0, rel=1e-6)
    assert len(X) * model.score(X) - model.posterior_.kl(model.prior_) == pytest.approx(whole.elbo_, rel=5e-3)
    model.total_samples = None
    with pytest.raises(ValueError, match="total_samples=None after partial_fit with total_samples"):
        model.partial_fit(X[:10])


def _fit_and_score(seed):
    X, _ = blobs(20_000, 3)
    model = VariationalGaussianMixture(3, max_iter=300, tol=1e-4, random_state=seed).fit(X)
    return model.elbo_


def _fit_in_child(queue):
    queue.put(_fit_and_score(0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_after_a_fit():
    expected = _fit_and_score(0)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_fit_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0


def test_eight_fits_at_once():
    expected = _fit_and_score(0)
    results = [None] * 8

    def fit(i):
        results[i] = _fit_and_score(0)

    threads = [threading.Thread(target=fit, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert results == [expected] * 8


def test_fits_in_workers_and_nested_searches():
    expected = [_fit_and_score(seed) for seed in range(2)]
    assert Parallel(n_jobs=2)(delayed(_fit_and_score)(seed) for seed in range(2)) == expected
    X, _ = blobs(300, 2)
    for backend in ("loky", "threading"):
        from joblib import parallel_config

        with parallel_config(backend=backend):
            search = GridSearchCV(VariationalGaussianMixture(random_state=0), {"n_components": [1, 3]}, cv=2, n_jobs=2)
            scores = cross_val_score(search, X, cv=2, n_jobs=2)
        assert np.isfinite(scores).all()


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_overrelaxed_sweeps_find_the_same_optimum_sooner(form, weights, monkeypatch):
    X, _ = blobs(400, 2, 3, spread=2.5)
    settings = dict(
        covariance_type=form, weight_concentration_prior_type=weights, tol=1e-10, max_iter=5000, random_state=0
    )
    fast = VariationalGaussianMixture(3, **settings).fit(X)
    monkeypatch.setattr("skvi.engine.schedules.Batch.growth", 1.0)
    plain = VariationalGaussianMixture(3, **settings).fit(X)
    assert fast.elbo_ == pytest.approx(plain.elbo_, rel=1e-7)
    assert fast.n_iter_ < plain.n_iter_
