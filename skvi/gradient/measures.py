"""Measures of an approximation q of a target p, from draws of q and gradients of log p at some of them.

Two measures of the error of q's means and deviations complement each other: importance weights see any shape of p but
need a usable k-hat, which gets worse with every coordinate; slopes see how p's curvature differs from q's in hundreds
of coordinates, but take p to be nearly normal.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

#: errors of means, in deviations, and of logarithms of deviations, up to which an approximation is trusted
TOLERANCE = 0.1
#: gradients that each coefficient of the regression of the slopes takes
GRADIENTS_EACH = 2

# Doubles of a block of draws.
_BLOCK_DOUBLES = 2**18
_LEAST_CURVATURE = 1e-4
# Numbers that vary by less, relative to themselves, vary by rounding alone.
_CONSTANT = 1e-13


@dataclass(frozen=True)
class Errors:
    """Errors of means, in deviations, and of deviations, as logarithms of ratios, with standard errors: (Q,) each.

    They say what p has more than q: a mean error of 0.2 is a mean of p that lies 0.2 deviations higher.
    """

    mean: np.ndarray
    mean_se: np.ndarray
    log_sd: np.ndarray
    log_sd_se: np.ndarray


@dataclass(frozen=True)
class Slopes:
    """How the slopes of log p and log q differ, in coordinates in which q has unit covariance.

    Parameters
    ----------
    fisher_divergence : float
        Mean of |C'(grad log p - grad log q)|^2, where C C' is the covariance of q. No affine map of the free numbers
        changes it, and it is 0 for q = p. Where draws are too few for C, it is the diagonal of their deviations.
    bend : float
        The part of it that no shift and no other covariance of q would remove, as it moves means: the variance over
        draws of single draws' Newton steps, in deviations, of the number where it is largest. All of the divergence,
        where draws are too few to tell.
    location, location_se, spread, spread_se : ndarray of shape (P,)
        sd E[dlog p/dz] and E[(z - mean) dlog p/dz] + 1 under q, for each free number, and their standard errors: zero
        where no shift and no change of its scale would raise the evidence lower bound.
    errors : Errors or None
        What a shift and a change of the covariance would have to be for slopes to agree. None where there are fewer
        than two gradients for each free number.
    """

    fisher_divergence: float
    bend: float
    location: np.ndarray
    location_se: np.ndarray
    spread: np.ndarray
    spread_se: np.ndarray
    errors: Errors | None


def draw_blocks(approximation, noise):
    """Draws at noise (T, n_noise), in blocks of (t, P) whose size follows from the number of free numbers alone."""
    size = max(32, _BLOCK_DOUBLES // approximation.n_noise)
    for begin in range(0, len(noise), size):
        yield approximation.draw(noise[begin : begin + size])


def weighted_errors(values, log_weights, log_shares):
    """Errors of the means and deviations of q, from draws (T, Q) and normalised log weights of importance.

    Means under the weights less those under the shares by which the draws are those of q: where all weigh the same
    there is no error and no noise. Standard errors are by the delta method.
    """
    weights, shares = np.exp(log_weights)[:, None], np.exp(log_shares)[:, None]
    size = max(1, _BLOCK_DOUBLES // len(values))
    blocks = [_weighted_errors(values[:, i : i + size], weights, shares) for i in range(0, values.shape[1], size)]
    return Errors(*(np.concatenate(figures) for figures in zip(*blocks, strict=True)))


def _weighted_errors(values, weights, shares):
    with np.errstate(all="ignore"):
        plain = values - values.mean(axis=0)
        plain -= np.sum(shares * plain, axis=0)
        shift = np.sum(weights * plain, axis=0)
        weighted = plain - shift
        plain_var, var = np.sum(shares * plain**2, axis=0), np.sum(weights * weighted**2, axis=0)
        sd = np.sqrt(var)
        mean_parts = (weights * weighted - shares * plain) / sd
        sd_parts = 0.5 * (weights * (weighted**2 / var - 1.0) - shares * (plain**2 / plain_var - 1.0))
        figures = (
            shift / sd,
            np.sqrt(np.sum(mean_parts**2, axis=0)),
            0.5 * np.log(var / plain_var),
            np.sqrt(np.sum(sd_parts**2, axis=0)),
        )
        extent = np.ptp(values, axis=0)
        constant = np.isfinite(extent) & (extent <= _CONSTANT * np.abs(values[0]))
    return [np.where(constant, 0.0, figure) for figure in figures]


def compare_slopes(z, gradients, scores):
    """Measures of the difference between slopes of log p and log q at draws z of q, (T, P) each.

    Slopes are regressed on the whitened draws w = C^-1 (z - mean): for any smooth q the coefficients of grad log q
    estimate 0 and minus the identity, those of grad log p the slope b = C'E[grad log p] and curvature
    K = -C'E[hess log p] C (Stein's identity). K^-1 b is a Newton step of the mean and C K^-1 C' the covariance that
    goes with it. Both are exact where p and q are normal, whatever the draws.
    """
    n, width = z.shape
    differences = gradients - scores
    centred = z - z.mean(axis=0)
    scale = np.sqrt(np.mean(centred**2, axis=0))
    stein = (*_means_and_errors(scale * differences), *_means_and_errors(centred * differences))
    factor = _factor(centred, scale) if n >= GRADIENTS_EACH * (width + 1) else None
    if factor is None:
        fisher = float(np.sum((differences * scale) ** 2) / n)
        return Slopes(fisher, fisher, *stein, None)
    residuals = differences @ factor
    # Draws are whitened by their own covariance: the regression needs no inverse.
    whitened = solve_triangular(factor, centred.T, lower=True, check_finite=False).T
    rest = residuals - residuals.mean(axis=0)
    rest -= whitened @ (whitened.T @ rest / n)
    noise = rest.T @ rest / (n - width - 1)
    ours, theirs = (_newton(whitened, slopes @ factor, factor) for slopes in (scores, gradients))
    errors = _implied_errors(ours, theirs, noise / n)
    bend = float(n * np.max(errors.mean_se) ** 2)
    return Slopes(float(np.sum(residuals**2) / n), bend, *stein, errors)


def _factor(centred, scale):
    """Lower triangular factor of the covariance of centred draws; None where it is singular."""
    if not (scale > 0.0).all():
        return None
    standard = centred / scale
    try:
        return scale[:, None] * cholesky(standard.T @ standard / len(centred), lower=True, check_finite=False)
    except LinAlgError:
        return None


def _newton(whitened, slopes, factor):
    """Newton step C K^-1 b of a regression of slopes, variances diag(C K^-1 C'), and the rows of C K^-1."""
    curvature = -whitened.T @ slopes / len(slopes)
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    # Directions in which log p is not concave have a deviation that is too large to matter how large.
    values = np.maximum(values, _LEAST_CURVATURE)
    spread = factor @ vectors
    steps = spread / values @ vectors.T
    return steps @ slopes.mean(axis=0), np.sum(spread**2 / values, axis=1), steps


def _implied_errors(ours, theirs, noise):
    """What Newton steps by the slopes of log q and of log p say about means and deviations."""
    our_step, our_var, _ = ours
    step, var, rows = theirs
    sd = np.sqrt(var)
    # A change of the precision by E changes the variance along a by -a'K^-1 E K^-1 a.
    mean_var = np.einsum("jp,jp->j", rows @ noise, rows)
    sd_var = 0.25 * np.sum(rows**2, axis=1) * mean_var / var**2
    return Errors((step - our_step) / sd, np.sqrt(mean_var) / sd, 0.5 * np.log(var / our_var), np.sqrt(sd_var))


def _means_and_errors(values):
    """Means over draws and their standard errors."""
    return values.mean(axis=0), values.std(axis=0) / math.sqrt(len(values) - 1)
