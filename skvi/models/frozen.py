"""Coefficients whose posterior has all but met its prior given the precision: they are solved for no longer.

Such a coefficient gets q(w_j) = Normal(0, 1 / (R_j + alpha d_j)), d_j being its column's squared norm: independent of
all others, and its divergence stays in the bound. What that costs is known before it is done.
"""

import numpy as np

from skvi.models.systems import System

# Nats per row that all frozen coefficients together may cost the bound.
_ALLOWED_LOSS = 3e-5
# Least share of the coefficients that is worth the copy of the others' columns.
_LEAST_SHARE = 0.05


class FrozenSystem(System):
    """A linear system in which some coefficients are independent of the others and have mean zero.

    Parameters
    ----------
    design, shrinkage, scale, outputs :
        As of any `System`.
    frozen : ndarray of shape (D,), bool
    """

    def __init__(self, design, shrinkage, scale, outputs, frozen):
        super().__init__(design, shrinkage, scale, outputs)
        self.frozen = frozen
        self.active = np.flatnonzero(~frozen)
        self.inner = design.restricted(self.active).general_system_at(shrinkage[self.active], scale, outputs)
        self.own = shrinkage[frozen] + scale * design.diagonal[frozen]

    def _filled(self, active, frozen):
        """An array over all coefficients in its last axis."""
        out = np.empty((*np.shape(active)[:-1], len(self.frozen)))
        out[..., self.active] = active
        out[..., self.frozen] = frozen
        return out

    @property
    def mean(self):
        return self._filled(self.inner.mean, 0.0)

    @property
    def residual_squares(self):
        return self.inner.residual_squares

    @property
    def log_det(self):
        return self.inner.log_det + np.log(self.own).sum()

    @property
    def determined(self):
        return self._filled(self.inner.determined, 1.0 - self.shrinkage[self.frozen] / self.own)

    @property
    def var(self):
        return self._filled(self.inner.var, 1.0 / self.own)

    def quadratic(self, x):
        return self.inner.quadratic(x[:, self.active]) + x[:, self.frozen] ** 2 @ (1.0 / self.own)

    @property
    def covariance(self):
        out = np.zeros(2 * self.frozen.shape)
        out[np.ix_(self.active, self.active)] = self.inner.covariance
        out[self.frozen, self.frozen] = 1.0 / self.own
        return out

    def noise(self, n, rng):
        free = rng.standard_normal((n, len(self.own))) / np.sqrt(self.own)
        return self._filled(self.inner.noise(n, rng), free)


def frozen_columns(system, n_outputs):
    """Which coefficients to freeze, shape (D,): as many as cost no more than the allowed loss together.

    Freezing j costs the bound n/2 log((R_j + alpha d_j) S_jj) + |m_j|^2 / (2 S_jj), with n outputs, given all others.
    A frozen one would gain |q_j|^2 / (2 (R_j + alpha d_j)) from a mean, q_j being its pull on what the others leave.

    Parameters
    ----------
    system : System
    n_outputs : int
        Outputs that the system serves.
    """
    design, mean = system.design, system.mean
    own = system.shrinkage + system.scale * design.diagonal
    var = system.var
    losses = 0.5 * (n_outputs * np.log(own * var) + (mean**2).sum(axis=0) / var)
    frozen = getattr(system, "frozen", None)
    if frozen is not None:
        pull = system.scale * (design.cross[system.outputs] - design.times_gram(mean))
        losses = np.where(frozen, 0.5 * (pull**2).sum(axis=0) / own, losses)
    order = np.argsort(losses, kind="stable")
    n_frozen = np.searchsorted(np.cumsum(np.maximum(losses[order], 0.0)), _ALLOWED_LOSS * design.weight)
    chosen = np.zeros(len(losses), bool)
    if n_frozen >= _LEAST_SHARE * len(losses):
        # One is left to solve for.
        chosen[order[: min(n_frozen, len(losses) - 1)]] = True
    return chosen
