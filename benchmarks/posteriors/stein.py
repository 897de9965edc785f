"""Stein's identity on the reference draws: is a model's gradient that of the posterior which they come from?

Under p, E[grad log p(z)] = 0 and E[(z - E z) grad log p(z)'] = -I. The free numbers z are whitened by the covariance
of the draws, in which the means have their least errors; each is measured in its own standard errors.
"""

import numpy as np

from benchmarks._tables import print_table
from benchmarks.posteriors._data import absent, at_hand
from skvi.blackbox import check_model
from skvi.gradient.targets import Target

REMARKS = {
    "eight_schools-eight_schools_centered": "slopes grow as 1 / tau: they have no variance",
    "gp_pois_regr-gp_pois_regr": "z = L^-1 f, of an L nearly singular and an f of 7 digits",
}


def stein(options):
    """Print the deviations from both identities."""
    posteriors = at_hand(options)
    if not posteriors:
        print("\nstein: skipped,", *absent(options))
        return
    print_table(
        "stein: deviations from Stein's identity on the reference draws",
        [
            *("posterior", "free\nnumbers", "draws", "mean slope\nlargest, se", "rms\nse", "identity\nlargest, se"),
            *("rms\nse", "diagonal\nlowest", "diagonal\nhighest", "gradients", "remark"),
        ],
        [_row(posterior) for posterior in posteriors],
        [
            "se: standard errors of means over draws; rms is about 1 where all is well, largest about 2 to 4",
            "diagonal: of -mean((z - mean z) slope'), which should be 1",
            "gradients: against central differences of the density, by check_model",
            *absent(options),
        ],
    )


def _row(posterior):
    slopes, products = deviations(posterior)
    diagonal = -np.diagonal(products[0])
    first, second = (mean / error for mean, error in (slopes, (products[0] + np.eye(len(diagonal)), products[1])))
    return [
        *(posterior.name, len(diagonal), len(posterior.draws)),
        *(f"{value:.1f}" for one in (first, second) for value in (np.abs(one).max(), np.sqrt((one**2).mean()))),
        *(f"{value:.2f}" for value in (diagonal.min(), diagonal.max())),
        _gradients(posterior),
        REMARKS.get(posterior.name, ""),
    ]


def deviations(posterior):
    """Means and standard errors of the slopes (P,) and of their products with the whitened numbers (P, P)."""
    layout = posterior.layout
    weights = None if posterior.X is None else np.ones(len(posterior.X))
    target = Target(posterior.model, layout, posterior.X, posterior.y, weights)
    z = layout.free(posterior.parameters(posterior.draws))
    gradient = target.gradient(z)
    factor = np.linalg.cholesky(np.atleast_2d(np.cov(z.T)))
    white, gradient = np.linalg.solve(factor, (z - z.mean(axis=0)).T).T, gradient @ factor
    products = white[:, :, None] * gradient[:, None, :]
    return _mean_and_error(gradient), _mean_and_error(products)


def _mean_and_error(values):
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


def _gradients(posterior):
    try:
        check_model(posterior.model, posterior.X, posterior.y)
    except ValueError as error:
        return str(error)
    return "exact"
