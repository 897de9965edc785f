"""skvi: variational inference as ordinary scikit-learn estimators."""

from skvi.decomposition import MeanFieldTopicModel
from skvi.linear_model import BayesianLinearRegressionVI
from skvi.mixture import VariationalGaussianMixture

__version__ = "0.1.0"

__all__ = ["BayesianLinearRegressionVI", "MeanFieldTopicModel", "VariationalGaussianMixture", "__version__"]
