"""The estimators as scikit-learn sees them."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvi import BayesianLinearRegressionVI

SETTINGS = [
    BayesianLinearRegressionVI(),
    BayesianLinearRegressionVI(prior="ard"),
    BayesianLinearRegressionVI(prior="spike_slab"),
    BayesianLinearRegressionVI(output_precisions="shared", n_init=2),
    BayesianLinearRegressionVI(fit_intercept=False),
    BayesianLinearRegressionVI(noise_precision=1.0, weight_precision=2.0),
]


@parametrize_with_checks(SETTINGS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("shape", [(30, 4), (10, 25)])
def test_known_precisions_give_the_log_evidence(shape):
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape) + 3.0
    y = X[:, 0] + rng.standard_normal(len(X))
    model = BayesianLinearRegressionVI(noise_precision=2.0, weight_precision=0.5).fit(X, y)
    rows = X - X.mean(axis=0)
    covariance = np.eye(len(X)) / 2.0 + rows @ rows.T / 0.5 + 100.0 * y.var()
    residual = y - y.mean()
    evidence = -0.5 * (
        len(y) * np.log(2.0 * np.pi)
        + np.linalg.slogdet(covariance)[1]
        + residual @ np.linalg.solve(covariance, residual)
    )
    assert model.elbo_ == pytest.approx(evidence, rel=1e-10)
