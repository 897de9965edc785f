"""When a walk has settled, and how well its mean is known."""

import numpy as np

from skvi.gradient.normals import MeanField
from skvi.gradient.stationarity import Walk, split_rhat, standard_error, watch


def test_rhat_by_hand():
    series = np.array([[0.0], [2.0], [4.0], [6.0]])
    # Means 1 and 5, variances 2 within: sqrt(1/2 + (16 / 2) / 2).
    np.testing.assert_allclose(split_rhat(series), np.sqrt(4.5))
    np.testing.assert_allclose(split_rhat(series, resolution=2.0), np.sqrt(0.5 + 8.0 / 6.0))


def test_rhat_tells_noise_from_drift():
    noise = np.random.default_rng(0).normal(size=(100, 5))
    drift = np.linspace(0.0, 5.0, 100)[:, None]
    assert (split_rhat(noise) < 1.1).all()
    assert (split_rhat(noise + drift) > 1.2).all()
    assert (split_rhat(np.zeros((20, 1))) < 1.0).all()
    assert (split_rhat(1e-9 * drift, resolution=0.01) < 1.0).all()


def test_standard_error_knows_of_correlation():
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(4000, 50))
    walk = np.zeros_like(steps)
    for t in range(1, len(steps)):
        walk[t] = 0.9 * walk[t - 1] + steps[t]
    # The mean of an autoregression has the standard error 1 / (1 - 0.9) / sqrt(n).
    np.testing.assert_allclose(np.mean(standard_error(walk)), 10.0 / np.sqrt(4000), rtol=0.1)
    np.testing.assert_allclose(np.mean(standard_error(steps)), 1.0 / np.sqrt(4000), rtol=0.1)


def walk_of(places, accuracy=0.02, rate=1.0):
    walk = Walk(accuracy)
    for t, place in enumerate(places):
        if t % 50 == 0:
            walk.begin_round()
        walk.add(np.array([place, 0.0]), np.array([place]), rate)
    return walk


def test_windows_leave_out_the_way_there():
    places = np.concatenate([np.linspace(50.0, 0.0, 300), np.random.default_rng(0).normal(0.0, 0.1, size=700)])
    window = walk_of(places).window()
    assert window.at_rest
    assert abs(window.parameters[0]) < 0.03
    np.testing.assert_allclose(window.parameters, window.places[:1], atol=0.01)
    assert 0.001 < window.error < 0.01


def test_walks_that_drift_or_are_short_are_not_at_rest():
    assert walk_of(np.zeros(150)).window() is None
    assert not walk_of(np.linspace(0.0, 5.0, 1000)).window().at_rest


def test_small_motions_count_where_steps_are_tiny():
    creeping = np.linspace(0.0, 1e-3, 1000)
    assert walk_of(creeping, rate=1.0).window().at_rest
    assert not walk_of(creeping, rate=1e-6).window().at_rest


def test_approximations_are_watched_by_their_moments():
    known = watch(MeanField([1.0, 2.0], [0.5, 3.0]))
    np.testing.assert_allclose(known, [1.0, 2.0, np.log(0.5), np.log(3.0)])
