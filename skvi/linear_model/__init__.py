"""Linear models with full posteriors."""

from skvi.linear_model._regression import BayesianLinearRegressionVI

__all__ = ["BayesianLinearRegressionVI"]
