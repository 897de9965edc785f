"""Documents of a topic model: their posteriors over topics, and what the topics learn from them.

Words are rows here: `words` (V, K8) holds exp(E[log beta_kw]) relative to the word's largest, whose logarithm is
`offsets` (V,). K8 is the number of topics padded to a multiple of 8; padded columns of `words` are zero, and padded
concentrations are tiny. A document is a row of a sparse matrix in compressed rows.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import (
    LANES,
    fma,
    highest,
    load,
    maximum,
    minus,
    splat,
    store,
    times,
    total,
)
from skvi.kernels.special import (
    digamma_tail,
    exp_nonpositive,
    gamma_parts,
    log_gamma_tail,
    log_normal,
)


@jit_helper
def _first_at_least(indices, begin, end, word):
    """Position of the first of the sorted indices in a range that is not below a word."""
    while begin < end:
        middle = (begin + end) // 2
        if indices[middle] < word:
            begin = middle + 1
        else:
            end = middle
    return begin


@jit
def add_words(indices, indptr, weights, theta, ratios, first_word, statistics):
    """Add weight * ratio * theta of each word of consecutive documents to the word's row of the statistics.

    The statistics stand for a range of words that begins at `first_word`: whoever calls this for all ranges has
    all words added, each in the order of the documents. Indices are sorted within documents.
    """
    n_words, columns = statistics.shape
    first = indptr[0]
    for d in range(theta.shape[0]):
        j = _first_at_least(indices, indptr[d], indptr[d + 1], first_word)
        while j < indptr[d + 1] and indices[j] < first_word + n_words:
            w = indices[j] - first_word
            ratio = splat(weights[d] * ratios[j - first])
            for k in range(0, columns, LANES):
                store(statistics, w, k, fma(ratio, load(theta, d, k), load(statistics, w, k)))
            j += 1


@jit
def finish_words(words, expected_log, statistics):
    """Multiply the statistics of a range of words by their rows of words; return their product with E[log beta]."""
    energy = splat(0.0)
    for w in range(statistics.shape[0]):
        for k in range(0, statistics.shape[1], LANES):
            s = times(load(statistics, w, k), load(words, w, k))
            store(statistics, w, k, s)
            energy = fma(s, load(expected_log, w, k), energy)
    return total(energy)


@jit
def expect_words(concentration, digammas, words, offsets, expected_log):
    """Set up a range of words for documents: E[log beta], and its exponential relative to the word's largest.

    Parameters
    ----------
    concentration : (v, K)
    digammas : (K,)
        digamma of the topics' sums of concentrations.
    words, offsets : (v, K8), (v,)
        As documents read them.
    expected_log : (v, K8)

    Returns
    -------
    float
        Sum of log Gamma of the concentrations.
    """
    wide_vectors()
    n_words, n_topics = concentration.shape
    columns = words.shape[1]
    zero, one = splat(0.0), splat(1.0)
    value = zero
    for w in range(n_words):
        # log Gamma(1) is zero.
        for k in range(columns):
            words[w, k] = concentration[w, k] if k < n_topics else 1.0
        for k in range(columns):
            y, product, q = gamma_parts(words[w, k])
            expected_log[w, k] = log_normal(y) + digamma_tail(y) - q
            words[w, k] = log_gamma_tail(y) - log_normal(product)
        for k in range(columns):
            expected_log[w, k] = expected_log[w, k] - digammas[k] if k < n_topics else -np.inf
        largest = load(expected_log, w, 0)
        for k in range(0, columns, LANES):
            largest = maximum(largest, load(expected_log, w, k))
            value = fma(one, load(words, w, k), value)
        offsets[w] = highest(largest)
        for k in range(0, columns, LANES):
            store(words, w, k, exp_nonpositive(minus(load(expected_log, w, k), splat(offsets[w]))))
        for k in range(n_topics, columns):
            words[w, k] = 0.0
            expected_log[w, k] = 0.0
    return total(value)


@jit
def expected_gain(expected_log, prior, statistics, factor, concentration):
    """Sum over a range of words of E[log beta] times prior + factor * statistics - concentration.

    Shapes: expected_log and statistics (v, K8), prior and concentration (v, K).
    """
    gain = 0.0
    for w in range(concentration.shape[0]):
        for k in range(concentration.shape[1]):
            gain += expected_log[w, k] * (prior[w, k] + factor * statistics[w, k] - concentration[w, k])
    return gain


@jit
def add_prior(prior, statistics, concentration):
    """concentration <- prior + statistics: (v, K), (v, K8) and (v, K)."""
    for w in range(concentration.shape[0]):
        for k in range(concentration.shape[1]):
            concentration[w, k] = prior[w, k] + statistics[w, k]


@jit
def blend_words(earlier, prior, statistics, factor, rate, concentration):
    """concentration <- (1 - rate) * earlier + rate * (prior + factor * statistics).

    Shapes: statistics (v, K8), all else (v, K).
    """
    for w in range(concentration.shape[0]):
        for k in range(concentration.shape[1]):
            new = prior[w, k] + factor * statistics[w, k]
            concentration[w, k] = (1.0 - rate) * earlier[w, k] + rate * new


@jit
def leap_words(target, rate, least, start):
    """start <- rate * target + (1 - rate) * start, but no less than a share of the target; both (v, K8)."""
    for w in range(target.shape[0]):
        for k in range(target.shape[1]):
            beyond = rate * target[w, k] + (1.0 - rate) * start[w, k]
            start[w, k] = max(beyond, least * target[w, k])
