"""What draws of an approximation q, weights and slopes find out about it."""

import math
from dataclasses import dataclass

import numpy as np

from skvi.gradient.measures import Errors, Slopes, compare_slopes, draw_blocks, weighted_errors
from skvi.gradient.noise import matched
from skvi.gradient.pareto import LARGEST_RELIABLE, smooth

#: errors of means, in deviations, and of logarithms of deviations, up to which an approximation is trusted
TOLERANCE = 0.1
#: standard error of weighted means up to which these decide alone
PRECISE = 0.05

# Standard error from which more draws are taken.
_NOISY = 0.02
# Up to this bend slopes are right to the first order about means and deviations: the rest is about half of it.
_LARGEST_BEND = 0.08


@dataclass(frozen=True)
class Findings:
    """All that decides."""

    approximation: object
    z: np.ndarray
    log_q: np.ndarray
    log_ratios: np.ndarray
    log_weights: np.ndarray
    khat: float
    weighted: Errors
    slopes: Slopes | None

    @classmethod
    def of(cls, approximation, z, log_q, log_ratios, slopes, quantities):
        """What draws say; their densities under q, log p - log q there, and slopes are given."""
        log_weights, khat = smooth(log_ratios)
        weighted = _weigh(z, log_weights, quantities)
        return cls(approximation, z, log_q, log_ratios, log_weights, khat, weighted, slopes)

    @property
    def n_nonfinite(self):
        """Draws without a finite density."""
        return int((~np.isfinite(self.log_ratios)).sum())

    @property
    def reliable(self):
        """Whether means under importance weights settle down at all."""
        return self.khat < LARGEST_RELIABLE

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
        """Whether log p is so nearly normal where q is that slopes tell of means and deviations."""
        if self.slopes is None:
            return False
        # Without a regression the divergence bounds errors of means by its root.
        return self.slopes.bend <= (_LARGEST_BEND if self.slopes.errors is not None else TOLERANCE**2)

    @property
    def undecided(self):
        """Whether more draws would help: to decide, or to mend by weights what is off."""
        if not self.reliable or self.noise <= _NOISY:
            return False
        return not self.bends_little or self.weighted_error > 0.5 * TOLERANCE


def find(target, approximation, rng, n_draws, max_draws, n_gradients, quantities):
    """Findings from so many draws, or from the most where these do not decide."""
    # Noise with exact moments makes the bound and its parts exact where p and q are normal.
    z, log_q, scores = _sample(approximation, rng, (n_draws, n_gradients - n_draws), n_gradients)
    log_ratios = _log_ratios(target, z, log_q)
    slopes = _slopes(target, z[: len(scores)], scores)
    findings = Findings.of(approximation, z, log_q, log_ratios, slopes, quantities)
    if max_draws <= len(z) or not findings.undecided:
        return findings
    more, more_q, _ = _sample(approximation, rng, (max_draws - len(z),), 0)
    log_ratios = np.concatenate([log_ratios, _log_ratios(target, more, more_q)])
    z, log_q = np.concatenate([z, more]), np.concatenate([log_q, more_q])
    return Findings.of(approximation, z, log_q, log_ratios, slopes, quantities)


def _sample(approximation, rng, n_draws, n_scores):
    """Draws, their log densities, and the scores of the first of them."""
    noise = np.concatenate([matched(rng, n, approximation.n_noise) for n in n_draws if n > 0])
    drawn, scores, n_scored = [], [np.empty((0, approximation.width))], 0
    for block in draw_blocks(approximation, noise):
        drawn.append(block)
        if n_scored < n_scores:
            scores.append(block.score[: n_scores - n_scored])
            n_scored += len(scores[-1])
    return (
        np.concatenate([block.z for block in drawn]),
        np.concatenate([block.log_density for block in drawn]),
        np.concatenate(scores),
    )


def _log_ratios(target, z, log_q):
    """log p - log q at draws; minus infinity where one of them is not finite."""
    ratios = np.full(len(z), -np.inf)
    usable = np.isfinite(z).all(axis=1) & np.isfinite(log_q)
    if usable.any():
        values = target.log_density(z[usable])
        ratios[usable] = np.where(np.isfinite(values), values - log_q[usable], -np.inf)
    return ratios


def _weigh(z, log_weights, quantities):
    usable = np.isfinite(z).all(axis=1)
    if not usable.any():
        return Errors(*(np.full(z.shape[1], math.inf) for _ in range(4)))
    values = z[usable]
    if quantities is not None:
        with np.errstate(all="ignore"):
            values = np.column_stack([values, quantities(values)])
    return weighted_errors(values, log_weights[usable])


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
