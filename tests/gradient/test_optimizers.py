"""Rules that make steps: what they are by hand, and that they climb."""

import numpy as np
import pytest

from skvi.gradient.laps import Laps
from skvi.gradient.optimizers import AdaGrad, Adam, DoWG, GradientAscent, RMSProp
from skvi.gradient.steps import Stride

RULES = [GradientAscent(0.1), AdaGrad(0.1), RMSProp(0.1), Adam(0.1), DoWG(0.1)]


@pytest.mark.parametrize(
    "rule", [RMSProp(0.1, floor=1.0), AdaGrad(0.1), GradientAscent(0.2), DoWG(0.1)], ids=lambda one: type(one).__name__
)
def test_increments_are_rates_times_directions(rule):
    for direction in np.random.default_rng(0).normal(size=(3, 4)):
        np.testing.assert_allclose(rule.increment(direction), rule.rates * direction, rtol=1e-12)


def test_rates_of_adam_hold_for_lasting_directions():
    rule, direction = Adam(0.1, floor=0.5), np.array([1.0, -3.0])
    for _ in range(5):
        increment = rule.increment(direction)
    np.testing.assert_allclose(increment, rule.rates * direction, rtol=1e-12)


@pytest.mark.parametrize(
    "rule", [AdaGrad(0.3), RMSProp(0.03), Adam(0.05), DoWG(1e-3)], ids=lambda rule: type(rule).__name__
)
def test_rules_climb(rule):
    place = np.array([2.0, -1.0])
    for _ in range(600):
        place = place + rule.increment(-place * np.array([1.0, 4.0]))
    assert np.abs(place).max() < 0.05


def test_dowg_by_hand():
    rule = DoWG(0.5)
    np.testing.assert_allclose(rule.increment(np.array([3.0, 4.0])), 0.25 / np.sqrt(0.25 * 25.0) * np.array([3.0, 4.0]))
    rule.moved(np.array([2.7, 0.0]))
    # The way is (3, 0.4): its length is the distance that counts from now on.
    squared = 9.0 + 0.16
    expected = squared / np.sqrt(0.25 * 25.0 + squared * 1.0)
    np.testing.assert_allclose(rule.increment(np.array([0.0, 1.0])), [0.0, expected])


def test_dowg_stays_where_there_is_no_slope():
    np.testing.assert_array_equal(DoWG(0.1).increment(np.zeros(3)), np.zeros(3))


def test_strides_grow_where_gradients_keep_their_sign():
    stride = Stride()
    for step in range(20):
        stride.observe(np.array([1.0, (-1.0) ** step]))
    np.testing.assert_array_equal(stride.factor, [4.0, 1.0])
    for step in range(30):
        stride.observe((-1.0) ** step * np.ones(2))
    np.testing.assert_array_equal(stride.factor, [1.0, 1.0])


def test_each_row_comes_once_in_a_lap():
    laps = Laps(10, np.random.RandomState(0))
    batches = [laps.take(3) for _ in range(6)]
    for lap in (batches[:3], batches[3:]):
        assert len(set(np.concatenate(lap))) == 9
    assert all((np.diff(batch) > 0).all() for batch in batches)
    assert laps.take(None) is None
    assert laps.take(10) is None
