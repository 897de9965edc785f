"""Gradients that models give for rows where they stand: the sum of their two, and only where these are theirs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skvi.blackbox import LinearModel, LogisticModel, NeuralNetworkClassificationModel, SVGDSampler
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target
from tests.blackbox.test_models import CASES

READY = [
    *("linear", "linear learned", "linear without intercept", "logistic", "logistic learned", "poisson"),
    *("poisson learned", "network relu", "network of a known precision", "network of two classes"),
]


def target_of(model, X, y, n_jobs=1):
    weights = np.random.default_rng(5).uniform(0.5, 2.0, len(y))
    return Target(model, Layout(model.parameters(X, y)), X, y, weights, n_jobs)


def by_parts(target):
    """The same target, of whose model only the two gradients are asked."""
    target = Target(target.model, target.layout, target.X, target.y, target.row_weight)
    target.of_rows = None
    return target


def draws(target, n_draws=7):
    return np.random.default_rng(1).standard_normal((n_draws, target.n_parameters))


def assert_close(one, other):
    assert_allclose(one, other, rtol=1e-11, atol=1e-12 * np.abs(other).max())


@pytest.mark.parametrize("name", READY)
def test_are_those_of_prior_and_rows(name):
    X, y = CASES[name].rows(40)
    target = target_of(CASES[name].model, X, y)
    assert target.of_rows is not None
    z, rows = draws(target), np.array([0, 3, 4, 11, 12, 31])
    assert_close(target.gradient(z), by_parts(target).gradient(z))
    assert_close(target.minibatch(rows).gradient(z), by_parts(target).minibatch(rows).gradient(z))
    assert_close(target.minibatch(rows).gradient(z), target.minibatch(slice(0, 40)).minibatch(rows).gradient(z))


@pytest.mark.parametrize("name", sorted(set(CASES) - set(READY)))
def test_are_not_given_by_all(name):
    X, y = CASES[name].rows(40)
    model = CASES[name].model
    layout = Layout(model.parameters(X, y))
    assert Target(model, layout, X, y, np.ones(len(X))).of_rows is None


def test_chunks_are_the_whole_with_the_same_bits_on_all_threads():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((700, 2))
    one, two = (target_of(LinearModel(), X, X[:, 0], n_jobs) for n_jobs in (1, 2))
    z = draws(one, 1100)
    assert len(one._chunks(len(z))) > 2
    assert_array_equal(one.gradient(z), two.gradient(z))
    assert_close(one.gradient(z), by_parts(one).gradient(z))


@pytest.mark.parametrize("change", [sparse.csr_array, np.asfortranarray])
def test_tables_of_other_kinds_go_by_parts(change):
    X, y = CASES["logistic"].rows(40)
    plain, other = target_of(LogisticModel(), X, y), target_of(LogisticModel(), change(X), y)
    assert other.of_rows is None
    z = draws(plain)
    assert_allclose(other.gradient(z), plain.gradient(z), rtol=1e-11, atol=1e-11)


def test_rows_of_one_class_do_not_change_the_model():
    for model in (LogisticModel(), NeuralNetworkClassificationModel(3)):
        X, y = CASES["softmax"].rows(30)
        layout = Layout(model.parameters(X, y))
        assert Target(model, layout, X, np.zeros(30), np.ones(30)).of_rows is None
        layout = Layout(model.parameters(X, y % 2))
        assert Target(model, layout, X, np.zeros(30), np.ones(30)).of_rows is not None


def test_a_subclass_with_another_prior_has_its_own_gradient():
    class Shifted(LogisticModel):
        def log_prior(self, theta):
            return super().log_prior(theta) + 100.0 * theta["intercept"]

        def grad_log_prior(self, theta):
            gradient = super().grad_log_prior(theta)
            return gradient | {"intercept": gradient["intercept"] + 100.0}

    X, y = CASES["logistic"].rows(40)
    shifted, plain = target_of(Shifted(), X, y), target_of(LogisticModel(), X, y)
    z = draws(plain)
    assert shifted.of_rows is None
    intercept = shifted.layout.free_labels.index("intercept")
    assert_allclose((shifted.gradient(z) - plain.gradient(z))[:, intercept], 100.0 * shifted.layout._scale[intercept])


def test_rows_are_read_where_they_stand():
    X, y = CASES["logistic"].rows(40)
    X.flags.writeable = False
    target = target_of(LogisticModel(), X, y)
    batch = target.minibatch(np.array([2, 5, 7]))
    batch.gradient(draws(target))
    assert "X" not in vars(batch)
    assert_array_equal(batch.X, X[[2, 5, 7]])


@pytest.mark.filterwarnings("ignore:SVGDSampler did not converge", "ignore:The 8 particles have collapsed")
def test_mini_batches_of_any_threads_have_the_same_bits():
    X, y = CASES["network relu"].rows(60)
    model = CASES["network relu"].model
    options = {"n_particles": 8, "batch_size": 20, "max_iter": 12, "random_state": 0}
    one, two = (SVGDSampler(model, n_jobs=n_jobs, **options).fit(X, y) for n_jobs in (1, 2))
    assert_array_equal(one.particles_, two.particles_)
