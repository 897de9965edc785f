"""Documents of a topic model: their posteriors over topics, and what the topics learn from them.

Words are rows here: `words` (V, K8) holds exp(E[log beta_kw]) relative to the word's largest, whose logarithm is
`offsets` (V,). K8 is the number of topics padded to a multiple of 8; padded columns of `words` are zero, and padded
concentrations are tiny. A document is a row of a sparse matrix in compressed rows.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import (
    LANES,
    aligned_empty,
    broadcast,
    fma,
    load,
    minus,
    over,
    plus,
    splat,
    store,
    times,
    total,
    totals,
)
from skvi.kernels.special import (
    digamma,
    digamma_tail,
    exp_nonpositive,
    gamma_parts,
    log_gamma,
    log_gamma_tail,
    log_normal,
)

#: concentration of padded topics: too small for them ever to be the largest of a document
PADDING = 1e-300
#: how far fresh documents go at each step, as a multiple of the plain update
FRESH_PACE = 1.7


@jit_helper
def _gather(data, indices, begin, end, words, counts, rows):
    """Copy a document's counts and its words' rows, filled up with words that do not occur; return its length."""
    n = end - begin
    columns = words.shape[1]
    mass = 0.0
    for j in range(n):
        counts[0, j] = data[begin + j]
        mass += counts[0, j]
        w = indices[begin + j]
        for k in range(0, columns, LANES):
            store(rows, j, k, load(words, w, k))
    one = splat(1.0)
    for j in range(n, -(-n // LANES) * LANES):
        counts[0, j] = 0.0
        for k in range(0, columns, LANES):
            store(rows, j, k, one)
    return mass


@jit_helper
def _log_normalizer(alpha, n_topics):
    """Log-normaliser of a Dirichlet of these concentrations."""
    value, mass = 0.0, 0.0
    for k in range(n_topics):
        value += log_gamma(alpha[k])
        mass += alpha[k]
    return value - log_gamma(mass)


@jit_helper
def _mixing(gamma, d, theta, scaled):
    """theta <- exp(digamma(gamma[d])) relative to about its largest; return the logarithm of what it is relative to."""
    wide_vectors()
    columns = gamma.shape[1]
    top = -np.inf
    for k in range(columns):
        y, _, q = gamma_parts(gamma[d, k])
        theta[0, k] = y
        scaled[0, k] = digamma_tail(y) - q
    for k in range(columns):
        top = max(top, scaled[0, k])
    for k in range(0, columns, LANES):
        e = exp_nonpositive(minus(load(scaled, 0, k), splat(top)))
        store(theta, 0, k, times(e, load(theta, 0, k)))
    return top


@jit_helper
def _norms(rows, j, theta):
    """rows[i]' theta of eight words from j on."""
    a = splat(0.0)
    b = a
    c = a
    d = a
    e = a
    f = a
    g = a
    h = a
    for k in range(0, rows.shape[1], LANES):
        t = load(theta, 0, k)
        a = fma(t, load(rows, j, k), a)
        b = fma(t, load(rows, j + 1, k), b)
        c = fma(t, load(rows, j + 2, k), c)
        d = fma(t, load(rows, j + 3, k), d)
        e = fma(t, load(rows, j + 4, k), e)
        f = fma(t, load(rows, j + 5, k), f)
        g = fma(t, load(rows, j + 6, k), g)
        h = fma(t, load(rows, j + 7, k), h)
    return totals(a, b, c, d, e, f, g, h)


@jit_helper
def _assign(rows, n, counts, theta, ratios, shares):
    """shares <- sum_j counts[j] / (rows[j]' theta) rows[j], eight words at a time while they are in the cache."""
    columns = rows.shape[1]
    for k in range(0, columns, LANES):
        store(shares, 0, k, splat(0.0))
    for j in range(0, n, LANES):
        store(ratios, 0, 0, over(load(counts, 0, j), _norms(rows, j, theta)))
        a = broadcast(ratios, 0, 0)
        b = broadcast(ratios, 0, 1)
        c = broadcast(ratios, 0, 2)
        d = broadcast(ratios, 0, 3)
        e = broadcast(ratios, 0, 4)
        f = broadcast(ratios, 0, 5)
        g = broadcast(ratios, 0, 6)
        h = broadcast(ratios, 0, 7)
        for k in range(0, columns, LANES):
            s = fma(a, load(rows, j, k), load(shares, 0, k))
            t = times(b, load(rows, j + 1, k))
            s = fma(c, load(rows, j + 2, k), s)
            t = fma(d, load(rows, j + 3, k), t)
            s = fma(e, load(rows, j + 4, k), s)
            t = fma(f, load(rows, j + 5, k), t)
            s = fma(g, load(rows, j + 6, k), s)
            t = fma(h, load(rows, j + 7, k), t)
            store(shares, 0, k, plus(s, t))


@jit_helper
def _update(gamma, d, alpha, theta, shares, pace):
    """Move gamma[d] to alpha + theta * shares, or beyond at a pace above one; return the sum of plain changes.

    A topic keeps half of its plain share at least: one without any would never come back.
    """
    change = 0.0
    for k in range(gamma.shape[1]):
        share = theta[0, k] * shares[0, k]
        step = alpha[k] + share - gamma[d, k]
        change += abs(step)
        gamma[d, k] = max(gamma[d, k] + pace * step, alpha[k] + 0.5 * share)
    return change


@jit_helper
def _sum(values, n):
    """Sum of values[0, :n], eight lanes at a time; what follows up to a multiple of eight counts too."""
    one = splat(1.0)
    s = splat(0.0)
    for j in range(0, n, LANES):
        s = fma(one, load(values, 0, j), s)
    return total(s)


@jit_helper
def _divergence(gamma, d, n_topics, alpha, digammas, terms):
    """KL(q(theta) || p(theta)) of document d (nats), and the digamma of the sum of gamma."""
    wide_vectors()
    columns = gamma.shape[1]
    for k in range(columns):
        y, product, q = gamma_parts(gamma[d, k])
        digammas[0, k] = log_normal(y) + digamma_tail(y) - q
        terms[0, k] = log_gamma_tail(y) - log_normal(product)
    mass = 0.0
    for k in range(n_topics):
        mass += gamma[d, k]
    both = digamma(mass)
    for k in range(columns):
        terms[0, k] = (gamma[d, k] - alpha[k]) * (digammas[0, k] - both) - terms[0, k] if k < n_topics else 0.0
    return _sum(terms, columns) + log_gamma(mass), both


@jit_helper
def _log_likelihood(rows, n, counts, theta, norms, terms):
    """Sum over words of counts times log norms; the norms are left behind."""
    wide_vectors()
    for j in range(0, n, LANES):
        store(norms, 0, j, _norms(rows, j, theta))
    for j in range(-(-n // LANES) * LANES):
        terms[0, j] = counts[0, j] * log_normal(norms[0, j])
    return _sum(terms, n)


@jit
def infer_documents(
    data, indices, indptr, words, offsets, alpha, n_topics, fresh, max_steps, tol, gamma, theta, ratios, bounds, logs
):
    """Find the posteriors over topics of consecutive documents, by coordinate ascent (Blei, Ng & Jordan 2003).

    Parameters
    ----------
    data, indices, indptr : of a sparse matrix; indptr (n + 1,) need not begin at zero
    words, offsets : (V, K8), (V,)
    alpha : (K8,)
    n_topics : int
    fresh : bool
        Whether documents start from equal topics, or else from gamma. From there no step lowers a bound; fresh ones
        go further than the plain update by `FRESH_PACE`, which halves their number.
    max_steps : int
    tol : float
        Mean change of gamma over topics below which a document has settled.
    gamma : (n, K8)
        Concentrations of the posteriors: start and result.
    theta : (n, K8)
        Becomes exp(E[log theta]), up to a factor that is the document's own.
    ratios : (nnz,)
        Becomes the count of each word over its norm: a word's responsibilities are ratio * theta * words.
    bounds : (n,)
        Becomes the documents' bounds (nats), whatever the number of steps was.
    logs : (n, K8)
        Becomes E[log theta].
    """
    n_documents, columns = gamma.shape
    first = indptr[0]
    longest = columns
    for d in range(n_documents):
        longest = max(longest, indptr[d + 1] - indptr[d])
    longest = -(-longest // LANES) * LANES
    rows = aligned_empty(longest, columns)
    counts, norms, terms = aligned_empty(1, longest), aligned_empty(1, longest), aligned_empty(1, longest)
    mixing, shares = aligned_empty(1, columns), aligned_empty(1, columns)
    prior = _log_normalizer(alpha, n_topics)
    pace = FRESH_PACE if fresh else 1.0
    for d in range(n_documents):
        begin, end = indptr[d], indptr[d + 1]
        n = end - begin
        mass = _gather(data, indices, begin, end, words, counts, rows)
        if fresh:
            for k in range(columns):
                gamma[d, k] = alpha[k] + mass / n_topics if k < n_topics else alpha[k]
        for _ in range(max_steps):
            _mixing(gamma, d, mixing, shares)
            _assign(rows, n, counts, mixing, norms, shares)
            if _update(gamma, d, alpha, mixing, shares, pace) < tol * n_topics:
                break
        log_scale = _mixing(gamma, d, mixing, shares)
        divergence, both = _divergence(gamma, d, n_topics, alpha, shares, terms)
        bound = _log_likelihood(rows, n, counts, mixing, norms, terms) + mass * (log_scale - both)
        bound -= divergence + prior
        for j in range(n):
            bound += counts[0, j] * offsets[indices[begin + j]]
            ratios[begin - first + j] = counts[0, j] / norms[0, j]
        bounds[d] = bound
        for k in range(columns):
            theta[d, k] = mixing[0, k]
            logs[d, k] = shares[0, k] - both


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
    value = 0.0
    for w in range(n_words):
        for k in range(n_topics):
            y, product, q = gamma_parts(concentration[w, k])
            expected_log[w, k] = log_normal(y) + digamma_tail(y) - q - digammas[k]
            words[w, k] = log_gamma_tail(y) - log_normal(product)
        for k in range(n_topics, columns):
            words[w, k] = 0.0
            expected_log[w, k] = -np.inf
        value += _sum(words[w : w + 1], columns)
        top = -np.inf
        for k in range(n_topics):
            top = max(top, expected_log[w, k])
        offsets[w] = top
        for k in range(0, columns, LANES):
            store(words, w, k, exp_nonpositive(minus(load(expected_log, w, k), splat(top))))
        for k in range(n_topics, columns):
            words[w, k] = 0.0
            expected_log[w, k] = 0.0
    return value


@jit
def expected_gain(expected_log, prior, statistics, concentration):
    """Sum over a range of words of E[log beta] times prior + statistics - concentration.

    Shapes: expected_log and statistics (v, K8), prior and concentration (v, K).
    """
    gain = 0.0
    for w in range(concentration.shape[0]):
        for k in range(concentration.shape[1]):
            gain += expected_log[w, k] * (prior[w, k] + statistics[w, k] - concentration[w, k])
    return gain
