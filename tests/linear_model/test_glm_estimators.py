"""The generalised linear models as scikit-learn sees them."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skvi import BayesianLogisticRegressionVI, BayesianPoissonRegressionVI

SETTINGS = [
    BayesianLogisticRegressionVI(),
    BayesianLogisticRegressionVI(prior="ard"),
    BayesianLogisticRegressionVI(bound="jaakkola", fit_intercept=False),
    BayesianLogisticRegressionVI(covariance="low_rank", rank=2, prior="ard"),
    BayesianPoissonRegressionVI(),
    BayesianPoissonRegressionVI(covariance="low_rank", rank=1, fit_intercept=False, n_init=2),
    BayesianPoissonRegressionVI(covariance="diag", prior="ard"),
]


@parametrize_with_checks(SETTINGS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
