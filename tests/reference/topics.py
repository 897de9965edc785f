"""Twins of `skvi.kernels.topics`."""

import numpy as np
from scipy.special import gammaln, psi

from skvi.kernels.topics import FRESH_PACE
from tests.reference.special import exp_nonpositive


def _log_density(concentration, expected_log):
    """Expected log density of a Dirichlet."""
    return gammaln(concentration.sum()) - gammaln(concentration).sum() + (concentration - 1.0) @ expected_log


def infer_documents(
    data, indices, indptr, words, offsets, alpha, n_topics, fresh, max_steps, tol, gamma, theta, ratios, bounds, logs
):
    k = n_topics
    for d in range(len(gamma)):
        part = slice(indptr[d], indptr[d + 1])
        counts, rows = data[part].astype(float), words[indices[part]]
        if fresh:
            gamma[d] = alpha
            gamma[d, :k] += counts.sum() / k
        for _ in range(max_steps):
            before = gamma[d].copy()
            mixing = exp_nonpositive(psi(before) - psi(before).max())
            share = mixing * ((counts / (rows @ mixing)) @ rows)
            step = alpha + share - before
            gamma[d] = np.maximum(before + (FRESH_PACE if fresh else 1.0) * step, alpha + 0.5 * share)
            if np.abs(step).sum() < tol * k:
                break
        logs[d] = psi(gamma[d]) - psi(gamma[d, :k].sum())
        theta[d] = exp_nonpositive(logs[d] - logs[d].max())
        norms = rows @ theta[d]
        ratios[part.start - indptr[0] : part.stop - indptr[0]] = counts / norms
        likelihood = counts @ (np.log(norms) + logs[d].max() + offsets[indices[part]])
        prior, posterior = (_log_density(a[:k], logs[d, :k]) for a in (alpha, gamma[d]))
        bounds[d] = likelihood + prior - posterior


def add_words(indices, indptr, weights, theta, ratios, first_word, statistics):
    for d in range(len(theta)):
        for j in range(indptr[d], indptr[d + 1]):
            w = indices[j] - first_word
            if 0 <= w < len(statistics):
                statistics[w] += weights[d] * ratios[j - indptr[0]] * theta[d]


def finish_words(words, expected_log, statistics):
    statistics *= words
    return float((statistics * expected_log).sum())


def expect_words(concentration, digammas, words, offsets, expected_log):
    k = concentration.shape[1]
    words[:], expected_log[:] = 0.0, 0.0
    expected_log[:, :k] = psi(concentration) - digammas
    offsets[:] = expected_log[:, :k].max(axis=1)
    words[:, :k] = exp_nonpositive(expected_log[:, :k] - offsets[:, None])
    return float(gammaln(concentration).sum())


def expected_gain(expected_log, prior, statistics, concentration):
    k = concentration.shape[1]
    return float((expected_log[:, :k] * (prior + statistics[:, :k] - concentration)).sum())
