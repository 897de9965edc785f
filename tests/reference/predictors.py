"""Twins of `skvi.kernels.predictors`."""

import numpy as np


def independent_pass(rows, center, direction, middle, variances, mean, var):
    mean[:] = (rows - center) @ direction
    var[:] = (rows - middle) ** 2 @ variances


def predictor_pass(kernels, rows, width, center, directions, means, factors, constants, mean, var):
    d = rows.shape[1]
    for k in range(len(directions)):
        mean[k] = (rows - center[0, :d]) @ directions[k, :d]
        var[k] = (((rows - means[k, :d]) @ factors[k, :, :d].T) ** 2).sum(axis=1) + constants[k]


def site_pass(kernels, rows, slope, curvature, width, centers, slopes, count, first, second):
    d = rows.shape[1]
    for k in range(len(centers)):
        difference = rows - centers[k, :d]
        slopes[k, :d] += slope[k] @ difference
        count[k] += curvature[k].sum()
        first[k, :d] += curvature[k] @ difference
        second[k, :d, :d] += np.tril((curvature[k][:, None] * difference).T @ difference)
