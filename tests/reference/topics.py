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


def expected_gain(expected_log, prior, statistics, factor, concentration):
    k = concentration.shape[1]
    return float((expected_log[:, :k] * (prior + factor * statistics[:, :k] - concentration)).sum())


def add_prior(prior, statistics, concentration):
    concentration[:] = prior + statistics[:, : prior.shape[1]]


def blend_words(earlier, prior, statistics, factor, rate, concentration):
    concentration[:] = (1.0 - rate) * earlier + rate * (prior + factor * statistics[:, : prior.shape[1]])


def leap_words(target, rate, least, start):
    start[:] = np.maximum(rate * target + (1.0 - rate) * start, least * target)
