"""Families of coefficients about their mean over classes: against dense normals of the contrasts, and draws."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi.families import (
    CenteredGivenPrecision,
    CenteredIndependent,
    CenteredIntercept,
    CenteredNormal,
    Gamma,
    Joint,
    Normal,
)

N = 40_000
CASES = [(2, 1), (3, 2), (5, 3)]
each_case = pytest.mark.parametrize(("n_classes", "n_features"), CASES)


def posterior(n_classes, n_features, seed=0):
    """q(w) q(b | w), and the precision of the K independent (w, b) behind it."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(n_classes, n_features + 1, 2 * n_features + 2))
    joint = half @ np.swapaxes(half, 1, 2) / (n_features + 1)
    corner = joint[:, -1, -1]
    slope = -joint[:, :-1, -1] / corner[:, None]
    schur = joint[:, :-1, :-1] - corner[:, None, None] * slope[:, :, None] * slope[:, None, :]
    weights = CenteredNormal(rng.normal(size=(n_classes, n_features)), schur)
    intercept = CenteredIntercept(rng.normal(size=n_classes), corner, slope, weights)
    return Joint(weights=weights, intercept=intercept), joint


def prior(n_classes, n_features, seed=1):
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=n_classes)
    precision = np.broadcast_to(rng.uniform(0.5, 2.0, size=n_features), (n_classes, n_features))
    return Joint(
        weights=CenteredIndependent(np.zeros((n_classes, n_features)), precision),
        intercept=CenteredIndependent(mean - mean.mean(), np.full(n_classes, 0.3)),
    )


def dense(mean, covariance):
    """The contrasts of the classes as one normal distribution."""
    n_classes, n_parameters = mean.shape
    basis = np.linalg.svd(np.eye(n_classes) - 1.0 / n_classes)[0][:, :-1]
    size = (n_classes - 1) * n_parameters
    spread = np.einsum("ka,kpq,kb->apbq", basis, covariance, basis).reshape(size, size)
    return Normal((basis.T @ mean).ravel(), np.linalg.inv(spread))


def dense_joint(q, joint):
    return dense(np.column_stack([q.weights.mean, q.intercept.mean]), np.linalg.inv(joint))


def dense_prior(p):
    precision = np.column_stack([p.weights.precision, p.intercept.precision])
    covariance = np.einsum("kp,pq->kpq", 1.0 / precision, np.eye(precision.shape[1]))
    return dense(np.column_stack([p.weights.mean, p.intercept.mean]), covariance)


@each_case
def test_divergence_and_entropy_are_those_of_the_contrasts(n_classes, n_features):
    (q, joint), p = posterior(n_classes, n_features), prior(n_classes, n_features)
    whole, reference = dense_joint(q, joint), dense_prior(p)
    assert q.kl(p) == pytest.approx(whole.kl(reference), rel=1e-10)
    assert q.entropy() == pytest.approx(whole.entropy(), rel=1e-10)
    assert p.entropy() == pytest.approx(reference.entropy(), rel=1e-10)
    weights = dense(q.weights.mean, q.weights.root @ np.swapaxes(q.weights.root, 1, 2))
    assert q.weights.entropy() == pytest.approx(weights.entropy(), rel=1e-10)
    other = prior(n_classes, n_features, seed=2)
    assert p.kl(other) == pytest.approx(dense_prior(p).kl(dense_prior(other)), rel=1e-10)
    assert p.kl(p) == pytest.approx(0.0, abs=1e-12)


@each_case
def test_divergence_of_two_posteriors_is_that_of_the_contrasts(n_classes, n_features):
    (q, joint), (r, other) = posterior(n_classes, n_features), posterior(n_classes, n_features, seed=1)
    assert q.kl(r) == pytest.approx(dense_joint(q, joint).kl(dense_joint(r, other)), rel=1e-10)
    assert q.kl(q) == pytest.approx(0.0, abs=1e-10)
    with pytest.raises(TypeError, match="kl of a CenteredNormal from a Normal"):
        q.weights.kl(dense_joint(q, joint))


@each_case
def test_draws_have_the_moments_and_come_together(n_classes, n_features):
    q, joint = posterior(n_classes, n_features)
    drawn = q.sample(N, random_state=0)
    table = np.concatenate([drawn["weights"], drawn["intercept"][..., None]], axis=2)
    assert_allclose(table.sum(axis=1), 0.0, atol=1e-10)
    covariance = np.linalg.inv(joint)
    shift = np.eye(n_classes) - 1.0 / n_classes
    expected = np.einsum("kj,jpq,lj->kplq", shift, covariance, shift).reshape(2 * [table[0].size])
    scale = np.sqrt(np.diag(expected))
    got = np.cov(table.reshape(N, -1).T)
    assert_allclose(got / scale / scale[:, None], expected / scale / scale[:, None], atol=0.03)
    for name, values in drawn.items():
        assert_allclose(values.mean(axis=0), q[name].mean, atol=0.03 * scale.max())
        assert_allclose(values.var(axis=0), q[name].var, rtol=0.03)
    alone = q.intercept.sample(N, random_state=1)
    assert_allclose(alone.var(axis=0), q.intercept.var, rtol=0.03)
    assert_allclose(np.diagonal(q.weights.covariance, axis1=1, axis2=2), q.weights.var)
    rows = np.random.default_rng(3).normal(size=(4, n_features))
    assert_allclose((drawn["weights"] @ rows.T).var(axis=0), q.weights.quadratic(rows), rtol=0.03)


@each_case
def test_priors_describe_what_they_draw(n_classes, n_features):
    parent = Gamma(np.asarray(6.0), np.asarray(4.0))
    groups, shape = np.zeros(n_features, int), (n_classes, n_features)
    given = Joint(weights=CenteredGivenPrecision(parent, groups, shape), weight_precision=parent)
    for joint in (given, prior(n_classes, n_features)):
        for name, values in joint.sample(N, random_state=0).items():
            assert_allclose(values.var(axis=0), joint[name].var, rtol=0.06)
            lower, upper = np.moveaxis(joint[name].interval(0.8), -1, 0)
            assert_allclose(((values > lower) & (values < upper)).mean(axis=0), 0.8, atol=0.01)
            if name != "weight_precision":
                assert_allclose(values.sum(axis=1), 0.0, atol=1e-10)


def test_divergence_given_precisions_is_an_expectation_over_them():
    parent, other = Gamma(np.asarray(3.0), np.asarray(2.0)), Gamma(np.asarray(5.0), np.asarray(2.5))
    p = Joint(weights=CenteredGivenPrecision(parent, np.zeros(2, int), (3, 2)), weight_precision=parent)
    q = Joint(weights=posterior(3, 2)[0].weights, weight_precision=other)
    draws = other.sample(N, random_state=0)
    values = [q.weights.kl(CenteredIndependent(np.zeros((3, 2)), np.full((3, 2), draw))) for draw in draws[:2000]]
    error = np.std(values) / np.sqrt(len(values))
    assert q.kl(p) == pytest.approx(np.mean(values) + other.kl(parent), abs=5.0 * error)
    twin = Joint(weights=CenteredGivenPrecision(other, np.zeros(2, int), (3, 2)), weight_precision=other)
    assert twin.kl(p) == pytest.approx(other.kl(parent))


def test_members_survive_pickling():
    q, _ = posterior(3, 2)
    again = pickle.loads(pickle.dumps(q))
    assert again.kl(prior(3, 2)) == q.kl(prior(3, 2))
    assert repr(again.weights) == "CenteredNormal(mean=(3, 2), precision=(3, 2, 2))"
