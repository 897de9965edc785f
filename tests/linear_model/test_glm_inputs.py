"""Inputs that break others, and what generalised linear models say of those that make no sense."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 4))
WIDE = RNG.standard_normal((30, 120))
SEPARATED = (X[:, 0] > 0.0).astype(int)
HARD = {
    "separated": (BayesianLogisticRegressionVI, X, SEPARATED),
    "separated by a rare column": (BayesianLogisticRegressionVI, np.eye(80)[:, :3], np.arange(80) < 3),
    "constant and duplicate columns": (
        BayesianLogisticRegressionVI,
        np.column_stack([X, X[:, 0], np.full(80, 1e6)]),
        X[:, 0] + RNG.standard_normal(80) > 0.0,
    ),
    "only constant columns": (BayesianLogisticRegressionVI, np.ones((80, 2)), SEPARATED),
    "more columns than rows": (BayesianLogisticRegressionVI, WIDE, RNG.integers(2, size=30)),
    "a far row": (BayesianLogisticRegressionVI, np.vstack([X, [1e6, 0.0, 0.0, 0.0]]), np.append(SEPARATED, 0)),
    "two rows": (BayesianLogisticRegressionVI, X[:2], np.array([0, 1])),
    "counts of a million": (BayesianPoissonRegressionVI, X, RNG.poisson(1e6 * np.exp(X[:, 0]))),
    "counts over many orders": (BayesianPoissonRegressionVI, X, RNG.poisson(np.exp(5.0 * X[:, 0]))),
    "more columns than counts": (BayesianPoissonRegressionVI, WIDE, RNG.poisson(3.0, size=30)),
    "no events": (BayesianPoissonRegressionVI, X, np.zeros(80)),
    "one event": (BayesianPoissonRegressionVI, X, np.eye(80)[5]),
    "one row": (BayesianPoissonRegressionVI, X[:1], np.array([1e6])),
    "fractions": (BayesianPoissonRegressionVI, X, RNG.random(80)),
    "a far count": (BayesianPoissonRegressionVI, np.vstack([X, [1e6, 0.0, 0.0, 0.0]]), np.append(np.ones(80), 7)),
}
SEVERAL_CLASSES = {
    "three classes separated": (BayesianLogisticRegressionVI, X, SEPARATED + (X[:, 1] > 1.0)),
    "a class of one row": (BayesianLogisticRegressionVI, X, np.where(np.arange(80) == 7, 2, SEPARATED)),
    "three classes, constant and duplicate columns": (
        BayesianLogisticRegressionVI,
        np.column_stack([X, X[:, 0], np.full(80, 1e6)]),
        np.arange(80) % 3,
    ),
    "more columns than rows of four classes": (BayesianLogisticRegressionVI, WIDE[:, :60], np.arange(30) % 4),
    "a far row of three classes": (
        BayesianLogisticRegressionVI,
        np.vstack([X, [1e6, 0.0, 0.0, 0.0]]),
        np.append(np.arange(80) % 3, 0),
    ),
    "a class for each row": (BayesianLogisticRegressionVI, X[:5], np.arange(5)),
}


@pytest.mark.parametrize("prior", ["ridge", "ard"])
@pytest.mark.parametrize("case", HARD | SEVERAL_CLASSES)
def test_hard_inputs_end_finite_and_rising(case, prior):
    Model, rows, y = (HARD | SEVERAL_CLASSES)[case]
    model = Model(prior=prior).fit(rows, y)
    history = np.array(model.elbo_history_)
    assert model.converged_
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-10 * np.abs(history[1:])).all()
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict_eta(rows)).all()
    assert np.isfinite(model.log_predictive_density(rows, y)).all()
    assert len(y) * model.score(rows, y) - model.posterior_.kl(model.prior_) == pytest.approx(model.elbo_, rel=1e-9)
    assert np.isfinite(model.summary().to_numpy()).all()


def test_separated_classes_with_hardly_a_prior():
    model = BayesianLogisticRegressionVI(weight_precision=1e-8).fit(X, SEPARATED)
    assert (model.predict(X) == SEPARATED).mean() > 0.95
    assert np.isfinite(model.predict_log_proba(1e3 * X)).all()


def test_a_constant_column_keeps_its_prior():
    rows = np.column_stack([X, np.full(80, 3e5)])
    model = BayesianLogisticRegressionVI(weight_precision=2.0).fit(rows, SEPARATED)
    q = model.posterior_.weights
    assert abs(q.mean[-1]) < 1e-8
    assert q.var[-1] == pytest.approx(0.5, rel=1e-6)


def test_predictions_beyond_all_numbers_are_cut_off_in_words():
    model = BayesianPoissonRegressionVI().fit(X, RNG.poisson(np.exp(X[:, 0])))
    with pytest.warns(RuntimeWarning, match="1 of 2 predictions exceed the largest number"):
        predicted = model.predict([[1e6, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert np.isfinite(predicted).all()
    assert np.isfinite(model.predict_interval([[1e6, 0.0, 0.0, 0.0]])).all()


def test_zero_weights_are_absence():
    rows, y = np.vstack([X, np.full((3, 4), 1e5)]), np.append(SEPARATED, [7, 7, 7])
    weights = np.append(np.ones(80), np.zeros(3))
    weighted = BayesianLogisticRegressionVI().fit(rows, y, sample_weight=weights)
    plain = BayesianLogisticRegressionVI().fit(X, SEPARATED)
    assert weighted.elbo_ == plain.elbo_
    assert weighted.classes_.tolist() == [0, 1]


def test_class_weight_multiplies_sample_weights():
    y = (X[:, 0] + RNG.standard_normal(80) > 1.0).astype(int)
    for class_weight in ({0: 1.0, 1: 3.0}, "balanced"):
        model = BayesianLogisticRegressionVI(class_weight=class_weight).fit(X, y)
        factors = np.array([1.0, 3.0]) if class_weight != "balanced" else 40.0 / np.bincount(y)
        other = BayesianLogisticRegressionVI().fit(X, y, sample_weight=factors[y])
        assert_allclose(model.coef_, other.coef_, rtol=1e-10)


def test_warm_start_begins_where_the_last_fit_ended():
    y = X[:, 0] + RNG.standard_normal(80) > 0.0
    model = BayesianLogisticRegressionVI(warm_start=True).fit(X, y)
    first = model.elbo_
    assert model.fit(X, y).n_iter_ <= 2
    assert model.elbo_ == pytest.approx(first, abs=1e-4)
    assert model.fit(X + 0.01, y).n_iter_ <= 3


def test_a_fitted_model_survives_pickling():
    model = BayesianLogisticRegressionVI(prior="ard").fit(X, SEPARATED)
    again = pickle.loads(pickle.dumps(model))
    assert_allclose(again.predict_proba(X), model.predict_proba(X), rtol=1e-13)
    assert again.posterior_.kl(again.prior_) == pytest.approx(model.posterior_.kl(model.prior_), rel=1e-12)
    again.partial_fit(X, SEPARATED)


COUNTS = np.ones(80)
REFUSED = [
    (BayesianLogisticRegressionVI(), (X, np.zeros(80)), {}, "one class alone"),
    (BayesianLogisticRegressionVI(bound="jaakkola"), (X, np.arange(80) % 3), {}, "Only binary classification"),
    (BayesianLogisticRegressionVI(covariance="diag"), (X, np.arange(80) % 3), {}, "covariance='diag', and y holds 3"),
    (BayesianLogisticRegressionVI(covariance="low_rank"), (X, np.arange(80) % 4), {}, "take covariance='full'"),
    (BayesianLogisticRegressionVI(), (X, SEPARATED), {"sample_weight": SEPARATED}, "one class alone"),
    (BayesianLogisticRegressionVI(groups=[0, 1]), (X, SEPARATED), {}, "one label for each of the 4 columns"),
    (BayesianLogisticRegressionVI(learning_method="memoized"), (X, SEPARATED), {}, "learning_method"),
    (BayesianPoissonRegressionVI(), (X, -COUNTS), {}, "negative value -1"),
    (BayesianPoissonRegressionVI(), (X, COUNTS), {"exposure": 0.0 * COUNTS}, "one positive number for each row"),
    (BayesianPoissonRegressionVI(), (X, COUNTS), {"exposure": COUNTS[:-1]}, "inconsistent numbers"),
    (BayesianPoissonRegressionVI(), (1e120 * X, COUNTS), {}, "magnitude"),
]


@pytest.mark.parametrize(("model", "arguments", "keywords", "message"), REFUSED)
def test_what_makes_no_sense_is_refused_in_words(model, arguments, keywords, message):
    with pytest.raises(ValueError, match=message):
        model.fit(*arguments, **keywords)


def test_partial_fit_refuses_other_classes():
    model = BayesianLogisticRegressionVI()
    with pytest.raises(ValueError, match="one class alone"):
        model.partial_fit(X, np.zeros(80))
    model.partial_fit(X, np.zeros(80), classes=[0, 1]).partial_fit(X, SEPARATED)
    assert (model.predict(X) == SEPARATED).mean() > 0.7
    with pytest.raises(ValueError, match="first call of partial_fit"):
        model.partial_fit(X, SEPARATED, classes=[1, 2])
    with pytest.raises(ValueError, match="none of the classes"):
        model.partial_fit(X, SEPARATED + 1)
