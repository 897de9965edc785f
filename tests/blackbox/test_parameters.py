"""Constrained parameters: round trips, determinants and the chain rule against differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from skvi.blackbox import Interval, Parameter
from skvi.gradient.parameters import Layout

PARAMETERS = [
    Parameter("real", (2, 1)),
    Parameter("positive", 3, "positive", start=2.0, scale=0.3),
    Parameter("unit", (), "interval"),
    Parameter("interval", (2, 2), Interval(-1.0, 3.0), start=0.5),
    Parameter("ordered", 4, "ordered", start=[-1.0, 0.0, 2.0, 7.0]),
    Parameter("simplex", (2, 4), "simplex", scale=2.0),
]
STEP = 1e-5


def differences(function, z):
    """Central differences of a function of the rows of z, the coordinates in the second axis."""
    steps = STEP * np.eye(z.shape[1])
    return np.stack([(function(z + step) - function(z - step)) / (2.0 * STEP) for step in steps], axis=1)


def independent_values(parameter, theta):
    """Numbers of a parameter without those that the others of a simplex determine."""
    values = theta[parameter.name]
    values = values[..., :-1] if parameter.constraint.name == "simplex" else values
    return values.reshape(len(values), -1)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
class TestEachParameter:
    def test_values_lie_inside_and_lead_back(self, parameter):
        layout = Layout([parameter])
        z = np.random.default_rng(0).standard_normal((7, layout.n_free))
        theta = layout.constrain(z)
        assert theta[parameter.name].shape == (7, *parameter.shape)
        assert all(parameter.constraint.allows(value) for value in theta[parameter.name])
        assert_allclose(layout.free(theta), z, atol=1e-12)
        assert len(layout.labels) == layout.flatten(theta).shape[1]
        assert_allclose(layout.unflatten(layout.flatten(theta))[parameter.name], theta[parameter.name])

    def test_log_jacobian_is_that_of_the_map(self, parameter):
        layout = Layout([parameter])
        z = np.random.default_rng(1).standard_normal((5, layout.n_free))
        jacobians = differences(lambda z: independent_values(parameter, layout.constrain(z)), z)
        assert_allclose(layout.log_jacobian(z), np.linalg.slogdet(jacobians)[1], atol=1e-7)

    def test_gradients_follow_the_chain_rule(self, parameter):
        layout = Layout([parameter])
        rng = np.random.default_rng(2)
        z, slope = rng.standard_normal((5, layout.n_free)), rng.standard_normal(parameter.shape)

        def density(z):
            values = np.sin(layout.constrain(z)[parameter.name]) * slope
            return values.reshape(len(z), -1).sum(axis=1) + layout.log_jacobian(z)

        gradient = {parameter.name: np.cos(layout.constrain(z)[parameter.name]) * slope}
        assert_allclose(layout.pull_back(z, gradient), differences(density, z), atol=1e-7)

    def test_start_is_where_free_numbers_are_zero(self, parameter):
        layout = Layout([parameter])
        at_start = layout.constrain(np.zeros((1, layout.n_free)))[parameter.name][0]
        assert parameter.constraint.allows(at_start)
        expected = {"positive": 2.0, "interval": 0.5, "ordered": [-1.0, 0.0, 2.0, 7.0], "simplex": 0.25}
        if parameter.name in expected:
            assert_allclose(at_start, np.broadcast_to(expected[parameter.name], parameter.shape))


def test_parameters_lie_side_by_side():
    layout = Layout(PARAMETERS)
    z = np.random.default_rng(3).standard_normal((4, layout.n_free))
    parts = np.cumsum([0] + [p.n_free for p in PARAMETERS])
    for parameter, begin, end in zip(PARAMETERS, parts, parts[1:], strict=False):
        alone = Layout([parameter]).constrain(z[:, begin:end])[parameter.name]
        assert_allclose(layout.constrain(z)[parameter.name], alone)
    assert layout.labels[:3] == ["real[0,0]", "real[1,0]", "positive[0]"]
    assert "unit" in layout.labels


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (2, Layout(PARAMETERS).n_free), elements=st.floats(-800.0, 800.0)))
def test_far_numbers_give_no_nan(z):
    layout = Layout(PARAMETERS)
    for values in layout.constrain(z).values():
        assert not np.isnan(values).any()
    assert not np.isnan(layout.log_jacobian(z)).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": ""}, "string that is not empty"),
        ({"name": "a", "shape": (0,)}, "lengths of at least 1"),
        ({"name": "a", "constraint": "negative"}, "give one of 'real', 'positive'"),
        ({"name": "a", "constraint": "ordered"}, "last axis of 1 or more"),
        ({"name": "a", "shape": 1, "constraint": "simplex"}, "last axis of 2 or more"),
        ({"name": "a", "shape": 2, "start": [1.0, 2.0, 3.0]}, "give numbers of shape"),
        ({"name": "a", "constraint": "positive", "start": -1.0}, "lies outside Positive"),
        ({"name": "a", "constraint": Interval(0.0, 2.0), "start": 2.0}, "lies outside Interval"),
        ({"name": "a", "scale": 0.0}, "give positive numbers"),
        ({"name": "a", "shape": 2, "scale": [1.0, 1.0, 1.0]}, "one number or numbers of shape"),
    ],
)
def test_wrong_parameters_are_explained(arguments, words):
    with pytest.raises(ValueError, match=words):
        Parameter(**arguments)


def test_intervals_need_two_ends():
    with pytest.raises(ValueError, match="low < high"):
        Interval(1.0, 1.0)
