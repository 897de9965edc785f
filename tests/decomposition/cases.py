"""Small corpora, and the bound of the topic model written out."""

import itertools

import numpy as np
import scipy.sparse as sp
from scipy.special import gammaln, logsumexp, psi


def planted(n_documents=80, n_words=50, n_topics=3, length=60, alpha=0.2, beta=0.1, seed=0):
    """Counts drawn from the model, and the topics and proportions they were drawn from."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(n_words, beta), size=n_topics)
    proportions = rng.dirichlet(np.broadcast_to(alpha, n_topics), size=n_documents)
    lengths = rng.poisson(length, size=n_documents)
    counts = [rng.multinomial(n, p / p.sum()) for n, p in zip(lengths, proportions @ topics, strict=True)]
    return sp.csr_array(np.array(counts, dtype=float)), topics, proportions


def corpus(n_documents=80, n_words=50, n_topics=3, length=60, seed=0):
    """Counts alone."""
    return planted(n_documents, n_words, n_topics, length, seed=seed)[0]


def _expected_log(concentration):
    return psi(concentration) - psi(concentration.sum(axis=-1, keepdims=True))


def _log_density(prior, q):
    """E_q[log p] of Dirichlet rows p under Dirichlet rows q, one for each row."""
    constants = gammaln(prior.sum(axis=-1)) - gammaln(prior).sum(axis=-1)
    return constants + ((prior - 1.0) * _expected_log(q)).sum(axis=-1)


def document_bounds(X, alpha, topics, gamma):
    """Of each document the five expectations that are its own (Blei, Ng & Jordan 2003, eq. 14), in nats."""
    log_theta, log_beta = _expected_log(gamma), _expected_log(topics)
    bounds = _log_density(np.broadcast_to(alpha, gamma.shape), gamma) - _log_density(gamma, gamma)
    for d, counts in enumerate(X.toarray()):
        for w in np.flatnonzero(counts):
            scores = log_theta[d] + log_beta[:, w]
            log_phi = scores - logsumexp(scores)
            phi = np.exp(log_phi)
            bounds[d] += counts[w] * (phi @ log_theta[d] + phi @ log_beta[:, w] - phi @ log_phi)
    return bounds


def topic_bound(eta, topics):
    """The two expectations that are the topics' own: less the divergence from their prior."""
    prior = np.broadcast_to(eta, topics.shape)
    return float((_log_density(prior, topics) - _log_density(topics, topics)).sum())


def written_out_bound(X, alpha, eta, topics, gamma, weights=1.0):
    """The whole bound in nats."""
    return float((weights * document_bounds(X, alpha, topics, gamma)).sum()) + topic_bound(eta, topics)


def one_topic_evidence(X, eta):
    """Log evidence of words that share one topic: a Dirichlet-multinomial of the sequence."""
    counts = np.asarray(X.sum(axis=0)).ravel()
    eta = np.broadcast_to(eta, counts.shape)
    return gammaln(eta.sum()) - gammaln((eta + counts).sum()) + (gammaln(eta + counts) - gammaln(eta)).sum()


def enumerated_evidence(X, alpha, eta, n_topics):
    """Log evidence by summing over the topics of all words."""
    counts = X.toarray().astype(int)
    words = [(d, w) for d, row in enumerate(counts) for w in np.repeat(np.arange(len(row)), row)]
    alpha = np.broadcast_to(alpha, n_topics)
    terms = []
    for z in itertools.product(range(n_topics), repeat=len(words)):
        by_document, by_topic = np.zeros((len(counts), n_topics)), np.zeros((n_topics, counts.shape[1]))
        for (d, w), k in zip(words, z, strict=True):
            by_document[d, k] += 1
            by_topic[k, w] += 1
        terms.append(_polya(by_document, alpha) + _polya(by_topic, np.broadcast_to(eta, counts.shape[1])))
    return logsumexp(terms)


def _polya(counts, concentration):
    """Log probability of sequences with these counts, each row its own draw from the Dirichlet."""
    mass = gammaln(concentration.sum()) - gammaln(concentration.sum() + counts.sum(axis=1))
    return float((mass + (gammaln(concentration + counts) - gammaln(concentration)).sum(axis=1)).sum())
