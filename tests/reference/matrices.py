"""Twins of `skvi.kernels.matrices`."""

import numpy as np


def invert_definite(matrices, factors, inverses, log_dets):
    for k, matrix in enumerate(matrices):
        log_dets[k] = np.nan
        if np.isfinite(matrix).all() and (np.linalg.eigvalsh(matrix) > 0.0).all():
            factors[k] = np.linalg.inv(np.linalg.cholesky(matrix))
            inverses[k] = np.linalg.inv(matrix)
            log_dets[k] = np.linalg.slogdet(matrix)[1]


def add_cross_products(matrices, a, b, out):
    product = a[:, :, None] * b[:, None, :]
    out[:] = matrices + product + np.swapaxes(product, 1, 2)
