"""Spike-and-slab regression: against enumeration, and its family against draws."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skvi import BayesianLinearRegressionVI
from skvi.families import Beta, Gamma, Joint, SpikeSlab, SpikeSlabGiven

KNOWN = {"prior": "spike_slab", "noise_precision": 2.0, "weight_precision": 0.5, "tol": 1e-12}
# So sure of one half that the probability of inclusion is known.
HALF = {"inclusion_1": 1e7, "inclusion_2": 1e7}


def regression(n_rows, n_features, seed=0, orthogonal=False):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features))
    if orthogonal:
        X = np.linalg.qr(X - X.mean(axis=0))[0] * 3.0
    w = np.where(np.arange(n_features) % 2, 0.0, 1.5)
    return X, 1.0 + X @ w + rng.standard_normal(n_rows) / np.sqrt(2.0)


def log_evidences(X, y):
    """Log joint of the targets and of each set of coefficients that are in, at known precisions and odds of one."""
    rows = X - X.mean(axis=0)
    patterns = np.array(list(itertools.product([False, True], repeat=X.shape[1])))
    variance = np.eye(len(y)) / 2.0 + 100.0 * y.var()
    values = [
        multivariate_normal.logpdf(y, np.full(len(y), y.mean()), variance + rows[:, p] @ rows[:, p].T / 0.5)
        for p in patterns
    ]
    return patterns, np.array(values) - X.shape[1] * np.log(2.0)


def test_one_coefficient_gives_the_log_evidence():
    X, y = regression(12, 1)
    model = BayesianLinearRegressionVI(**KNOWN, **HALF).fit(X, y)
    assert model.elbo_ == pytest.approx(logsumexp(log_evidences(X, y)[1]), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_bound_is_below_the_evidence_of_all_selections(seed):
    X, y = regression(10, 6, seed)
    model = BayesianLinearRegressionVI(**KNOWN, **HALF).fit(X, y)
    evidence = logsumexp(log_evidences(X, y)[1])
    assert evidence - 3.0 < model.elbo_ <= evidence


def test_orthogonal_columns_are_selected_with_their_posterior_probability():
    X, y = regression(15, 5, orthogonal=True)
    model = BayesianLinearRegressionVI(**KNOWN, **HALF).fit(X, y)
    patterns, values = log_evidences(X, y)
    exact = np.exp(values - logsumexp(values)) @ patterns
    assert_allclose(model.inclusion_probability_, exact, atol=1e-5)
    assert model.elbo_ == pytest.approx(logsumexp(values), abs=1e-5)


@pytest.mark.parametrize("shape", [(60, 10), (20, 40)])
@pytest.mark.parametrize("outputs", [None, "own", "shared"])
def test_bound_is_score_less_divergence_and_never_falls(shape, outputs):
    X, y = regression(*shape)
    options = {}
    if outputs:
        y, options = np.column_stack([y, y[::-1]]), {"output_precisions": outputs}
    model = BayesianLinearRegressionVI(prior="spike_slab", **options).fit(X, y)
    whole = len(X) * model.score(X, y) - model.posterior_.kl(model.prior_)
    assert model.elbo_ == pytest.approx(whole, rel=1e-9)
    assert (np.diff(model.elbo_history_) >= -1e-10 * abs(model.elbo_)).all()
    assert model.converged_


def test_planted_columns_are_found_where_they_are_few():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((100, 300))
    y = X[:, [3, 70, 200]] @ [2.0, -1.5, 1.0] + rng.standard_normal(100)
    model = BayesianLinearRegressionVI(prior="spike_slab").fit(X, y)
    assert list(np.flatnonzero(model.inclusion_probability_ > 0.5)) == [3, 70, 200]
    assert model.elbo_ > BayesianLinearRegressionVI(prior="ard").fit(X, y).elbo_
    assert model.posterior_.inclusion.mean < 0.1


def test_rows_and_gram_lead_to_the_same_posterior():
    X, y = regression(20, 20)
    wide = BayesianLinearRegressionVI(prior="spike_slab", tol=1e-12).fit(X, y)
    # A row of weight almost zero makes more rows than columns.
    tall = BayesianLinearRegressionVI(prior="spike_slab", tol=1e-12)
    tall.fit(np.vstack([X, X[:1]]), np.append(y, y[0]), sample_weight=np.append(np.ones(20), 1e-14))
    assert_allclose(wide.coef_, tall.coef_, atol=1e-8)


def test_order_of_columns_does_not_matter():
    X, y = regression(50, 8)
    order = np.random.default_rng(0).permutation(8)
    model = BayesianLinearRegressionVI(prior="spike_slab")
    there, back = model.fit(X, y).coef_, model.fit(X[:, order], y).coef_
    assert_allclose(there[order], back, atol=1e-10)


def test_summary_tells_the_probability_of_inclusion():
    X, y = regression(30, 4)
    model = BayesianLinearRegressionVI(prior="spike_slab").fit(X, y)
    table = model.summary()
    assert_allclose(table["inclusion_probability"][:4], model.inclusion_probability_)
    assert (table["probability_of_sign"] <= table["inclusion_probability"] + 1e-12).all()


# The family

MEANS = np.array([[0.0, 1.0, -2.0, 0.3]])
PRECISIONS = np.array([[1.0, 4.0, 0.5, 100.0]])
INCLUSION = np.array([[0.2, 0.9, 0.6, 1.0]])


def test_moments_and_intervals_are_those_of_draws():
    q = SpikeSlab(MEANS, PRECISIONS, INCLUSION, single=True)
    draws = q.sample(200_000, 0)
    assert_allclose(draws.mean(axis=0), q.mean, atol=0.01)
    assert_allclose(draws.var(axis=0), q.var, rtol=0.02)
    for level in (0.5, 0.9):
        ends = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0).T
        assert_allclose(q.interval(level), ends, atol=0.02)
    agrees = np.sign(draws) == np.sign(q.mean)
    assert_allclose(q.sign_probability[1:], agrees.mean(axis=0)[1:], atol=0.01)


def test_divergence_is_its_expectation():
    rng = np.random.RandomState(0)
    q = SpikeSlab(MEANS, PRECISIONS, INCLUSION, single=True)
    parents = {"weight_precision": Gamma(np.array(3.0), np.array(2.0)), "inclusion": Beta(np.array(2.0), np.array(3.0))}
    prior = SpikeSlabGiven(*parents.values(), (4,))
    n = 400_000
    draws, precision, inclusion = q.sample(n, 1), parents["weight_precision"].sample(n, rng), parents["inclusion"]
    inclusion = inclusion.sample(n, rng)[:, None]
    out = draws == 0.0
    log_q = np.where(
        out, np.log1p(-np.minimum(INCLUSION, 1 - 1e-15)), np.log(INCLUSION) + normal(draws, MEANS, PRECISIONS)
    )
    log_p = np.where(out, np.log1p(-inclusion), np.log(inclusion) + normal(draws, 0.0, precision[:, None]))
    estimates = (log_q - log_p).sum(axis=1)
    error = 5.0 * estimates.std() / np.sqrt(n)
    assert prior.divergence_from(q, Joint(**parents)) == pytest.approx(estimates.mean(), abs=error)


def normal(x, mean, precision):
    return 0.5 * (np.log(precision / (2.0 * np.pi)) - precision * (x - mean) ** 2)


def test_prior_draws_follow_their_parents():
    prior = SpikeSlabGiven(Gamma(np.array(4.0), np.array(2.0)), Beta(np.array(2.0), np.array(6.0)), (3,))
    draws = prior.sample(200_000, 0)
    assert (draws != 0.0).mean() == pytest.approx(0.25, abs=0.01)
    assert_allclose(draws.var(axis=0), prior.var, rtol=0.05)


def test_a_fit_under_another_prior_leaves_nothing_of_the_last():
    X, y = regression(30, 4)
    model = BayesianLinearRegressionVI(prior="spike_slab", weight_precision=2.0).fit(X, y)
    assert model.lambda_ == 2.0
    model.set_params(prior="ridge", weight_precision="learn", warm_start=True).fit(X, y)
    assert not hasattr(model, "inclusion_probability_")
    assert "inclusion_probability" not in model.summary()
    chained = model.set_params(prior=model.posterior_).fit(X, y)
    assert not hasattr(chained, "lambda_")


def test_warm_starts_survive_a_noise_that_is_learned_now():
    X, y = regression(30, 4)
    model = BayesianLinearRegressionVI(prior="spike_slab", noise_precision=2.0, warm_start=True).fit(X, y)
    learned = model.set_params(noise_precision="learn").fit(X, y)
    assert learned.elbo_ == pytest.approx(BayesianLinearRegressionVI(prior="spike_slab").fit(X, y).elbo_)
