"""Starts of topics: the posteriors over words that a fit begins from.

Documents are drawn from those that differ, in a canonical order and by weight, so that a start does not depend on
the order of the rows, and a weight counts as that many equal documents.
"""

import numpy as np

from skvi.families import Dirichlet, Joint

_DIRECTION_SEED = 20260131
# Share of a topic's counts at the start that is the document's; the rest is the corpus, so that no word is ruled out.
_OWN_SHARE = 0.1


def distinct_documents(documents):
    """Positions of documents that are not empty and differ, in a canonical order, and their weights."""
    direction = np.random.default_rng(_DIRECTION_SEED).standard_normal(documents.n_words)
    keys = documents.products(direction)
    used = np.flatnonzero((documents.weights > 0.0) & (documents.lengths() > 0.0))
    order = used[np.argsort(keys[used], kind="stable")]
    if not len(order):
        return order, np.empty(0)
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0.0]))
    return order[firsts], np.add.reduceat(documents.weights[order], firsts)


def seeded(prior, documents, rng):
    """Topics that are mostly the corpus, and a little of one document each."""
    n_topics, n_words = prior.topics.concentration.shape
    positions, weights = distinct_documents(documents)
    corpus = documents.word_counts()
    mass = corpus.sum() / n_topics
    if not mass > 0.0:
        return prior_start(prior)
    # Exponential races: the smallest of e_i / w_i are a draw by weight without replacement.
    drawn = positions[np.argsort(rng.exponential(size=len(positions)) / weights, kind="stable")[:n_topics]]
    counts = np.repeat((1.0 - _OWN_SHARE) * mass * (corpus / corpus.sum())[:, None], n_topics, axis=1)
    for k in range(n_topics):
        words, own = documents.row(drawn[k % len(drawn)])
        counts[words, k] += _OWN_SHARE * mass * own / own.sum()
        if k >= len(drawn):
            # Fewer documents than topics: none may equal another.
            counts[:, k] *= rng.gamma(100.0, 0.01, size=n_words)
    counts += prior.topics.concentration.T
    return given(counts.T)


def prior_start(prior):
    """Topics as in the prior: all that a corpus without words can say."""
    return given(np.array(prior.topics.concentration))


def random(prior, documents, rng):
    """Topics of about one of each word, as scikit-learn starts them."""
    shape = prior.topics.concentration.shape
    return given(rng.gamma(100.0, 0.01, size=shape))


def given(concentration):
    """Topics of the given concentrations, shape (n_topics, n_words): the fit's own from now on."""
    return Joint(topics=Dirichlet(np.ascontiguousarray(concentration.T).T))


STARTS = {"seeded": seeded, "random": random}
