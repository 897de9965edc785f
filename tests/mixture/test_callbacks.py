"""scikit-learn's callbacks: told of every sweep, and free to stop the fit."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvi import VariationalGaussianMixture
from tests.mixture.cases import blobs


class Recorder:
    """Records the score after every sweep; stops after `stop_after` of them."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "sweep":
            self.scores.append(fitted_estimator.score(X))
            self.elbo, self.n_iter = fitted_estimator.elbo_, fitted_estimator.n_iter_
            return len(self.scores) == self.stop_after
        return False

    def teardown(self, estimator, context):
        self.events.append("teardown")


@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_callbacks_hear_of_every_sweep(learning_method):
    X, _ = blobs(200, 2)
    recorder = Recorder()
    model = VariationalGaussianMixture(
        3, learning_method=learning_method, batch_size=50, tol=1e-3, random_state=0
    ).set_callbacks(recorder)
    model.fit(X)
    assert recorder.events[:2] == ["setup", "begin fit"]
    assert recorder.events[-2:] == ["end fit", "teardown"]
    assert recorder.events[2:-2] == ["begin sweep", "end sweep"] * model.n_iter_
    assert recorder.scores[-1] == pytest.approx(model.score(X), abs=0.05)


def test_callbacks_see_a_fitted_estimator_and_change_nothing():
    X, _ = blobs(200, 2)
    recorder = Recorder()
    plain = VariationalGaussianMixture(3, random_state=0)
    watched = clone(plain).set_callbacks(recorder).fit(X)
    plain.fit(X)
    assert watched.elbo_ == plain.elbo_
    # The plain step at the end gains less than the last sweep did.
    assert recorder.scores[-1] == pytest.approx(watched.score(X), abs=1e-5)
    assert recorder.elbo == pytest.approx(watched.elbo_, abs=1e-3)
    assert recorder.n_iter == watched.n_iter_


def test_a_callback_stops_the_fit_without_a_warning():
    X, _ = blobs(300, 2, spread=1.0)
    recorder = Recorder(stop_after=4)
    model = VariationalGaussianMixture(4, tol=0.0, random_state=0).set_callbacks(recorder).fit(X)
    assert model.n_iter_ == 4
    assert not model.converged_
    assert model.elbo_ == pytest.approx(len(X) * model.score(X) - model.posterior_.kl(model.prior_), rel=1e-9)


def test_partial_fit_tells_callbacks_too():
    X, _ = blobs(100, 2)
    recorder = Recorder()
    VariationalGaussianMixture(2, random_state=0).set_callbacks(recorder).partial_fit(X)
    assert recorder.events.count("end sweep") > 0


def test_a_failing_callback_leaves_the_earlier_fit():
    class Failing(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("no more")

    X, _ = blobs(100, 2)
    model = VariationalGaussianMixture(2, random_state=0).fit(X)
    before = model.elbo_
    with pytest.raises(RuntimeError, match="no more"):
        model.set_callbacks(Failing()).fit(X[:50])
    assert model.elbo_ == before
    assert np.isfinite(model.set_callbacks().fit(X[:50]).elbo_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_progress_bars_reach_through_pipelines_and_searches(capsys):
    X, _ = blobs(60, 2)
    pipeline = make_pipeline(StandardScaler(), VariationalGaussianMixture(2, max_iter=5, random_state=0))
    search = GridSearchCV(pipeline, {"variationalgaussianmixture__n_components": [1, 2]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(X)
    pipeline.set_callbacks(ProgressBar()).fit(X)
    out = capsys.readouterr().out
    assert "GridSearchCV" in out
    assert "VariationalGaussianMixture" in out


def test_verbose_prints_the_bound(capsys):
    X, _ = blobs(100, 2)
    VariationalGaussianMixture(2, verbose=2, verbose_interval=1, random_state=0).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("VariationalGaussianMixture iteration 2: bound -")
    assert "gained" in lines[1]
