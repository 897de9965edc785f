"""Models of the user's own, ready models, and inference for any of them."""

from skvi.blackbox._blackbox import BlackBoxVI
from skvi.blackbox._check import check_model
from skvi.blackbox._density import DensityModel, from_density
from skvi.blackbox._hierarchical import HierarchicalIntercepts
from skvi.blackbox._jitted import batched
from skvi.blackbox._linear import LinearModel, LogisticModel, PoissonModel
from skvi.blackbox._location_scale import GaussianLocationScale
from skvi.blackbox._network import NeuralNetworkClassificationModel, NeuralNetworkRegressionModel
from skvi.blackbox._stein import SVGDSampler
from skvi.gradient.constraints import Interval
from skvi.gradient.parameters import Parameter

__all__ = [
    "BlackBoxVI",
    "DensityModel",
    "GaussianLocationScale",
    "HierarchicalIntercepts",
    "Interval",
    "LinearModel",
    "LogisticModel",
    "NeuralNetworkClassificationModel",
    "NeuralNetworkRegressionModel",
    "Parameter",
    "PoissonModel",
    "SVGDSampler",
    "batched",
    "check_model",
    "from_density",
]
