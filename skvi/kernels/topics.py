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
def finish_words(counts, offsets, words):
    """words <- counts * words, the statistics of a range of words; return their product with E[log beta].

    Shapes: counts and words (v, K8), offsets (v,).
    """
    wide_vectors()
    columns = words.shape[1]
    logs = np.empty((1, columns))
    energy = splat(0.0)
    for w in range(words.shape[0]):
        for k in range(columns):
            # Zeros of the padding have a logarithm that is finite here.
            logs[0, k] = log_normal(words[w, k]) + offsets[w]
        for k in range(0, columns, LANES):
            s = times(load(counts, w, k), load(words, w, k))
            store(words, w, k, s)
            energy = fma(s, load(logs, 0, k), energy)
    return total(energy)


@jit_helper
def _add_difference(prior, w, own, difference):
    """difference <- difference + prior[w] - own[w]: priors are of any strides, so that elements go one by one."""
    for k in range(prior.shape[1]):
        difference[0, k] += prior[w, k]
    for k in range(own.shape[1]):
        difference[0, k] -= own[w, k]


@jit
def expect_words(concentration, digammas, prior, words, offsets, evens, log_sums):
    """Set up a range of words for documents: exp(E[log beta]) relative to the word's largest.

    Parameters
    ----------
    concentration, prior : (v, K)
    digammas : (K,)
        digamma of the topics' sums of concentrations.
    words, offsets : (v, K8), (v,)
        As documents read them.
    evens : (v,)
        One over the sums of the rows of words: a word's ratio under equal topics.
    log_sums : (v,)
        Sums of E[log beta] over topics.

    Returns
    -------
    (float, float)
        Sum of log Gamma of the concentrations, and that of E[log beta] times prior - concentration.
    """
    wide_vectors()
    n_words, n_topics = concentration.shape
    columns = words.shape[1]
    logs, pending = np.zeros((1, columns)), np.zeros((1, columns))
    zero, one = splat(0.0), splat(1.0)
    value, gain = zero, zero
    for w in range(n_words):
        # log Gamma(1) is zero.
        for k in range(columns):
            words[w, k] = concentration[w, k] if k < n_topics else 1.0
        for k in range(columns):
            y, product, q = gamma_parts(words[w, k])
            log_y = log_normal(y)
            logs[0, k] = log_y + digamma_tail(y) - q
            words[w, k] = log_gamma_tail(y) - log_normal(product)
        for k in range(columns):
            logs[0, k] = logs[0, k] - digammas[k] if k < n_topics else -np.inf
        largest = load(logs, 0, 0)
        for k in range(0, columns, LANES):
            largest = maximum(largest, load(logs, 0, k))
            value = fma(one, load(words, w, k), value)
            store(pending, 0, k, zero)
        offsets[w] = highest(largest)
        for k in range(0, columns, LANES):
            store(words, w, k, exp_nonpositive(minus(load(logs, 0, k), splat(offsets[w]))))
        for k in range(n_topics, columns):
            words[w, k] = 0.0
            logs[0, k] = 0.0
        _add_difference(prior, w, concentration, pending)
        whole, log_sum = zero, zero
        for k in range(0, columns, LANES):
            whole = fma(one, load(words, w, k), whole)
            log_sum = fma(one, load(logs, 0, k), log_sum)
            gain = fma(load(logs, 0, k), load(pending, 0, k), gain)
        evens[w] = 1.0 / total(whole)
        log_sums[w] = total(log_sum)
    return total(value), total(gain)


@jit
def expected_gain(concentration, digammas, prior, statistics, factor):
    """Sum over a range of words of E[log beta] times prior + factor * statistics - concentration.

    Shapes: statistics (v, K8), digammas (K,), all else (v, K). E[log beta] is made again: a table of it is as large as
    that of the topics.
    """
    wide_vectors()
    n_words, n_topics = concentration.shape
    columns = statistics.shape[1]
    own, pending = np.ones((1, columns)), np.zeros((1, columns))
    gain = splat(0.0)
    for w in range(n_words):
        for k in range(n_topics):
            own[0, k] = concentration[w, k]
            pending[0, k] = factor * statistics[w, k]
        _add_difference(prior, w, concentration, pending)
        for k in range(columns):
            y, _, q = gamma_parts(own[0, k])
            own[0, k] = log_normal(y) + digamma_tail(y) - q
        for k in range(n_topics):
            own[0, k] -= digammas[k]
        for k in range(0, columns, LANES):
            gain = fma(load(own, 0, k), load(pending, 0, k), gain)
        for k in range(n_topics, columns):
            own[0, k] = 1.0
    return total(gain)


@jit
def add_prior(prior, statistics, concentration):
    """concentration <- prior + statistics: (v, K), (v, K8) and (v, K)."""
    wide_vectors()
    own = np.empty(concentration.shape[1])
    for w in range(concentration.shape[0]):
        for k in range(len(own)):
            own[k] = prior[w, k]
        for k in range(len(own)):
            concentration[w, k] = own[k] + statistics[w, k]


@jit
def blend_words(earlier, prior, statistics, factor, rate, least, concentration):
    """concentration <- (1 - rate) * earlier + rate * (prior + factor * statistics), where rate is at most one.

    A leap, beyond one, goes no further than prior + least * factor * statistics. Shapes: statistics (v, K8), all else
    (v, K).
    """
    wide_vectors()
    own = np.empty(concentration.shape[1])
    for w in range(concentration.shape[0]):
        for k in range(len(own)):
            own[k] = prior[w, k]
        for k in range(len(own)):
            count = factor * statistics[w, k]
            new = (1.0 - rate) * earlier[w, k] + rate * (own[k] + count)
            floor = own[k] + least * count
            concentration[w, k] = new if rate <= 1.0 or new > floor else floor
