"""Twins of `skvi.kernels.observations`."""

import numpy as np
from scipy.special import expit, log_expit


def logistic_slopes(outputs, targets, row_weight):
    outputs[:] = row_weight * (targets - expit(outputs))


def logistic_densities(outputs, targets):
    densities = log_expit(np.where(targets == 1.0, outputs, -outputs))
    outputs[:] = np.where(np.isnan(densities), -np.inf, densities)


def normal_slopes(means, targets, row_weight, precision, squares):
    residual = targets - means
    squares[:] = (row_weight * residual**2).sum(axis=1)
    means[:] = precision[:, None] * row_weight * residual
