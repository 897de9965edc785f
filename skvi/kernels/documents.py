"""Documents of a topic model: their posteriors over topics.

Words are rows here: `words` (V, K8) holds exp(E[log beta_kw]) relative to the word's largest, whose logarithm is
`offsets` (V,). K8 is the number of topics padded to a multiple of 8; padded columns of `words` are zero, and padded
concentrations are tiny. A document is a row of a sparse matrix in compressed rows.
"""

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.document_steps import mixing, norms, settle, workspace
from skvi.kernels.simd import LANES, aligned_empty, load, splat, store, sum_row
from skvi.kernels.special import digamma, digamma_tail, gamma_parts, log_gamma, log_gamma_tail, log_normal


@jit_helper
def _gather(data, indices, begin, end, words, counts, rows):
    """Copy a document's counts and its words' rows, filled up with words that do not occur; return its length."""
    n = end - begin
    columns = words.shape[1]
    for j in range(n):
        counts[0, j] = data[begin + j]
        w = indices[begin + j]
        for k in range(0, columns, LANES):
            store(rows, j, k, load(words, w, k))
    one = splat(1.0)
    for j in range(n, -(-n // LANES) * LANES):
        counts[0, j] = 0.0
        for k in range(0, columns, LANES):
            store(rows, j, k, one)
    return sum_row(counts, n)


@jit_helper
def _log_normalizer(alpha, n_topics):
    """Log-normaliser of a Dirichlet of these concentrations."""
    value, mass = 0.0, 0.0
    for k in range(n_topics):
        value += log_gamma(alpha[k])
        mass += alpha[k]
    return value - log_gamma(mass)


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
    return sum_row(terms, columns) + log_gamma(mass), both


@jit_helper
def _log_likelihood(rows, n, counts, theta, norm, terms):
    """Sum over words of counts times log norms; the norms are left behind."""
    wide_vectors()
    for j in range(0, n, LANES):
        store(norm, 0, j, norms(rows, j, rows.shape[1], theta))
    for j in range(-(-n // LANES) * LANES):
        terms[0, j] = counts[0, j] * log_normal(norm[0, j])
    return sum_row(terms, n)


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
        take longer steps, which halves their number.
    max_steps : int
    tol : float
        Mean change of gamma over topics below which a document has settled.
    gamma : (n, K8)
        Concentrations of the posteriors: start and result.
    theta : (n, K8)
        Becomes exp(E[log theta]), up to a factor that is the document's own.
    ratios : (nnz,)
        Becomes the count of each word over its norm: a word's responsibilities are ratio * theta * words.
    bounds : (n,), or (0,) where gamma is all that is asked for
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
    counts, norm, terms = aligned_empty(1, longest), aligned_empty(1, longest), aligned_empty(1, longest)
    own, scratch = aligned_empty(1, columns), aligned_empty(1, columns)
    work = workspace(longest, columns)
    prior = _log_normalizer(alpha, n_topics)
    for d in range(n_documents):
        begin, end = indptr[d], indptr[d + 1]
        n = end - begin
        mass = _gather(data, indices, begin, end, words, counts, rows)
        if fresh:
            for k in range(columns):
                gamma[d, k] = alpha[k] + mass / n_topics if k < n_topics else alpha[k]
        settle(gamma, d, alpha, n_topics, rows, n, counts, fresh, max_steps, tol, work)
        if len(bounds) == 0:
            continue
        log_scale = mixing(gamma[d : d + 1], columns, own, scratch)
        divergence, both = _divergence(gamma, d, n_topics, alpha, scratch, terms)
        bound = _log_likelihood(rows, n, counts, own, norm, terms) + mass * (log_scale - both)
        bound -= divergence + prior
        for j in range(n):
            terms[0, j] = counts[0, j] * offsets[indices[begin + j]]
            ratios[begin - first + j] = counts[0, j] / norm[0, j]
        for j in range(n, -(-n // LANES) * LANES):
            terms[0, j] = 0.0
        bounds[d] = bound + sum_row(terms, n)
        for k in range(columns):
            theta[d, k] = own[0, k]
            logs[d, k] = scratch[0, k] - both
