"""scikit-learn's callbacks: told of every sweep over the documents, and free to stop the fit."""

import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skvi import MeanFieldTopicModel
from tests.decomposition.cases import corpus
from tests.mixture.test_callbacks import Recorder


@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_callbacks_hear_of_every_sweep(learning_method):
    X = corpus()
    recorder = Recorder()
    model = MeanFieldTopicModel(
        3, learning_method=learning_method, batch_size=30, tol=0.1, random_state=0
    ).set_callbacks(recorder)
    model.fit(X)
    assert recorder.events[:2] == ["setup", "begin fit"]
    assert recorder.events[-2:] == ["end fit", "teardown"]
    assert recorder.events[2:-2] == ["begin sweep", "end sweep"] * model.n_iter_
    assert recorder.scores[-1] == pytest.approx(model.score(X), rel=1e-2)


def test_callbacks_change_nothing():
    X = corpus()
    plain = MeanFieldTopicModel(3, random_state=0)
    watched = clone(plain).set_callbacks(Recorder()).fit(X)
    assert watched.elbo_ == plain.fit(X).elbo_
    assert watched.elbo_history_ == plain.elbo_history_


def test_a_callback_stops_the_fit_without_a_warning():
    recorder = Recorder(stop_after=4)
    model = MeanFieldTopicModel(4, tol=0.0, random_state=0).set_callbacks(recorder).fit(corpus())
    assert model.n_iter_ == 4
    assert not model.converged_


def test_what_a_callback_keeps_stays_as_it_was():
    kept = []

    class Keeper(Recorder):
        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            if context.task_name == "sweep":
                kept.append((fitted_estimator, fitted_estimator.elbo_, fitted_estimator.components_.copy()))

    MeanFieldTopicModel(3, random_state=0).set_callbacks(Keeper()).fit(corpus())
    for fitted, bound, components in kept:
        assert fitted.elbo_ == bound
        assert_array_equal(fitted.components_, components)
    assert len({bound for _, bound, _ in kept}) > 5


def test_partial_fit_tells_callbacks_too():
    recorder = Recorder()
    MeanFieldTopicModel(2, random_state=0).set_callbacks(recorder).partial_fit(corpus())
    assert recorder.events.count("end sweep") > 0


def test_a_failing_callback_leaves_the_earlier_fit():
    class Failing(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("no more")

    X = corpus()
    model = MeanFieldTopicModel(2, random_state=0).fit(X)
    before = model.elbo_
    with pytest.raises(RuntimeError, match="no more"):
        model.set_callbacks(Failing()).fit(X[:30])
    assert model.elbo_ == before


def test_verbose_prints_the_bound(capsys):
    MeanFieldTopicModel(2, verbose=2, verbose_interval=1, random_state=0).fit(corpus())
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("MeanFieldTopicModel iteration 2: bound -")
    assert "gained" in lines[1]
