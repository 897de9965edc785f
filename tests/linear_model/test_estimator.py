"""The estimator as scikit-learn and its users see it."""

import inspect
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ARDRegression, BayesianRidge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvi import BayesianLinearRegressionVI
from tests.linear_model.cases import regression

SETTINGS = [
    BayesianLinearRegressionVI(),
    BayesianLinearRegressionVI(prior="ard"),
    BayesianLinearRegressionVI(prior="spike_slab"),
    BayesianLinearRegressionVI(output_precisions="shared", n_init=2),
    BayesianLinearRegressionVI(fit_intercept=False),
    BayesianLinearRegressionVI(noise_precision=1.0, weight_precision=2.0),
]


@parametrize_with_checks(SETTINGS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_param_validation,
        checks.check_dataframe_column_names_consistency,
        checks.check_inplace_ensure_writeable,
        checks.check_regressor_multioutput,
        checks.check_regressors_no_decision_function,
        checks.check_supervised_y_2d,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_that_the_common_list_leaves_out(check):
    check("BayesianLinearRegressionVI", BayesianLinearRegressionVI())


def test_parameters_and_attributes_are_those_of_bayesian_ridge():
    # X is never centred in place, and scores are always computed.
    gone = {"copy_X", "compute_score"}
    assert set(inspect.signature(BayesianRidge).parameters) - gone <= set(BayesianLinearRegressionVI().get_params())
    X, y = regression((30, 4))
    for theirs, prior in ((BayesianRidge(compute_score=True), "ridge"), (ARDRegression(compute_score=True), "ard")):
        fitted = theirs.fit(X, y)
        ours = BayesianLinearRegressionVI(prior=prior).fit(X, y)
        for name, value in vars(fitted).items():
            # Columns are never scaled.
            if name.endswith("_") and not name.startswith("_") and name not in ("X_scale_", "scores_"):
                assert np.shape(getattr(ours, name)) == np.shape(value) or name == "sigma_", name


def test_searches_choose_a_prior_by_the_bound():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 40))
    y = X[:, 0] - 2.0 * X[:, 1] + 0.3 * rng.standard_normal(80)
    search = GridSearchCV(BayesianLinearRegressionVI(), {"prior": ["ridge", "ard"]}, cv=3).fit(X, y)
    assert search.best_params_ == {"prior": "ard"}
    for prior, mean in zip(("ridge", "ard"), search.cv_results_["mean_test_score"], strict=True):
        assert mean == pytest.approx(cross_val_score(BayesianLinearRegressionVI(prior=prior), X, y, cv=3).mean())
    assert search.best_estimator_.elbo_ > BayesianLinearRegressionVI().fit(X, y).elbo_
    assert cross_val_score(BayesianLinearRegressionVI(), X, y, scoring="r2", cv=3).mean() > 0.8


def test_pipelines_pass_intervals_and_deviations_on():
    X, y = regression((60, 4))
    pipeline = make_pipeline(StandardScaler(), BayesianLinearRegressionVI()).fit(X, y)
    direct = BayesianLinearRegressionVI().fit(StandardScaler().fit_transform(X), y)
    mean, std = pipeline.predict(X, return_std=True)
    assert_array_equal(mean, direct.predict(StandardScaler().fit_transform(X)))
    assert (std > 0.0).all()
    assert pipeline.score(X, y) == direct.score(StandardScaler().fit_transform(X), y)
    scaled = TransformedTargetRegressor(BayesianLinearRegressionVI(), transformer=StandardScaler()).fit(X, y)
    np.testing.assert_allclose(scaled.predict(X), BayesianLinearRegressionVI().fit(X, y).predict(X), rtol=1e-3)


def test_weights_are_routed():
    X, y = regression((60, 3))
    weights = np.random.default_rng(0).uniform(size=60)
    with config_context(enable_metadata_routing=True):
        model = BayesianLinearRegressionVI().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True).set_partial_fit_request(sample_weight=True)
        search = GridSearchCV(model, {"prior": ["ridge", "ard"]}, cv=2).fit(X, y, sample_weight=weights)
        with pytest.raises(ValueError, match="sample_weight"):
            GridSearchCV(BayesianLinearRegressionVI(), {"prior": ["ridge"]}).fit(X, y, sample_weight=weights)
    direct = clone(model).set_params(**search.best_params_).fit(X, y, sample_weight=weights)
    assert search.best_estimator_.elbo_ == pytest.approx(direct.elbo_, rel=1e-12)
    assert direct.elbo_ != clone(direct).fit(X, y).elbo_


def test_clones_are_unfitted_and_equal():
    X, y = regression((30, 4))
    model = BayesianLinearRegressionVI(groups=[0, 0, 1, 1], alpha_1=2.0, noise_precision="learn").fit(X, y)
    copy = clone(model)
    assert not hasattr(copy, "posterior_")
    assert copy.fit(X, y).elbo_ == model.elbo_
    changed = copy.set_params(groups=None, prior="ard").fit(X, y)
    assert changed.elbo_ == BayesianLinearRegressionVI(prior="ard", alpha_1=2.0).fit(X, y).elbo_


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("skvi.") for name in types), types
    return skops.io.loads(data, trusted=types)


@pytest.mark.parametrize("way", [by_pickle, by_joblib, by_skops])
@pytest.mark.parametrize("prior", ["ridge", "ard"])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("shape", [(40, 4), (5, 9)])
def test_files_hold_the_fit_and_what_partial_fit_needs(shape, layout, prior, way):
    X, y = regression(shape, 2)
    table = layout(X)
    model = BayesianLinearRegressionVI(prior=prior).fit(table, y)
    expected = model.predict_interval(table)
    # Nothing that was computed on the way is in the way.
    assert np.isfinite(model.sigma_).all()
    loaded = way(model)
    assert_array_equal(loaded.predict_interval(table), expected)
    np.testing.assert_allclose(loaded.sigma_, model.sigma_, rtol=1e-12, atol=1e-15)
    assert loaded.posterior_.kl(loaded.prior_) == pytest.approx(model.posterior_.kl(model.prior_), rel=1e-12)
    assert loaded.summary().equals(model.summary())
    assert loaded.partial_fit(table, y).elbo_ == model.partial_fit(table, y).elbo_


def test_files_do_not_hold_what_was_computed_for_predictions():
    X, y = regression((2_000, 50))
    model = BayesianLinearRegressionVI().fit(X, y)
    before = len(pickle.dumps(model))
    model.predict(X, return_std=True)
    assert np.isfinite(model.sigma_).all()
    assert len(pickle.dumps(model)) < before + 1_000


def test_names_of_features_are_kept_and_checked():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = BayesianLinearRegressionVI().fit(X, y)
    assert list(model.feature_names_in_) == list(X.columns)
    for method in (model.predict, model.predict_interval):
        with pytest.raises(ValueError, match="feature names should match"):
            method(X[X.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(X.rename(columns={"age": "years"}), y)


def test_priors_of_the_diabetes_set_compare_as_documented():
    X, y = load_diabetes(return_X_y=True)
    vague = dict.fromkeys(["alpha_1", "alpha_2", "lambda_1", "lambda_2"], 1e-6)
    gap = [
        BayesianLinearRegressionVI(**hyper).fit(X, y).elbo_
        - BayesianLinearRegressionVI(prior="ard", **hyper).fit(X, y).elbo_
        for hyper in (dict(), vague)
    ]
    # Vague hyper-priors alone charge each precision more than ten nats.
    assert abs(gap[0]) < 15.0
    assert gap[1] > 60.0


def test_html_representation_links_to_the_documentation():
    assert "skvi.readthedocs.io" in BayesianLinearRegressionVI()._repr_html_()


def test_documentation_names_every_parameter_and_attribute():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = BayesianLinearRegressionVI().fit(pd.DataFrame(X), y)
    doc = BayesianLinearRegressionVI.__doc__
    documented = [
        name.strip() for line in doc.splitlines() if " : " in line for name in line.split(" : ")[0].split(",")
    ]
    fitted = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    assert set(model.get_params()) | set(fitted) | {"sigma_", "scores_"} <= set(documented)
