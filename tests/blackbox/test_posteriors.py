"""The models of the benchmark on posteriors with reference draws, on made-up data of the same form."""

from itertools import pairwise, product

import numpy as np
import pytest
from scipy import stats

from benchmarks.posteriors._data import NAMES, make_problem
from skvi.blackbox import check_model
from skvi.gradient.parameters import Layout

N = 24


def made_up(name):
    """Data with the keys of the published ones."""
    rng = np.random.default_rng(0)
    positive = ("earn", "height", "mom_iq", "weight", "diam1", "diam2", "canopy_height", "total_height", "density")
    other = ("kid_score", "partyid7", "real_ideo", "race_adj", "educ1", "gender", "income")
    data = {key: np.exp(rng.standard_normal(N)) for key in positive} | {key: rng.standard_normal(N) for key in other}
    data |= {key: np.arange(N) % 2 for key in ("male", "mom_hs", "group")}
    data |= {"age_discrete": 1 + np.arange(N) % 4, "pmualpha": 1.0, "psalpha": 2.0, "pmubeta": 0.5, "psbeta": 0.3}
    data |= {"X": rng.standard_normal((N, 4)), "Y": rng.standard_normal(N), "y": rng.standard_normal(N), "K": 5}
    data |= {"x": np.linspace(-4.0, 4.0, N), "sigma": np.full(N, 2.0), "sigma1": 0.5}
    data |= {"u": rng.exponential(size=N), "v": rng.exponential(size=N), "alpha": [[4.0, 2.0], [2.0, 4.0]]}
    if name == "gp_pois_regr-gp_pois_regr":
        data |= {"x": np.arange(-4.0, 6.0, 2.0), "k": [3, 0, 5, 2, 1]}
    if name == "hudson_lynx_hare-lotka_volterra":
        data |= {"y": np.exp(2.0 + 0.3 * rng.standard_normal((6, 2))), "y_init": [9.0, 6.0]}
    return data


def problem(name):
    return make_problem(name, made_up(name))


def some_draws(model, X, y, n_draws=3):
    layout = Layout(model.parameters(X, y))
    return layout, layout.constrain(0.3 * np.random.default_rng(1).standard_normal((n_draws, layout.n_free)))


@pytest.mark.parametrize("name", NAMES)
def test_models_keep_the_protocol(name):
    model, X, y, _, _ = problem(name)
    check_model(model, X, y)


@pytest.mark.parametrize("name", NAMES)
def test_maps_to_the_reference_and_back(name):
    model, X, y, reference, parameters = problem(name)
    _, theta = some_draws(model, X, y)
    back = parameters(reference(theta))
    assert back.keys() == theta.keys()
    for key, values in theta.items():
        np.testing.assert_allclose(back[key], values, rtol=1e-6, atol=1e-6)


def test_regression_has_the_density_of_its_priors_and_noise():
    model, X, y, _, _ = problem("diamonds-diamonds")
    _, theta = some_draws(model, X, y, 1)
    prior = stats.norm.logpdf(theta["weights"]).sum() + stats.t.logpdf(theta["intercept"], 3, 8, 10).sum()
    prior += stats.t.logpdf(theta["sigma"], 3, 0, 10).sum() + np.log(2.0)
    np.testing.assert_allclose(model.log_prior(theta), prior, rtol=1e-12)
    rows = stats.norm.logpdf(y, theta["intercept"] + X @ theta["weights"][0], theta["sigma"])
    np.testing.assert_allclose(model.log_likelihood(theta, X, y)[0], rows, rtol=1e-12)


def test_both_forms_of_the_schools_agree():
    draws = np.column_stack([np.random.default_rng(2).normal(size=(3, N)), [0.5, 1.0, -2.0], [0.3, 1.0, 4.0]])
    densities = []
    for form in ("noncentered", "centered"):
        model, _, _, _, parameters = problem(f"eight_schools-eight_schools_{form}")
        densities.append(model.log_prior(parameters(draws)))
    # The effects are tau times z, whose density is narrower by tau for each school.
    np.testing.assert_allclose(densities[0] - N * np.log(draws[:, -1]), densities[1], rtol=1e-12)


def test_arma_by_its_errors():
    model, X, y, _, _ = problem("arma-arma11")
    _, theta = some_draws(model, X, y, 1)
    mu, phi, moving, sigma = (theta[name][0] for name in ("mu", "phi", "theta", "sigma"))
    errors, before = [], mu
    for value in model.y:
        errors.append(value - mu - phi * before - (moving * errors[-1] if errors else 0.0))
        before = value
    expected = sum(prior.log_density(theta[name])[0] for name, prior in model.priors.items())
    assert model.log_prior(theta)[0] == pytest.approx(expected + stats.norm.logpdf(errors, 0, sigma).sum())


def test_garch_by_its_variances():
    model, X, y, _, _ = problem("garch-garch11")
    _, theta = some_draws(model, X, y, 1)
    mu, base, (shock, memory, _) = theta["mu"][0], theta["base"][0], theta["shares"][0]
    expected, variance = 0.0, 0.25
    for value in model.y:
        expected += stats.norm.logpdf(value, mu, np.sqrt(variance))
        variance = base + shock * (value - mu) ** 2 + memory * variance
    assert model.log_prior(theta)[0] == pytest.approx(expected)


def test_mixture_by_its_components():
    model, X, y, _, _ = problem("low_dim_gauss_mix-low_dim_gauss_mix")
    _, theta = some_draws(model, X, y, 1)
    first, second = (stats.norm.pdf(X[:, 0], theta["mu"][0, k], theta["sigma"][0, k]) for k in range(2))
    share = theta["share"][0]
    np.testing.assert_allclose(model.log_likelihood(theta, X, y)[0], np.log(share * first + (1 - share) * second))


def test_chain_by_all_paths():
    model, _, _, _, _ = problem("bball_drive_event_0-hmm_drive_0")
    model.set_params(outputs=model.outputs[:6])
    _, theta = some_draws(model, None, None, 1)
    moves, rates = theta["moves"][0], model.rates(theta)[0]
    total = 0.0
    for path in product(range(2), repeat=6):
        density = np.prod([moves[j, k] for j, k in pairwise(path)])
        for state, output in zip(path, model.outputs, strict=True):
            density *= stats.expon.pdf(output, scale=1.0 / rates[:, state]).prod()
        total += density
    prior = sum(stats.dirichlet.logpdf(moves[k], model.alpha[k]) for k in range(2))
    prior += stats.norm.logpdf(rates[:, 0]).sum() + stats.norm.logpdf(rates[:, 1], 3).sum()
    assert model.log_prior(theta)[0] == pytest.approx(np.log(total) + prior)


def test_process_by_its_covariance():
    model, _, _, _, _ = problem("gp_pois_regr-gp_regr")
    _, theta = some_draws(model, None, None, 1)
    rho, alpha, sigma = (theta[name][0] for name in ("rho", "alpha", "sigma"))
    covariance = alpha**2 * np.exp(-0.5 * ((model.x[:, None] - model.x) / rho) ** 2) + sigma * np.eye(N)
    prior = stats.gamma.logpdf(rho, 25, scale=0.25) + stats.halfnorm.logpdf(alpha, scale=2)
    prior += stats.halfnorm.logpdf(sigma)
    expected = prior + stats.multivariate_normal.logpdf(model.y, np.zeros(N), covariance)
    assert model.log_prior(theta)[0] == pytest.approx(expected)


def test_counts_by_their_rates():
    model, _, _, _, _ = problem("gp_pois_regr-gp_pois_regr")
    _, theta = some_draws(model, None, None, 1)
    rho, alpha, z = theta["rho"][0], theta["alpha"][0], theta["z"][0]
    covariance = alpha**2 * np.exp(-0.5 * ((model.x[:, None] - model.x) / rho) ** 2) + 1e-10 * np.eye(5)
    logs = np.linalg.cholesky(covariance) @ z
    prior = stats.gamma.logpdf(rho, 25, scale=0.25) + stats.halfnorm.logpdf(alpha, scale=2)
    prior += stats.norm.logpdf(z).sum()
    expected = prior + stats.poisson.logpmf(model.counts, np.exp(logs)).sum()
    assert model.log_prior(theta)[0] == pytest.approx(expected)


def test_predators_keep_their_energy():
    model, _, _, _, _ = problem("hudson_lynx_hare-lotka_volterra")
    theta = {"theta": np.array([[0.55, 0.028, 0.8, 0.024]]), "first": np.array([[34.0, 6.0]])}
    path = model.solve(theta)[0][0]
    a, b, c, d = theta["theta"][0]
    # d u - c log u + b v - a log v does not change on a solution.
    energy = d * np.exp(path[:, 0]) - c * path[:, 0] + b * np.exp(path[:, 1]) - a * path[:, 1]
    np.testing.assert_allclose(energy, energy[0], rtol=1e-5)
    finer = model.set_params(n_steps=100).solve(theta)[0][0]
    np.testing.assert_allclose(path, finer, atol=1e-4)
