"""Simulation-based calibration: where everything is drawn from the prior, intervals cover at their level."""

import functools

import numpy as np
import pytest
from scipy.stats import gamma as gamma_distribution
from scipy.stats import kstest, norm

from skvi import BayesianLinearRegressionVI

LEVEL = 0.9
N_SIMULATIONS = 400
HYPER = dict(alpha_1=4.0, alpha_2=4.0, lambda_1=3.0, lambda_2=3.0)
N_FEATURES = 5


@functools.cache
def simulate(prior, seed, fit_intercept):
    """A fit to rows whose coefficients and precisions come from the prior, and the truth behind it."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((45, N_FEATURES)) + 1.0
    alpha = rng.gamma(HYPER["alpha_1"]) / HYPER["alpha_2"]
    shrinkage = rng.gamma(HYPER["lambda_1"], size=N_FEATURES if prior == "ard" else 1) / HYPER["lambda_2"]
    coefficients = rng.standard_normal(N_FEATURES) / np.sqrt(shrinkage)
    intercept = 10.0 * rng.standard_normal() if fit_intercept else 0.0
    y = intercept + X @ coefficients + rng.standard_normal(45) / np.sqrt(alpha)
    model = BayesianLinearRegressionVI(prior=prior, fit_intercept=fit_intercept, n_jobs=1, **HYPER)
    return model.fit(X[:40], y[:40]), X[40:], y[40:], coefficients, intercept, alpha


def within(intervals, values):
    return (intervals[..., 0] <= values) & (values <= intervals[..., 1])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("prior", ["ridge", "ard"])
def test_intervals_cover_at_their_level(prior, fit_intercept):
    covered = {"coefficients": [], "targets": [], "intercept": [], "noise": []}
    for seed in range(N_SIMULATIONS):
        model, X, y, coefficients, intercept, alpha = simulate(prior, seed, fit_intercept)
        covered["coefficients"].append(within(model.posterior_.weights.interval(LEVEL), coefficients).mean())
        covered["targets"].append(within(model.predict_interval(X, LEVEL), y).mean())
        covered["noise"].append(within(model.posterior_.noise_precision.interval(LEVEL), alpha))
        if fit_intercept:
            table = model.summary(LEVEL).loc["intercept"]
            covered["intercept"].append(table["lower"] <= intercept <= table["upper"])
    for name in ("coefficients", "targets"):
        assert 0.88 <= np.mean(covered[name]) <= 0.92, name
    # One trial a simulation: four standard deviations of their share.
    slack = 4.0 * np.sqrt(LEVEL * (1.0 - LEVEL) / N_SIMULATIONS)
    assert np.mean(covered["noise"]) == pytest.approx(LEVEL, abs=slack)
    if fit_intercept:
        assert np.mean(covered["intercept"]) == pytest.approx(LEVEL, abs=slack)


def test_ranks_of_the_truth_are_uniform():
    ranks = {"coefficient": [], "noise": [], "target": []}
    for seed in range(N_SIMULATIONS):
        model, X, y, coefficients, _, alpha = simulate("ridge", seed, True)
        q = model.posterior_
        ranks["coefficient"].append(norm.cdf(coefficients[0], q.weights.mean[0], np.sqrt(q.weights.var[0])))
        noise = q.noise_precision
        ranks["noise"].append(gamma_distribution.cdf(alpha, noise.shape, scale=1.0 / noise.rate))
        draws = model.sample_posterior(200, seed)
        drawn = draws["coef"] @ X[0] + draws["intercept"]
        noise = np.random.default_rng(seed).standard_normal(200) / np.sqrt(draws["alpha"])
        ranks["target"].append(np.mean(drawn + noise < y[0]))
    for name, values in ranks.items():
        assert kstest(values, "uniform").pvalue > 1e-3, name
        assert np.mean(values) == pytest.approx(0.5, abs=4.0 / np.sqrt(12.0 * N_SIMULATIONS)), name
