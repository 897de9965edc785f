"""Ascent of flows: what schedule steps follow, and what is said of the end."""

import numpy as np
import pytest

from skvi.gradient.advi import advi
from skvi.gradient.flows import coupling_flow, planar_flow
from skvi.gradient.normals import FullRank, MeanField
from tests.gradient.cases import banana, gaussian

START = FullRank([0.0, 0.8], [[0.6, 0.0], [0.0, 0.6]])
# Integrals of the density of `banana`.
EVIDENCE = np.log(np.sqrt(2.0 * np.pi) * np.sqrt(np.pi))


def climb(target, start, **options):
    return advi(target, start, np.random.RandomState(0), **options)


def bound(target, approximation):
    drawn = approximation.draw(np.random.RandomState(1).standard_normal((5000, 2)))
    return np.mean(target.log_density(drawn.z) - drawn.log_density)


@pytest.fixture(scope="module")
def fit():
    return climb(banana(), planar_flow(START, np.random.RandomState(0), n_layers=3))


def test_steps_keep_their_length_and_then_shorten_to_nothing(fit):
    lengths, steps = np.array(fit.history["step_size"]), np.array(fit.history["n_steps"])
    n_full = int(np.sum(lengths == lengths[0]))
    assert (np.diff(lengths) <= 0.0).all()
    assert lengths[-1] < 0.01 * lengths[0]
    assert fit.n_steps == 3 * steps[n_full - 1]


def test_the_bound_comes_near_the_evidence(fit):
    assert fit.converged
    assert "last quarter of the steps brought" in fit.reason
    assert EVIDENCE - 0.03 < bound(banana(), fit.approximation) < EVIDENCE + 0.02


def test_few_steps_are_told():
    flow = planar_flow(START, np.random.RandomState(0), n_layers=2)
    short = climb(banana(), flow, max_iter=300)
    assert not short.converged
    assert short.n_steps == 300
    assert short.history["step_size"][-1] < 0.02 * short.history["step_size"][0]
    assert "max_iter=300 steps are few" in short.reason


def test_units_of_the_target_do_not_matter():
    scale = 1e-4
    precision = np.array([[2.0, 0.3], [0.3, 1.0]]) / scale**2
    start = coupling_flow(MeanField([0.5 * scale, 0.0], [scale, scale]), np.random.RandomState(0), n_layers=2)
    outcome = climb(gaussian([0.0, 0.0], precision), start)
    assert outcome.converged
    assert abs(bound(gaussian([0.0, 0.0], precision), outcome.approximation)) < 0.01


def test_the_answer_is_never_worse_than_the_start():
    # The flow of the target itself, from which steps can only lead away.
    start = planar_flow(MeanField([0.0, 0.0], [1.0, 1.0]), np.random.RandomState(0), n_layers=2)
    outcome = climb(gaussian([0.0, 0.0], np.eye(2)), start, step_size=0.3, max_iter=100)
    assert bound(gaussian([0.0, 0.0], np.eye(2)), outcome.approximation) > -1e-12
