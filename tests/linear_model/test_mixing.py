"""Fixed points by what the last steps say of the next."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skvi.models.mixing import Mixing


def test_slow_steps_that_are_linear_in_the_place_end_at_once():
    matrix, target = np.array([[0.1, 0.02], [-0.03, 0.2]]), np.array([[0.01, -0.02]])
    mixing, place = Mixing(), np.zeros((1, 2))
    for _ in range(3):
        step = (target - place) @ matrix
        mixing = mixing.after(place, step)
        place = place + step
    assert_allclose(mixing.places(), target, atol=1e-12)


def test_iterations_side_by_side_do_not_meet():
    rng = np.random.default_rng(1)
    steps = [(rng.standard_normal((3, 4)), 0.05 * rng.standard_normal((3, 4))) for _ in range(3)]
    together, alone = Mixing(), [Mixing() for _ in range(3)]
    for places, step in steps:
        together = together.after(places, step)
        alone = [one.after(places[[s]], step[[s]]) for s, one in enumerate(alone)]
    assert_array_equal(together.places(), np.concatenate([one.places() for one in alone]))


def test_quick_and_long_steps_are_not_mixed_and_no_way_is_longer_than_one():
    assert Mixing().after(np.zeros((1, 1)), np.full((1, 1), 0.1)).places() is None
    far = (
        Mixing().after(np.zeros((2, 1)), np.array([[0.100], [3.0]])).after(np.ones((2, 1)), np.array([[0.099], [3.0]]))
    )
    assert_allclose(far.places(), [[2.0], [4.0]])
    assert far.after(np.zeros((2, 1)), np.full((2, 1), 3.0)).places() is None
    quick = Mixing().after(np.zeros((1, 1)), np.full((1, 1), 0.1)).after(np.full((1, 1), 0.1), np.full((1, 1), 0.02))
    assert quick.places() is None
