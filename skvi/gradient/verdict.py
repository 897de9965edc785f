"""The verdict: whether an approximation can be trusted, found out from its own draws, and what to try if not.

Trusted means: no mean is off by more than a tenth of the posterior's deviation, no deviation by more than ten
percent, as far as draws of the approximation, and wider ones about it, can tell. Modes that lie beyond they cannot
see, unless the search has been there and says so.
"""

import math
from dataclasses import dataclass

import numpy as np

from skvi import _threads
from skvi.gradient.findings import NO_MEAN, Findings, find, guard
from skvi.gradient.measures import GRADIENTS_EACH, TOLERANCE, Errors, Slopes
from skvi.gradient.normals import MeanField, NormalApproximation
from skvi.gradient.proposals import Draws
from skvi.gradient.rivals import beyond, has_rival

#: what there is to say where nothing is wrong
RELIABLE = "means and deviations can be relied on"

# Gradients: so many for each coefficient of the regression of slopes, but as few as that only where they are many.
_GRADIENTS_EACH, _LEAST_GRADIENTS, _MANY_GRADIENTS = 4, 100, 200
_MOST_GRADIENTS = 2000
# A direct search over more free numbers than these asks too much of a full covariance.
_MOST_FULL_RANK = 500


@dataclass(frozen=True)
class Verdict:
    """What is known about an approximation q of a target p, and whether to trust it.

    Parameters
    ----------
    elbo, elbo_se : float
        Evidence lower bound and its standard error (nats), of q confined to where the density is finite. Minus
        infinity where it is finite at no draw. The error is that of independent draws, and so on the safe side.
    khat : float
        Index of the tail of p / q; see `skvi.gradient.pareto.smooth`.
    n_nonfinite : int
        Draws of q without a finite density.
    weighted_error : float
        The largest of `weighted`.
    weighted : Errors
        Errors of q's means and deviations by importance weights, for free numbers, then for the quantities asked for.
        Noise where the weights have no variance.
    slopes : Slopes or None
        Measures by gradients; None without finite gradients.
    complaint : str or None
        What is wrong and what to try next; None where nothing is.
    mendable : bool
        Whether means and deviations of the draws under their importance weights can be relied on.
    own, all : Draws
        Draws of q, and all that were taken, some of which may be wider ones.
    log_weights : ndarray of shape (T,)
        Smoothed, normalised log weights of all.
    """

    elbo: float
    elbo_se: float
    khat: float
    n_nonfinite: int
    weighted_error: float
    weighted: Errors
    slopes: Slopes | None
    complaint: str | None
    mendable: bool
    own: Draws
    all: Draws
    log_weights: np.ndarray

    @property
    def trusted(self):
        """Whether means and deviations of the approximation can be relied on."""
        return self.complaint is None

    @property
    def message(self):
        """All of it in a sentence."""
        return in_words(self.elbo, self.elbo_se, self.khat, self.complaint or RELIABLE)

    @property
    def fisher_divergence(self):
        """Mean of |C'(grad log p - grad log q)|^2 over draws of q, C C' its covariance; NaN without gradients."""
        return math.nan if self.slopes is None else self.slopes.fisher_divergence


def judge(
    target,
    approximation,
    rng,
    *,
    n_draws=2000,
    max_draws=8000,
    n_gradients=None,
    quantities=None,
    labels=None,
    rivals=(),
):
    """Measure an approximation and say whether to trust it.

    Parameters
    ----------
    target : CountedTarget
    approximation : object
        A `NormalApproximation` or a flow.
    rng : numpy.random.RandomState
    n_draws : int, default=2000
        Densities that it takes.
    max_draws : int, default=8000
        Draws that it takes where the first do not decide, most of them wider than q; and up to three times again,
        of a normal that follows the weights of the last, until means and deviations stay as they are.
    n_gradients : int, default=None
        Gradients that it takes. None is four for each free number and four more, but between 100 and 200; or two for
        each and two more, as long as these are no more than 2000; 0 suits densities that have no gradient.
    quantities : callable, default=None
        Maps draws (T, P) to further numbers (T, Q) whose means and deviations have to be right, such as constrained
        parameters.
    labels : sequence of str, default=None
        Names of the free numbers, then of the quantities.
    rivals : sequence of (NormalApproximation, float), default=()
        What searches from other starts have found, and its bounds: a mode that the approximation leaves out is
        reported.

    Returns
    -------
    Verdict
    """
    if n_gradients is None:
        n_gradients = _enough_gradients(approximation.width + 1)
    with _threads.single_threaded_blas():
        findings = find(target, approximation, rng, n_draws, max_draws, n_gradients, quantities)
        elbo, elbo_se = elbo_of(findings.own.log_ratios)
        if findings.khat >= NO_MEAN and n_gradients and np.isfinite(elbo):
            rivals = [*rivals, *beyond(target, findings.own, rng)]
        rival = has_rival(target, approximation, rivals, elbo, findings.own)
    return Verdict(
        *(elbo, elbo_se, findings.khat, findings.n_nonfinite),
        *(findings.weighted_error, findings.weighted, findings.slopes),
        complaint=_Words(findings, labels, rival).complaint(),
        mendable=findings.settled and not rival,
        own=findings.own,
        all=findings.all,
        log_weights=findings.log_weights,
    )


def _enough_gradients(n_coefficients):
    """Gradients from which the regression of slopes can be told, or a few where that would take too many."""
    needed = max(GRADIENTS_EACH * n_coefficients, min(_MANY_GRADIENTS, _GRADIENTS_EACH * n_coefficients))
    return max(_LEAST_GRADIENTS, needed) if needed <= _MOST_GRADIENTS else _MANY_GRADIENTS


def in_words(elbo, elbo_se, khat, finding):
    """Figures and a finding in a sentence."""
    decimals = _decimals(elbo_se)
    return f"ELBO {elbo:.{decimals}f} +- {elbo_se:.{decimals}f} nats, k-hat {khat:.2f}: {finding}"


def elbo_of(log_ratios):
    """The bound from log p - log q at draws, and its standard error.

    Where p is zero at some draws, it is that of q confined to where p is not: such draws cost log of their share.
    """
    finite = log_ratios[np.isfinite(log_ratios)]
    if len(finite) < 2:
        return (float(finite[0]) if len(finite) else -math.inf), math.inf
    share = len(finite) / len(log_ratios)
    return float(finite.mean()) + math.log(share), float(finite.std(ddof=1)) / math.sqrt(len(finite))


def _decimals(error):
    """Decimals that show the first digit of an error."""
    if error == math.inf:
        return 1
    return min(max(1, -math.floor(math.log10(error))), 6) if error > 0.0 else 6


@dataclass(frozen=True)
class _Words:
    """What findings come to."""

    findings: Findings
    labels: object
    rival: bool

    def complaint(self):
        """What is wrong and what to try next; None where nothing is."""
        findings = self.findings
        if findings.n_nonfinite == len(findings.own.z):
            return "the density is finite at none of the draws; start elsewhere, or give parameters a start and a scale"
        if self.rival:
            return (
                "another start has led to a mode that the approximation leaves out and that may hold as much mass; "
                "compare fits by elbo_, or try family='realnvp' or SVGDSampler"
            )
        error = self._error()
        return None if error is None else f"{error}; try {', '.join(self._remedies())}"

    def _error(self):
        """The worst error: by slopes where these bend little, else by weights where these are precise."""
        findings = self.findings
        if findings.bends_little:
            found = self._worst(findings.slopes.errors, 1.0)
            # What weights find far beyond their noise counts too: slopes see the first order only.
            return self._worst(findings.weighted, -3.0) if found is None and findings.reliable else found
        if findings.settled or (findings.reliable and findings.slopes is None):
            return self._worst(findings.weighted, 1.0)
        found = self._worst(findings.weighted, -2.0) if findings.reliable else None
        if found is None and findings.slopes is not None:
            found = self._worst(findings.slopes.errors, -2.0)
        return found or f"means and deviations may be off by more than {TOLERANCE:g} deviations"

    def _worst(self, errors, n_se):
        """The worst of some errors, if with so many standard errors it is above what is tolerated: in words."""
        if errors is None:
            return None
        means = guard(np.abs(errors.mean) + n_se * errors.mean_se)
        deviations = guard(np.abs(errors.log_sd) + n_se * errors.log_sd_se)
        if max(means.max(), deviations.max()) <= TOLERANCE:
            return None
        if means.max() >= deviations.max():
            worst = int(means.argmax())
            side = "low" if errors.mean[worst] > 0.0 else "high"
            return f"the mean of {self._label(worst)} seems {abs(errors.mean[worst]):.2f} deviations too {side}"
        worst = int(deviations.argmax())
        ratio = math.exp(-errors.log_sd[worst])
        return f"the deviation of {self._label(worst)} seems {ratio:.2f} times what it should be"

    def _label(self, index):
        return f"number {index}" if self.labels is None else str(self.labels[index])

    def _remedies(self):
        tries, findings, unsettled = [], self.findings, self._unsettled()
        approximation = findings.approximation
        if approximation.width == 1:
            tries += ["family='planar'"] if isinstance(approximation, NormalApproximation) else []
        elif isinstance(approximation, MeanField):
            tries.append("family='fullrank'" if approximation.width <= _MOST_FULL_RANK else "family='lowrank'")
        elif isinstance(approximation, NormalApproximation) and not (unsettled and findings.bends_little):
            tries.append("family='realnvp'")
        if unsettled:
            tries.append("more iterations or another method")
        if findings.reliable:
            tries.append("importance_resample=True")
        return tries or ["SVGDSampler"]

    def _unsettled(self):
        """Whether another member of the same family would clearly be better."""
        slopes, approximation = self.findings.slopes, self.findings.approximation
        if slopes is None:
            return False
        if isinstance(approximation, NormalApproximation) and not isinstance(approximation, MeanField):
            return self._worst(slopes.errors, -2.0) is not None
        gains = (slopes.location, slopes.location_se), (slopes.spread, slopes.spread_se)
        return max((np.abs(gain) - 3.0 * error).max() for gain, error in gains) > TOLERANCE
