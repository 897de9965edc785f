"""Mixture models."""

from skvi.mixture._gaussian import VariationalGaussianMixture

__all__ = ["VariationalGaussianMixture"]
