"""Twins of `skvi.kernels.conjugate`."""

import numpy as np


def _kept(matrices, shape):
    """What second moments of a shape (H, R, C) keep of one matrix per component."""
    n_groups, n_rows, n_columns = shape
    if n_rows < matrices.shape[1]:
        matrices = np.einsum("kdd->kd", matrices)[:, None]
        matrices = matrices if n_columns == matrices.shape[2] else matrices.sum(axis=2, keepdims=True)
    return matrices if n_groups == len(matrices) else matrices.sum(axis=0, keepdims=True)


def _cross(a, b):
    product = a[:, :, None] * b[:, None, :]
    return product + np.swapaxes(product, 1, 2)


def add_cross_products(matrices, a, b, out):
    out[:] = matrices + _kept(_cross(a, b), matrices.shape)


def _about(origin, moments):
    reference, count, first, second = moments
    shift = origin - reference
    moved = count[:, None] * shift
    return first - moved, second + _kept(_cross(0.5 * moved - first, shift), second.shape)


def combine_moments(rate, moments, other_rate, others, about_mean, out):
    reference, count = moments[:2]
    out[1][:] = rate * count + other_rate * others[1]
    first = rate * moments[2] + other_rate * _about(reference, others)[0]
    origin = reference + first / out[1][:, None] if about_mean else reference
    (one, one_second), (other, other_second) = _about(origin, moments), _about(origin, others)
    out[0][:] = origin
    out[2][:] = 0.0 if about_mean else rate * one + other_rate * other
    out[3][:] = rate * one_second + other_rate * other_second


def gain_of_gaussians(prior, posterior, expectations, count, second):
    means, precisions, dofs, scales = prior
    q_means, q_precisions, q_dofs, q_scales = posterior
    log_dets, expected = expectations
    shift = q_means - means
    squares = _kept(0.5 * _cross(precisions[:, None] * shift, shift), second.shape)
    counts = count if len(dofs) == len(count) else count.sum(keepdims=True)
    value = 0.5 * np.sum(log_dets * (dofs + counts - q_dofs)) - 0.5 * np.sum(
        expected * (scales + squares + second - q_scales)
    )
    pending = (precisions + count - q_precisions) / q_precisions + np.log(q_precisions / precisions)
    return value - 0.5 * means.shape[1] * pending.sum()


def expected_log_norms(offsets, log_dets, precisions, n_features, out):
    out[:] = offsets + 0.5 * log_dets - 0.5 * n_features / precisions
