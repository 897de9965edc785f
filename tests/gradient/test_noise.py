"""Noise with exact moments."""

import numpy as np
import pytest

from skvi.gradient.noise import antithetic, matched


@pytest.mark.parametrize(("n_draws", "width"), [(40, 3), (1000, 20)])
def test_matched_noise_is_standard(n_draws, width):
    noise = matched(np.random.RandomState(0), n_draws, width)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(noise.T @ noise / n_draws, np.eye(width), atol=1e-13)


def test_few_matched_draws_have_unit_variances():
    noise = matched(np.random.RandomState(0), 5, 10)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(noise.std(axis=0), 1.0)
    assert np.isfinite(matched(np.random.RandomState(0), 1, 2)).all()


def test_antithetic_noise_comes_in_pairs():
    noise = antithetic(np.random.RandomState(0), 6, 2)
    np.testing.assert_array_equal(noise[:3], -noise[3:])
    assert antithetic(np.random.RandomState(0), 5, 2).shape == (5, 2)
