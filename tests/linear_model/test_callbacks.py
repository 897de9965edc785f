"""scikit-learn's callbacks: told of every sweep, and free to stop the fit."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvi import BayesianLinearRegressionVI, BayesianLogisticRegressionVI, BayesianPoissonRegressionVI
from tests.linear_model.cases import regression

X, Y = regression((60, 20), noise=3.0)


LABELS, COUNTS = (Y > Y.mean()).astype(int), np.floor(np.exp(0.1 * (Y - Y.min())))
GENERALIZED = [
    (BayesianLogisticRegressionVI(), LABELS),
    (BayesianLogisticRegressionVI(covariance="diag", prior="ard"), LABELS),
    (BayesianPoissonRegressionVI(), COUNTS),
    (BayesianPoissonRegressionVI(covariance="low_rank", rank=2), COUNTS),
]


class Recorder:
    """Records bound and score after every sweep; stops after `stop_after` of them."""

    def __init__(self, stop_after=None, y=Y):
        self.stop_after = stop_after
        self.y = y
        self.events, self.elbos, self.scores, self.n_iters = [], [], [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "sweep":
            self.elbos.append(fitted_estimator.elbo_)
            self.scores.append(fitted_estimator.score(X, self.y[: len(X)]))
            self.n_iters.append(fitted_estimator.n_iter_)
            return len(self.elbos) == self.stop_after
        return False

    def teardown(self, estimator, context):
        self.events.append("teardown")


@pytest.mark.parametrize("prior", ["ridge", "ard"])
def test_callbacks_hear_of_every_sweep_and_change_nothing(prior):
    recorder = Recorder()
    plain = BayesianLinearRegressionVI(prior=prior)
    watched = clone(plain).set_callbacks(recorder).fit(X, Y)
    assert recorder.events[:2] == ["setup", "begin fit"]
    assert recorder.events[-2:] == ["end fit", "teardown"]
    assert recorder.events[2:-2] == ["begin sweep", "end sweep"] * watched.n_iter_
    assert recorder.n_iters == list(range(1, watched.n_iter_ + 1))
    # The bounds that a callback sees are the history.
    np.testing.assert_allclose(recorder.elbos, watched.elbo_history_, rtol=1e-9)
    assert recorder.scores[-1] == pytest.approx(watched.score(X, Y), rel=1e-9)
    assert watched.elbo_ == plain.fit(X, Y).elbo_


@pytest.mark.parametrize(("plain", "y"), GENERALIZED, ids=str)
def test_callbacks_hear_of_every_sweep_of_generalised_models(plain, y):
    recorder = Recorder(y=y)
    watched = clone(plain).set_callbacks(recorder).fit(X, y)
    assert recorder.events[2:-2] == ["begin sweep", "end sweep"] * watched.n_iter_
    assert recorder.n_iters == list(range(1, watched.n_iter_ + 1))
    np.testing.assert_allclose(recorder.elbos, watched.elbo_history_, rtol=1e-9)
    assert recorder.scores[-1] == pytest.approx(watched.score(X, y), rel=1e-9)
    assert watched.elbo_ == clone(plain).fit(X, y).elbo_


@pytest.mark.parametrize(("plain", "y"), GENERALIZED, ids=str)
def test_a_callback_stops_generalised_models_without_a_warning(plain, y):
    model = clone(plain).set_params(tol=0.0).set_callbacks(Recorder(stop_after=2, y=y)).fit(X, y)
    assert model.n_iter_ == 2
    assert not model.converged_
    assert model.elbo_ == pytest.approx(len(y) * model.score(X, y) - model.posterior_.kl(model.prior_), rel=1e-9)
    recorder = Recorder(y=y)
    model = clone(plain).set_callbacks(recorder)
    model.partial_fit(X[:30], y[:30]).partial_fit(X[30:], y[30:])
    assert recorder.events.count("end fit") == 2


def test_a_callback_stops_the_fit_without_a_warning():
    recorder = Recorder(stop_after=3)
    model = BayesianLinearRegressionVI(prior="ard", tol=0.0).set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ == 3
    assert not model.converged_
    assert model.elbo_ == pytest.approx(len(Y) * model.score(X, Y) - model.posterior_.kl(model.prior_), rel=1e-9)


def test_partial_fit_tells_callbacks_too():
    recorder = Recorder()
    model = BayesianLinearRegressionVI().set_callbacks(recorder)
    model.partial_fit(X[:30], Y[:30]).partial_fit(X[30:], Y[30:])
    assert recorder.events.count("end fit") == 2
    assert recorder.events.count("end sweep") > 2


def test_a_failing_callback_leaves_the_earlier_fit():
    class Failing(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("no more")

    model = BayesianLinearRegressionVI().fit(X, Y)
    before = model.elbo_
    with pytest.raises(RuntimeError, match="no more"):
        model.set_callbacks(Failing()).fit(X[:30], Y[:30])
    assert model.elbo_ == before
    assert np.isfinite(model.set_callbacks().fit(X[:30], Y[:30]).elbo_)


def test_progress_bars_reach_through_pipelines_and_searches(capsys):
    pipeline = make_pipeline(StandardScaler(), BayesianLinearRegressionVI())
    search = GridSearchCV(pipeline, {"bayesianlinearregressionvi__prior": ["ridge", "ard"]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(X, Y)
    pipeline.set_callbacks(ProgressBar()).fit(X, Y)
    out = capsys.readouterr().out
    assert "GridSearchCV" in out
    assert "BayesianLinearRegressionVI" in out


def test_verbose_prints_the_bound(capsys):
    model = BayesianLinearRegressionVI(prior="ard", verbose=2, verbose_interval=1).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[1].startswith("BayesianLinearRegressionVI iteration 2: bound -")
    assert "gained" in lines[1]
