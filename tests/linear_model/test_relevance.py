"""The best precision of one coefficient, against a general optimiser and the bound itself."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from skvi.models.relevance import best_precisions


def objective(u, own, pull, n_outputs, shape, rate):
    """The bound as a function of log r, up to a constant (nats)."""
    r = np.exp(u)
    fit = 0.5 * n_outputs * (u - np.log(r + own)) + 0.5 * pull / (r + own)
    return fit + shape * u - rate * r


def random_problem(seed):
    """A precision somewhere, what the data say of its coefficient, and a prior."""
    rng = np.random.default_rng(seed)
    precision, own = np.exp(4.0 * rng.standard_normal(2))
    n_outputs = int(rng.integers(1, 4))
    means = np.exp(2.0 * rng.standard_normal()) * np.sqrt(own) * rng.standard_normal(n_outputs)
    shape, rate = np.exp(2.0 * rng.standard_normal(2))
    return precision, own, np.sum(means**2), n_outputs, shape, rate


def solved(precision, own, pull, n_outputs, shape, rate):
    """The best precision by the function under test, from the posterior at `precision`."""
    var = 1.0 / (precision + own)
    arrays = [np.array([v]) for v in (precision, var, pull * var * var, shape, rate)]
    return best_precisions(*arrays[:3], n_outputs, *arrays[3:])[0]


@pytest.mark.parametrize("seed", range(200))
def test_best_precision_is_a_maximum_uphill(seed):
    precision, *problem = random_problem(seed)
    start = np.log(precision)
    best = np.log(solved(precision, *problem))
    assert objective(best, *problem) >= objective(start, *problem)
    # The slope changes sign within rounding of the result.
    width = 1e-5
    left, middle, right = (objective(best + step, *problem) for step in (-width, 0.0, width))
    slack = 1e-12 * (1.0 + abs(middle))
    assert middle >= max(left, right) - slack
    # Everything between start and result rises.
    path = [objective(u, *problem) for u in np.linspace(start, best, 40)]
    assert (np.diff(path) >= -slack).all()


@pytest.mark.parametrize("seed", range(60))
def test_best_precision_is_that_of_a_general_optimiser(seed):
    precision, *problem = random_problem(seed)
    grid = np.linspace(-30.0, 30.0, 4001)
    values = objective(grid, *problem)
    peaks = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])) + 1
    found = [
        minimize_scalar(lambda u: -objective(u, *problem), bounds=(grid[k - 1], grid[k + 1]), method="bounded").x
        for k in peaks
    ]
    best = np.log(solved(precision, *problem))
    assert np.min(np.abs(np.array(found) - best)) < 1e-4


def test_all_precisions_are_found_at_once():
    problems = [random_problem(seed) for seed in range(40)]
    single = [problem for problem in problems if problem[3] == 1]
    precision, own, pull, _, shape, rate = (np.array(column) for column in zip(*single, strict=True))
    var = 1.0 / (precision + own)
    together = best_precisions(precision, var, pull * var**2, 1, shape, rate)
    np.testing.assert_allclose(together, [solved(*problem) for problem in single], rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-80, 1e-20, 1e20, 1e80])
def test_scale_of_a_column_moves_the_answer_with_it(scale):
    precision, own, pull, n_outputs, shape, rate = random_problem(3)
    plain = solved(precision, own, pull, n_outputs, shape, rate)
    s = scale**2
    scaled = solved(s * precision, s * own, s * pull, n_outputs, shape, rate / s)
    assert scaled == pytest.approx(s * plain, rel=1e-9)
