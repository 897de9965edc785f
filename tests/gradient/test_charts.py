"""Local coordinates: gradients and increments follow them both ways."""

import numpy as np
import pytest

from skvi.gradient.charts import Chart, chart_of
from skvi.gradient.climber import Climber, narrower, proximal_step
from skvi.gradient.normals import FullRank, LowRank, MeanField

NORMALS = [
    MeanField([1.0, -2.0], [0.5, 3.0]),
    FullRank([1.0, -2.0], [[0.5, 0.0], [1.0, 3.0]]),
    LowRank([1.0, -2.0], [0.5, 3.0], [[1.0], [0.2]]),
]


@pytest.fixture(params=NORMALS, ids=repr)
def normal(request):
    return request.param


def test_pull_is_the_adjoint_of_push(normal):
    rng = np.random.default_rng(0)
    slope, increment = rng.normal(size=(2, len(normal.parameters)))
    chart = chart_of(normal)
    np.testing.assert_allclose(chart.pull(slope) @ increment, slope @ chart.push(increment))


def test_means_move_in_units_of_the_spread(normal):
    chart = chart_of(normal)
    increment = np.zeros(len(normal.parameters))
    increment[0] = 1.0
    np.testing.assert_allclose(chart.push(increment)[0], np.sqrt(normal.variances[0]))


def test_scales_change_by_shares_of_themselves(normal):
    chart = chart_of(normal)
    increment = np.zeros(len(normal.parameters))
    increment[chart.scales] = 0.25
    changed = normal.with_parameters(normal.parameters + chart.push(increment))
    if not isinstance(normal, LowRank):
        np.testing.assert_allclose(changed.entropy - normal.entropy, 2.0 * np.log(1.25))
    assert narrower(normal).entropy < normal.entropy


def test_steps_do_not_feel_the_units_of_a_problem():
    # In the chart a gradient and a scale of other units cancel.
    slope = np.array([0.4, -1.0, 2.0, 0.3])
    moved = Climber("adam", 0.1, NORMALS[0]).moved(NORMALS[0], slope)
    wide = MeanField(1e6 * NORMALS[0].mean, 1e6 * NORMALS[0].scale)
    again = Climber("adam", 0.1, wide).moved(wide, slope / 1e6)
    np.testing.assert_allclose(again.parameters, 1e6 * moved.parameters, rtol=1e-12)


def test_layers_follow_a_normal_in_its_own_chart():
    class Layered:
        normal = NORMALS[0]
        parameters = np.concatenate([normal.parameters, np.zeros(3)])

    chart = chart_of(Layered())
    slope, increment = np.random.default_rng(0).normal(size=(2, 7))
    np.testing.assert_allclose(chart.pull(slope) @ increment, slope @ chart.push(increment))
    np.testing.assert_allclose(chart.push(increment)[:4], chart_of(NORMALS[0]).push(increment[:4]))
    np.testing.assert_array_equal(chart.scales, [2, 3])


def test_other_approximations_keep_their_parameters():
    chart = chart_of(object())
    assert type(chart) is Chart
    assert chart.pull(3.0) == chart.push(3.0) == 3.0
    assert len(chart.scales) == 0


def test_proximal_step_is_the_maximum():
    scale, rate = np.array([0.3, -0.2, 2.0]), np.array([0.1, 0.5, 0.01])
    found = proximal_step(scale, rate)
    np.testing.assert_allclose(1.0 / found, (found - scale) / rate, rtol=1e-10)
    assert (found > 0.0).all()


def test_unknown_optimizers_are_refused():
    with pytest.raises(ValueError, match="optimizer='newton': give one of 'adam', 'rmsprop', 'dowg'"):
        Climber("newton", 0.1, NORMALS[0])
