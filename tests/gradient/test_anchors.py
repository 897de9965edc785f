"""Anchored gradients of mini-batches: right on average, and with little noise near the anchor."""

import numpy as np
import pytest

from skvi.blackbox import LinearModel
from skvi.gradient.anchors import Anchor
from tests.gradient.cases import counted


@pytest.fixture(scope="module")
def target():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    return counted(LinearModel(), X, X @ [1.0, 2.0] + rng.normal(size=400))


def test_anchored_gradients_are_right_on_average(target):
    z = np.random.default_rng(1).normal(size=(3, target.n_parameters))
    anchor = Anchor(target, np.full((1, target.n_parameters), 0.2))
    batches = np.arange(400).reshape(20, 20)
    mean = np.mean([anchor.hold(target.minibatch(rows)).gradient(z) for rows in batches], axis=0)
    np.testing.assert_allclose(mean, target.gradient(z), rtol=1e-9)


def test_anchored_gradients_vary_less_near_the_anchor(target):
    place = np.array([[1.0, 2.0, 0.0, 0.0]])[:, : target.n_parameters]
    anchor = Anchor(target, place)
    batches = [target.minibatch(rows) for rows in np.arange(400).reshape(20, 20)]
    free = np.var([batch.gradient(place + 0.01) for batch in batches], axis=0).sum()
    held = np.var([anchor.hold(batch).gradient(place + 0.01) for batch in batches], axis=0).sum()
    assert 100.0 * held < free
    np.testing.assert_allclose(anchor.hold(batches[0]).gradient(place), anchor.gradient, rtol=1e-12)


def test_anchors_without_a_gradient_hold_nothing(target):
    anchor = Anchor(target, np.full((1, target.n_parameters), np.nan))
    batch = target.minibatch(np.arange(20))
    assert anchor.hold(batch) is batch
