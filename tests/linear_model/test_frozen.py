"""Coefficients that are solved for no longer, and what that costs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi import BayesianLinearRegressionVI
from skvi.models import frozen as frozen_module
from skvi.models.frozen import FrozenSystem
from skvi.models.sums import summed

SHAPES = [(30, 8), (6, 15)]
VAGUE = {"prior": "ard", "alpha_1": 1e-6, "alpha_2": 1e-6, "lambda_1": 1e-6, "lambda_2": 1e-12}


def design_of(shape, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal(shape), rng.standard_normal((shape[0], 1))
    return summed(X, y, np.ones(shape[0]), 1).design(centered=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_system_is_the_dense_one_with_the_frozen_left_out(shape):
    design, rng = design_of(shape), np.random.default_rng(1)
    shrinkage, frozen = rng.uniform(0.5, 2.0, shape[1]), np.arange(shape[1]) % 3 == 1
    system = FrozenSystem(design, shrinkage, 1.7, slice(None), frozen)
    precision = np.diag(shrinkage) + 1.7 * design.gram
    apart = frozen[:, None] | frozen
    precision[apart & ~np.eye(shape[1], dtype=bool)] = 0.0
    covariance = np.linalg.inv(precision)
    x = rng.standard_normal((5, shape[1]))
    assert_allclose(system.covariance, covariance, atol=1e-12)
    assert_allclose(system.var, np.diagonal(covariance), atol=1e-12)
    assert_allclose(system.determined, 1.0 - shrinkage * np.diagonal(covariance), atol=1e-12)
    assert_allclose(system.log_det, np.linalg.slogdet(precision)[1])
    assert_allclose(system.quadratic(x), np.einsum("nd,de,ne->n", x, covariance, x))
    mean = np.where(frozen, 0.0, covariance @ np.where(frozen, 0.0, 1.7 * design.cross[0]))
    assert_allclose(system.mean[0], mean, atol=1e-12)
    assert_allclose(system.residual_squares, design.residual_squares(mean[None]), atol=1e-10)
    assert_allclose(np.cov(system.noise(100_000, rng).T), covariance, atol=0.05)


def sparse_problem(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((300, 40))
    return X, X[:, :3] @ [2.0, -1.0, 1.5] + rng.standard_normal(300)


def test_freezing_costs_no_more_than_allowed(monkeypatch):
    X, y = sparse_problem()
    model = BayesianLinearRegressionVI(**VAGUE).fit(X, y)
    frozen = model.posterior_.weights.frozen
    monkeypatch.setattr(frozen_module, "_ALLOWED_LOSS", -1.0)
    unfrozen = BayesianLinearRegressionVI(**VAGUE).fit(X, y)
    assert unfrozen.posterior_.weights.frozen is None
    assert frozen.sum() >= 10
    assert not frozen[0, :3].any()
    assert unfrozen.elbo_ - 1e-4 * len(y) < model.elbo_ < unfrozen.elbo_ + 1e-4 * len(y)
    assert_allclose(model.coef_, unfrozen.coef_, atol=1e-3)


def test_their_divergence_stays_in_the_bound():
    X, y = sparse_problem()
    model = BayesianLinearRegressionVI(**VAGUE).fit(X, y)
    assert model.posterior_.weights.frozen.any()
    assert model.elbo_ == pytest.approx(len(y) * model.score(X, y) - model.posterior_.kl(model.prior_), rel=1e-9)
    precision = model.posterior_.weights.precision
    assert_allclose(precision @ model.sigma_, np.eye(40), atol=1e-8)


def test_loss_of_one_coefficient_is_what_the_bound_loses():
    X, y = sparse_problem()
    model = BayesianLinearRegressionVI(prior="ard").fit(X, y)
    weights = model.posterior_.weights
    system, j = weights.systems[0], 17
    own = system.shrinkage + system.scale * system.design.diagonal
    loss = 0.5 * (np.log(own * system.var) + system.mean[0] ** 2 / system.var)[j]
    only = np.arange(40) == j
    restricted = FrozenSystem(system.design, system.shrinkage, system.scale, slice(None), only)

    def profile(one):
        squares = one.scale * one.residual_squares[0] + one.shrinkage @ one.mean[0] ** 2
        return -0.5 * (one.log_det + squares)

    assert profile(system) - profile(restricted) == pytest.approx(loss, rel=1e-8)
