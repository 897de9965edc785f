"""What users hand in: every legal table, weights, and garbage that gets a sentence."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skvi import VariationalGaussianMixture
from skvi.families import Dirichlet, Joint
from tests.mixture.cases import FORMS, SETTINGS, blobs, separated

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("form", FORMS)
def test_layouts_and_dtypes_give_the_same_answer(form, tmp_path):
    X = np.round(4.0 * blobs(100, 3)[0])
    np.save(tmp_path / "X.npy", X)
    tables = [
        X,
        np.asfortranarray(X),
        X.astype(np.float32),
        X.astype(int),
        X.tolist(),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        np.repeat(X, 2, axis=0)[::2],
        pd.DataFrame(X),
        pl.DataFrame(X, schema=list("abc")),
    ]
    models = [VariationalGaussianMixture(3, covariance_type=form, random_state=0).fit(table) for table in tables]
    for model in models[1:]:
        assert model.elbo_ == models[0].elbo_
        np.testing.assert_array_equal(model.means_, models[0].means_)


def test_float32_is_summed_in_float64():
    X = blobs(2_000, 3)[0].astype(np.float32) + np.float32(1000.0)
    single = VariationalGaussianMixture(3, random_state=0).fit(X)
    double = VariationalGaussianMixture(3, random_state=0).fit(X.astype(float))
    assert single.elbo_ == double.elbo_
    assert single.predict_proba(X).dtype == np.float64


@quiet
@pytest.mark.parametrize(("form", "weights"), SETTINGS)
@pytest.mark.parametrize(
    "X",
    [
        np.array([[1.0, 2.0]]),
        np.array([[1.0], [2.0]]),
        np.array([[3.0]]),
        np.zeros((5, 3)),
        np.ones((5, 2)) * 1e6,
        np.arange(12.0).reshape(3, 4),
        np.column_stack([np.arange(20.0), np.ones(20)]),
        np.column_stack([np.arange(20.0), 2.0 * np.arange(20.0), -np.arange(20.0)]),
        np.repeat([[0.0, 1.0], [5.0, 2.0]], 10, axis=0),
        np.random.default_rng(0).normal(size=(6, 30)),
        1e-6 * np.random.default_rng(0).normal(size=(30, 2)),
        1e6 + 1e-3 * np.random.default_rng(0).normal(size=(30, 2)),
        np.random.default_rng(0).normal(size=(40, 2)) * [1e-6, 1e6],
    ],
    ids=[
        "one row",
        "one feature",
        "one number",
        "zeros",
        "constant far from zero",
        "fewer rows than features",
        "constant column",
        "collinear columns",
        "duplicates",
        "six rows of thirty features",
        "small scale",
        "large offset",
        "unequal scales",
    ],
)
def test_every_table_has_a_proper_posterior(X, form, weights):
    model = VariationalGaussianMixture(
        4, covariance_type=form, weight_concentration_prior_type=weights, random_state=0
    ).fit(X)
    assert np.isfinite(model.elbo_)
    for value in (model.weights_, model.means_, model.covariances_, model.precisions_, model.score_samples(X)):
        assert np.isfinite(value).all()
    assert (np.diff(model.elbo_history_) >= -1e-9 * np.abs(model.elbo_)).all()
    if form in ("full", "tied"):
        assert (np.linalg.eigvalsh(model.covariances_) > 0.0).all()
    else:
        assert (np.asarray(model.covariances_) > 0.0).all()


@quiet
@settings(deadline=None, max_examples=60)
@given(
    X=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.floats(-1e8, 1e8, allow_subnormal=False),
    ),
    form=st.sampled_from(FORMS),
    n_components=st.integers(1, 4),
)
def test_wild_numbers_give_finite_answers(X, form, n_components):
    model = VariationalGaussianMixture(n_components, covariance_type=form, max_iter=20, random_state=0).fit(X)
    assert np.isfinite(model.elbo_)
    assert np.isfinite(model.score_samples(X)).all()
    assert (np.diff(model.elbo_history_) >= -1e-8 * (1.0 + np.abs(model.elbo_))).all()


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_weights_are_repetition(form, weights, init_params):
    X, _ = blobs(60, 2)
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 4, size=len(X))
    repeated = np.repeat(X, counts, axis=0)
    rng.shuffle(repeated)
    settings = dict(
        covariance_type=form,
        weight_concentration_prior_type=weights,
        init_params=init_params,
        max_iter=1000,
        n_init=2,
        random_state=0,
    )
    weighted = VariationalGaussianMixture(3, **settings).fit(X, sample_weight=counts)
    plain = VariationalGaussianMixture(3, **settings).fit(repeated)
    assert weighted.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
    np.testing.assert_allclose(weighted.means_, plain.means_, rtol=1e-7)
    np.testing.assert_allclose(weighted.covariances_, plain.covariances_, rtol=1e-7)
    score = weighted.score(X, sample_weight=counts)
    assert score == pytest.approx(plain.score(repeated), rel=1e-10)


def test_weights_are_repetition_where_starts_use_a_sample():
    X, _ = separated(12_000, 4)
    counts = np.random.default_rng(0).integers(0, 3, size=len(X))
    weighted = VariationalGaussianMixture(4, random_state=0).fit(X, sample_weight=counts)
    plain = VariationalGaussianMixture(4, random_state=0).fit(np.repeat(X, counts, axis=0))
    assert weighted.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)


def test_partial_fit_takes_weights():
    X, _ = separated(200)
    counts = np.random.default_rng(0).integers(0, 3, size=len(X))
    weighted, plain = (VariationalGaussianMixture(3, random_state=0) for _ in range(2))
    for half in (slice(100), slice(100, 200)):
        weighted.partial_fit(X[half], sample_weight=counts[half])
        plain.partial_fit(np.repeat(X[half], counts[half], axis=0))
    assert weighted.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (dict(n_components=0), "n_components"),
        (dict(covariance_type="round"), "covariance_type"),
        (dict(tol=-1.0), "tol"),
        (dict(learning_method="fast"), "learning_method"),
        (dict(learning_decay=0.4), "learning_decay"),
        (dict(batch_size=0), "batch_size"),
        (dict(init_params="nearest"), "init_params"),
        (dict(init_params=np.zeros((2, 5))), r"init_params has shape \(2, 5\).*means of shape \(2, 3\)"),
        (dict(init_params=-np.ones((20, 2))), "init_params holds negative"),
        (dict(weight_concentration_prior=0.0), "weight_concentration_prior"),
        (dict(degrees_of_freedom_prior=1.5), "degrees_of_freedom_prior=1.5: give a finite number above 2"),
        (dict(mean_prior=[1.0]), r"mean_prior has shape \(1,\): it must have shape \(3,\)"),
        (dict(mean_prior=[1.0, np.nan, 2.0]), "mean_prior holds NaN or infinity"),
        (dict(covariance_prior=np.eye(2)), r"covariance_prior has shape \(2, 2\): it must have shape \(3, 3\)"),
        (dict(covariance_prior=np.diag([1.0, 1.0, -1.0])), "covariance_prior must be symmetric and positive definite"),
        (dict(covariance_prior=np.triu(np.ones((3, 3)))), "covariance_prior must be symmetric"),
        (dict(covariance_type="diag", covariance_prior=[1.0, 0.0, 1.0]), "covariance_prior must be positive in each"),
        (dict(covariance_type="spherical", covariance_prior=[1.0]), "covariance_prior has shape"),
        (dict(prior=Joint(weights=Dirichlet(np.ones(2)))), "prior has factors"),
    ],
)
def test_wrong_parameters_get_a_sentence(parameters, message):
    X, _ = blobs(20, 3)
    with pytest.raises(ValueError, match=message):
        VariationalGaussianMixture(**{"n_components": 2, **parameters}).fit(X)


def test_priors_of_another_model_get_a_sentence():
    X, _ = blobs(30, 2)
    tied = VariationalGaussianMixture(2, covariance_type="tied", random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"prior.components is a TiedNormalWishart, but covariance_type='full'"):
        VariationalGaussianMixture(2, prior=tied.posterior_).fit(X)
    with pytest.raises(ValueError, match=r"n_components=3 and X have \(3, 2\)"):
        VariationalGaussianMixture(3, covariance_type="tied", prior=tied.posterior_).fit(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[1.0, np.nan], [2.0, 1.0]]), "NaN"),
        (np.array([[1.0, np.inf], [2.0, 1.0]]), "infinity"),
        (np.zeros((0, 2)), "0 sample"),
        (np.zeros(3), "1D array"),
        (np.array([["a", "b"]]), "could not convert"),
    ],
)
def test_wrong_tables_get_a_sentence(X, message):
    with pytest.raises(ValueError, match=message):
        VariationalGaussianMixture().fit(X)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.zeros(20), "zero"), (-np.ones(20), "[Nn]egative"), (np.ones(19), "shape"), (np.full(20, np.nan), "NaN")],
)
def test_wrong_weights_get_a_sentence(weights, message):
    X, _ = blobs(20, 2)
    with pytest.raises(ValueError, match=message):
        VariationalGaussianMixture(2).fit(X, sample_weight=weights)


def test_sample_asks_for_a_positive_number():
    X, _ = blobs(20, 2)
    with pytest.raises(ValueError, match="n_samples=0: give a positive integer"):
        VariationalGaussianMixture(2, random_state=0).fit(X).sample(0)


def test_a_failing_fit_leaves_the_earlier_one(monkeypatch):
    X, _ = blobs(100, 2)
    model = VariationalGaussianMixture(2, random_state=0).fit(X)
    before, names = model.score_samples(X), sorted(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((10, 3), np.nan))

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skvi.models.mixture.soft_pass", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:50] * 3.0)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X)
    monkeypatch.undo()
    assert sorted(vars(model)) == names
    np.testing.assert_array_equal(model.score_samples(X), before)


def test_order_of_rows_changes_no_start():
    X, _ = blobs(500, 3, 5)
    order = np.random.default_rng(0).permutation(len(X))
    for init_params in ("kmeans", "k-means++", "random", "random_from_data"):
        settings = dict(init_params=init_params, random_state=3, max_iter=2000)
        one = VariationalGaussianMixture(5, **settings).fit(X)
        other = VariationalGaussianMixture(5, **settings).fit(X[order])
        np.testing.assert_allclose(one.means_, other.means_, rtol=1e-6)


def test_more_components_than_rows():
    X, _ = blobs(3, 2)
    model = VariationalGaussianMixture(10, random_state=0).fit(X)
    assert model.weights_.shape == (10,)
    assert model.n_components_ <= 3


@pytest.mark.parametrize("learning_method", ["batch", "online", "memoized"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_zero_weight_is_absence_whatever_the_row_holds(learning_method):
    X, _ = blobs(120, 2)
    weights = np.zeros(120)
    weights[::4] = 1.0
    wild = X.copy()
    wild[1] = 1e90
    settings = dict(learning_method=learning_method, batch_size=5, max_iter=20, random_state=1)
    with_them = VariationalGaussianMixture(2, **settings).fit(wild, sample_weight=weights)
    without = VariationalGaussianMixture(2, **settings).fit(X[::4])
    assert with_them.elbo_ == pytest.approx(without.elbo_, rel=1e-9)


def test_numbers_beyond_float64_get_a_sentence():
    X, _ = blobs(30, 2)
    with pytest.raises(ValueError, match="X holds a number of magnitude 1e\\+160"):
        VariationalGaussianMixture(2).fit(np.vstack([X, [[1e160, 0.0]]]))
    model = VariationalGaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="scale it"):
        model.predict_proba([[1e160, 0.0]])
    with pytest.raises(ValueError, match="mean_prior holds NaN or infinity, or a number beyond 1e100"):
        VariationalGaussianMixture(2, mean_prior=[1e200, 0.0], random_state=0).fit(X)


def test_a_rows_answer_does_not_depend_on_its_neighbours():
    rng = np.random.default_rng(0)
    centers = 3.0 * rng.normal(size=(8, 16))
    X = centers[rng.integers(8, size=800)] + rng.normal(size=(800, 16))
    far = 1e10 * rng.normal(size=(3, 16))
    model = VariationalGaussianMixture(8, random_state=0).fit(X)
    together = model.predict_proba(np.vstack([X, far]))
    np.testing.assert_array_equal(together[-1:], model.predict_proba(far[-1:]))
    np.testing.assert_array_equal(model.predict(np.vstack([X, far]))[-3:], model.predict(far))


@pytest.mark.parametrize("weights", ["dirichlet_distribution", "dirichlet_process"])
@pytest.mark.parametrize("concentration", [1e-14, 1e-30])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_sparsest_priors_keep_their_digits(weights, concentration):
    X, _ = blobs(100, 2)
    model = VariationalGaussianMixture(
        4, weight_concentration_prior_type=weights, weight_concentration_prior=concentration, random_state=0
    ).fit(X)
    assert model.weight_concentration_prior_ == concentration
    assert np.isfinite(model.elbo_)


@pytest.mark.parametrize(("form", "weights"), SETTINGS)
def test_fitted_parameters_are_prior_plus_statistics_in_order(form, weights):
    for seed in range(5):
        X, _ = blobs(150, 2, 3, spread=1.0, seed=seed)
        model = VariationalGaussianMixture(
            6,
            covariance_type=form,
            weight_concentration_prior_type=weights,
            weight_concentration_prior=1e-3,
            init_params="random",
            max_iter=2000,
            random_state=seed,
        ).fit(X)
        assert (model.mean_precision_ >= 1.0).all()
        assert (np.diff(model.weights_) <= 1e-12).all()


def test_weights_that_sum_to_one_count_as_one_row():
    X, _ = blobs(93, 2)
    shares = np.full(93, 1.0 / 93.0)
    model = VariationalGaussianMixture(1).fit(X, sample_weight=shares)
    np.testing.assert_allclose(model.covariance_prior_, np.cov(X.T, bias=True), rtol=1e-9)


def test_partial_fit_refuses_another_model():
    X, _ = blobs(60, 2)
    model = VariationalGaussianMixture(2, random_state=0).partial_fit(X)
    with pytest.raises(ValueError, match="n_components=3, but partial_fit began with 2"):
        model.set_params(n_components=3).partial_fit(X)
    with pytest.raises(ValueError, match="has changed since the first partial_fit"):
        model.set_params(n_components=2, covariance_type="diag").partial_fit(X)


def test_improper_priors_get_a_sentence():
    X, _ = blobs(60, 2)
    settings = dict(weight_concentration_prior_type="dirichlet_distribution", random_state=0)
    components = VariationalGaussianMixture(2, **settings).fit(X).prior_.components
    for weights, message in ((Dirichlet(np.ones(3)), "is for 3 components"), (Dirichlet(-np.ones(2)), "outside")):
        prior = Joint(weights=weights, components=components)
        with pytest.raises(ValueError, match=message):
            VariationalGaussianMixture(2, prior=prior, **settings).fit(X)
    with pytest.raises(ValueError, match="n_jobs=0"):
        VariationalGaussianMixture(2, n_jobs=0).fit(X)
