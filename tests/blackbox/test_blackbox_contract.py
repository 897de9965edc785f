"""BlackBoxVI as scikit-learn and its users see it."""

import pickle

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

from skvi.blackbox import BlackBoxVI
from tests.blackbox.cases import Line, Normal, Recorder, Softmax, line

ESTIMATORS = [
    *(BlackBoxVI(model, n_posterior_draws=100) for model in (None, Line(), Softmax())),
    BlackBoxVI(Line(), method="dadvi", importance_resample=True, n_posterior_draws=100),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:BlackBoxVI. ELBO")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:BlackBoxVI. ELBO")
@pytest.mark.parametrize("estimator", ESTIMATORS[:3], ids=lambda estimator: type(estimator.model).__name__)
@pytest.mark.parametrize(
    "check",
    [
        checks.check_param_validation,
        checks.check_dataframe_column_names_consistency,
        checks.check_inplace_ensure_writeable,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_that_the_common_list_leaves_out(check, estimator):
    check("BlackBoxVI", clone(estimator))


def test_the_model_decides_what_the_estimator_is():
    assert is_regressor(BlackBoxVI(Line()))
    assert is_classifier(BlackBoxVI(Softmax()))
    plain = BlackBoxVI()
    assert not is_regressor(plain)
    assert hasattr(plain, "score_samples")
    assert not hasattr(plain, "transform")
    assert not hasattr(plain, "log_predictive_density")
    assert hasattr(BlackBoxVI(Line()), "predict_interval")
    assert hasattr(BlackBoxVI(Softmax()), "predict_proba")


def test_grid_search_finds_the_noise_of_the_model():
    X, y = line(200)
    search = GridSearchCV(BlackBoxVI(Line(), random_state=0), {"model__noise": [0.1, 0.5, 3.0]}, cv=3).fit(X, y)
    assert search.best_params_ == {"model__noise": 0.5}


@pytest.mark.filterwarnings("ignore:BlackBoxVI. ELBO")
def test_pipelines_frames_and_names():
    X, y = load_iris(return_X_y=True, as_frame=True)
    vi = BlackBoxVI(Softmax(), random_state=0)
    pipeline = make_pipeline(StandardScaler(), vi).fit(X, y)
    assert (pipeline.predict(X) == y).mean() > 0.95
    summary = vi.summary()
    assert isinstance(summary, pd.DataFrame)
    assert summary.index.tolist() == vi.parameter_names_
    assert (summary["lower"] < summary["mean"]).all()
    assert (summary["mean"] < summary["upper"]).all()
    assert cross_val_score(BlackBoxVI(random_state=0), X, cv=3).mean() < 0.0


def test_predictions_are_those_of_the_posterior():
    X, y = line(100)
    mean, covariance = Line().posterior(X, y)
    vi = BlackBoxVI(Line(), random_state=0).fit(X, y)
    predicted, spread = vi.predict(X, return_std=True)
    assert_allclose(predicted, X @ mean, atol=1e-6)
    assert_allclose(spread, np.sqrt(0.25 + np.einsum("nd,de,ne->n", X, covariance, X)), rtol=0.08)
    interval = vi.predict_interval(X, 0.9)
    assert np.mean((interval[:, 0] <= y) & (y <= interval[:, 1])) > 0.8
    densities = vi.log_predictive_density(X, y)
    assert (densities >= vi.pointwise_log_likelihood(X, y).mean(axis=0)).all()
    assert vi.pointwise_log_likelihood(X, y).shape == (1000, 100)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:BlackBoxVI. ELBO")
@pytest.mark.parametrize("settings", [{}, {"family": "realnvp", "max_iter": 20}, {"family": "lowrank", "max_iter": 20}])
def test_saved_estimators_predict_the_same(settings):
    X, y = line()
    vi = BlackBoxVI(Line(), random_state=0, **settings).fit(X, y)
    loaded = pickle.loads(pickle.dumps(vi))
    assert_array_equal(loaded.predict(X), vi.predict(X))
    assert_array_equal(loaded.sample(3, random_state=0), vi.sample(3, random_state=0))
    data = skops.io.dumps(BlackBoxVI(random_state=0, **settings).fit(X).partial_fit(X))
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("skvi.") for name in types), types
    assert np.isfinite(skops.io.loads(data, trusted=types).partial_fit(X).score(X))


def test_documentation_names_every_parameter_and_attribute():
    X, y = load_iris(return_X_y=True, as_frame=True)
    vi = BlackBoxVI(Softmax(), n_posterior_draws=100, method="pathfinder")
    with pytest.warns(UserWarning, match="k-hat"):
        vi.fit(X, y)
    for name in vi.get_params(deep=False):
        assert f"\n    {name} : " in BlackBoxVI.__doc__, name
    for name in vars(vi):
        if name.endswith("_") and not name.startswith("_"):
            assert f"\n    {name} : " in BlackBoxVI.__doc__, name


def test_a_failed_fit_leaves_the_last_one():
    X, y = line()
    vi = BlackBoxVI(Line(), random_state=0).fit(X, y)
    before = vi.posterior_
    with pytest.raises(ValueError, match="NaN"):
        vi.fit(np.full_like(X, np.nan), y)
    assert vi.posterior_ is before


def has_means(estimator, X):
    assert np.isfinite(estimator.posterior_.theta.mean).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:BlackBoxVI. ELBO")
@pytest.mark.parametrize("method", ["pathfinder", "bam", "dadvi", "natural", "advi"])
def test_callbacks_see_the_fit_and_may_stop_it(method):
    recorder = Recorder(2, has_means)
    model = Normal((1.0, 2.0), ((1.0, 0.3), (0.3, 2.0)))
    vi = BlackBoxVI(model, method=method, tol=0.0, n_draws=6, random_state=0).set_callbacks(recorder).fit(None)
    assert 1 <= len(recorder.bounds) <= 2
    assert np.isfinite(vi.elbo_)


@pytest.mark.parametrize("method", ["auto", "dadvi", "advi"])
def test_verbose_fits_print_looks(method, capsys):
    BlackBoxVI(Normal(), method=method, verbose=2, random_state=0).fit(None)
    assert "BlackBoxVI iteration 1: bound" in capsys.readouterr().out
