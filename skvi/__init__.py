"""skvi: variational inference as ordinary scikit-learn estimators."""

from skvi.blackbox import BlackBoxVI, SVGDSampler
from skvi.decomposition import MeanFieldTopicModel
from skvi.linear_model import BayesianLinearRegressionVI, BayesianLogisticRegressionVI, BayesianPoissonRegressionVI
from skvi.mixture import VariationalGaussianMixture

__version__ = "0.1.0"

__all__ = [
    "BayesianLinearRegressionVI",
    "BayesianLogisticRegressionVI",
    "BayesianPoissonRegressionVI",
    "BlackBoxVI",
    "MeanFieldTopicModel",
    "SVGDSampler",
    "VariationalGaussianMixture",
    "__version__",
]
