"""Twins of `skvi.kernels.topics`."""

import numpy as np
from scipy.special import gammaln, psi

from tests.reference.special import exp_nonpositive


def add_words(indices, indptr, weights, theta, ratios, first_word, statistics):
    for d in range(len(theta)):
        for j in range(indptr[d], indptr[d + 1]):
            w = indices[j] - first_word
            if 0 <= w < len(statistics):
                statistics[w] += weights[d] * ratios[j - indptr[0]] * theta[d]


def finish_words(counts, offsets, words):
    logs = np.log(np.where(words > 0.0, words, 1.0)) + offsets[:, None]
    words *= counts
    return float((words * logs).sum())


def expect_words(concentration, digammas, prior, words, offsets, evens, log_sums):
    k = concentration.shape[1]
    words[:] = 0.0
    expected_log = psi(concentration) - digammas
    offsets[:] = expected_log.max(axis=1)
    words[:, :k] = exp_nonpositive(expected_log - offsets[:, None])
    evens[:] = 1.0 / words.sum(axis=1)
    log_sums[:] = expected_log.sum(axis=1)
    return float(gammaln(concentration).sum()), float((expected_log * (prior - concentration)).sum())


def expected_gain(concentration, digammas, prior, statistics, factor):
    k = concentration.shape[1]
    return float(((psi(concentration) - digammas) * (prior + factor * statistics[:, :k] - concentration)).sum())


def add_prior(prior, statistics, concentration):
    concentration[:] = prior + statistics[:, : prior.shape[1]]


def blend_words(earlier, prior, statistics, factor, rate, least, concentration):
    counts = factor * statistics[:, : prior.shape[1]]
    concentration[:] = (1.0 - rate) * earlier + rate * (prior + counts)
    if rate > 1.0:
        concentration[:] = np.maximum(concentration, prior + least * counts)
