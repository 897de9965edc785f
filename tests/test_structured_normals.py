"""Normal coefficients of structured precision: what they say is what the matrices say."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse, stats

from skvi.families import (
    DiagonalNormal,
    IndependentNormal,
    InterceptGivenWeights,
    Joint,
    LowRankNormal,
    Normal,
    RowNormal,
)
from skvi.models.centered import centered
from skvi.models.low_rank import conjugate_gradients, nearest
from skvi.models.parts import GramPart, Part
from skvi.models.row_sites import JointPrecision, RowPredictor

RNG = np.random.default_rng(0)
D = 7
MEAN, DIAGONAL = RNG.standard_normal(D), RNG.uniform(0.5, 3.0, D)
FACTOR = RNG.standard_normal((D, 2))
X = np.where(RNG.random((5, D)) < 0.6, RNG.standard_normal((5, D)), 0.0)
WEIGHTS, OFFSET, CENTER = RNG.uniform(0.1, 2.0, 5), 0.3 * RNG.standard_normal(D), RNG.standard_normal(D)
LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_array}
TABLE = centered(X, CENTER)
ROWS = X - CENTER - OFFSET
MEMBERS = {
    "diagonal": (DiagonalNormal(MEAN, DIAGONAL), np.diag(DIAGONAL)),
    "low rank": (LowRankNormal(MEAN, DIAGONAL, FACTOR), np.diag(DIAGONAL) + FACTOR @ FACTOR.T),
    "rows": (RowNormal(MEAN, DIAGONAL, TABLE, WEIGHTS, OFFSET), np.diag(DIAGONAL) + (ROWS.T * WEIGHTS) @ ROWS),
}


@pytest.fixture(params=MEMBERS)
def member(request):
    return MEMBERS[request.param]


def test_members_are_normal_distributions(member):
    q, precision = member
    matrix, covariance = Normal(MEAN, precision), np.linalg.inv(precision)
    assert q.proper
    assert_allclose(q.var, np.diagonal(covariance), rtol=1e-10)
    ours = np.diag(q.covariance) if q.covariance.ndim == 1 else q.covariance
    assert_allclose(ours, covariance, atol=1e-12)
    assert q.log_det == pytest.approx(matrix.log_det, rel=1e-12)
    assert_allclose(q.solve(CENTER), covariance @ CENTER, rtol=1e-9)
    assert_allclose(q.quadratic(X), np.einsum("nd,de,ne->n", X, covariance, X), rtol=1e-9)
    assert q.trace_with(CENTER**2) == pytest.approx(CENTER**2 @ np.diagonal(covariance), rel=1e-10)
    if hasattr(q, "trace_in"):
        symmetric = np.outer(CENTER, CENTER) + np.diag(DIAGONAL)
        assert q.trace_in(symmetric) == pytest.approx(np.trace(symmetric @ covariance), rel=1e-10)
    assert q.trace_with(2.0 * DIAGONAL) == pytest.approx(2.0 * DIAGONAL @ np.diagonal(covariance), rel=1e-10)
    assert q.entropy() == pytest.approx(stats.multivariate_normal(MEAN, covariance).entropy(), rel=1e-10)
    assert_allclose(q.interval(0.9), matrix.interval(0.9), rtol=1e-9)
    assert_allclose(q.sign_probability, matrix.sign_probability, rtol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_variances_along_rows(member, layout):
    q, precision = member
    rows = centered(LAYOUTS[layout](X), CENTER).moved(-0.5 * OFFSET)
    filled = X - CENTER + 0.5 * OFFSET
    assert_allclose(q.variances(rows), np.einsum("nd,nd->n", filled, np.linalg.solve(precision, filled.T).T), rtol=1e-9)


def test_variances_along_the_rows_of_a_posterior_itself():
    q, precision = MEMBERS["rows"]
    filled = X - CENTER + 0.5 * OFFSET
    expected = np.einsum("nd,nd->n", filled, np.linalg.solve(precision, filled.T).T)
    assert_allclose(q.variances(TABLE.moved(-0.5 * OFFSET)), expected, rtol=1e-9)


def test_divergences_are_those_of_matrices(member):
    q, precision = member
    matrix, other = Normal(MEAN, precision), IndependentNormal(0.5 * MEAN, 2.0 * DIAGONAL)
    assert q.kl(other) == pytest.approx(matrix.kl(Normal(0.5 * MEAN, np.diag(2.0 * DIAGONAL))), rel=1e-10)
    assert abs(q.kl(q)) < 1e-12
    if isinstance(q, LowRankNormal):
        low = LowRankNormal(0.5 * MEAN, 2.0 * DIAGONAL, -FACTOR[:, ::-1] + 0.1)
        assert q.kl(low) == pytest.approx(matrix.kl(Normal(low.mean, low.precision)), rel=1e-10)
        assert q.log_prob(CENTER) == pytest.approx(stats.multivariate_normal(MEAN, q.covariance).logpdf(CENTER))


def test_draws_have_the_covariance(member):
    q, precision = member
    drawn = q.sample(60_000, random_state=0)
    assert_allclose(drawn.mean(axis=0), MEAN, atol=0.02)
    assert_allclose(np.cov(drawn.T), np.linalg.inv(precision), atol=0.03)


def test_members_survive_pickling(member):
    q, _ = member
    again = pickle.loads(pickle.dumps(q))
    assert_allclose(again.var, q.var, rtol=1e-14)
    assert type(q).__name__ in repr(again)


def test_an_intercept_given_coefficients_diverges_from_another(member):
    """The joint of both is normal: its divergence is that of two normal distributions."""
    q, precision = member

    def joint(mean, corner, slope, weights):
        return Joint(weights=weights, intercept=InterceptGivenWeights(mean, corner, slope, weights))

    def matrix(joint, precision):
        b = joint.intercept
        whole = np.zeros((D + 1, D + 1))
        whole[:D, :D] = precision
        across = np.append(-b.slope, 1.0)
        return Normal(np.append(joint.weights.mean, b.mean), whole + b.precision * np.outer(across, across))

    a, b = joint(0.3, 2.0, OFFSET, q), joint(-0.2, 3.0, CENTER, type(q)(*[vars(q)[name] for name in q._fields()]))
    b.weights.mean = MEAN + 0.5
    assert a.kl(b) == pytest.approx(matrix(a, precision).kl(matrix(b, precision)), rel=1e-9)
    assert_allclose(a.intercept.var, np.linalg.inv(matrix(a, precision).precision)[-1, -1], rtol=1e-10)


def made_up_precision(n_rows=12, intercept=True, layout=np.asarray, summed=False):
    rng = np.random.default_rng(1)
    x = np.where(rng.random((n_rows, D)) < 0.7, rng.standard_normal((n_rows, D)), 0.0) + 1.0
    rows, curvature = centered(layout(x), CENTER), rng.uniform(0.2, 2.0, n_rows)
    own = np.append(DIAGONAL, 0.4)[: D + intercept]
    table = np.column_stack([x - CENTER, np.ones(n_rows)])[:, : D + intercept]
    matrix = np.diag(own) + (table.T * curvature) @ table
    part = GramPart(matrix - np.diag(own), D) if summed else Part(rows, curvature)
    return JointPrecision(own, (part,), D), matrix


@pytest.mark.parametrize(("layout", "summed"), [("dense", False), ("sparse", False), ("dense", True)])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_joint_precision_is_its_matrix(intercept, layout, summed):
    precision, matrix = made_up_precision(intercept=intercept, layout=LAYOUTS[layout], summed=summed)
    vector = np.random.default_rng(2).standard_normal(len(matrix))
    schur = np.linalg.inv(np.linalg.inv(matrix)[:D, :D])
    assert_allclose(precision.filled(), matrix, rtol=1e-10)
    assert_allclose(precision.times(vector), matrix @ vector, rtol=1e-10)
    assert_allclose(precision.schur_times(np.eye(D)), schur, atol=1e-10)
    assert_allclose(precision.schur_times(vector[:D]), schur @ vector[:D], atol=1e-10)
    assert_allclose(precision.schur_diagonal, np.diagonal(schur), rtol=1e-10)
    assert_allclose(precision.solved(vector[:D]), np.linalg.solve(schur, vector[:D]), rtol=1e-9)
    assert precision.summed == summed
    assert_allclose(precision.without_rows().own, np.diagonal(matrix), rtol=1e-10)
    if intercept:
        assert_allclose(precision.slope, -matrix[-1, :D] / matrix[-1, -1], rtol=1e-10)
    mixed = 0.3 * precision + 0.7 * precision
    assert len(mixed.parts) == 1
    assert_allclose(mixed.times(vector), matrix @ vector, rtol=1e-10)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("name", ["diagonal", "low rank"])
def test_rows_that_are_gone_expect_what_those_that_are_kept_do(name, intercept):
    q = MEMBERS[name][0]
    factors = {"intercept": InterceptGivenWeights(0.3, 2.0, OFFSET, q)} if intercept else {}
    predictor = RowPredictor(CENTER, Joint(weights=q, **factors))
    kept, gone = (made_up_precision(intercept=intercept, summed=summed)[0].parts[0] for summed in (False, True))
    last = 0.7 if intercept else 0.0
    assert gone.expected(predictor, CENTER, last) == pytest.approx(kept.expected(predictor, CENTER, last), rel=1e-10)
    assert not kept.joins(gone)
    assert not gone.joins(kept)


def site_bound(schur, diagonal, factor):
    """The bound of a precision for sites, but for constants."""
    precision = np.diag(diagonal) + factor @ factor.T
    return -0.5 * np.trace(np.linalg.solve(precision, schur)) - 0.5 * np.linalg.slogdet(precision)[1]


def test_the_nearest_of_low_rank_is_better_than_mean_field_and_exact_at_full_rank():
    precision, matrix = made_up_precision()
    schur = np.linalg.inv(np.linalg.inv(matrix)[:D, :D])
    bounds = [site_bound(schur, np.diagonal(schur), np.zeros((D, 0)))]
    for rank in range(1, D + 1):
        diagonal, factor = nearest(precision, rank, np.zeros((D, 0)))
        bounds.append(site_bound(schur, diagonal, factor))
        for _ in range(200):
            diagonal, factor = nearest(precision, rank, factor)
        assert site_bound(schur, diagonal, factor) > bounds[-1] - 1e-3
    assert (np.diff(bounds) > -1e-3).all()
    assert_allclose(np.diag(diagonal) + factor @ factor.T, schur, atol=1e-9)
    few, matrix = made_up_precision(n_rows=3)
    diagonal, factor = nearest(few, 3, np.zeros((D, 0)))
    assert_allclose(np.diag(diagonal) + factor @ factor.T, np.linalg.inv(np.linalg.inv(matrix)[:D, :D]), atol=1e-9)


def test_conjugate_gradients_solve_as_far_as_a_newton_step_needs():
    _, matrix = made_up_precision(intercept=False)
    exact = np.linalg.solve(matrix, CENTER)
    for start in (np.zeros(D), exact + 0.1):
        got = conjugate_gradients(matrix.__matmul__, CENTER, lambda v: v / np.diagonal(matrix), start)
        error, scale = (v @ matrix @ v for v in (got - exact, exact))
        assert error < 1e-5 * scale
    assert not conjugate_gradients(matrix.__matmul__, np.zeros(D), lambda v: v, np.zeros(D)).any()
