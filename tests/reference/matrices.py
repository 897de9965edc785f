"""Twins of `skvi.kernels.matrices`."""

import numpy as np
from scipy.special import multigammaln, psi


def wishart_parts(dofs, scales, factors, means, expected_log_dets):
    d = scales.shape[1]
    value = 0.0
    for k, (dof, scale) in enumerate(zip(dofs, scales, strict=True)):
        if not (dof > d - 1.0 and np.isfinite(scale).all() and (np.linalg.eigvalsh(scale) > 0.0).all()):
            return np.nan
        factors[k] = np.sqrt(dof) * np.linalg.inv(np.linalg.cholesky(scale))
        means[k] = dof * np.linalg.inv(scale)
        log_det = d * np.log(2.0) - np.linalg.slogdet(scale)[1]
        expected_log_dets[k] = psi(0.5 * (dof - np.arange(d))).sum() + log_det
        value += 0.5 * dof * log_det + multigammaln(0.5 * dof, d)
    return value
