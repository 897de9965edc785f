"""What conjugate priors of Gaussians do with moments, for scatters of any form.

Moments are sums over rows of 1, d and d d' with d = x - reference: count (K,), first (K, D) and second (H, R, C),
where component k has its second moments in number k modulo H, as a whole matrix (R = C = D), its diagonal
(1, D) or its trace (1, 1). Means (K, D), precisions of the means (K,); scales as second moments.
"""

import math

from skvi._numba import jit, jit_helper, wide_vectors


@jit_helper
def _add_cross(matrices, h, a, b):
    """Add a b' + b a' to a matrix, or what its form keeps of it."""
    wide_vectors()
    for i in range(a.size):
        if matrices.shape[1] == a.size:
            for j in range(a.size):
                matrices[h, i, j] += a[i] * b[j] + b[i] * a[j]
        else:
            matrices[h, 0, i % matrices.shape[2]] += 2.0 * a[i] * b[i]


@jit
def add_cross_products(matrices, a, b, out):
    """out = matrices with a[k] b[k]' + b[k] a[k]' added to number k modulo H."""
    for h in range(matrices.shape[0]):
        for i in range(matrices.shape[1]):
            for j in range(matrices.shape[2]):
                out[h, i, j] = matrices[h, i, j]
    for k in range(a.shape[0]):
        _add_cross(out, k % out.shape[0], a[k], b[k])


@jit
def combine_moments(rate, moments, other_rate, others, about_mean, out):
    """Set `out` to rate times moments plus other_rate times others, about the former's references or their own means.

    About its own mean nothing of a sum cancels. A conjugate prior is worth moments about its mean, so that this is
    its update, too. Few statements and no scratch: it is compiled in every first fit.

    Parameters
    ----------
    moments, others, out : (reference, count, first, second)
    """
    reference, count, first, second = moments
    other_reference, other_count, other_first, other_second = others
    origin, out_count, out_first, out_second = out
    wide_vectors()
    d = origin.shape[1]
    n_rows, n_columns = second.shape[1], second.shape[2]
    for h in range(second.shape[0]):
        for i in range(n_rows):
            for j in range(n_columns):
                out_second[h, i, j] = rate * second[h, i, j] + other_rate * other_second[h, i, j]
    for k in range(count.size):
        n, m = rate * count[k], other_rate * other_count[k]
        out_count[k] = n + m
        for i in range(d):
            f = rate * first[k, i] + other_rate * other_first[k, i] - m * (reference[k, i] - other_reference[k, i])
            out_first[k, i] = 0.0 if about_mean else f
            origin[k, i] = reference[k, i] + (f / (n + m) if about_mean else 0.0)
        h = k % second.shape[0]
        for i in range(d):
            # With shifts s and t: sum (d - s)(d - s)' = sum d d' - s (sum d - n s / 2)' - (sum d - n s / 2) s'.
            s, t = origin[k, i] - reference[k, i], origin[k, i] - other_reference[k, i]
            a, b = 0.5 * n * s - rate * first[k, i], 0.5 * m * t - other_rate * other_first[k, i]
            if n_rows == d:
                for j in range(d):
                    u, v = origin[k, j] - reference[k, j], origin[k, j] - other_reference[k, j]
                    out_second[h, i, j] += s * (0.5 * n * u - rate * first[k, j]) + a * u
                    out_second[h, i, j] += t * (0.5 * m * v - other_rate * other_first[k, j]) + b * v
            else:
                out_second[h, 0, i % n_columns] += 2.0 * (a * s + b * t)


@jit
def gain_of_gaussians(prior, posterior, expectations, count, second):
    """A(q) - A(p) + <m(q), p + S - q>, less what A(q) - A(p) is for precisions alone.

    Statistics S are about the means of q: their first moments meet expectations of zero.

    Parameters
    ----------
    prior, posterior : (means, precisions, dofs, scales), dofs (H,)
    expectations : (log_dets, precisions)
        E[log |Lambda|] (H,), and E[Lambda] in the shape of second moments.
    count, second : of the statistics
    """
    means, precisions, dofs, scales = prior
    q_means, q_precisions, q_dofs, q_scales = posterior
    log_dets, expected = expectations
    d = means.shape[1]
    n_groups, n_rows, n_columns = second.shape
    value = 0.0
    for h in range(n_groups):
        pending = dofs[h] - q_dofs[h]
        for k in range(h, count.size, n_groups):
            pending += count[k]
            value -= 0.5 * d * (precisions[k] + count[k] - q_precisions[k]) / q_precisions[k]
            value -= 0.5 * d * math.log(q_precisions[k] / precisions[k])
        value += 0.5 * log_dets[h] * pending
        for i in range(n_rows):
            for j in range(n_columns):
                value -= 0.5 * expected[h, i, j] * (scales[h, i, j] + second[h, i, j] - q_scales[h, i, j])
    for k in range(count.size):
        for i in range(d):
            s = q_means[k, i] - means[k, i]
            pull = 0.0
            if n_rows == d:
                for j in range(d):
                    pull += expected[k % n_groups, i, j] * (q_means[k, j] - means[k, j])
            else:
                pull += expected[k % n_groups, 0, i % n_columns] * s
            value -= 0.5 * precisions[k] * s * pull
    return value


@jit
def expected_log_norms(offsets, log_dets, precisions, n_features, out):
    """out[k] = offsets[k] + E[log |Lambda_k|] / 2 - D / (2 kappa_k), log_dets being one for all or one each."""
    for k in range(out.size):
        out[k] = offsets[k] + 0.5 * (log_dets[k % log_dets.size] - n_features / precisions[k])
