"""Small data and the settings that every property is checked for."""

import itertools

import numpy as np

FORMS = ("full", "tied", "diag", "spherical")
WEIGHTS = ("dirichlet_distribution", "dirichlet_process")
SETTINGS = list(itertools.product(FORMS, WEIGHTS))


def blobs(n_rows=200, n_features=2, n_components=3, spread=3.0, seed=0):
    """Rows from unit Gaussians around random centres, and the centre of each."""
    rng = np.random.default_rng(seed)
    centers = spread * rng.normal(size=(n_components, n_features))
    labels = rng.integers(n_components, size=n_rows)
    return centers[labels] + rng.normal(size=(n_rows, n_features)), labels


def separated(n_rows=300, n_components=3, seed=0):
    """Rows of unit Gaussians so far apart that no row is in doubt, and the component of each."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_components, size=n_rows)
    centers = 30.0 * np.column_stack([np.arange(n_components), np.arange(n_components) % 2])
    return centers[labels] + rng.normal(size=(n_rows, 2)), labels


def log_evidence(X, prior):
    """Log evidence of rows that share one component, for full, tied, diag and spherical priors of one component.

    Written from the textbook's multivariate forms (Murphy 2007, eq. 266, 182; and by hand for one precision
    for all features), not from the library's families.
    """
    from scipy.special import gammaln, multigammaln

    q = prior.components
    n, d = X.shape
    kappa, nu, m = float(q.mean_precision[0]), float(np.ravel(q.dof)[0]), q.mean[0]
    mean = X.mean(axis=0) if n else m
    shrink = kappa * n / (kappa + n)
    kind = type(q).__name__
    if kind in ("NormalWishart", "TiedNormalWishart"):
        scale = q.scale if q.scale.ndim == 2 else q.scale[0]
        scatter = (X - mean).T @ (X - mean) + shrink * np.outer(mean - m, mean - m)
        return (
            -0.5 * n * d * np.log(np.pi)
            + multigammaln(0.5 * (nu + n), d)
            - multigammaln(0.5 * nu, d)
            + 0.5 * nu * np.linalg.slogdet(scale)[1]
            - 0.5 * (nu + n) * np.linalg.slogdet(scale + scatter)[1]
            + 0.5 * d * np.log(kappa / (kappa + n))
        )
    squares = ((X - mean) ** 2).sum(axis=0) + shrink * (mean - m) ** 2
    if kind == "NormalGamma":
        shapes, rates, gains = 0.5 * nu, 0.5 * q.scale[0], 0.5 * squares
        grown = 0.5 * (nu + n)
    else:
        shapes, rates, gains = 0.5 * d * nu, 0.5 * q.scale[0], 0.5 * squares.sum()
        grown = 0.5 * d * (nu + n)
    terms = gammaln(grown) - gammaln(shapes) + shapes * np.log(rates) - grown * np.log(rates + gains)
    return np.sum(terms) - 0.5 * n * d * np.log(2.0 * np.pi) + 0.5 * d * np.log(kappa / (kappa + n))
