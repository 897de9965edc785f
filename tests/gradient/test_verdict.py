"""The verdict: right figures where they are known, and no silent failure."""

import math

import numpy as np
import pytest

from skvi.gradient.flows import coupling_flow, planar_flow
from skvi.gradient.normals import FullRank, LowRank, MeanField
from skvi.gradient.verdict import judge
from tests.gradient.cases import gaussian, of_density, student


def normal_target(mean, covariance):
    return gaussian(mean, np.linalg.inv(covariance), log_evidence=2.5)


def verdict_on(target, approximation, seed=0, **settings):
    return judge(target, approximation, np.random.RandomState(seed), **settings)


COVARIANCE = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, -0.2], [0.0, -0.2, 1e-4]]) + np.diag([0.0, 0.0, 0.1])


def test_the_target_itself_is_trusted_without_any_noise():
    mean = np.array([1.0, -2.0, 1e3])
    target = normal_target(mean, COVARIANCE)
    verdict = verdict_on(target, FullRank.from_covariance(mean, COVARIANCE))
    np.testing.assert_allclose(verdict.elbo, 2.5, atol=1e-8)
    assert verdict.khat == 0.0
    assert verdict.elbo_se < 1e-8
    assert verdict.fisher_divergence < 1e-12
    assert verdict.trusted
    assert "can be relied on" in verdict.message
    assert (target.counts.densities, target.counts.gradients, verdict.n_nonfinite) == (2000, 100, 0)


def test_errors_of_mean_and_deviation_are_measured():
    """q lies 0.2 deviations too high, and is 10 percent too narrow: both measures say so."""
    approximation = FullRank.from_covariance(0.2 * np.sqrt(np.diag(COVARIANCE)), 0.81 * COVARIANCE)
    verdict = verdict_on(normal_target(np.zeros(3), COVARIANCE), approximation)
    for errors, noise in ((verdict.weighted, 4.0), (verdict.slopes.errors, 0.0)):
        assert (np.abs(errors.mean + 0.2) < 0.005 + noise * errors.mean_se).all()
        assert (np.abs(errors.log_sd + math.log(0.9)) < 0.005 + noise * errors.log_sd_se).all()
    assert not verdict.trusted
    assert "too high" in verdict.message
    assert "another method" in verdict.message


def test_standard_errors_are_those_of_repeated_verdicts():
    approximation = MeanField(np.array([0.1, -0.1]), np.array([0.95, 1.0]))
    target = normal_target(np.zeros(2), [[1.0, 0.3], [0.3, 1.0]])
    verdicts = [verdict_on(target, approximation, seed, n_draws=500) for seed in range(60)]
    for name in ("mean", "log_sd"):
        found = np.array([getattr(v.weighted, name) for v in verdicts])
        claimed = np.array([getattr(v.weighted, f"{name}_se") for v in verdicts]).mean(axis=0)
        # Half the distance of the quantiles between which two thirds lie: few draws with large weights do not count.
        spread = 0.5 * np.ptp(np.quantile(found, [0.16, 0.84], axis=0), axis=0)
        np.testing.assert_allclose(spread, claimed, rtol=0.5)
    # Noise with exact moments leaves no error to quadratic densities: the standard error is on the safe side.
    assert np.std([v.elbo for v in verdicts]) < 1e-12 < verdicts[0].elbo_se


def test_independence_is_not_trusted_where_there_is_correlation():
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    best = MeanField(np.zeros(2), np.sqrt(1.0 / np.diag(np.linalg.inv(covariance))))
    verdict = verdict_on(normal_target(np.zeros(2), covariance), best)
    np.testing.assert_allclose(verdict.slopes.errors.log_sd, -math.log(0.6), rtol=1e-8)
    assert np.abs(verdict.slopes.spread).max() < 4.0 * verdict.slopes.spread_se.max()
    assert not verdict.trusted
    assert "family='fullrank'" in verdict.message
    assert "iterations" not in verdict.message


def test_no_affine_map_changes_k_hat_and_fisher_divergence():
    rng = np.random.RandomState(3)
    matrix, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    lower = np.tril(matrix) + 2.0 * np.eye(3)

    def log_density(z):
        return -np.sum(np.log(np.cosh(z - 0.3)), axis=1)

    def gradient(z):
        return -np.tanh(z - 0.3)

    plain = verdict_on(of_density(log_density, gradient, 3), FullRank(np.zeros(3), np.eye(3)))
    inverse = np.linalg.inv(lower)
    moved = of_density(
        lambda x: log_density((x - shift) @ inverse.T), lambda x: gradient((x - shift) @ inverse.T) @ inverse, 3
    )
    mapped = verdict_on(moved, FullRank(shift, lower))
    np.testing.assert_allclose(mapped.fisher_divergence, plain.fisher_divergence, rtol=1e-8)
    np.testing.assert_allclose(mapped.khat, plain.khat, rtol=1e-7)


@pytest.mark.parametrize("seed", range(2))
def test_a_nearly_normal_posterior_of_many_parameters_is_trusted(seed):
    """Weights alone would not do: among 100 deviations one seems off."""
    verdict = verdict_on(student(30.0, 100), MeanField(np.zeros(100), np.full(100, 0.98)), seed)
    assert np.abs(verdict.weighted.log_sd).max() > 0.025
    assert np.abs(verdict.slopes.errors.log_sd).max() < 0.06
    assert verdict.trusted


def test_heavy_tails_are_not_trusted():
    verdict = verdict_on(student(2.5, 30), MeanField(np.zeros(30), np.full(30, 0.2)))
    assert verdict.khat > 0.7
    assert not verdict.trusted
    assert "importance_resample" not in verdict.message


def test_wide_draws_mend_tails_that_are_too_light():
    """Student's t with six degrees of freedom in ten numbers at once: no draw of the normal says how far it goes."""

    def log_density(z):
        return -8.0 * np.log1p(np.sum(z**2, axis=1) / 6.0)

    target = of_density(log_density, lambda z: -16.0 * z / (6.0 + np.sum(z**2, axis=1))[:, None], 10)
    verdict = verdict_on(target, MeanField(np.zeros(10), np.ones(10)), n_draws=1000)
    weights, z = np.exp(verdict.log_weights), verdict.all.z
    assert len(z) > len(verdict.own.z) >= 1000
    assert verdict.mendable
    assert not verdict.trusted
    np.testing.assert_allclose(weights @ z**2, 1.5, rtol=0.15)
    # The weighted errors are those of the normal, whatever the draws.
    np.testing.assert_allclose(verdict.weighted.log_sd, 0.5 * np.log(weights @ z**2), atol=0.05)


def test_a_spike_is_not_trusted_where_it_stands_in_a_slab():
    """Where the normal is, the slab has a thousandth of the density: slopes see none of it."""

    def logs(z):
        squares = np.sum(z**2, axis=1)
        return np.stack([-50.0 * squares + 3.0 * np.log(10.0), -0.5 * squares], axis=1)

    def gradient(z):
        shares = np.exp(logs(z) - np.logaddexp(*logs(z).T)[:, None])
        return -(shares @ [100.0, 1.0])[:, None] * z

    target = of_density(lambda z: np.logaddexp(*logs(z).T), gradient, 3)
    for seed in range(3):
        assert not verdict_on(target, MeanField(np.zeros(3), np.full(3, 0.1)), seed, n_draws=1000).trusted


def test_a_mode_beyond_the_draws_is_looked_for_where_their_ratios_rise():
    """Three percent of the mass, seven deviations away."""

    def log_densities(z):
        rest = z - np.array([7.0, 0.0])
        return np.stack([-0.5 * np.sum(z**2, axis=1), np.log(0.03) - 0.5 * np.sum(rest**2, axis=1)], axis=1)

    def gradient(z):
        logs = log_densities(z)
        shares = np.exp(logs - np.logaddexp(*logs.T)[:, None])
        return -z + shares[:, 1:] * np.array([7.0, 0.0])

    target = of_density(lambda z: np.logaddexp(*log_densities(z).T), gradient, 2)
    verdict = verdict_on(target, MeanField(np.zeros(2), np.ones(2)), n_draws=1000)
    assert verdict.khat > 1.0
    assert not verdict.trusted
    assert "another start" in verdict.message


def test_low_rank_approximations_are_judged():
    factor = np.array([[1.0], [2.0], [-1.0]])
    q = LowRank(np.zeros(3), np.ones(3), factor)
    verdict = verdict_on(normal_target(np.zeros(3), q.covariance), q)
    assert verdict.trusted
    assert verdict.fisher_divergence < 1e-12


@pytest.mark.parametrize("make_flow", [coupling_flow, planar_flow])
def test_flows_are_judged(make_flow):
    rng = np.random.RandomState(0)
    covariance = np.array([[1.0, 0.5], [0.5, 1.0]])
    flow = make_flow(FullRank.from_covariance(np.zeros(2), covariance), rng)
    target = normal_target(np.zeros(2), covariance)
    verdict = verdict_on(target, flow)
    assert verdict.trusted
    assert verdict.fisher_divergence < 1e-12
    bent = flow.with_parameters(flow.parameters + 0.3 * rng.normal(size=flow.parameters.shape))
    z = bent.draw(rng.normal(size=(20_000, 2))).z
    assert max(np.abs(z.mean(axis=0)).max(), np.abs(np.log(z.std(axis=0))).max()) > 0.15
    assert not verdict_on(target, bent).trusted


def test_a_mode_beyond_the_draws_is_seen_where_the_search_has_been():
    def log_density(z):
        return np.logaddexp(-0.5 * (z[:, 0] + 10.0) ** 2, -0.5 * (z[:, 0] - 10.0) ** 2)

    def gradient(z):
        return 10.0 * np.tanh(10.0 * z) - z

    target, q = of_density(log_density, gradient, 1), MeanField(np.array([10.0]), np.ones(1))
    bound = 0.5 * np.log(2.0 * np.pi)
    near, far = (MeanField(np.array([center]), np.ones(1)) for center in (9.0, -10.0))
    assert verdict_on(target, q, rivals=[(near, bound)]).trusted
    assert verdict_on(target, q, rivals=[(far, bound - 8.0)]).trusted
    # A share of e^-5 twenty deviations away doubles the deviation.
    assert not verdict_on(target, q, rivals=[(far, bound - 5.0)]).trusted
    verdict = verdict_on(target, q, rivals=[(near, bound), (far, bound)])
    assert not verdict.trusted
    assert "another start" in verdict.message


def test_a_place_on_the_same_hill_is_no_rival():
    """A narrow normal leaves out the far side of its own ridge, which no valley parts from it."""
    precision = np.linalg.inv(np.array([[1.0, 0.99], [0.99, 1.0]]))
    target = of_density(lambda z: -0.5 * np.sum(z @ precision * z, axis=1), lambda z: -z @ precision, 2)
    q = MeanField(np.zeros(2), np.full(2, 0.1))
    verdict = verdict_on(target, q, rivals=[(MeanField(np.ones(2), np.full(2, 0.1)), 10.0)])
    assert not verdict.trusted
    assert "another start" not in verdict.message


def half_normal():
    return of_density(
        lambda z: np.where(z[:, 0] > 0.0, -0.5 * z[:, 0] ** 2, -np.inf), lambda z: np.where(z > 0.0, -z, np.nan), 1
    )


def test_draws_without_a_density_are_counted_and_survived():
    verdict = verdict_on(half_normal(), MeanField(np.zeros(1), np.ones(1)))
    assert 0.45 < verdict.n_nonfinite / len(verdict.own.z) < 0.55
    assert np.isfinite([verdict.elbo, verdict.elbo_se, verdict.khat, verdict.fisher_divergence]).all()
    assert not verdict.trusted
    # The mean of |z|.
    np.testing.assert_allclose(np.exp(verdict.log_weights) @ verdict.all.z[:, 0], math.sqrt(2.0 / math.pi), atol=0.05)


def test_a_density_that_is_finite_nowhere_gives_words():
    verdict = verdict_on(half_normal(), MeanField(np.array([-50.0]), np.ones(1)))
    assert verdict.elbo == -math.inf
    assert math.isnan(verdict.fisher_divergence)
    assert not verdict.trusted
    assert "start elsewhere" in verdict.message


def test_densities_without_a_gradient_are_judged_by_weights():
    target = normal_target(np.zeros(2), np.eye(2))
    good, bad = MeanField(np.zeros(2), np.full(2, 1.02)), MeanField(np.zeros(2), np.full(2, 0.8))
    assert verdict_on(target, good, n_gradients=0).trusted
    verdict = verdict_on(target, bad, n_gradients=0)
    assert not verdict.trusted
    assert math.isnan(verdict.fisher_divergence)
    assert target.counts.gradients == 0


def test_quantities_have_to_be_right_too():
    """A log-normal mean whose log is off by little."""
    target = normal_target(np.zeros(1), [[4.0]])
    q = MeanField(np.zeros(1), np.array([1.85]))
    labels = ["log rate", "rate"]
    assert verdict_on(target, q, labels=labels).trusted
    verdict = verdict_on(target, q, quantities=np.exp, labels=labels)
    assert not verdict.trusted
    assert " rate " in verdict.message
    overflown = verdict_on(target, q, quantities=lambda z: np.exp(1e3 * z), labels=labels)
    assert not overflown.trusted


def test_a_quantity_that_never_varies_has_no_error():
    q = MeanField(np.zeros(1), np.ones(1))
    assert verdict_on(normal_target(np.zeros(1), [[1.01]]), q, quantities=np.ones_like).trusted


def test_draws_follow_the_weights_to_where_a_poor_start_has_few():
    """Three logarithms of exponential variables, from a normal at the mode of half the deviation."""
    target = of_density(lambda z: np.sum(z - np.exp(z), axis=1), lambda z: 1.0 - np.exp(z), 3)
    verdict = verdict_on(target, MeanField(np.zeros(3), np.full(3, 0.5)), n_draws=1000)
    weights, z = np.exp(verdict.log_weights), verdict.all.z
    mean = weights @ z
    assert verdict.mendable
    # Euler's constant, and the trigamma function at one.
    np.testing.assert_allclose(mean, -0.5772, atol=0.07)
    np.testing.assert_allclose(weights @ (z - mean) ** 2, math.pi**2 / 6.0, rtol=0.1)
    np.testing.assert_allclose(np.exp(verdict.weighted.log_sd), math.pi / math.sqrt(6.0) / 0.5, rtol=0.1)
