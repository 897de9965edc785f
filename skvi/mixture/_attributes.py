"""Fitted attributes under scikit-learn's names."""

import numpy as np


def fitted_attributes(model, prior, restart):
    """What a Gaussian mixture has learned, as users of scikit-learn know it.

    Parameters
    ----------
    model : Mixture
    prior : Joint
    restart : Restart

    Returns
    -------
    dict of attribute name to value
    """
    posterior = restart.posterior
    q = posterior.components
    covariances, precisions, factors = _matrices(model.components.name, q)
    return {
        "lower_bound_": restart.bound,
        "lower_bounds_": list(restart.monitor.bounds),
        "n_components_": int((model.mass(posterior, prior) > 0.5).sum()),
        "weights_": model.weights.mean(posterior.weights),
        "weight_concentration_": _concentration(posterior.weights),
        "means_": q.mean,
        "mean_precision_": q.mean_precision,
        "degrees_of_freedom_": q.dof if q.dof.shape else float(q.dof),
        "covariances_": covariances,
        "precisions_": precisions,
        "precisions_cholesky_": factors,
        "weight_concentration_prior_": _common(_last(_concentration(prior.weights))),
        "mean_prior_": _common(prior.components.mean),
        "mean_precision_prior_": _common(prior.components.mean_precision),
        "degrees_of_freedom_prior_": _common(prior.components.dof),
        "covariance_prior_": _prior_covariance(model.components.name, prior.components),
    }


def _matrices(kind, q):
    """Covariances, precisions and factors U with U U' = precision, at the posterior's expected precision."""
    if kind in ("full", "tied"):
        factors = np.swapaxes(q.precision.expected_factor, -1, -2)
        return q.scale / q.dof[..., None, None], q.expected_precision, factors
    precisions = q.expected_precision
    return 1.0 / precisions, precisions, np.sqrt(precisions)


def _concentration(weights):
    return (weights.a, weights.b) if hasattr(weights, "a") else weights.concentration


def _last(concentration):
    # Of a stick's prior Beta(1, gamma) the second number is the concentration.
    return concentration[1] if isinstance(concentration, tuple) else concentration


def _common(values):
    """The value that all components share, or all values where they differ."""
    values = np.asarray(values)
    if values.ndim == 0 or (values != values[:1]).any():
        return values if values.ndim else float(values)
    return values[0].copy() if values.ndim > 1 else float(values[0])


def _prior_covariance(kind, components):
    scale = components.scale / components.n_features if kind == "spherical" else components.scale
    return scale if components.form.shared else _common(scale)
