"""The estimator as scikit-learn and its users see it."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.mixture import BayesianGaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import skvi
from skvi import VariationalGaussianMixture
from tests.mixture.cases import SETTINGS, blobs, separated

ESTIMATORS = [
    VariationalGaussianMixture(k, covariance_type=form, weight_concentration_prior_type=weights)
    for form, weights in SETTINGS
    for k in (1, 3)
]
METHODS = [
    VariationalGaussianMixture(3, learning_method=method, batch_size=20, max_iter=50)
    for method in ("memoized", "online")
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(METHODS)
def test_scikit_learn_checks_of_other_schedules(estimator, check):
    # Mini-batches are sets of rows: weights equal repetition in batch learning only, as documented.
    if "weight_equivalence" not in str(check):
        check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize(
    "check",
    [
        checks.check_param_validation,
        checks.check_set_output_transform,
        checks.check_set_output_transform_pandas,
        checks.check_set_output_transform_polars,
        checks.check_global_output_transform_pandas,
        checks.check_global_set_output_transform_polars,
        checks.check_dataframe_column_names_consistency,
        checks.check_transformer_get_feature_names_out,
        checks.check_transformer_get_feature_names_out_pandas,
        checks.check_get_feature_names_out_error,
        checks.check_inplace_ensure_writeable,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_that_the_common_list_leaves_out(check):
    check("VariationalGaussianMixture", VariationalGaussianMixture(2, max_iter=200))


def test_parameters_are_those_of_scikit_learn_and_more():
    theirs = inspect.signature(BayesianGaussianMixture).parameters
    ours = inspect.signature(VariationalGaussianMixture).parameters
    assert set(theirs) <= set(ours)
    new = {"learning_method", "batch_size", "learning_decay", "learning_offset", "total_samples", "n_jobs", "prior"}
    assert set(ours) - set(theirs) == new


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_fitted_attributes_are_those_of_scikit_learn(form, weights):
    X, _ = blobs(80, 3)
    settings = dict(
        n_components=2, covariance_type=form, weight_concentration_prior_type=weights, random_state=0, max_iter=20
    )
    theirs = BayesianGaussianMixture(**settings).fit(X)
    ours = VariationalGaussianMixture(**settings).fit(X)
    for name, value in vars(theirs).items():
        if name.endswith("_") and not name.startswith("_"):
            other = getattr(ours, name)
            # Under "tied" scikit-learn's bound is an array of one number.
            assert np.shape(np.squeeze(other)) == np.shape(np.squeeze(value)) or name == "lower_bounds_", name
    for name in ("mean_prior_", "covariance_prior_", "weight_concentration_prior_", "degrees_of_freedom_prior_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-10)


@pytest.mark.parametrize("form", ["full", "tied", "diag", "spherical"])
def test_precisions_are_consistent(form):
    X, _ = blobs(100, 3)
    model = VariationalGaussianMixture(2, covariance_type=form, random_state=0).fit(X)
    if form in ("full", "tied"):
        product = model.covariances_ @ model.precisions_
        np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-10)
        factor = model.precisions_cholesky_
        np.testing.assert_allclose(factor @ np.swapaxes(factor, -1, -2), model.precisions_, rtol=1e-10)
        np.testing.assert_array_equal(factor, np.triu(factor))
    else:
        np.testing.assert_allclose(model.covariances_ * model.precisions_, 1.0)
        np.testing.assert_allclose(model.precisions_cholesky_**2, model.precisions_)


@pytest.mark.parametrize(
    ("form", "covariance"),
    [("full", 2.0 * np.eye(2)), ("tied", 2.0), ("full", 2.0), ("diag", [2.0, 2.0]), ("diag", 2.0), ("spherical", 2.0)],
)
def test_priors_given_are_the_priors_used(form, covariance):
    X, _ = blobs(50, 2)
    given = dict(
        weight_concentration_prior=0.3,
        mean_precision_prior=0.5,
        mean_prior=[1.0, -1.0],
        degrees_of_freedom_prior=4.0,
        covariance_prior=covariance,
    )
    model = VariationalGaussianMixture(2, covariance_type=form, random_state=0, **given).fit(X)
    shape = {"full": np.eye(2), "tied": np.eye(2), "diag": np.ones(2), "spherical": 1.0}[form]
    covariance = given["covariance_prior"] = covariance if np.ndim(covariance) else covariance * shape
    for name, value in given.items():
        np.testing.assert_allclose(getattr(model, f"{name}_"), value)
    wider = VariationalGaussianMixture(2, covariance_type=form, random_state=0, **given, reg_covar=0.5).fit(X)
    expected = np.asarray(covariance) + (0.5 * np.eye(2) if form in ("full", "tied") else 0.5)
    np.testing.assert_allclose(wider.covariance_prior_, expected)


def test_clear_clusters_are_found():
    X, labels = separated()
    model = VariationalGaussianMixture(3, random_state=0).fit(X)
    found = model.predict(X)
    assert len({(a, b) for a, b in zip(labels, found, strict=True)}) == 3
    assert model.n_components_ == 3


def test_components_are_sorted_and_empty_ones_counted_out():
    X, _ = separated(300, 2)
    model = VariationalGaussianMixture(
        8,
        weight_concentration_prior=1e-4,
        weight_concentration_prior_type="dirichlet_distribution",
        n_init=5,
        random_state=0,
    ).fit(X)
    assert (np.diff(model.weights_) <= 1e-12).all()
    assert model.n_components_ == 2
    assert len(model.restart_elbos_) == 5
    assert model.restart_elbos_.max() == pytest.approx(model.elbo_, rel=1e-9)


def test_given_means_keep_their_labels():
    X, _ = separated()
    sorted_ = VariationalGaussianMixture(3, random_state=0).fit(X)
    reverse = sorted_.means_[::-1]
    model = VariationalGaussianMixture(
        3, init_params=reverse, weight_concentration_prior_type="dirichlet_distribution"
    ).fit(X)
    np.testing.assert_allclose(model.means_, reverse, atol=0.2)


def test_given_responsibilities_are_the_start():
    X, labels = separated()
    responsibilities = np.eye(3)[labels]
    model = VariationalGaussianMixture(3, init_params=responsibilities).fit(X)
    np.testing.assert_array_equal(model.predict(X), labels)


def test_probabilities_scores_and_features_agree():
    X, _ = blobs(150, 2)
    frame = pd.DataFrame(X, columns=["height", "weight"])
    model = VariationalGaussianMixture(3, random_state=0).set_output(transform="pandas").fit(frame)
    proba = model.predict_proba(frame)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.predict(frame))
    features = model.transform(frame)
    assert list(features.columns) == [f"variationalgaussianmixture{k}" for k in range(3)]
    np.testing.assert_array_equal(features.to_numpy(), proba)
    np.testing.assert_array_equal(model.fit_predict(frame), model.predict(frame))
    # A row's bound lies below its log predictive density (Jensen), and not far.
    assert (model.score_samples(frame).mean() - model.score(frame)) > 0.0
    assert model.score_samples(frame).mean() - model.score(frame) < 0.5


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_predictive_density_integrates_to_one(form, weights):
    X, _ = blobs(20, 1, 2)
    model = VariationalGaussianMixture(
        2, covariance_type=form, weight_concentration_prior_type=weights, random_state=0
    ).fit(X)
    # x = tan(t) takes the heavy tails in.
    t = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 200_001)[1:-1]
    density = np.exp(model.score_samples(np.tan(t)[:, None])) / np.cos(t) ** 2
    assert np.trapezoid(density, t) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_predictive_density_is_that_of_draws_from_the_posterior(form, weights):
    from scipy.special import logsumexp

    X, _ = blobs(40, 2, 2)
    model = VariationalGaussianMixture(
        2, covariance_type=form, weight_concentration_prior_type=weights, random_state=0
    ).fit(X)
    n = 4000
    draws = model.posterior_.sample(n, random_state=0)
    means, precisions = draws["components"]
    point = X[0]
    if form == "tied":
        precisions = precisions[:, None]
    elif form != "full":
        precisions = precisions.reshape(n, 2, -1, 1) * np.eye(2)
    distances = np.einsum("ski,skij,skj->sk", point - means, np.broadcast_to(precisions, (n, 2, 2, 2)), point - means)
    log_density = 0.5 * (np.linalg.slogdet(precisions)[1] - distances) - np.log(2.0 * np.pi)
    weight = draws["weights"] / draws["weights"].sum(axis=1, keepdims=True)
    expected = logsumexp(log_density + np.log(weight)) - np.log(n)
    assert model.score_samples(point[None])[0] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("form", ["full", "tied", "diag", "spherical"])
def test_samples_follow_the_predictive_density(form):
    X, _ = blobs(400, 2, 2, spread=4.0)
    model = VariationalGaussianMixture(2, covariance_type=form, random_state=0).fit(X)
    draws, labels = model.sample(20_000, random_state=1)
    np.testing.assert_allclose(draws.mean(axis=0), model.weights_ @ model.means_, atol=0.1)
    np.testing.assert_allclose(np.bincount(labels) / 20_000, model.weights_, atol=0.02)
    for k in range(2):
        covariance = model.covariances_ if form == "tied" else model.covariances_[k]
        covariance = covariance if np.ndim(covariance) == 2 else np.eye(2) * covariance
        np.testing.assert_allclose(np.cov(draws[labels == k].T), covariance, atol=0.15)
    again, _ = model.sample(20_000, random_state=1)
    np.testing.assert_array_equal(draws, again)
    assert (model.sample(3)[0] != model.sample(3)[0]).any()


def test_pipelines_and_searches_use_the_bound():
    X, _ = blobs(200, 3)
    pipeline = make_pipeline(StandardScaler(), VariationalGaussianMixture(2, random_state=0))
    scores = cross_val_score(pipeline, X, cv=3)
    pipeline.fit(X)
    assert scores.mean() == pytest.approx(pipeline.score(X), abs=1.0)
    search = GridSearchCV(pipeline, {"variationalgaussianmixture__n_components": [1, 3]}, cv=3).fit(X)
    assert search.best_params_["variationalgaussianmixture__n_components"] == 3


def test_weights_are_routed():
    X, _ = blobs(60, 2)
    weights = np.random.default_rng(0).uniform(size=60)
    with skvi_routing():
        model = VariationalGaussianMixture(2, random_state=0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"n_components": [1, 2]}, cv=2).fit(X, sample_weight=weights)
    direct = clone(model).set_params(**search.best_params_).fit(X, sample_weight=weights)
    assert search.best_estimator_.elbo_ == pytest.approx(direct.elbo_, rel=1e-12)


def skvi_routing():
    from sklearn import config_context

    return config_context(enable_metadata_routing=True)


def test_posterior_becomes_the_next_prior():
    X, _ = separated(300, 2)
    settings = dict(n_components=2, weight_concentration_prior_type="dirichlet_distribution", random_state=0)
    first = VariationalGaussianMixture(**settings).fit(X[:150])
    second = VariationalGaussianMixture(**settings, prior=first.posterior_).fit(X[150:])
    both = VariationalGaussianMixture(**settings, prior=first.prior_).fit(X)
    # The clusters are clear, so that updating in turn is updating at once.
    order = [int(np.argmin(np.linalg.norm(second.means_ - mean, axis=1))) for mean in both.means_]
    np.testing.assert_allclose(second.means_[order], both.means_, rtol=1e-6)
    np.testing.assert_allclose(second.covariances_[order], both.covariances_, rtol=1e-5)
    assert first.elbo_ + second.elbo_ == pytest.approx(both.elbo_, rel=1e-6)


def test_warm_start_goes_on_from_the_last_posterior():
    X, _ = blobs(300, 2, 3, spread=1.5)
    model = VariationalGaussianMixture(3, warm_start=True, max_iter=3, tol=0.0, random_state=0)
    elbos = []
    for _ in range(4):
        with pytest.warns(UserWarning, match="did not converge"):
            elbos.append(model.fit(X).elbo_)
    assert (np.diff(elbos) > 0.0).all()


def test_pickles_and_safe_files_predict_the_same():
    import skops.io

    X, _ = blobs(100, 2)
    model = VariationalGaussianMixture(2, random_state=0).fit(X)
    model.partial_fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("skvi.") for name in types), types
    safe = skops.io.loads(data, trusted=types)
    np.testing.assert_array_equal(safe.predict_proba(X), model.predict_proba(X))
    assert safe.partial_fit(X).elbo_ == pytest.approx(model.partial_fit(X).elbo_, rel=1e-12)


def test_html_representation_links_to_the_documentation():
    html = VariationalGaussianMixture(2)._repr_html_()
    assert "skvi.readthedocs.io" in html


def test_documentation_names_every_parameter_and_attribute():
    model = VariationalGaussianMixture(3, random_state=0).fit(load_iris().data)
    doc = VariationalGaussianMixture.__doc__
    for name in model.get_params():
        assert f"\n    {name} : " in doc, name
    fitted = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    for name in fitted:
        assert f"\n    {name} : " in doc, name


def test_version_is_the_packages():
    assert skvi.__version__.count(".") == 2
