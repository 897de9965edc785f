"""Documents of a topic model: their posteriors over topics, and what the topics learn from them.

Words are rows here: `words` (V, K) holds exp(E[log beta_kw]) relative to the word's largest, whose logarithm is
`offsets` (V,). K8 is the number of topics padded to a multiple of 8. A document is a row of a sparse matrix in
compressed rows.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import (
    LANES,
    fma,
    highest,
    load,
    load_part,
    maximum,
    minus,
    plus,
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
def find_words(indices, indptr, word, positions):
    """Set the positions (n,) of the first index of each document that is not below a word; indices are sorted."""
    for d in range(len(positions)):
        positions[d] = _first_at_least(indices, indptr[d], indptr[d + 1], word)


@jit
def add_words(data, indices, indptr, weights, theta, words, first_word, positions, statistics):
    """Add weight * count / (theta' words) * theta of each word of documents to the word's row of the statistics.

    Times words these are the expected counts. To keep the norms of all words, which documents knew, would take as
    much memory as the documents. Words and statistics, (v, K) and (v, K8), stand for a range of words that begins at
    `first_word`, and positions (n,) are where each document has come to it: they move on to where the range ends.
    Whoever calls this for all ranges has all words added, each in the order of the documents.
    """
    n_words, columns = statistics.shape
    last = columns - LANES
    for d in range(theta.shape[0]):
        j = positions[d]
        while j < indptr[d + 1] and indices[j] < first_word + n_words:
            w = indices[j] - first_word
            norm = times(load(theta, d, last), load_part(words, w, last))
            for k in range(0, last, LANES):
                norm = fma(load(theta, d, k), load(words, w, k), norm)
            ratio = splat(weights[d] * data[j] / total(norm))
            for k in range(0, columns, LANES):
                store(statistics, w, k, fma(ratio, load(theta, d, k), load(statistics, w, k)))
            j += 1
        positions[d] = j


@jit
def finish_words(counts, offsets, words):
    """words <- counts * words, the statistics of a range of words; return their product with E[log beta].

    Shapes: counts (v, K8), offsets (v,), words (v, K).
    """
    wide_vectors()
    n_words, n_topics = words.shape
    columns = counts.shape[1]
    logs, own = np.zeros((1, columns)), np.zeros((1, columns))
    energy = splat(0.0)
    for w in range(n_words):
        for k in range(n_topics):
            logs[0, k] = log_normal(words[w, k]) + offsets[w]
            own[0, k] = counts[w, k] * words[w, k]
        for k in range(n_topics):
            words[w, k] = own[0, k]
        for k in range(0, columns, LANES):
            energy = fma(load(own, 0, k), load(logs, 0, k), energy)
    return total(energy)


@jit
def expect_words(concentration, digammas, words, offsets, evens, log_sums):
    """Set up a range of words for documents: exp(E[log beta]) relative to the word's largest.

    Parameters
    ----------
    concentration : (v, K)
    digammas : (K,)
        digamma of the topics' sums of concentrations.
    words, offsets : (v, K), (v,)
        As documents read them.
    evens : (v,)
        One over the sums of the rows of words: a word's ratio under equal topics.
    log_sums : (v,)
        Sums of E[log beta] over topics.
    """
    wide_vectors()
    n_words, n_topics = concentration.shape
    columns = (n_topics + LANES - 1) // LANES * LANES
    own, logs = np.ones((1, columns)), np.zeros((1, columns))
    zero = splat(0.0)
    for w in range(n_words):
        for k in range(n_topics):
            own[0, k] = concentration[w, k]
        log_sum = zero
        for k in range(columns):
            y, _, q = gamma_parts(own[0, k])
            logs[0, k] = log_normal(y) + digamma_tail(y) - q
        for k in range(columns):
            logs[0, k] = logs[0, k] - digammas[k] if k < n_topics else 0.0
        for k in range(0, columns, LANES):
            log_sum = plus(log_sum, load(logs, 0, k))
        for k in range(n_topics, columns):
            logs[0, k] = -np.inf
        largest = load(logs, 0, 0)
        for k in range(LANES, columns, LANES):
            largest = maximum(largest, load(logs, 0, k))
        offsets[w] = highest(largest)
        for k in range(0, columns, LANES):
            store(logs, 0, k, exp_nonpositive(minus(load(logs, 0, k), splat(offsets[w]))))
        for k in range(n_topics, columns):
            logs[0, k] = 0.0
        whole = zero
        for k in range(0, columns, LANES):
            whole = plus(whole, load(logs, 0, k))
        for k in range(n_topics):
            words[w, k] = logs[0, k]
        evens[w] = 1.0 / total(whole)
        log_sums[w] = total(log_sum)


@jit
def expected_gains(concentration, digammas, prior, statistics, factor):
    """What a bound needs of a range of words, in one pass that keeps nothing: tables are large.

    Shapes: digammas (K,), all else (v, K).

    Returns
    -------
    (float, float, float)
        Sum of log Gamma of the concentrations, that of E[log beta] times prior - concentration, and that of
        E[log beta] times factor * statistics.
    """
    wide_vectors()
    n_words, n_topics = concentration.shape
    columns = (n_topics + LANES - 1) // LANES * LANES
    own, terms = np.ones((1, columns)), np.zeros((1, columns))
    pending, counts = np.zeros((1, columns)), np.zeros((1, columns))
    value, gain, energy = splat(0.0), splat(0.0), splat(0.0)
    for w in range(n_words):
        # Priors are of any strides, so that elements go one by one. log Gamma(1), of the padding, is zero.
        for k in range(n_topics):
            pending[0, k] = prior[w, k]
        for k in range(n_topics):
            own[0, k] = concentration[w, k]
            pending[0, k] -= own[0, k]
            counts[0, k] = factor * statistics[w, k]
        for k in range(columns):
            y, product, q = gamma_parts(own[0, k])
            terms[0, k] = log_gamma_tail(y) - log_normal(product)
            own[0, k] = log_normal(y) + digamma_tail(y) - q
        for k in range(n_topics):
            own[0, k] -= digammas[k]
        for k in range(0, columns, LANES):
            value = plus(value, load(terms, 0, k))
            gain = fma(load(own, 0, k), load(pending, 0, k), gain)
            energy = fma(load(own, 0, k), load(counts, 0, k), energy)
        for k in range(n_topics, columns):
            own[0, k] = 1.0
    return total(value), total(gain), total(energy)


@jit
def add_prior(prior, statistics, concentration, mass):
    """concentration <- prior + statistics: all (v, K); its sums over words are added to mass (K,)."""
    wide_vectors()
    own = np.empty(concentration.shape[1])
    for w in range(concentration.shape[0]):
        for k in range(len(own)):
            own[k] = prior[w, k]
        for k in range(len(own)):
            own[k] += statistics[w, k]
            mass[k] += own[k]
        for k in range(len(own)):
            concentration[w, k] = own[k]


@jit
def blend_words(prior, statistics, factor, rate, least, concentration, mass):
    """concentration <- (1 - rate) * concentration + rate * (prior + factor * statistics), where rate is at most one.

    A leap, beyond one, goes no further than prior + least * factor * statistics. Shapes: all (v, K). Sums over words
    of what it becomes are added to mass (K,).
    """
    wide_vectors()
    own = np.empty(concentration.shape[1])
    for w in range(concentration.shape[0]):
        for k in range(len(own)):
            own[k] = prior[w, k]
        for k in range(len(own)):
            count = factor * statistics[w, k]
            new = (1.0 - rate) * concentration[w, k] + rate * (own[k] + count)
            floor = own[k] + least * count
            own[k] = new if rate <= 1.0 or new > floor else floor
            mass[k] += own[k]
        for k in range(len(own)):
            concentration[w, k] = own[k]
