"""Steps of a document of a topic model: coordinate ascent over its posterior of topics.

Vectors by topics are rows of one array, and go up to a number of columns that is a multiple of eight. What fills them
up has tiny concentrations and no words. One array for all keeps compilation short, as few helpers do.

Most documents have few topics. Within a few steps the others' shares collapse, as fast as exp(-1 / concentration),
and a document goes on with those that last, as a document of a smaller model whose words stand in the lanes. One step
with all topics in the end shows whether another would come back.
"""

import math

from skvi._numba import jit_helper, wide_vectors
from skvi.kernels.simd import (
    LANES,
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
#: share of the tolerance below which what left out topics could get is nothing
IDLE_SHARE = 1e-3
#: share of all topics up to which topics are few: copying their words pays
MOST_FEW = 0.4

# Rows of the vectors by topics. The first four are a document's own; topics that are left out leave them.
_OWN, _PRIOR, _STEP, THETA, _SHARES, _SCRATCH = range(6)
_N_OWN = 4
N_VECTORS = 6
# Rows of the vectors by words: counts, their ratios to norms, and the words' offsets.
COUNTS, RATIOS, OFFSETS = range(3)
N_WORD_VECTORS = 3


@jit_helper
def _mix(vectors, columns):
    """theta <- exp(digamma(own)) relative to about its largest; return the logarithm of what it is relative to."""
    wide_vectors()
    for k in range(columns):
        y, _, q = gamma_parts(vectors[_OWN, k])
        vectors[THETA, k] = y
        vectors[_SCRATCH, k] = digamma_tail(y) - q
    largest = load(vectors, _SCRATCH, 0)
    for k in range(LANES, columns, LANES):
        largest = maximum(largest, load(vectors, _SCRATCH, k))
    top = highest(largest)
    for k in range(0, columns, LANES):
        e = exp_nonpositive(minus(load(vectors, _SCRATCH, k), splat(top)))
        store(vectors, THETA, k, times(e, load(vectors, THETA, k)))
    return top


@jit_helper
def norms(rows, j, columns, vectors):
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
        t = load(vectors, THETA, k)
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
def add_shares(rows, j, columns, by_word, vectors):
    """shares <- shares + sum of ratios[i - j] rows[i] over eight words from j on."""
    a = broadcast(by_word, RATIOS, 0)
    b = broadcast(by_word, RATIOS, 1)
    c = broadcast(by_word, RATIOS, 2)
    d = broadcast(by_word, RATIOS, 3)
    e = broadcast(by_word, RATIOS, 4)
    f = broadcast(by_word, RATIOS, 5)
    g = broadcast(by_word, RATIOS, 6)
    h = broadcast(by_word, RATIOS, 7)
    for k in range(0, columns, LANES):
        s = fma(a, load(rows, j, k), load(vectors, _SHARES, k))
        t = times(b, load(rows, j + 1, k))
        s = fma(c, load(rows, j + 2, k), s)
        t = fma(d, load(rows, j + 3, k), t)
        s = fma(e, load(rows, j + 4, k), s)
        t = fma(f, load(rows, j + 5, k), t)
        s = fma(g, load(rows, j + 6, k), s)
        t = fma(h, load(rows, j + 7, k), t)
        store(vectors, _SHARES, k, plus(s, t))


@jit_helper
def clear_shares(columns, vectors):
    """shares <- 0."""
    for k in range(0, columns, LANES):
        store(vectors, _SHARES, k, splat(0.0))


@jit_helper
def _assign(rows, n, columns, by_word, vectors):
    """shares <- sum_j counts[j] / (rows[j]' theta) rows[j], eight words at a time while they are in the cache."""
    clear_shares(columns, vectors)
    for j in range(0, n, LANES):
        store(by_word, RATIOS, 0, over(load(by_word, COUNTS, j), norms(rows, j, columns, vectors)))
        add_shares(rows, j, columns, by_word, vectors)


@jit_helper
def _assign_few(few, n_lasting, n, by_word, vectors):
    """Do as `_assign` with few topics, whose words stand in the lanes."""
    for j in range(0, n, LANES):
        norm = times(broadcast(vectors, THETA, 0), load(few, 0, j))
        for k in range(1, n_lasting):
            norm = fma(broadcast(vectors, THETA, k), load(few, k, j), norm)
        store(by_word, RATIOS, j, over(load(by_word, COUNTS, j), norm))
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
            r = load(by_word, RATIOS, j)
            a = fma(r, load(few, k, j), a)
            b = fma(r, load(few, k + 1, j), b)
            c = fma(r, load(few, k + 2, j), c)
            d = fma(r, load(few, k + 3, j), d)
            e = fma(r, load(few, k + 4, j), e)
            f = fma(r, load(few, k + 5, j), f)
            g = fma(r, load(few, k + 6, j), g)
            h = fma(r, load(few, k + 7, j), h)
        store(vectors, _SHARES, k, totals(a, b, c, d, e, f, g, h))


@jit_helper
def _step(vectors, columns, fresh):
    """Go a step to alpha + theta * shares, or further while steps do not turn back; return the plain step's size.

    A topic keeps half of its plain share at least: one without any would never come back.
    """
    zero, half = splat(0.0), splat(0.5)
    size, along = zero, zero
    for k in range(0, columns, LANES):
        whole = fma(load(vectors, THETA, k), load(vectors, _SHARES, k), load(vectors, _PRIOR, k))
        new = minus(whole, load(vectors, _OWN, k))
        size = plus(size, maximum(new, minus(zero, new)))
        along = fma(load(vectors, _STEP, k), new, along)
        store(vectors, _STEP, k, new)
    pace = splat(FRESH_PACE if fresh and total(along) >= 0.0 else 1.0)
    for k in range(0, columns, LANES):
        share = times(load(vectors, THETA, k), load(vectors, _SHARES, k))
        least = fma(half, share, load(vectors, _PRIOR, k))
        store(vectors, _OWN, k, maximum(least, fma(pace, load(vectors, _STEP, k), load(vectors, _OWN, k))))
    return total(size)


@jit_helper
def _find_lasting(vectors, columns, lasting):
    """Find the topics whose next share, theta * shares, would not be negligible; return how many there are."""
    whole = splat(0.0)
    for k in range(0, columns, LANES):
        share = times(load(vectors, THETA, k), load(vectors, _SHARES, k))
        store(vectors, _SCRATCH, k, share)
        whole = plus(share, whole)
    least = LEAST_SHARE * total(whole)
    n = 0
    for k in range(columns):
        lasting[n] = k
        n += vectors[_SCRATCH, k] >= least
    return n


@jit_helper
def _leave_out(vectors, topics, lasting, n_lasting, columns, whole, rows, n_words, few):
    """Go on with lasting topics: their elements of vectors, their words, and what fills them up to so many columns."""
    for k in range(n_lasting):
        topics[k] = topics[lasting[k]]
        for i in range(_N_OWN):
            vectors[i, k] = vectors[i, lasting[k]]
    if whole:
        for j in range(0, n_words, LANES):
            for k in range(n_lasting):
                for i in range(j, j + LANES):
                    few[k, i] = rows[i, topics[k]]
    else:
        for k in range(n_lasting):
            for j in range(0, n_words, LANES):
                store(few, k, j, load(few, lasting[k], j))
    for k in range(n_lasting, columns):
        for i in range(_N_OWN):
            vectors[i, k] = PADDING if i < _STEP else 0.0
        for j in range(0, n_words, LANES):
            store(few, k, j, splat(0.0))


@jit_helper
def _begin_equal(columns, vectors):
    """theta <- 1: what the shares of words under equal topics go with."""
    for k in range(0, columns, LANES):
        store(vectors, THETA, k, splat(1.0))


@jit_helper
def _none_returns(log_least, top, n_words, by_word, least):
    """Whether topics that have nothing would get less than this, all together, in a step with all topics.

    The words of each are at most one, its theta is that of its prior's concentration, and the norms are as they are.
    """
    ratios = splat(0.0)
    for j in range(0, n_words, LANES):
        ratios = plus(ratios, load(by_word, RATIOS, j))
    return math.exp(min(log_least - top, 0.0)) * total(ratios) < least


@jit_helper
def settle(
    gamma, d, alpha, n_topics, rows, n, by_word, few, vectors, topics, lasting, fresh, log_least, max_steps, tol
):
    """Move gamma[d] step by step until a step with all topics changes it by less than tol for each of them.

    The shares of fresh documents are there: those under equal topics. Others have the theta that they begin from, and
    nothing but the prior in gamma[d]. `log_least` is the digamma of the largest of alpha.
    """
    n_words = (n + LANES - 1) // LANES * LANES
    n_all = gamma.shape[1]
    done, settled, told = 0, False, fresh
    while done < max_steps and not settled:
        n_own = columns = n_all
        for k in range(n_all):
            vectors[_OWN, k] = gamma[d, k]
            vectors[_PRIOR, k] = alpha[k]
            vectors[_STEP, k] = 0.0
            topics[k] = k
        moving, top = True, 0.0
        while done < max_steps and moving:
            done += 1
            if done == 1 and fresh:
                _begin_equal(columns, vectors)
            else:
                if done > 1:
                    top = _mix(vectors, columns)
                if told and done < max_steps:
                    n_lasting = _find_lasting(vectors, columns, lasting)
                    if n_lasting <= MOST_FEW * n_topics and n_lasting < n_own:
                        columns = (n_lasting + LANES - 1) // LANES * LANES
                        _leave_out(vectors, topics, lasting, n_lasting, columns, n_own == n_all, rows, n_words, few)
                        n_own = n_lasting
                if n_own == n_all:
                    _assign(rows, n, columns, by_word, vectors)
                else:
                    _assign_few(few, n_own, n, by_word, vectors)
            told = True
            moving = not _step(vectors, columns, fresh) < tol * n_topics
        least = IDLE_SHARE * tol * n_topics / n_all
        settled = n_own == n_all or (not moving and _none_returns(log_least, top, n_words, by_word, least))
        told = False
        # Topics that were left out have nothing of the document.
        for k in range(n_all):
            gamma[d, k] = alpha[k]
        for k in range(n_own):
            gamma[d, topics[k]] = vectors[_OWN, k]
