"""Twins of `skvi.kernels.topics`."""

import numpy as np
from scipy.special import gammaln, psi

from tests.reference.special import exp_nonpositive


def find_words(indices, indptr, word, positions):
    for d in range(len(positions)):
        positions[d] = indptr[d] + np.searchsorted(indices[indptr[d] : indptr[d + 1]], word)


def add_words(data, indices, indptr, weights, theta, words, first_word, positions, statistics):
    k = words.shape[1]
    for d in range(len(theta)):
        while positions[d] < indptr[d + 1] and indices[positions[d]] < first_word + len(words):
            w = indices[positions[d]] - first_word
            statistics[w] += weights[d] * data[positions[d]] / (theta[d, :k] @ words[w]) * theta[d]
            positions[d] += 1


def finish_words(counts, offsets, words):
    logs = np.log(words) + offsets[:, None]
    words *= counts[:, : words.shape[1]]
    return float((words * logs).sum())


def expect_words(concentration, digammas, words, offsets, evens, log_sums):
    expected_log = psi(concentration) - digammas
    offsets[:] = expected_log.max(axis=1)
    words[:] = exp_nonpositive(expected_log - offsets[:, None])
    evens[:] = 1.0 / words.sum(axis=1)
    log_sums[:] = expected_log.sum(axis=1)


def expected_gains(concentration, digammas, prior, statistics, factor):
    expected_log = psi(concentration) - digammas
    gain, energy = (float((expected_log * x).sum()) for x in (prior - concentration, factor * statistics))
    return float(gammaln(concentration).sum()), gain, energy


def add_prior(prior, statistics, concentration, mass):
    concentration[:] = prior + statistics
    mass += concentration.sum(axis=0)


def blend_words(prior, statistics, factor, rate, least, concentration, mass):
    concentration[:] = (1.0 - rate) * concentration + rate * (prior + factor * statistics)
    if rate > 1.0:
        concentration[:] = np.maximum(concentration, prior + least * factor * statistics)
    mass += concentration.sum(axis=0)
