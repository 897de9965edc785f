"""Steps of a document of a topic model: coordinate ascent over its posterior of topics.

Vectors by topics are rows of arrays of one row, and go up to a number of columns that is a multiple of eight. What
fills them up has tiny concentrations and no words.

Most documents have few topics. Within a few steps the others' shares collapse, as fast as exp(-1 / concentration),
and a document goes on with those that last, as a document of a smaller model whose words stand in the lanes. One step
with all topics in the end shows whether another would come back.
"""

import numpy as np

from skvi._numba import jit_helper, wide_vectors
from skvi.kernels.simd import (
    LANES,
    aligned_empty,
    broadcast,
    fma,
    highest,
    load,
    maximum,
    minus,
    over,
    plus,
    splat,
    store,
    times,
    total,
    totals,
)
from skvi.kernels.special import digamma_tail, exp_nonpositive, gamma_parts

#: concentration of padded topics: too small for them ever to be the largest of a document
PADDING = 1e-300
#: how far fresh documents go in each step, as a multiple of the plain one, unless steps turn back
FRESH_PACE = 1.7
#: share of a document's counts below which a topic is left out while the others settle
LEAST_SHARE = 1e-10
#: share of all topics up to which topics are few: copying their words pays
MOST_FEW = 0.5


@jit_helper
def mixing(gamma, columns, theta, scaled):
    """theta <- exp(digamma(gamma)) relative to about its largest; return the logarithm of what it is relative to."""
    wide_vectors()
    for k in range(columns):
        y, _, q = gamma_parts(gamma[0, k])
        theta[0, k] = y
        scaled[0, k] = digamma_tail(y) - q
    largest = load(scaled, 0, 0)
    for k in range(LANES, columns, LANES):
        largest = maximum(largest, load(scaled, 0, k))
    top = highest(largest)
    for k in range(0, columns, LANES):
        e = exp_nonpositive(minus(load(scaled, 0, k), splat(top)))
        store(theta, 0, k, times(e, load(theta, 0, k)))
    return top


@jit_helper
def norms(rows, j, columns, theta):
    """rows[i]' theta of eight words from j on."""
    a = splat(0.0)
    b = a
    c = a
    d = a
    e = a
    f = a
    g = a
    h = a
    for k in range(0, columns, LANES):
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
def _assign(rows, n, columns, counts, theta, ratios, shares):
    """shares <- sum_j counts[j] / (rows[j]' theta) rows[j], eight words at a time while they are in the cache."""
    for k in range(0, columns, LANES):
        store(shares, 0, k, splat(0.0))
    for j in range(0, n, LANES):
        store(ratios, 0, 0, over(load(counts, 0, j), norms(rows, j, columns, theta)))
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
def _assign_few(few, n_lasting, n, counts, theta, ratios, shares):
    """Do as `_assign` with few topics, whose words stand in the lanes."""
    for j in range(0, n, LANES):
        norm = times(broadcast(theta, 0, 0), load(few, 0, j))
        for k in range(1, n_lasting):
            norm = fma(broadcast(theta, 0, k), load(few, k, j), norm)
        store(ratios, 0, j, over(load(counts, 0, j), norm))
    for k in range(0, n_lasting, LANES):
        a = splat(0.0)
        b = a
        c = a
        d = a
        e = a
        f = a
        g = a
        h = a
        for j in range(0, n, LANES):
            r = load(ratios, 0, j)
            a = fma(r, load(few, k, j), a)
            b = fma(r, load(few, k + 1, j), b)
            c = fma(r, load(few, k + 2, j), c)
            d = fma(r, load(few, k + 3, j), d)
            e = fma(r, load(few, k + 4, j), e)
            f = fma(r, load(few, k + 5, j), f)
            g = fma(r, load(few, k + 6, j), g)
            h = fma(r, load(few, k + 7, j), h)
        store(shares, 0, k, totals(a, b, c, d, e, f, g, h))


@jit_helper
def _plain_step(gamma, alpha, theta, shares, columns, step):
    """step <- alpha + theta * shares - gamma.

    Return the sum of its absolute values, and its product with the step before.
    """
    zero = splat(0.0)
    size, along = zero, zero
    for k in range(0, columns, LANES):
        before = load(step, 0, k)
        new = minus(fma(load(theta, 0, k), load(shares, 0, k), load(alpha, 0, k)), load(gamma, 0, k))
        size = plus(size, maximum(new, minus(zero, new)))
        along = fma(before, new, along)
        store(step, 0, k, new)
    return total(size), total(along)


@jit_helper
def _go(gamma, alpha, theta, shares, columns, step, pace):
    """Add the step to gamma, or more of it at a pace above one.

    A topic keeps half of its plain share at least: one without any would never come back.
    """
    far, half = splat(pace), splat(0.5)
    for k in range(0, columns, LANES):
        share = times(load(theta, 0, k), load(shares, 0, k))
        least = fma(half, share, load(alpha, 0, k))
        store(gamma, 0, k, maximum(least, fma(far, load(step, 0, k), load(gamma, 0, k))))


@jit_helper
def _find_lasting(theta, shares, columns, lasting):
    """Find the topics whose next share, theta * shares, would not be negligible; return how many there are."""
    whole = splat(0.0)
    for k in range(0, columns, LANES):
        whole = fma(load(theta, 0, k), load(shares, 0, k), whole)
    least = LEAST_SHARE * total(whole)
    n = 0
    for k in range(columns):
        lasting[n] = k
        n += theta[0, k] * shares[0, k] >= least
    return n


@jit_helper
def _pick(lasting, n_lasting, rows, n, few):
    """few[k] <- column of the k-th lasting topic of n rows of words."""
    for j in range(0, n, LANES):
        for k in range(n_lasting):
            topic = lasting[k]
            for i in range(j, j + LANES):
                few[k, i] = rows[i, topic]


@jit_helper
def _pick_again(lasting, n_lasting, n, few):
    """few[k] <- few[lasting[k]], for n words."""
    for k in range(n_lasting):
        if lasting[k] > k:
            for j in range(0, n, LANES):
                store(few, k, j, load(few, lasting[k], j))


@jit_helper
def _leave_out(lasting, n_lasting, rows, n_words, whole, work):
    """Go on with lasting topics: their words, their elements of all vectors, and what fills these up."""
    few, _, own, prior, theta, _, step, _, _, topics = work
    if whole:
        _pick(lasting, n_lasting, rows, n_words, few)
    else:
        _pick_again(lasting, n_lasting, n_words, few)
    for k in range(n_lasting):
        i = lasting[k]
        own[0, k], prior[0, k], theta[0, k], step[0, k] = own[0, i], prior[0, i], theta[0, i], step[0, i]
        topics[k] = topics[i]
    for k in range(n_lasting, -(-n_lasting // LANES) * LANES):
        own[0, k], prior[0, k], theta[0, k], step[0, k] = PADDING, PADDING, 0.0, 0.0
        for j in range(0, n_words, LANES):
            store(few, k, j, splat(0.0))


@jit_helper
def workspace(longest, columns):
    """Arrays for `settle`: few topics by words, ratios of words, vectors by topics, and numbers of topics."""
    few, ratios = aligned_empty(columns, longest + LANES), aligned_empty(1, longest)
    own, prior, theta = aligned_empty(1, columns), aligned_empty(1, columns), aligned_empty(1, columns)
    shares, step, scratch = aligned_empty(1, columns), aligned_empty(1, columns), aligned_empty(1, columns)
    lasting, topics = np.empty((2, columns), np.int64)
    return few, ratios, own, prior, theta, shares, step, scratch, lasting, topics


@jit_helper
def _begin(gamma, d, alpha, own, prior, step, topics):
    """Set up a document with all topics."""
    for k in range(gamma.shape[1]):
        own[0, k], prior[0, k], step[0, k], topics[k] = gamma[d, k], alpha[k], 0.0, k


@jit_helper
def _end(gamma, d, alpha, own, topics, n_lasting):
    """Put the concentrations of a document's topics where they belong; topics that were left out have none of it."""
    for k in range(gamma.shape[1]):
        gamma[d, k] = alpha[k]
    for k in range(n_lasting):
        gamma[d, topics[k]] = own[0, k]


@jit_helper
def settle(gamma, d, alpha, n_topics, rows, n, counts, fresh, max_steps, tol, work):
    """Move gamma[d] step by step until a step with all topics changes it by less than tol for each of them."""
    few, ratios, own, prior, theta, shares, step, scratch, lasting, topics = work
    n_words = -(-n // LANES) * LANES
    n_own = columns = gamma.shape[1]
    most_few = MOST_FEW * n_topics
    _begin(gamma, d, alpha, own, prior, step, topics)
    whole, told = True, False
    for number in range(max_steps):
        mixing(own, columns, theta, scratch)
        if told and number + 1 < max_steps:
            n_lasting = _find_lasting(theta, shares, columns, lasting)
            if n_lasting <= most_few and n_lasting < n_own:
                _leave_out(lasting, n_lasting, rows, n_words, whole, work)
                n_own, columns, whole = n_lasting, -(-n_lasting // LANES) * LANES, False
        if whole:
            _assign(rows, n, columns, counts, theta, ratios, shares)
        else:
            _assign_few(few, n_own, n, counts, theta, ratios, shares)
        told = True
        change, along = _plain_step(own, prior, theta, shares, columns, step)
        pace = FRESH_PACE if fresh and along >= 0.0 else 1.0
        _go(own, prior, theta, shares, columns, step, pace)
        if change < tol * n_topics:
            if whole:
                break
            _end(gamma, d, alpha, own, topics, n_own)
            _begin(gamma, d, alpha, own, prior, step, topics)
            n_own = columns = gamma.shape[1]
            whole, told = True, False
    _end(gamma, d, alpha, own, topics, n_own)
