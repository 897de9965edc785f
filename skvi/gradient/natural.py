"""Natural gradient steps of normals, with Hessians from gradients (Lin, Schmidt, Khan 2020)."""

import numpy as np

from skvi.gradient.frames import DiagonalFrame, FullFrame
from skvi.gradient.laps import Laps
from skvi.gradient.matching import Matching, match

# Eigenvalues of the precision, in units of the last, below which a step is corrected.
_SAFE = 0.5


def natural(
    target,
    start,
    rng,
    *,
    family="fullrank",
    step_size=1.0,
    n_draws=None,
    batch_size=None,
    max_iter=100,
    tol=0.02,
    observer=None,
):
    """Climb the evidence lower bound of a normal by natural gradients.

    The mean and the precision of the normal go a share `step_size` of the way to mean + Sigma E[g] and -E[Hessian]
    (Khan, Nielsen 2018), the Hessian being that of a regression of the gradients g on the draws. A step of 1 on a
    normal target arrives. Once steps only follow the noise of their draws, they average.

    Parameters
    ----------
    target : CountedTarget
    start : NormalApproximation
    rng : RandomState
    family : {"fullrank", "meanfield"}, default="fullrank"
    step_size : float, default=1.0
        In (0, 1].
    n_draws : int, default=None
        Gradients of a step. None takes 2 P + 2 but at least 24 for the full covariance, and 5 P / 4 for more than 127
        parameters, P; 32 for independent parameters.
    batch_size : int, default=None
        Rows of a step. None takes all.
    max_iter : int, default=100
        Steps.
    tol : float, default=0.02
        Monte Carlo error of the mean, in standard deviations, at which the steps end.
    observer : object or None

    Returns
    -------
    Outcome
        With "fisher", the Fisher divergence per parameter at each step, and "elbo" (nats), at the start and about
        every five steps, on all rows.
    """
    frame_type, update = _FAMILIES[family]
    frame = frame_type.of(start)
    matching = Matching(
        _targets(target, batch_size, rng),
        frame,
        rng,
        update,
        # At rest E[u h'] = -I, and u (u + h)' averages to zero (Price's theorem).
        lever=lambda u, h: u,
        weight=lambda step: step_size,
        n_draws=frame.enough_draws(target.n_parameters) if n_draws is None else n_draws,
        tol=tol,
        minibatches=batch_size is not None and batch_size < target.n_rows,
    )
    return match(target, matching, rng, max_iter=max_iter, observer=observer)


def averaged_curvature(u, h, weight):
    """Natural gradient step of the evidence lower bound in coordinates in which the normal is standard.

    With N = -E[Hessian] and E[h], precision and mean become (1 - w) I + w N and w Sigma' E[h] (Khan, Nielsen 2018).
    Where an eigenvalue of the precision is under a half, the correction of Lin, Schmidt, Khan (2020, eq. 16),
    + w^2 (1 - n)^2 / 2, keeps it positive.

    Parameters
    ----------
    u, h : ndarray of shape (B, P)
        Draws, and gradients there.
    weight : float
        Length of the step, in (0, 1].

    Returns
    -------
    shift : ndarray of shape (P,)
    stretch : ndarray of shape (P, P)
        A factor of the covariance.
    """
    curvature, slope = _fitted(u, h)
    eigenvalues, vectors = np.linalg.eigh(curvature)
    stretch = vectors / np.sqrt(_stepped(eigenvalues, weight))
    return weight * (stretch @ (stretch.T @ slope)), stretch @ vectors.T


def averaged_scales(u, h, weight):
    """The step of `averaged_curvature` for independent parameters: shift and stretch, (P,) each.

    N and E[h] are those of regressions of each h_p on its own u_p.
    """
    center, slope = u.mean(axis=0), h.mean(axis=0)
    centred = u - center
    spread = np.mean(centred**2, axis=0)
    # A single draw has no spread, and says nothing about curvature.
    with np.errstate(invalid="ignore"):
        fitted = -np.mean(centred * h, axis=0) / spread
    curvature = np.where(spread > 0.0, fitted, 1.0)
    variance = 1.0 / _stepped(curvature, weight)
    return weight * variance * (slope + curvature * center), np.sqrt(variance)


def _stepped(precision, weight):
    """Precision after a step, from 1 towards one that may be negative."""
    missing = 1.0 - precision
    plain = 1.0 - weight * missing
    return np.where(plain < _SAFE, plain + 0.5 * (weight * missing) ** 2, plain)


def _fitted(u, h):
    """N and E[h], by regression of h on the draws; by Stein's identity where they are too few."""
    n, width = u.shape
    slope = h.mean(axis=0)
    if n < width + 2:
        curvature = -(u.T @ (h - slope)) / n
    else:
        center = u.mean(axis=0)
        curvature = -np.linalg.lstsq(u - center, h - slope, rcond=None)[0]
        slope = slope + curvature.T @ center
    return 0.5 * (curvature + curvature.T), slope


_FAMILIES = {"fullrank": (FullFrame, averaged_curvature), "meanfield": (DiagonalFrame, averaged_scales)}


def _targets(target, batch_size, rng):
    """The target of each step: that of some rows, of which each comes once in a lap."""
    if batch_size is None or batch_size >= target.n_rows:
        return lambda: target
    laps = Laps(target.n_rows, rng)
    return lambda: target.minibatch(laps.take(batch_size))
