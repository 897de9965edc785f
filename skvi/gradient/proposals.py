"""Draws of an approximation q by which a target p is measured, and wider ones about them.

Importance weights see no part of p that no draw meets, and k-hat tells little of it. So some draws come from
a distribution that is q's in other directions but has the radii of Student's t: the weights p / (mixture of both)
are bounded where q's tails are too light (defensive mixtures, Hesterberg 1995; weighted by the balance heuristic,
Veach and Guibas 1995). And further draws may follow what the weights say of p (population Monte Carlo, Cappe et al.
2004): where means and deviations stay as they are then, little is left out.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError
from scipy.special import gammaln
from scipy.stats import chi2

from skvi.gradient.measures import draw_blocks
from skvi.gradient.noise import matched
from skvi.gradient.normals import FullRank, standard_log_density

# Degrees of freedom of the wide draws.
_DOF = 4.0
# Draws, as many as weigh the same, that each number takes of a normal that follows the weights.
_EACH = 5.0


@dataclass(frozen=True)
class Draws:
    """Draws, and densities at them.

    Parameters
    ----------
    z : ndarray of shape (T, P)
    log_p : ndarray of shape (T,)
        Of the target; minus infinity where it is not finite.
    log_q : ndarray of shape (T,)
        Of the approximation.
    log_spread : ndarray of shape (T,)
        Of the wide distribution, less that of what it is wider than.
    wide_share : float
        Share of draws from the wide distribution.
    log_origin : ndarray of shape (T,), default=None
        Of what other draws come from. None is q.
    """

    z: np.ndarray
    log_p: np.ndarray
    log_q: np.ndarray
    log_spread: np.ndarray
    wide_share: float = 0.0
    log_origin: np.ndarray | None = None

    @property
    def log_proposal(self):
        """Log density of what draws come from."""
        share, origin = self.wide_share, self.log_q if self.log_origin is None else self.log_origin
        if not share:
            return origin
        return origin + np.logaddexp(np.log1p(-share), np.log(share) + self.log_spread)

    @property
    def log_ratios(self):
        """log p less the log density of what draws come from; minus infinity where one of them is not finite."""
        with np.errstate(invalid="ignore"):
            ratios = self.log_p - self.log_proposal
        return np.where(np.isfinite(ratios), ratios, -np.inf)

    @property
    def log_shares(self):
        """Normalised log weights under which the draws are those of q."""
        shares = self.log_q - self.log_proposal
        return shares - np.logaddexp.reduce(shares)


def joined(first, second):
    """Draws of q, or some of q and some wide ones, side by side."""
    n_wide = sum(round(draws.wide_share * len(draws.z)) for draws in (first, second))
    columns = ([getattr(draws, name) for draws in (first, second)] for name in ("z", "log_p", "log_q", "log_spread"))
    return Draws(*map(np.concatenate, columns), n_wide / (len(first.z) + len(second.z)))


def sample(target, approximation, rng, n_draws, n_scores):
    """Draws of q in runs of matched moments, and the scores of the first of them."""
    noise = np.concatenate([matched(rng, n, approximation.n_noise) for n in n_draws if n > 0])
    return _at(target, approximation, noise, n_scores)


def can_be_wide(approximation):
    """Whether a density of other noise gives that of the draws."""
    return approximation.n_noise == approximation.width


def sample_wide(target, approximation, rng, n_draws):
    """Draws whose noise has the radii of Student's t, stratified."""
    shares = (rng.permutation(n_draws) + rng.uniform(size=n_draws)) / n_draws
    radii = np.sqrt(_DOF / chi2.ppf(shares, _DOF))
    draws, _ = _at(target, approximation, radii[:, None] * rng.standard_normal((n_draws, approximation.n_noise)), 0)
    return Draws(draws.z, draws.log_p, draws.log_q, draws.log_spread, 1.0)


def sample_about(target, approximation, other, rng, n_draws, wide_share):
    """Draws of another distribution, and wide ones about it, that are to tell of q."""
    n_wide = int(wide_share * n_draws)
    own, _ = sample(target, other, rng, (n_draws - n_wide,), 0)
    draws = joined(own, sample_wide(target, other, rng, n_wide))
    with np.errstate(all="ignore"):
        return replace(draws, log_q=approximation.log_density(draws.z), log_origin=draws.log_q)


def followed(draws, log_weights):
    """The normal with the moments of draws under their weights; None where there is none, or too few make it up."""
    usable = np.isfinite(log_weights) & np.isfinite(draws.z).all(axis=1)
    weights, z = np.exp(log_weights[usable]), draws.z[usable]
    if not len(z) or 1.0 < _EACH * z.shape[1] * np.sum(weights**2):
        return None
    centred = z - weights @ z
    try:
        normal = FullRank.from_covariance(weights @ z, centred.T @ (weights[:, None] * centred))
    except LinAlgError:
        return None
    return normal if np.isfinite(normal.parameters).all() else None


def _at(target, approximation, noise, n_scores):
    """Draws at noise, and the scores of the first of them."""
    drawn, scores, n_scored = [], [np.empty((0, approximation.width))], 0
    for block in draw_blocks(approximation, noise):
        drawn.append(block)
        if n_scored < n_scores:
            scores.append(block.score[: n_scores - n_scored])
            n_scored += len(scores[-1])
    z, log_q = (np.concatenate([getattr(block, name) for block in drawn]) for name in ("z", "log_density"))
    return Draws(z, _log_p(target, z, log_q), log_q, _log_spread(noise)), np.concatenate(scores)


def _log_p(target, z, log_q):
    values = np.full(len(z), -np.inf)
    usable = np.isfinite(z).all(axis=1) & np.isfinite(log_q)
    if usable.any():
        found = target.log_density(z[usable])
        values[usable] = np.where(np.isfinite(found), found, -np.inf)
    return values


def _log_spread(noise):
    """Log ratio of Student's t to the normal density of noise."""
    width = noise.shape[1]
    constant = gammaln(0.5 * (_DOF + width)) - gammaln(0.5 * _DOF) - 0.5 * width * np.log(_DOF * np.pi)
    squares = np.sum(noise**2, axis=1)
    return constant - 0.5 * (_DOF + width) * np.log1p(squares / _DOF) - standard_log_density(noise)
