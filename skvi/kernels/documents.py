"""Documents of a topic model: their posteriors over topics.

Words are rows here: `words` (V, K) holds exp(E[log beta_kw]) relative to the word's largest, whose logarithm is
`offsets` (V,). K8 is the number of topics padded to a multiple of 8; padded concentrations are tiny. A document is a
row of a sparse matrix in compressed rows.
"""

import numpy as np
from scipy.special import gammaln

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import read_only
from skvi.kernels.blocks import padded
from skvi.kernels.document_steps import (
    COUNTS,
    MOST_FEW,
    N_VECTORS,
    N_WORD_VECTORS,
    OFFSETS,
    RATIOS,
    THETA,
    add_shares,
    clear_shares,
    norms,
    settle,
)
from skvi.kernels.simd import LANES, fma, highest, load, load_part, maximum, minus, splat, store, total
from skvi.kernels.special import digamma, digamma_tail, exp_nonpositive, gamma_parts, log_gamma_tail, log_normal

# Rows of the vectors by topics once a document has settled, beside theta.
_LOGS, _TERMS = 0, 1


@jit_helper
def _gather(data, indices, begin, end, words, offsets, evens, fresh, by_word, rows, vectors):
    """Copy a document's counts and its words' rows, filled up with its last word without counts; return its length.

    Rows are filled up with zeros. Fresh documents begin with the shares of their words under equal topics.
    """
    n, columns = end - begin, rows.shape[1]
    mass = 0.0
    for j in range((n + LANES - 1) // LANES * LANES):
        by_word[COUNTS, j] = data[begin + j] if j < n else 0.0
        by_word[OFFSETS, j] = offsets[indices[begin + j]] if j < n else 0.0
        mass += by_word[COUNTS, j]
    clear_shares(columns, vectors)
    for j in range(0, n, LANES):
        for i in range(LANES):
            w = indices[begin + min(j + i, n - 1)]
            by_word[RATIOS, i] = by_word[COUNTS, j + i] * evens[w]
            for k in range(0, columns - LANES, LANES):
                store(rows, j + i, k, load(words, w, k))
            store(rows, j + i, columns - LANES, load_part(words, w, columns - LANES))
        if fresh:
            add_shares(rows, j, columns, by_word, vectors)
    return mass


@jit_helper
def _weigh_topics(gamma, d, n_topics, alpha, vectors, logs):
    """Find E[log theta] and theta of document d, which is relative to exp of the first of what is returned.

    The second is KL(q(theta) || p(theta)) (nats) but for the log-normaliser of the prior.
    """
    wide_vectors()
    columns = gamma.shape[1]
    mass = 0.0
    for k in range(columns):
        vectors[THETA, k] = gamma[d, k]
        mass += gamma[d, k] if k < n_topics else 0.0
    for k in range(columns, columns + LANES):
        vectors[THETA, k] = mass
    for k in range(columns + LANES):
        y, product, q = gamma_parts(vectors[THETA, k])
        vectors[_LOGS, k] = log_normal(y) + digamma_tail(y) - q
        vectors[_TERMS, k] = log_gamma_tail(y) - log_normal(product)
    for k in range(columns):
        logs[d, k] = vectors[_LOGS, k] - vectors[_LOGS, columns]
        vectors[_TERMS, k] = (gamma[d, k] - alpha[k]) * logs[d, k] - vectors[_TERMS, k] if k < n_topics else 0.0
    one, divergence, largest = splat(1.0), splat(0.0), load(logs, d, 0)
    for k in range(0, columns, LANES):
        divergence = fma(one, load(vectors, _TERMS, k), divergence)
        largest = maximum(largest, load(logs, d, k))
    top = highest(largest)
    for k in range(0, columns, LANES):
        store(vectors, THETA, k, exp_nonpositive(minus(load(logs, d, k), splat(top))))
    return top, total(divergence) + vectors[_TERMS, columns]


@jit_helper
def _log_likelihood(rows, n, columns, by_word, vectors):
    """Sum over words of counts times log norms."""
    wide_vectors()
    n_words = (n + LANES - 1) // LANES * LANES
    for j in range(0, n, LANES):
        store(by_word, RATIOS, j, norms(rows, j, columns, vectors))
    for j in range(n_words):
        by_word[OFFSETS, j] += log_normal(by_word[RATIOS, j])
    value = splat(0.0)
    for j in range(0, n, LANES):
        value = fma(load(by_word, COUNTS, j), load(by_word, OFFSETS, j), value)
    return total(value)


@jit
def _infer_documents(
    data, indices, indptr, words, offsets, evens, alpha, n_topics, fresh, max_steps, tol, outputs, work
):
    gamma, theta, bounds, logs = outputs
    rows, few, by_word, vectors, topics, lasting = work
    columns = gamma.shape[1]
    log_least = digamma(alpha.max())
    for d in range(gamma.shape[0]):
        begin, end = indptr[d], indptr[d + 1]
        n = end - begin
        mass = _gather(data, indices, begin, end, words, offsets, evens, fresh, by_word, rows, vectors)
        for k in range(columns):
            if fresh:
                gamma[d, k] = alpha[k] + (mass / n_topics if k < n_topics else 0.0)
            else:
                gamma[d, k], vectors[THETA, k] = alpha[k], theta[d, k]
        settle(
            gamma, d, alpha, n_topics, rows, n, by_word, few, vectors, topics, lasting, fresh, log_least, max_steps, tol
        )
        if len(bounds) > 0:
            log_scale, divergence = _weigh_topics(gamma, d, n_topics, alpha, vectors, logs)
            likelihood = _log_likelihood(rows, n, columns, by_word, vectors) + mass * log_scale
            bounds[d] = likelihood - divergence
            for k in range(columns):
                theta[d, k] = vectors[THETA, k]


def infer_documents(
    data,
    indices,
    indptr,
    words,
    offsets,
    evens,
    alpha,
    n_topics,
    fresh,
    max_steps,
    tol,
    gamma,
    theta,
    bounds,
    logs,
    work,
):
    """Find the posteriors over topics of consecutive documents, by coordinate ascent (Blei, Ng & Jordan 2003).

    Parameters
    ----------
    data, indices, indptr : of a sparse matrix; indptr (n + 1,) need not begin at zero
    words, offsets : (V, K), (V,)
    evens : (V,)
        One over the sums of words.
    alpha : (K8,)
    n_topics : int
    fresh : bool
        Whether documents start from equal topics, or else from theta. From there no step lowers a bound; fresh ones
        take longer steps, which halves their number.
    max_steps : int
    tol : float
        Mean change of gamma over topics below which a document has settled.
    gamma : (n, K8)
        Becomes the concentrations of the posteriors.
    theta : (n, K8)
        exp(E[log theta]), up to a factor that is the document's own: start and result.
    bounds : (n,), or (0,) where gamma is all that is asked for
        Becomes the documents' bounds (nats), whatever the number of steps was.
    logs : (n, K8)
        Becomes E[log theta].
    work : tuple of arrays
        As `workspace` makes them, for documents as long as these.
    """
    matrix = map(read_only, (data, indices, indptr))
    inputs = *matrix, words, offsets, evens, alpha, n_topics, fresh, max_steps, tol
    outputs = gamma, theta, bounds, logs
    _infer_documents(*inputs, outputs, work)
    if len(bounds) > 0:
        prior = alpha[:n_topics]
        bounds -= gammaln(prior).sum() - gammaln(prior.sum())


def workspace(longest, n_topics, make):
    """Arrays for documents of up to so many words, which make(name, shape, dtype) makes on the grid of vectors.

    These are words by all topics, few topics by words, vectors by words and by topics, and two rows of numbers.
    """
    longest, columns = padded(int(longest), LANES), padded(n_topics, LANES)
    rows = make("words by topics", (longest, columns), np.float64)
    # Topics' rows of words keep apart in the cache.
    few = make("topics by words", (padded(int(MOST_FEW * n_topics), LANES), longest + LANES), np.float64)
    by_word = make("vectors by words", (N_WORD_VECTORS, longest), np.float64)
    vectors = make("vectors by topics", (N_VECTORS, columns + LANES), np.float64)
    return rows, few, by_word, vectors, *make("topics", (2, columns), np.int64)
