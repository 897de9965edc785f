"""Softmax regression: below the evidence and near to it, near the exact posterior, and the same by any road."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skvi import BayesianLogisticRegressionVI
from skvi.engine.loop import Restart, run
from skvi.engine.monitor import Monitor
from skvi.engine.schedules import Batch
from skvi.families import FactoredNormal, InterceptGivenWeights, Joint
from skvi.families.centered import CenteredIndependent, CenteredIntercept, CenteredNormal
from skvi.models.glm import GeneralizedLinear
from skvi.models.multinomial import Contrasts, secant_curvature
from skvi.models.sites import Observations, joint_moments
from skvi.models.softmax import Softmax

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 2)) + np.array([0.0, 5.0])
TRUE = np.array([[1.0, -0.5], [-1.0, -0.5], [0.3, 1.2]])
ETA = (X - X.mean(axis=0)) @ TRUE.T + np.array([0.4, 0.0, -0.6])
Y = (ETA + RNG.gumbel(size=ETA.shape)).argmax(axis=1)
NEW = np.array([0.0, 5.0]) + 2.0 * RNG.standard_normal((30, 2))
SETTINGS = [{}, {"prior": "ard"}, {"groups": ["a", "b"]}, {"weight_precision": 0.7}, {"fit_intercept": False}]


def softmax_model(n_classes, center, groups):
    return GeneralizedLinear(Softmax(n_classes), center, groups, n_classes, Contrasts())


def contrasts(n_classes):
    """Orthonormal basis of what sums to nought, shape (K, K - 1)."""
    return np.linalg.svd(np.eye(n_classes) - 1.0 / n_classes)[0][:, :-1]


def importance_sampled(model, n_draws=100_000):
    """Log evidence, and normalised weights of draws of the K centred (w, b), from a wider Student-t around q."""
    rng, basis = np.random.default_rng(1), contrasts(3)
    mean, root = joint_moments(model.posterior_)
    covariance = root @ np.swapaxes(root, 1, 2)
    center = (basis.T @ mean).ravel()
    spread = np.einsum("ka,kpq,kb->apbq", basis, covariance, basis).reshape(2 * [center.size])
    proposal = stats.multivariate_t(center, 1.1 * spread, df=8)
    draws = proposal.rvs(n_draws, random_state=rng)
    beta = draws.reshape(n_draws, 2, 3)
    prior = np.zeros((3, 3))
    prior[:, -1] = model.prior_.intercept.mean
    deviation = np.array([model.weight_precision**-0.5] * 2 + [model.prior_.intercept.precision[0] ** -0.5])
    log_joint = stats.norm.logpdf(beta, basis.T @ prior, deviation).sum(axis=(1, 2))
    values = np.einsum("ka,nap->nkp", basis, beta)
    rows = np.column_stack([X - model.X_offset_, np.ones(len(X))])
    for row, y in zip(rows, Y, strict=True):
        log_joint += log_softmax(values @ row, axis=1)[:, y]
    log_weights = log_joint - proposal.logpdf(draws)
    shares = np.exp(log_weights - logsumexp(log_weights))
    assert 1.0 / (shares**2).sum() > 0.2 * n_draws
    return logsumexp(log_weights) - np.log(n_draws), shares, values


def test_bound_posterior_and_probabilities_are_near_the_exact_ones():
    model = BayesianLogisticRegressionVI(weight_precision=0.7, tol=1e-9).fit(X, Y)
    evidence, shares, values = importance_sampled(model)
    assert evidence - 0.15 < model.elbo_ < evidence
    mean = np.einsum("n,nkp->kp", shares, values)
    deviation = np.sqrt(np.einsum("n,nkp->kp", shares, (values - mean) ** 2))
    q, b = model.posterior_.weights, model.posterior_.intercept
    assert_allclose(np.column_stack([q.mean, b.mean]), mean, atol=0.1 * deviation.min())
    assert_allclose(np.sqrt(np.column_stack([q.var, b.var])), deviation, rtol=0.08)
    rows = np.column_stack([NEW - model.X_offset_, np.ones(len(NEW))])
    exact = np.stack([shares @ softmax(values @ row, axis=1) for row in rows])
    assert_allclose(model.predict_proba(NEW), exact, atol=0.01)
    plugged_in = softmax(model.predict_eta(NEW), axis=1)
    assert np.abs(plugged_in - exact).max() > 0.03


def test_two_classes_are_those_of_the_binary_model():
    """The difference of two coefficients has twice the variance."""
    y = (Y > 0).astype(float)
    binary = BayesianLogisticRegressionVI(weight_precision=0.5, intercept_scale=np.sqrt(200.0), tol=1e-9).fit(X, y)
    half = 0.5 * float(binary.prior_.intercept.mean)
    prior = Joint(
        weights=CenteredIndependent(np.zeros((2, 2)), np.ones((2, 2))),
        intercept=CenteredIndependent(np.array([-half, half]), np.full(2, 0.01)),
    )
    weights = CenteredNormal(np.zeros((2, 2)), 10.0 * np.tile(np.eye(2), (2, 1, 1)))
    start = Joint(weights=weights, intercept=CenteredIntercept(np.zeros(2), np.full(2, 9.0), np.zeros((2, 2)), weights))
    model = softmax_model(2, binary.X_offset_, np.zeros(2, int))
    schedule, restart = Batch(model, prior, Observations(X, y, np.ones(60))), Restart(Monitor(1e-9))
    schedule.start([restart], [start])
    best = run(schedule, [restart], max_iter=200, sort=False).best
    assert best.bound == pytest.approx(binary.elbo_, abs=1e-6)
    q = best.posterior.weights
    assert_allclose(q.mean[1] - q.mean[0], binary.coef_[0], atol=1e-4)
    assert_allclose(4.0 * q.var[1], binary.posterior_.weights.var, rtol=1e-3)


def test_bound_is_far_above_that_of_independent_classes():
    """The best posterior of K independent vectors, none about the mean of all: what is lost grows with log N."""
    model = BayesianLogisticRegressionVI(weight_precision=0.7, fit_intercept=False, tol=1e-9).fit(X - X.mean(axis=0), Y)
    apart = softmax_model(3, np.zeros(2), np.zeros(2, int))
    rows = Observations(X - X.mean(axis=0), Y.astype(float), np.ones(60))
    q = FactoredNormal(model.coef_, model.posterior_.weights.precision)
    for _ in range(40):
        summary, _ = apart.local_step(rows, apart.messages(Joint(weights=q), None), None)
        sites = summary.statistics["sites"]
        precision = sites.gram + 0.7 * np.eye(2)
        step = np.linalg.solve(precision, (sites.gradient - 0.7 * q.mean)[..., None])[..., 0]
        q = FactoredNormal(q.mean + 0.6 * step, precision)
    spread = 0.7 * ((q.mean**2).sum() + np.trace(q.covariance, axis1=1, axis2=2).sum())
    independent = summary.entropy - 0.5 * (spread - 6.0 + np.sum(q.log_det) - 6.0 * np.log(0.7))
    assert model.elbo_ > independent + 1.0


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_bound_rises_and_is_score_less_divergence(settings):
    model = BayesianLogisticRegressionVI(**settings).fit(X, Y)
    history = np.array(model.elbo_history_)
    assert model.converged_
    assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()
    assert len(Y) * model.score(X, Y) - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)
    assert_allclose(model.coef_.sum(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_no_posterior_of_the_family_nearby_has_a_higher_bound(settings):
    model = BayesianLogisticRegressionVI(**settings, tol=1e-10, max_iter=2000).fit(X, Y)
    rows = Observations(X, Y.astype(float), np.ones(len(Y)))
    groups = np.array([0, 1] if {"prior", "groups"} & set(settings) else [0, 0])
    multinomial = softmax_model(3, model.X_offset_, groups)
    rng, q = np.random.default_rng(0), model.posterior_.weights
    for scale in (0.03, 0.1, -0.1):
        step = scale * np.einsum("kij,kj->ki", q.root, rng.standard_normal((3, 2)))
        growth = 1.0 + scale * np.array([1.0, 0.0, -0.5])[:, None, None]
        for moved in (CenteredNormal(q.mean + step, q.precision), CenteredNormal(q.mean, q.precision * growth)):
            factors = dict(model.posterior_.items()) | {"weights": moved}
            if "intercept" in factors:
                b = model.posterior_.intercept
                factors["intercept"] = CenteredIntercept(b.mean, b.precision, b.slope, moved)
            near = Joint(**factors)
            summary, _ = multinomial.local_step(rows, multinomial.messages(near, model.prior_), None)
            assert multinomial.bound(model.prior_, summary, near) < model.elbo_ - 1e-3 * scale**2


def test_names_and_order_of_classes_change_nothing():
    model = BayesianLogisticRegressionVI(tol=1e-9).fit(X, Y)
    order = np.array([2, 0, 1])
    other = BayesianLogisticRegressionVI(tol=1e-9).fit(X, np.array(["c", "a", "b"])[Y])
    assert other.classes_.tolist() == ["a", "b", "c"]
    assert other.elbo_ == pytest.approx(model.elbo_, rel=1e-10)
    assert_allclose(other.coef_[order], model.coef_, rtol=1e-6, atol=1e-8)
    assert_allclose(other.predict_proba(NEW)[:, order], model.predict_proba(NEW), atol=1e-8)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_weights_are_repetitions(settings):
    weights = np.random.default_rng(3).integers(0, 4, size=len(Y))
    weighted = BayesianLogisticRegressionVI(**settings).fit(X, Y, sample_weight=weights)
    repeated = BayesianLogisticRegressionVI(**settings).fit(np.repeat(X, weights, axis=0), np.repeat(Y, weights))
    assert weighted.elbo_ == pytest.approx(repeated.elbo_, rel=1e-10)
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-9)


def test_shift_and_scale_of_columns():
    plain, shifted, scaled = (BayesianLogisticRegressionVI().fit(rows, Y) for rows in (X, X + 1e6, 1e-6 * X))
    assert shifted.elbo_ == pytest.approx(plain.elbo_, abs=1e-7)
    assert scaled.elbo_ == pytest.approx(plain.elbo_, rel=1e-11)
    assert_allclose(shifted.coef_, plain.coef_, rtol=1e-6, atol=1e-8)
    assert_allclose(scaled.coef_, 1e6 * plain.coef_, rtol=1e-8)
    assert_allclose(shifted.predict_proba(NEW + 1e6), plain.predict_proba(NEW), atol=1e-7)


def test_threads_change_no_bit_and_blocks_hardly_any():
    rows, y = np.tile(X, (500, 1)), np.tile(Y, 500)
    one, two = (BayesianLogisticRegressionVI(n_jobs=n).fit(rows, y) for n in (1, 3))
    assert one.elbo_history_ == two.elbo_history_
    assert_array_equal(one.coef_, two.coef_)
    assert_array_equal(one.predict_log_proba(rows), two.predict_log_proba(rows))
    model = softmax_model(3, one.X_offset_, np.zeros(2, int))
    data = Observations(rows, y.astype(float), np.ones(len(y)))
    messages = model.messages(one.posterior_, one.prior_)
    whole, _ = model.local_step(data, messages, None)
    parts = model.total(
        [model.local_step(data.take(slice(i, i + 777)), messages, None)[0] for i in range(0, 30000, 777)]
    )
    assert parts.entropy == pytest.approx(whole.entropy, rel=1e-12)
    assert_allclose(parts.statistics["sites"].gram, whole.statistics["sites"].gram, rtol=1e-11)


def test_sparse_rows_are_dense_rows():
    rows = np.where(np.abs(X) > 0.7, X, 0.0)
    dense = BayesianLogisticRegressionVI().fit(rows, Y)
    thin = BayesianLogisticRegressionVI().fit(sparse.csr_array(rows), Y)
    assert thin.elbo_ == pytest.approx(dense.elbo_, rel=1e-9)
    assert_allclose(thin.predict_proba(sparse.csr_array(rows)), dense.predict_proba(rows), atol=1e-7)


def test_online_and_partial_fit_come_near_the_batch():
    rows, y = np.tile(X, (50, 1)), np.tile(Y, 50)
    batch = BayesianLogisticRegressionVI().fit(rows, y)
    online = BayesianLogisticRegressionVI(learning_method="online", batch_size=200, random_state=0).fit(rows, y)
    assert online.elbo_ == pytest.approx(batch.elbo_, abs=0.01 * abs(batch.elbo_) ** 0.5)
    order, stream = np.random.default_rng(0).permutation(len(y)), BayesianLogisticRegressionVI()
    for part in np.array_split(order, 5):
        stream.partial_fit(rows[part], y[part], classes=[0, 1, 2])
    deviation = np.sqrt(batch.posterior_.weights.var)
    assert (np.abs(stream.coef_ - batch.coef_) < 0.5 * deviation).all()
    assert_allclose(stream.posterior_.weights.var, batch.posterior_.weights.var, rtol=0.05)
    assert stream.elbo_ == pytest.approx(batch.elbo_, abs=1.0)


def test_partial_fit_may_begin_without_a_class():
    model = BayesianLogisticRegressionVI().partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (60, 3)
    assert model.predict_proba(X)[:, 2].max() < 0.1
    model.partial_fit(X, Y)
    assert (model.predict(X) == Y).mean() > 0.5
    with pytest.raises(ValueError, match="first call of partial_fit"):
        model.partial_fit(X, Y, classes=[0, 1, 3])


@pytest.fixture(scope="module")
def classifier():
    return BayesianLogisticRegressionVI().fit(X, np.array(["red", "green", "blue"])[Y])


def test_predictions_are_means_over_posterior_draws(classifier):
    draws = classifier.sample_posterior(20_000, random_state=0)
    eta = np.einsum("nd,skd->snk", NEW, draws["coef"]) + draws["intercept"][:, None]
    assert_allclose(classifier.predict_proba(NEW), softmax(eta, axis=2).mean(axis=0), atol=6e-3)
    mean, std = classifier.predict_eta(NEW, return_std=True)
    assert_allclose(mean, eta.mean(axis=0), atol=0.05 * std.max())
    assert_allclose(std, eta.std(axis=0), rtol=0.03)
    assert_allclose(draws["coef"].std(axis=0), np.sqrt(classifier.posterior_.weights.var), rtol=0.03)
    assert_allclose(classifier.predict_eta(np.zeros((1, 2)))[0], classifier.intercept_, rtol=1e-8)


def test_probabilities_log_odds_and_labels_agree(classifier):
    proba, labels = classifier.predict_proba(NEW), classifier.predict(NEW)
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-13)
    assert_allclose(classifier.decision_function(NEW), np.log(proba / (1.0 - proba)), rtol=1e-9, atol=1e-12)
    assert_array_equal(labels, classifier.classes_[proba.argmax(axis=1)])
    density = classifier.log_predictive_density(NEW, labels)
    assert_allclose(density, np.log(proba.max(axis=1)), rtol=1e-12)
    assert classifier.score(NEW, labels) < density.mean()


def test_summary_names_classes_and_features(classifier):
    table = classifier.summary()
    assert table.index.names == ["class", "feature"]
    assert table.index.get_level_values("class").unique().tolist() == ["blue", "green", "red"]
    assert_allclose(table.loc["green", "mean"][:2], classifier.coef_[1])
    assert table.loc["red", "mean"]["intercept"] == pytest.approx(classifier.intercept_[2])


def test_means_are_near_those_of_penalised_maximum_likelihood():
    rows, y = np.tile(X, (5, 1)), np.tile(Y, 5)
    ours = BayesianLogisticRegressionVI(weight_precision=1.0, intercept_scale=1e3).fit(rows, y)
    theirs = LogisticRegression(C=1.0, tol=1e-8).fit(rows, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=0.05)
    assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), atol=0.02)


def test_intervals_and_probabilities_are_calibrated():
    """Coefficients from the prior, then rows, then labels."""
    rng, hits, sure, right = np.random.default_rng(5), [], [], []
    for _ in range(250):
        rows = rng.standard_normal((50, 2))
        w = 0.8 * rng.standard_normal((3, 2))
        w -= w.mean(axis=0)
        y = ((rows - rows[:40].mean(axis=0)) @ w.T + rng.gumbel(size=(50, 3))).argmax(axis=1)
        if len(set(y[:40])) < 3:
            continue
        model = BayesianLogisticRegressionVI(weight_precision=0.8**-2.0, n_jobs=1).fit(rows[:40], y[:40])
        lower, upper = np.moveaxis(model.posterior_.weights.interval(0.9), -1, 0)
        hits.append((lower < w) & (w < upper))
        proba = model.predict_proba(rows[40:])
        sure.append(proba.ravel())
        right.append(np.eye(3)[y[40:]].ravel())
    assert 0.88 < np.mean(hits) < 0.92
    p, hit = np.concatenate(sure), np.concatenate(right)
    for low in np.arange(0.0, 0.8, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        assert p[inside].mean() == pytest.approx(hit[inside].mean(), abs=0.04)


def test_warm_start_begins_where_the_last_fit_ended():
    model = BayesianLogisticRegressionVI(warm_start=True).fit(X, Y)
    first = model.elbo_
    assert model.fit(X, Y).n_iter_ <= 2
    assert model.elbo_ == pytest.approx(first, abs=1e-3)
    assert model.fit(X + 0.01, Y).n_iter_ <= 5
    assert isinstance(model.posterior_.intercept, InterceptGivenWeights)


def rare_classes(n_rows=1500):
    """Classes of very different shares, and columns that are seldom other than nought."""
    rng = np.random.default_rng(6)
    seldom = rng.random((n_rows, 6)) < [0.3, 0.1, 0.03, 0.01, 4e-3, 2e-3]
    rows = np.column_stack([rng.standard_normal((n_rows, 3)), seldom])
    eta = rows @ rng.standard_normal((9, 5)) + np.array([3.0, 2.5, 0.0, -1.5, -2.0])
    y = (eta + rng.gumbel(size=eta.shape)).argmax(axis=1)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0), y


@pytest.mark.parametrize("settings", [{}, {"weight_precision": 1e-3}], ids=str)
def test_rare_classes_and_columns_do_not_stop_the_fit(settings):
    rows, y = rare_classes()
    model = BayesianLogisticRegressionVI(**settings).fit(rows, y)
    assert model.converged_
    # A penalised maximum is no worse a mean, and the bound has the width of the posterior on top.
    C = 1.0 / float(np.mean(model.lambda_))
    best = LogisticRegression(C=C, max_iter=2000).fit(rows, y)
    fitted = best.predict_log_proba(rows)[np.arange(len(y)), y].mean()
    assert fitted - 0.05 < model.score(rows, y) < model.log_predictive_density(rows, y).mean() < fitted + 0.02


def test_a_row_of_the_wrong_class_has_the_curvature_on_the_way_to_one_half():
    p = np.array([1e-12, 1e-3, 0.2, 0.45])
    eta = np.log(p) - np.log1p(-p)
    assert_allclose(secant_curvature(1.0 - p), (0.5 - p) / -eta, rtol=1e-3)
    assert_allclose(secant_curvature(p - 1.0), (0.5 - p) / -eta, rtol=1e-3)
    assert (secant_curvature(1.0 - p) > p * (1.0 - p)).all()
    assert (secant_curvature(np.array([-0.5, 0.1, 0.5])) == 0.0).all()
    assert np.isfinite(secant_curvature(np.array([-1.0, 1.0]))).all()


@pytest.mark.parametrize(("precision", "share"), [(0.01, 0.9), (0.1, 0.9), (1.0, 1.0)])
def test_remembered_rates_lead_to_the_same_bound_by_fewer_passes(precision, share, monkeypatch):
    passes, bounds, refresh, sweep = [0], [], Batch.refresh, Batch.sweep

    def counted(schedule, restarts, final=False):
        passes[0] += 1
        refresh(schedule, restarts, final)

    def run(forgets):
        def followed(schedule, restarts):
            restarts[0].rate = 1.0 if forgets else restarts[0].rate
            sweep(schedule, restarts)
            bounds.append((passes[0], restarts[0].bound))

        passes[0], bounds[:] = 0, []
        monkeypatch.setattr(Batch, "sweep", followed)
        model = BayesianLogisticRegressionVI(weight_precision=precision, tol=1e-7).fit(rows, y)
        assert (np.diff(model.elbo_history_) >= -1e-10 * abs(model.elbo_)).all()
        return np.array(bounds).T

    rows, y = load_iris(return_X_y=True)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    monkeypatch.setattr(Batch, "refresh", counted)
    remembering, forgetful = run(forgets=False), run(forgets=True)
    assert remembering[1, -1] > forgetful[1, -1] - 1e-6 * len(y)
    level = min(remembering[1, -1], forgetful[1, -1]) - 1e-6 * len(y)
    least, most = (taken[reached >= level][0] for taken, reached in (remembering, forgetful))
    assert least <= share * most
