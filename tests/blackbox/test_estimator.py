"""Estimators of models as scikit-learn and its users see them."""

import pickle
import sys
import types

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvi import BlackBoxVI, SVGDSampler
from tests.blackbox.cases import Line, Normal, Recorder, Softmax, line

FEW = dict(n_particles=20, max_iter=30, evaluate_every=10)
ESTIMATORS = [SVGDSampler(model, **FEW) for model in (None, Line(), Softmax())]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The 20 particles have collapsed")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The 20 particles have collapsed")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator.model).__name__)
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
def test_checks_that_the_common_list_leaves_out(check, estimator):
    check("SVGDSampler", clone(estimator))


def test_the_model_decides_what_the_sampler_is():
    assert is_regressor(SVGDSampler(Line()))
    assert is_classifier(SVGDSampler(Softmax()))
    plain = SVGDSampler()
    assert not is_regressor(plain)
    assert not is_classifier(plain)
    assert hasattr(plain, "score_samples")
    assert not hasattr(plain, "log_predictive_density")
    assert hasattr(SVGDSampler(Line()), "predict_interval")
    assert not hasattr(SVGDSampler(Line()), "predict_proba")
    assert hasattr(SVGDSampler(Softmax()), "predict_proba")
    assert not hasattr(SVGDSampler(Softmax()), "predict_interval")


def test_the_users_model_stays_as_it_was():
    X, y = line()
    model = Line()
    sampler = SVGDSampler(model, max_iter=20, tol=1e9).fit(X, y)
    assert sampler.model_ is not model
    assert vars(model) == vars(Line())


def test_grid_search_finds_the_noise_of_the_model():
    X, y = line(200)
    search = GridSearchCV(SVGDSampler(Line(), random_state=0), {"model__noise": [0.1, 0.5, 3.0]}, cv=3).fit(X, y)
    assert search.best_params_ == {"model__noise": 0.5}


def test_pipelines_frames_and_names():
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(StandardScaler(), SVGDSampler(Softmax(), n_particles=300, random_state=0))
    with pytest.warns(UserWarning, match="have collapsed"):
        pipeline.fit(X, y)
    assert (pipeline.predict(X) == y).mean() > 0.95
    sampler = pipeline[-1]
    assert len(sampler.parameter_names_) == sampler.particles_.shape[1] == 15
    summary = sampler.summary()
    assert isinstance(summary, pd.DataFrame)
    assert summary.index.tolist() == sampler.parameter_names_
    assert (summary["lower"] < summary["mean"]).all()
    assert (summary["mean"] < summary["upper"]).all()
    assert cross_val_score(SVGDSampler(random_state=0), X, cv=3).mean() < 0.0


@pytest.mark.filterwarnings("ignore:The 20 particles have collapsed")
@pytest.mark.parametrize("estimator", [SVGDSampler(Softmax(), **FEW), BlackBoxVI(Softmax())], ids=["svgd", "vi"])
def test_classes_may_come_later(estimator):
    X, y = load_iris(return_X_y=True)
    first = np.flatnonzero(y < 2)
    estimator.partial_fit(X[first], y[first], classes=[0, 1, 2])
    estimator.partial_fit(X, y)
    assert estimator.predict_proba(X).shape == (150, 3)


def test_saved_samplers_predict_the_same():
    X, y = line()
    sampler = SVGDSampler(Line(), random_state=0).fit(X, y)
    loaded = pickle.loads(pickle.dumps(sampler))
    assert_array_equal(loaded.predict(X), sampler.predict(X))
    assert_array_equal(loaded.predict_interval(X), sampler.predict_interval(X))
    data = skops.io.dumps(SVGDSampler(random_state=0).fit(X).partial_fit(X))
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("skvi.") for name in types), types
    assert np.isfinite(skops.io.loads(data, trusted=types).partial_fit(X).score(X))


def test_documentation_names_every_parameter_and_attribute():
    X, y = load_iris(return_X_y=True, as_frame=True)
    sampler = SVGDSampler(Softmax(), n_particles=20, max_iter=20, tol=1e9).fit(X, y)
    for name in sampler.get_params(deep=False):
        assert f"\n    {name} : " in SVGDSampler.__doc__, name
    for name in vars(sampler):
        if name.endswith("_") and not name.startswith("_"):
            assert f"\n    {name} : " in SVGDSampler.__doc__, name


def test_draws_are_particles():
    sampler = SVGDSampler(Normal((1.0, 2.0), np.eye(2)), random_state=0).fit(None)
    draws = sampler.sample(500, random_state=0)
    assert {tuple(draw) for draw in draws} <= {tuple(particle) for particle in sampler.particles_}
    assert_array_equal(draws, sampler.sample(500, random_state=0))
    assert_allclose(draws.mean(axis=0), sampler.particles_.mean(axis=0), atol=0.2)
    interval = sampler.posterior_.theta.interval(0.8)
    inside = (interval[:, 0] <= sampler.particles_) & (sampler.particles_ <= interval[:, 1])
    assert_allclose(inside.mean(axis=0), 0.8, atol=0.03)


def test_a_failed_fit_leaves_the_last_one():
    X, y = line()
    sampler = SVGDSampler(Line(), random_state=0).fit(X, y)
    before = sampler.particles_
    with pytest.raises(ValueError, match="NaN"):
        sampler.fit(np.full_like(X, np.nan), y)
    assert_array_equal(sampler.particles_, before)


def scores(estimator, X):
    assert estimator.score(X) < 0.0


def test_callbacks_see_evaluations_and_may_stop():
    X = np.random.default_rng(0).normal(size=(50, 1))
    recorder = Recorder(3, scores)
    sampler = SVGDSampler(tol=0.0, evaluate_every=20, random_state=0).set_callbacks(recorder).fit(X)
    assert recorder.bounds == sampler.elbo_history_
    assert sampler.n_iter_ == 60
    assert len(sampler.kernel_stein_discrepancy_history_) == 3


def test_verbose_fits_print_evaluations(capsys):
    X = np.random.default_rng(0).normal(size=(50, 1))
    SVGDSampler(max_iter=40, tol=1e9, evaluate_every=20, verbose=2, random_state=0).fit(X)
    assert "SVGDSampler iteration 1: bound" in capsys.readouterr().out


def test_arviz_is_asked_for_where_it_is_missing(monkeypatch):
    sampler = SVGDSampler(Normal(), random_state=0).fit(None)
    for library in ("arviz", "arviz_base"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match="pip install arviz"):
        sampler.to_arviz()


class FakeArviz:
    """What `from_dict` takes before ArviZ 1.0, and since."""

    @staticmethod
    def before(posterior=None, *, log_likelihood=None):
        return {"posterior": posterior, "log_likelihood": log_likelihood}

    @staticmethod
    def since(data, *, name=None):
        return {"posterior": None, "log_likelihood": None} | data


@pytest.mark.parametrize("library", ["arviz", "arviz_base"])
@pytest.mark.parametrize("from_dict", [FakeArviz.before, FakeArviz.since], ids=["before", "since"])
def test_arviz_gets_draws_by_name_and_what_they_say_of_rows(library, from_dict, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    monkeypatch.setitem(sys.modules, library, types.SimpleNamespace(from_dict=from_dict))
    X, y = line()
    sampler = SVGDSampler(Line(), random_state=0).fit(X, y)
    assert sampler.to_arviz()["log_likelihood"] is None
    data = sampler.to_arviz(X, y)
    assert_array_equal(data["posterior"]["weights"], sampler.particles_[None])
    assert_array_equal(data["log_likelihood"]["rows"][0], sampler.pointwise_log_likelihood(X, y))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["arviz", "arviz_base"])
def test_real_arviz(library, monkeypatch):
    pytest.importorskip(library)
    if library == "arviz_base":
        monkeypatch.setitem(sys.modules, "arviz", None)
    X, y = line()
    data = SVGDSampler(Line(), random_state=0).fit(X, y).to_arviz(X, y)
    assert data.posterior["weights"].shape == (1, 100, X.shape[1])
    assert data.log_likelihood["rows"].shape == (1, 100, len(y))


@pytest.mark.filterwarnings("ignore")
def test_real_arviz_leaves_rows_out():
    arviz = pytest.importorskip("arviz")
    X, y = line()
    sampler = SVGDSampler(Line(), random_state=0).fit(X, y)
    loo = arviz.loo(sampler.to_arviz(X, y))
    assert loo.elpd_loo < sampler.log_predictive_density(X, y).sum()
    assert loo.p_loo == pytest.approx(X.shape[1], abs=1.0)
