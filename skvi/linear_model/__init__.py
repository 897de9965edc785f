"""Linear models with full posteriors."""

from skvi.linear_model._logistic import BayesianLogisticRegressionVI
from skvi.linear_model._poisson import BayesianPoissonRegressionVI
from skvi.linear_model._regression import BayesianLinearRegressionVI

__all__ = ["BayesianLinearRegressionVI", "BayesianLogisticRegressionVI", "BayesianPoissonRegressionVI"]
