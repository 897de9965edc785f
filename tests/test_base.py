"""The plumbing that all estimators share."""

import numpy as np

from skvi.base import lent_random_state


def test_lent_generators_start_from_their_seed_and_are_not_shared():
    with lent_random_state(3) as one:
        first = one.uniform(size=4)
        with lent_random_state(4) as other:
            assert other is not one
            np.testing.assert_array_equal(other.uniform(size=4), np.random.RandomState(4).uniform(size=4))
        first = np.concatenate([first, one.uniform(size=4)])
    np.testing.assert_array_equal(first, np.random.RandomState(3).uniform(size=8))
    with lent_random_state(3) as again:
        np.testing.assert_array_equal(again.uniform(size=8), first)
