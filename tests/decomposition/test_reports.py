"""What users read of topics: their words, coherence, held-out words, and draws."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta
from sklearn.exceptions import NotFittedError

from skvi import MeanFieldTopicModel
from skvi.decomposition._topic_tables import split_tokens
from tests.decomposition.cases import corpus, planted


@pytest.fixture(scope="module")
def fitted():
    X = corpus(100, 30)
    return MeanFieldTopicModel(3, random_state=0).fit(X), X


def test_top_words_are_the_most_probable_in_order(fitted):
    model, _ = fitted
    table = model.top_words(n=7)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["topic", "rank", "word", "probability", "lower", "upper"]
    assert_array_equal(table.topic, np.repeat([0, 1, 2], 7))
    assert_array_equal(table["rank"], np.tile(np.arange(1, 8), 3))
    mean = model.posterior_.topics.mean
    for topic, rows in table.groupby("topic"):
        assert_array_equal(rows.word, np.argsort(-mean[topic], kind="stable")[:7])
        assert_allclose(rows.probability, np.sort(mean[topic])[::-1][:7], rtol=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_intervals_of_top_words_are_those_of_the_posterior(fitted, level):
    model, _ = fitted
    table = model.top_words(n=5, level=level)
    intervals = model.posterior_.topics.interval(level)[table.topic, table.word.astype(int)]
    assert_allclose(table[["lower", "upper"]], intervals, rtol=1e-10)
    assert (table.lower < table.probability).all()
    assert (table.probability < table.upper).all()
    own = model.components_[table.topic, table.word.astype(int)]
    total = model.components_.sum(axis=1)[table.topic]
    for name, sign in (("lower", -1.0), ("upper", 1.0)):
        assert_allclose(beta.cdf(table[name], own, total - own), 0.5 + 0.5 * sign * level, rtol=1e-8)


def test_names_of_words(fitted):
    model, X = fitted
    names = np.array([f"word {j}" for j in range(30)])
    table = model.top_words(names, n=3)
    assert_array_equal(table.word, names[model.top_words(n=3).word.astype(int)])
    assert_array_equal(model.top_words(list(names), n=3).word, table.word)
    named = MeanFieldTopicModel(3, random_state=0).fit(pd.DataFrame(X.toarray(), columns=names))
    assert_array_equal(named.top_words(n=3).word, table.word)
    # More than there are.
    assert len(model.top_words(n=1000)) == 90


def test_a_vocabulary_of_one_word():
    model = MeanFieldTopicModel(2, random_state=0).fit(np.ones((5, 1)))
    table = model.top_words(n=3)
    assert_allclose(table[["probability", "lower", "upper"]], 1.0)
    assert_array_equal(model.topic_coherence(np.ones((5, 1))), 0.0)


def brute_force_coherence(model, X, measure, n):
    present = X.toarray() > 0.0
    scores = []
    for topic in model.components_:
        words = np.argsort(-topic, kind="stable")[:n]
        pairs = []
        for i, a in enumerate(words):
            for b in words[i + 1 :]:
                first, second, both = present[:, a].sum(), present[:, b].sum(), (present[:, a] & present[:, b]).sum()
                if measure == "u_mass":
                    pairs.append(np.log((both + 1.0) / max(first, 1.0)))
                elif both == 0:
                    pairs.append(-1.0)
                elif both == len(present):
                    pairs.append(0.0)
                else:
                    both, first, second = (count / len(present) for count in (both, first, second))
                    pairs.append(np.log(both / (first * second)) / -np.log(both))
        scores.append(np.mean(pairs))
    return np.array(scores)


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("measure", ["u_mass", "npmi"])
def test_coherence_is_that_of_all_pairs(fitted, measure, n):
    model, X = fitted
    for documents in (X, X[:10], X[:1]):
        expected = brute_force_coherence(model, documents, measure, n)
        assert_allclose(model.topic_coherence(documents, measure, n), expected, rtol=1e-12, atol=1e-14)
        dense = model.topic_coherence(documents.toarray(), measure, n)
        assert_allclose(dense, expected, rtol=1e-12, atol=1e-14)
    if measure == "npmi":
        assert (np.abs(model.topic_coherence(X, measure, n)) <= 1.0).all()


@pytest.mark.parametrize("measure", ["u_mass", "npmi"])
def test_coherence_of_words_that_never_occur_is_a_number(fitted, measure):
    model, X = fitted
    some = X.toarray()
    some[:, ::2] = 0.0
    for documents in (some, np.zeros((3, 30)), np.ones((3, 30))):
        assert np.isfinite(model.topic_coherence(documents, measure)).all()


def test_coherent_topics_have_more_of_it():
    # Words of one topic come together, words of two never do.
    X = sp.csr_array(np.kron(np.eye(2), np.ones((30, 6))))
    apart = np.kron(np.eye(2), np.full(6, 50.0)) + 0.1
    mixed = np.tile([[50.1, 0.1], [0.1, 50.1]], 6)
    model = MeanFieldTopicModel(2, random_state=0).fit(X)
    for measure in ("u_mass", "npmi"):
        scores = []
        for model.components_ in (apart, mixed):
            scores.append(model.topic_coherence(X, measure, n=6).mean())
        assert scores[0] > scores[1] + 0.3


WRONG_QUESTIONS = {
    "two names": (lambda m, X: m.top_words(["a", "b"]), r"feature_names has shape \(2,\).*30 words"),
    "level one": (lambda m, X: m.top_words(level=1.0), "level=1.0: give a probability strictly between 0 and 1"),
    "level below zero": (lambda m, X: m.top_words(level=-0.1), "level=-0.1"),
    "level NaN": (lambda m, X: m.top_words(level=np.nan), "level=nan"),
    "no words": (lambda m, X: m.top_words(n=0), "n=0"),
    "another measure": (lambda m, X: m.topic_coherence(X, "c_v"), "measure='c_v': give one of 'u_mass', 'npmi'"),
    "fewer words than none": (lambda m, X: m.topic_coherence(X, n=-1), "n=-1"),
    "no halves": (lambda m, X: m.document_completion(np.eye(30)[:5]), "two words or more"),
    "no draws": (lambda m, X: m.sample(0), "n_samples=0"),
    "draws of negative length": (lambda m, X: m.sample(2, n_words=-1), "n_words=-1"),
}


@pytest.mark.parametrize(("call", "message"), WRONG_QUESTIONS.values(), ids=WRONG_QUESTIONS)
def test_wrong_questions_get_a_sentence(fitted, call, message):
    with pytest.raises(ValueError, match=message):
        call(*fitted)


@pytest.mark.parametrize("method", ["top_words", "sample", "transform", "perplexity", "score", "document_completion"])
def test_what_is_not_fitted_says_so(method):
    arguments = () if method in ("top_words", "sample") else (np.eye(3),)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(MeanFieldTopicModel(), method)(*arguments)


def test_samples_are_documents_of_the_model(fitted):
    model, _ = fitted
    draws = model.sample(2_000, n_words=40, random_state=1)
    assert sp.issparse(draws)
    assert draws.shape == (2_000, 30)
    assert_array_equal(draws.sum(axis=1), 40)
    assert (draws.data > 0).all()
    expected = model.prior_.documents.mean @ model.posterior_.topics.mean
    assert_allclose(draws.sum(axis=0) / draws.sum(), expected, atol=0.02)
    again = model.sample(2_000, n_words=40, random_state=1)
    assert_array_equal(again.toarray(), draws.toarray())
    assert (model.sample(5, random_state=2) != model.sample(5, random_state=3)).nnz > 0
    assert model.sample().shape == (1, 30)
    assert np.isfinite(model.score(draws[:10]))
    assert model.fit(draws[:100]).n_features_in_ == 30


@pytest.mark.parametrize("alpha", [1e-3, 1e-8, 1e3])
def test_samples_under_sparse_priors_have_one_topic(alpha):
    model = MeanFieldTopicModel(3, doc_topic_prior=alpha, random_state=0).fit(corpus(60))
    proportions = model.prior_.documents.sample(300, random_state=0)
    assert_allclose(proportions.sum(axis=1), 1.0)
    assert_allclose(proportions.mean(axis=0), 1.0 / 3.0, atol=0.1)
    assert_array_equal(model.sample(300, n_words=7, random_state=0).sum(axis=1), 7)


def test_completion_is_the_mean_log_probability_of_the_other_half():
    X, topics, _ = planted(200, 40, 3, 200, seed=1)
    start = 1e-3 + 1e6 * topics
    model = MeanFieldTopicModel(3, init_params=start).fit(X)
    found = model.document_completion(X, random_state=0)
    assert found == model.document_completion(X, random_state=0)
    assert found != model.document_completion(X, random_state=1)
    assert found == pytest.approx(model.document_completion(X, random_state=1), abs=0.02)
    # Above words at random, and above words by their frequency; not above knowing all.
    shares = X.sum(axis=0) / X.sum()
    frequency = float(shares[shares > 0.0] @ np.log(shares[shares > 0.0]))
    known = float(X.data @ np.log((model.transform(X) @ model.posterior_.topics.mean)[X.nonzero()]) / X.sum())
    assert np.log(1.0 / 40.0) < frequency < found < known


def test_halves_of_documents_add_up():
    X = corpus(50)
    X.data[::5] += 0.25
    halves = split_tokens(X, np.random.RandomState(0))
    assert_allclose((halves[0] + halves[1]).toarray(), X.toarray())
    assert all((half.data > 0.0).all() for half in halves)
    assert halves[0].sum() == pytest.approx(0.5 * X.sum(), rel=0.05)
