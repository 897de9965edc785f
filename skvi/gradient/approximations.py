"""Approximations by name, each started at a normal distribution that is known already."""

import numpy as np
from scipy.linalg import LinAlgError, solve_triangular

from skvi.gradient.flows import coupling_flow, planar_flow
from skvi.gradient.normals import FullRank, LowRank, MeanField

# Share of a coordinate's variance that directions of a low-rank start leave to its own scale at least.
_LEAST_OWN = 0.05


def meanfield_of(normal):
    """The independent normal that is closest to a normal by KL(q || normal): its precisions are the diagonal ones."""
    if isinstance(normal, MeanField):
        return normal
    precisions = np.sum(_inverse_factor(full_of(normal)) ** 2, axis=0)
    return MeanField(normal.mean, 1.0 / np.sqrt(precisions))


def full_of(normal):
    """The same normal, by the factor of its covariance; the diagonal alone where rounding has made it singular."""
    if isinstance(normal, FullRank):
        return normal
    try:
        return FullRank.from_covariance(normal.mean, normal.covariance)
    except LinAlgError:
        return FullRank(normal.mean, np.diag(np.sqrt(normal.variances)))


def low_rank_of(normal, rank):
    """A normal of low rank near another: the directions in which its correlation is largest."""
    rank = min(rank, normal.width)
    scale = np.sqrt(normal.variances)
    values, vectors = np.linalg.eigh(normal.covariance / np.outer(scale, scale))
    lengths = np.sqrt(np.maximum(values[-rank:] - 1.0, _LEAST_OWN))
    directions = vectors[:, -rank:] * lengths
    shared = np.sum(directions**2, axis=1)
    # Where directions would take all of a coordinate's variance they are shortened.
    shrinkage = np.minimum(1.0, np.sqrt((1.0 - _LEAST_OWN) / np.maximum(shared, _LEAST_OWN)))
    directions *= shrinkage[:, None]
    own = np.sqrt(1.0 - np.sum(directions**2, axis=1))
    return LowRank(normal.mean, scale * own, scale[:, None] * directions)


def _inverse_factor(full):
    return solve_triangular(full.factor, np.eye(full.width), lower=True, check_finite=False)


def approximation_of(family, normal, rng, *, rank=5, n_layers=None):
    """The approximation of a family that starts at a normal distribution, or as near as the family comes.

    Parameters
    ----------
    family : {"meanfield", "fullrank", "lowrank", "planar", "realnvp"}
    normal : NormalApproximation
    rng : RandomState
        Of what a flow draws to be no longer symmetric.
    rank : int, default=5
    n_layers : int or None
        Layers of a flow; None is the family's own choice.
    """
    if family == "meanfield":
        return meanfield_of(normal)
    if family == "lowrank":
        return low_rank_of(normal, rank)
    if family == "fullrank":
        return full_of(normal)
    layers = {} if n_layers is None else {"n_layers": n_layers}
    make = planar_flow if family == "planar" else coupling_flow
    return make(full_of(normal), rng, **layers)
