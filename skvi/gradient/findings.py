"""What draws of an approximation q, weights and slopes find out about it."""

import math
from dataclasses import dataclass

import numpy as np

from skvi.gradient.measures import TOLERANCE, Errors, Slopes, compare_slopes, weighted_errors
from skvi.gradient.pareto import smooth
from skvi.gradient.proposals import Draws, can_be_wide, followed, joined, sample, sample_about, sample_wide

#: standard error of weighted means up to which these decide alone
PRECISE = 0.05
#: index of a tail without a mean, which p / q has: p goes on where no draws are
NO_MEAN = 1.0

# Standard error from which more draws are taken.
_NOISY = 0.02
# Share of wide ones among these, and how often draws follow the weights of the last.
_WIDE_SHARE = 0.8
_ROUNDS = 3
# Index of the weights' tail below which their variance is finite, and what noise may add to it.
_FINE = 0.5
_FINITE = _FINE + 0.1
# Up to this bend slopes are right to the first order about means and deviations: the rest is about half of it.
_LARGEST_BEND = 0.08


@dataclass(frozen=True)
class Findings:
    """All that decides.

    Parameters
    ----------
    approximation : object
        q.
    own, all : Draws
        Draws of q, and these with the wide ones.
    log_weights : ndarray of shape (T,)
        Smoothed, normalised log weights of all.
    khat, weights_khat : float
        Indices of the tails of p / q over its own draws, and of the weights of all.
    weighted : Errors
    slopes : Slopes or None
    moved : float
        By how much weighted means and deviations differ from those that the last draws followed, in deviations.
    """

    approximation: object
    own: Draws
    all: Draws
    log_weights: np.ndarray
    khat: float
    weights_khat: float
    weighted: Errors
    slopes: Slopes | None
    moved: float

    @classmethod
    def of(cls, approximation, own, every, slopes, quantities, before=None):
        """What draws of q, and all draws, say; slopes are given, and findings from the draws before these."""
        khat = smooth(own.log_ratios)[1]
        log_weights, weights_khat = smooth(every.log_ratios)
        weighted = _weigh(every, log_weights, quantities)
        moved = 0.0 if before is None else _moved(before.weighted, weighted)
        return cls(approximation, own, every, log_weights, khat, weights_khat, weighted, slopes, moved)

    @property
    def n_nonfinite(self):
        """Draws of q without a finite density."""
        return int((~np.isfinite(self.own.log_ratios)).sum())

    @property
    def reliable(self):
        """Whether importance weights have a variance, so that means under them have standard errors."""
        return self.weights_khat < _FINITE

    @property
    def settled(self):
        """Whether weighted means and deviations are precise, and the same as before draws followed them."""
        return self.reliable and self.noise <= PRECISE and self.moved - self.noise <= 0.5 * TOLERANCE

    @property
    def noise(self):
        """Largest standard error of these means."""
        return largest(np.maximum(self.weighted.mean_se, self.weighted.log_sd_se))

    @property
    def weighted_error(self):
        """The largest error that these means find."""
        return largest(np.maximum(np.abs(self.weighted.mean), np.abs(self.weighted.log_sd)))

    @property
    def bends_little(self):
        """Whether log p is so nearly normal where q is, and q all that there is, that slopes tell of both."""
        if self.slopes is None or max(self.khat, self.weights_khat) >= NO_MEAN:
            return False
        # Without a regression the divergence bounds errors of means by its root.
        return self.slopes.bend <= (_LARGEST_BEND if self.slopes.errors is not None else TOLERANCE**2)

    @property
    def undecided(self):
        """Whether more draws would help: to decide, or to mend by weights what is off."""
        if not self.reliable:
            return True
        return self.noise > _NOISY and (not self.bends_little or self.weighted_error > 0.5 * TOLERANCE)


def find(target, approximation, rng, n_draws, max_draws, n_gradients, quantities):
    """Findings from so many draws, or from the most where these do not decide."""
    # Noise with exact moments makes the bound and its parts exact where p and q are normal.
    own, scores = sample(target, approximation, rng, (n_draws, n_gradients - n_draws), n_gradients)
    slopes = _slopes(target, own.z[: len(scores)], scores)
    findings = Findings.of(approximation, own, own, slopes, quantities)
    if max_draws <= len(own.z) or not findings.undecided:
        return findings
    own, every = _with_more(target, approximation, rng, own, max_draws - len(own.z))
    findings = Findings.of(approximation, own, every, slopes, quantities)
    for _ in range(_ROUNDS):
        normal = followed(findings.all, findings.log_weights) if can_be_wide(approximation) else None
        if normal is None:
            break
        every = sample_about(target, approximation, normal, rng, max_draws, _WIDE_SHARE)
        findings = Findings.of(approximation, own, every, slopes, quantities, before=findings)
        if findings.settled and findings.weights_khat < _FINE:
            break
    return findings


def _with_more(target, approximation, rng, own, n_more):
    """Draws of q, and all, with so many more, most of them wide."""
    n_wide = int(_WIDE_SHARE * n_more) if can_be_wide(approximation) else 0
    own = joined(own, sample(target, approximation, rng, (n_more - n_wide,), 0)[0])
    return own, joined(own, sample_wide(target, approximation, rng, n_wide)) if n_wide else own


def _moved(before, after):
    with np.errstate(all="ignore"):
        changes = np.abs(after.mean - before.mean), np.abs(after.log_sd - before.log_sd)
    return largest(np.maximum(*changes))


def _weigh(draws, log_weights, quantities):
    usable = np.isfinite(draws.z).all(axis=1)
    if not usable.any():
        return Errors(*(np.full(draws.z.shape[1], math.inf) for _ in range(4)))
    values = draws.z[usable]
    if quantities is not None:
        with np.errstate(all="ignore"):
            values = np.column_stack([values, quantities(values)])
    return weighted_errors(values, log_weights[usable], draws.log_shares[usable])


def _slopes(target, z, scores):
    usable = np.isfinite(z).all(axis=1) & np.isfinite(scores).all(axis=1)
    if not usable.any():
        return None
    gradients = target.gradient(z[usable])
    finite = np.isfinite(gradients).all(axis=1)
    # Fewer than two draws have no covariance.
    if finite.sum() < 2:
        return None
    return compare_slopes(z[usable][finite], gradients[finite], scores[usable][finite])


def largest(values):
    """The largest of some numbers, infinite where one is undefined."""
    return float(guard(values).max())


def guard(values):
    """Numbers in which what is undefined counts as infinite."""
    return np.where(np.isnan(values), math.inf, values)
