"""Twins of `skvi.kernels.networks`."""

import numpy as np


def activate(layers, inputs, floor, hidden):
    hidden[:] = np.maximum(layers @ inputs, floor)


def combine(weights, hidden, outputs):
    outputs[:] = weights @ hidden


def pull_back(weights, slopes, rows, rectified, hidden, weight_gradient, layer_gradient, bias_gradient):
    weight_gradient[:] = slopes @ hidden.transpose(0, 2, 1)
    derivative = hidden > 0.0 if rectified else 1.0 - hidden**2
    hidden[:] = (weights.transpose(0, 2, 1) @ slopes) * derivative
    products, width = hidden @ rows, layer_gradient.shape[2]
    layer_gradient[:], bias_gradient[:] = products[:, :, :width], products[:, :, width]
