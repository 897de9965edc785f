"""Batch and match: normals that match the scores of a target at draws (Cai et al. 2024)."""

import numpy as np

from skvi.gradient.frames import FullFrame
from skvi.gradient.matching import Matching, match


def batch_match(target, start, rng, *, n_draws=None, max_iter=100, tol=0.02, observer=None):
    """Match a full-rank normal to the gradients at its draws.

    A step minimises the Fisher divergence, weighted by the covariance, on a batch of draws, plus the divergence from
    the last normal: Sigma U Sigma + Sigma = V (Cai et al. 2024, eq. 11). On a normal target it is exact after a few
    steps. Where the target is not normal the covariance is somewhat narrower than that of the highest bound.

    Parameters
    ----------
    target : CountedTarget
    start : NormalApproximation
    rng : RandomState
    n_draws : int, default=None
        Gradients of a step. None takes 2 P + 2 but at least 24, and 5 P / 4 for more than 127 parameters, P; their
        moments are those of the normal. With no more than P a step learns of as many directions only, and costs
        O(P^2 n_draws).
    max_iter : int, default=100
        Steps.
    tol : float, default=0.02
        Monte Carlo error of the mean, in standard deviations, at which the steps end.
    observer : object or None

    Returns
    -------
    Outcome
        With "fisher", the Fisher divergence per parameter at each step, and "elbo" (nats) about every five steps.
    """
    frame = FullFrame.of(start)
    n_draws = frame.enough_draws(target.n_parameters) if n_draws is None else n_draws
    lam = target.n_parameters * n_draws

    def weight(step):
        # lam = P B / t (Cai et al. 2024, section 5).
        return lam / (lam + step)

    def lever(u, h):
        # At rest Cov(h) = I = Cov(u), and (u - h)(u + h)' averages to zero.
        return 0.5 * (u - h)

    matching = Matching(
        lambda: target, frame, rng, matched_scores, lever=lever, weight=weight, n_draws=n_draws, tol=tol
    )
    return match(target, matching, rng, max_iter=max_iter, observer=observer)


def matched_scores(u, h, weight):
    """Step of batch and match in coordinates in which the normal is standard.

    Parameters
    ----------
    u, h : ndarray of shape (B, P)
        Draws, and gradients there.
    weight : float
        lam / (1 + lam), lam being the inverse strength of the regularisation; below 1.

    Returns
    -------
    shift : ndarray of shape (P,)
    stretch : ndarray of shape (P, P)
        A factor of the covariance.
    """
    lam = weight / (1.0 - weight)
    # V = I + T'T and U = R'R with B + 1 rows each, whatever P.
    root = _root_above_identity(_rows(u, lam, weight))
    _, lengths, directions = np.linalg.svd(_rows(h, lam, weight) @ root, full_matrices=False)
    # Sigma = 2 L (I + (I + 4 L'UL)^(1/2))^-1 L' is the identity on what L'UL does not reach.
    inner = np.sqrt(2.0 / (1.0 + np.sqrt(1.0 + 4.0 * lengths**2)))
    stretch = root + (root @ directions.T) * (inner - 1.0) @ directions
    shift = weight * (stretch @ (stretch.T @ h.mean(axis=0)) + u.mean(axis=0))
    return shift, stretch


def _rows(vectors, lam, weight):
    """Rows R with R'R = lam Cov(v) + lam / (1 + lam) mean(v) mean(v)'."""
    mean = vectors.mean(axis=0)
    return np.concatenate([(vectors - mean) * np.sqrt(lam / len(vectors)), np.sqrt(weight) * mean[None]])


def _root_above_identity(rows):
    """The symmetric root of I + T'T."""
    _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
    root = (directions.T * (np.sqrt(1.0 + lengths**2) - 1.0)) @ directions
    root[np.diag_indices_from(root)] += 1.0
    return root
