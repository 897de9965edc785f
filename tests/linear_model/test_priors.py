"""Priors that are given whole: posteriors and priors of other fits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvi import BayesianLinearRegressionVI
from skvi.families import Gamma, IndependentNormal, Joint


def regression(n_rows=80, n_outputs=None, seed=0):
    rng = np.random.default_rng(seed)
    X = 2.0 + rng.standard_normal((n_rows, 4))
    w = rng.standard_normal((4, n_outputs) if n_outputs else 4)
    y = X @ w + 1.0
    return X, y + 0.5 * rng.standard_normal(y.shape)


def test_posteriors_chain_where_the_noise_is_known():
    X, y = regression()
    options = {"noise_precision": 4.0, "fit_intercept": False}
    first = BayesianLinearRegressionVI(weight_precision=0.3, **options).fit(X[:30], y[:30])
    second = BayesianLinearRegressionVI(prior=first.posterior_, **options).fit(X[30:], y[30:])
    whole = BayesianLinearRegressionVI(weight_precision=0.3, **options).fit(X, y)
    assert_allclose(second.coef_, whole.coef_, atol=1e-12)
    assert_allclose(second.sigma_, whole.sigma_, atol=1e-12)
    assert first.elbo_ + second.elbo_ == pytest.approx(whole.elbo_, rel=1e-12)


@pytest.mark.parametrize("outputs", [None, "own", "shared"])
def test_chained_posteriors_are_near_that_of_all_rows(outputs):
    X, y = regression(400, 2 if outputs else None)
    options = {"output_precisions": outputs} if outputs else {}
    first = BayesianLinearRegressionVI(**options).fit(X[:200], y[:200])
    second = BayesianLinearRegressionVI(prior=first.posterior_, **options).fit(X[200:], y[200:])
    whole = BayesianLinearRegressionVI(**options).fit(X, y)
    deviations = np.sqrt(whole.posterior_.weights.var)
    assert (np.abs(second.coef_ - whole.coef_) < 0.3 * deviations).all()
    assert_allclose(np.sqrt(second.posterior_.weights.var), deviations, rtol=0.1)
    bound = 200 * second.score(X[200:], y[200:]) - second.posterior_.kl(second.prior_)
    assert second.elbo_ == pytest.approx(bound, rel=1e-9)
    assert (np.diff(second.elbo_history_) >= -1e-10 * abs(second.elbo_)).all()
    assert not hasattr(second, "lambda_")
    assert second.predict_interval(X[:3]).shape == (*y[:3].shape, 2)


@pytest.mark.parametrize("prior", ["ridge", "ard", "spike_slab"])
def test_prior_of_a_fit_gives_the_same_fit(prior):
    X, y = regression()
    model = BayesianLinearRegressionVI(prior=prior).fit(X, y)
    again = BayesianLinearRegressionVI(prior=model.prior_).fit(X, y)
    assert again.elbo_ == model.elbo_
    assert_allclose(again.coef_, model.coef_)


def test_a_known_weight_precision_is_a_normal_prior():
    X, y = regression()
    model = BayesianLinearRegressionVI(weight_precision=0.7).fit(X, y)
    again = BayesianLinearRegressionVI(prior=model.prior_).fit(X, y)
    assert again.elbo_ == pytest.approx(model.elbo_, rel=1e-7)
    assert_allclose(again.coef_, model.coef_, rtol=1e-6)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"weights": IndependentNormal(np.zeros(4), np.ones(4))}, "it must have"),
        (
            {
                "weights": IndependentNormal(np.zeros(3), np.ones(3)),
                "intercept": IndependentNormal(0.0, 1.0),
                "noise_precision": Gamma(1.0, 1.0),
            },
            "prior.weights has shape",
        ),
        (
            {
                "weights": IndependentNormal(np.zeros(4), np.ones(4)),
                "intercept": IndependentNormal(0.0, 1.0),
                "noise_precision": Gamma(1.0, 1.0),
            },
            "it must be an Intercept",
        ),
    ],
)
def test_priors_that_do_not_fit_are_refused_in_words(factors, message):
    with pytest.raises(ValueError, match=message):
        BayesianLinearRegressionVI(prior=Joint(**factors)).fit(*regression())


def test_a_posterior_of_selection_is_no_prior():
    X, y = regression()
    posterior = BayesianLinearRegressionVI(prior="spike_slab").fit(X, y).posterior_
    with pytest.raises(ValueError, match="must be a normal distribution"):
        BayesianLinearRegressionVI(prior=posterior).fit(X, y)


def test_groups_go_with_ridge_alone():
    with pytest.raises(ValueError, match="groups are for prior='ridge'"):
        BayesianLinearRegressionVI(prior="ard", groups=[0, 0, 1, 1]).fit(*regression())
