"""Where topics start: at documents drawn by weight, in an order that is not that of the rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skvi.families import Dirichlet, Joint
from skvi.models.documents import Documents
from skvi.models.topic_starts import STARTS, distinct_documents, seeded
from tests.decomposition.cases import corpus


def prior_of(n_topics, n_words, concentration=0.1):
    return Joint(topics=Dirichlet(np.full((n_topics, n_words), concentration)))


def start_of(X, n_topics, weights=None, seed=0, start=seeded):
    documents = Documents.of(X, weights)
    return start(prior_of(n_topics, X.shape[1]), documents, np.random.RandomState(seed)).topics.concentration


def test_equal_documents_are_one_and_empty_ones_none():
    X = sp.csr_array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 4.0], [5.0, 0.0, 0.0]])
    weights = np.array([1.0, 3.0, 0.5, 2.0, 0.0])
    positions, merged = distinct_documents(Documents.of(X, weights))
    assert {tuple(row) for row in X[positions].toarray()} == {(1.0, 2.0, 0.0), (0.0, 0.0, 4.0)}
    assert sorted(merged) == [1.5, 2.0]


def test_documents_of_very_unequal_lengths_all_count():
    X = sp.csr_array([[1e20, 0.0], [1.0, 1.0], [0.0, 3.0]])
    assert_array_equal(Documents.of(X).lengths(), [1e20, 2.0, 3.0])
    assert sorted(distinct_documents(Documents.of(X))[0]) == [0, 1, 2]


def test_the_order_of_documents_changes_no_draw():
    X = corpus(60)
    order = np.random.default_rng(0).permutation(60)
    for seed in range(5):
        assert_allclose(start_of(X, 4, seed=seed), start_of(X[order], 4, seed=seed), rtol=1e-12)


def test_draws_follow_the_weights():
    X = sp.csr_array(np.eye(4))
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    corpus_shares = weights / weights.sum()
    drawn = []
    for seed in range(2000):
        counts = start_of(X, 1, weights, seed)[0] - 0.1
        drawn.append(np.argmax(counts / counts.sum() - corpus_shares))
    assert_allclose(np.bincount(drawn) / 2000, corpus_shares, atol=0.04)


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("n_topics", [1, 5, 80])
def test_starts_differ_and_rule_no_word_out(n_topics, start):
    X = corpus(60)
    topics = start_of(X, n_topics, start=start)
    assert topics.shape == (n_topics, 50)
    assert (topics[:, X.sum(axis=0) > 0.0] > 0.1).all()
    assert len(np.unique(topics, axis=0)) == n_topics
    assert_array_equal(topics, start_of(X, n_topics, start=start))
    assert (topics != start_of(X, n_topics, seed=1, start=start)).any()


def test_seeded_topics_share_the_counts():
    X = corpus(60)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, size=60)
    counts = start_of(X, 4, weights) - 0.1
    assert_allclose(counts.sum(axis=1), (weights @ X).sum() / 4.0)
    # Nine tenths of each are the corpus.
    assert_array_equal(np.sign(counts - 0.89 * (weights @ X) / 4.0), np.sign(X.sum(axis=0))[None].repeat(4, axis=0))


def test_without_words_topics_start_at_the_prior():
    assert_array_equal(start_of(sp.csr_array((3, 4)), 2), 0.1)


def test_taken_documents_are_those_rows():
    X = corpus(30)
    documents = Documents.of(X, np.arange(30.0))
    for source in (documents, documents.slices([(5, 25)])[0]):
        positions = np.array([7, 2, 2, 19])
        taken = source.take(positions)
        assert taken.n_rows == 4
        rows = X[positions + int(source.weights[0])].toarray()
        table = sp.csr_array((taken.data, taken.indices, taken.indptr), shape=(4, 50))
        assert_array_equal(table.toarray(), rows)
        assert_array_equal(taken.weights, positions + source.weights[0])
        assert_allclose(taken.lengths(), rows.sum(axis=1))
        assert_allclose(taken.word_counts(), taken.weights @ rows)
        assert_array_equal(taken.occurrences(), np.cumsum([0, *(rows > 0.0).sum(axis=0)]))
