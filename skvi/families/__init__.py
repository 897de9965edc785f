"""Exponential families: the factors of priors and posteriors."""

from skvi.families.base import Family
from skvi.families.beta import Beta
from skvi.families.centered import CenteredGivenPrecision, CenteredIndependent, CenteredIntercept, CenteredNormal
from skvi.families.dirichlet import Dirichlet
from skvi.families.gamma import Gamma
from skvi.families.joint import Joint
from skvi.families.linear_normal import IndependentNormal, Intercept, LinearNormal, NormalGivenPrecision
from skvi.families.moments import Moments
from skvi.families.normal import Normal
from skvi.families.normal_gamma import NormalGamma, SphericalNormalGamma
from skvi.families.normal_wishart import NormalWishart, TiedNormalWishart
from skvi.families.predictor_normal import FactoredNormal, InterceptGivenWeights
from skvi.families.spike_slab import SpikeSlab, SpikeSlabGiven
from skvi.families.sticks import StickBreaking
from skvi.families.structured_normal import DiagonalNormal, LowRankNormal, RowNormal
from skvi.families.wishart import Wishart

__all__ = [
    "Beta",
    "CenteredGivenPrecision",
    "CenteredIndependent",
    "CenteredIntercept",
    "CenteredNormal",
    "DiagonalNormal",
    "Dirichlet",
    "FactoredNormal",
    "Family",
    "Gamma",
    "IndependentNormal",
    "Intercept",
    "InterceptGivenWeights",
    "Joint",
    "LinearNormal",
    "LowRankNormal",
    "Moments",
    "Normal",
    "NormalGamma",
    "NormalGivenPrecision",
    "NormalWishart",
    "RowNormal",
    "SphericalNormalGamma",
    "SpikeSlab",
    "SpikeSlabGiven",
    "StickBreaking",
    "TiedNormalWishart",
    "Wishart",
]
