"""Twins of `skvi.kernels.gradients`."""

import numpy as np

NORMAL, CLASSES, COUNTS = 0, 1, 2


def _bounded(x):
    return np.clip(x, 1e-200, 1e200)


def _gamma_slope(x, shape, rate):
    return (shape - 1.0) / _bounded(x) - rate


def _add_prior(x, n_weights, intercepts, precisions, likelihood, priors, out):
    weights, learned = x[:, :n_weights], n_weights + intercepts
    if precisions.size == 0:
        precision = _bounded(x[:, learned])
        out[:, :n_weights] -= precision[:, None] * weights
        spread = n_weights / precision - (weights**2).sum(axis=1)
        out[:, learned] += _gamma_slope(x[:, learned], priors[1], priors[2]) + 0.5 * spread
    else:
        out[:, :n_weights] -= precisions * weights
    if intercepts:
        out[:, n_weights] -= priors[0] * x[:, n_weights]
    if likelihood == NORMAL:
        noise = learned + (precisions.size == 0)
        out[:, noise] += _gamma_slope(x[:, noise], priors[3], priors[4])


def _weights(row_weight, rows, weight):
    found = row_weight[rows]
    return found if weight == 0.0 else found * (weight / found.sum())


def _slopes(likelihood, x, noise, outputs, y, weights, out):
    if likelihood == CLASSES:
        return weights * (y - 1.0 / (1.0 + np.exp(-outputs)))
    if likelihood == COUNTS:
        return weights * (y - np.exp(np.minimum(outputs, 600.0)))
    precision, residuals = _bounded(x[:, noise]), y - outputs
    out[:, noise] += 0.5 * (weights.sum() / precision - (weights * residuals**2).sum(axis=1))
    return precision[:, None] * weights * residuals


def linear_gradient(
    kernels, x, table, rows, targets, row_weight, weight, intercepts, precisions, likelihood, priors, prior, out
):
    depth = table.shape[1]
    out[:] = 0.0
    if prior:
        _add_prior(x, depth, intercepts, precisions, likelihood, priors, out)
    held = np.column_stack([table[rows], np.ones((len(rows), intercepts))])
    noise, weights = depth + intercepts + (precisions.size == 0), _weights(row_weight, rows, weight)
    outputs = x[:, : depth + intercepts] @ held.T
    out[:, : depth + intercepts] += _slopes(likelihood, x, noise, outputs, targets[rows], weights, out) @ held


def network_gradient(
    kernels, x, table, rows, targets, row_weight, weight, n_hidden, precisions, likelihood, priors, prior, out
):
    n_draws, depth = len(x), table.shape[1]
    ends = np.cumsum([n_hidden * depth, n_hidden, n_hidden, 1])
    layer, biases, own, last, _ = np.split(x, ends, axis=1)
    out[:] = 0.0
    if prior:
        _add_prior(x, ends[-1], 0, precisions, likelihood, priors, out)
    held, weights = table[rows], _weights(row_weight, rows, weight)
    hidden = np.maximum(layer.reshape(n_draws, n_hidden, depth) @ held.T + biases[:, :, None], 0.0)
    outputs = (own[:, None] @ hidden)[:, 0] + last
    noise = ends[-1] + (precisions.size == 0)
    slopes = _slopes(likelihood, x, noise, outputs, targets[rows], weights, out)
    inward = own[:, :, None] * slopes[:, None] * (hidden > 0.0)
    parts = [(inward @ held).reshape(n_draws, -1), inward.sum(axis=2), (hidden @ slopes[:, :, None])[:, :, 0]]
    out[:, : ends[-1]] += np.concatenate([*parts, slopes.sum(axis=1, keepdims=True)], axis=1)
