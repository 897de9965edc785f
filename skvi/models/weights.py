"""Weights of a mixture: a finite Dirichlet, or the sticks of a Dirichlet process."""

import numpy as np

from skvi.families import Dirichlet, StickBreaking


class DirichletWeights:
    """Finite mixture weights with a symmetric Dirichlet prior."""

    family = Dirichlet

    def prior(self, concentration, n_components):
        """Symmetric Dirichlet with the given concentration for each component."""
        return Dirichlet(np.full(n_components, float(concentration)))

    def permuted(self, q, order, prior):
        """The distribution with its components relabelled."""
        return Dirichlet(q.concentration[order])

    def mass(self, q, prior):
        """Expected counts behind a posterior."""
        return q.concentration - prior.concentration

    def mean(self, q):
        """Expected weights, summing to one."""
        return q.mean


class StickWeights:
    """Weights of a Dirichlet process, of which the first sticks are free and the others as in the prior."""

    family = StickBreaking

    def prior(self, concentration, n_components):
        """Beta(1, concentration) for each of the free sticks."""
        return StickBreaking(np.ones(n_components), np.full(n_components, float(concentration)))

    def permuted(self, q, order, prior):
        """The distribution with its components relabelled: sticks are broken again in the new order."""
        return prior.updated(self.mass(q, prior)[order])

    def mass(self, q, prior):
        """Expected counts behind a posterior."""
        return q.a - prior.a

    def mean(self, q):
        """Expected weights given one of the free components, summing to one."""
        mean = q.mean
        return mean / mean.sum()


WEIGHTS = {"dirichlet_distribution": DirichletWeights(), "dirichlet_process": StickWeights()}
