"""What users hand in: every legal table of counts, weights, and garbage that gets a sentence."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from skvi import MeanFieldTopicModel
from skvi.families import Dirichlet, Gamma, Joint
from tests.decomposition.cases import corpus

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def with_index_type(X, dtype):
    X = sp.csr_array(X)
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    return X


def shuffled_within_rows(X):
    """The same counts with indices in another order, some counts in two parts."""
    X = X.tocoo()
    order = np.random.default_rng(0).permutation(2 * X.nnz)
    rows, columns = (np.tile(index, 2) for index in X.coords)
    order = order[np.argsort(rows[order], kind="stable")]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=X.shape[0]))])
    return sp.csr_array((np.tile(0.5 * X.data, 2)[order], columns[order], indptr), shape=X.shape)


def frames(X):
    names = [f"w{j}" for j in range(X.shape[1])]
    return [
        pd.DataFrame(X.toarray(), columns=names),
        pd.DataFrame.sparse.from_spmatrix(X, columns=names),
        pl.DataFrame(X.toarray(), schema=names),
    ]


def assert_same_fit(one, other):
    assert one.elbo_ == other.elbo_
    assert_array_equal(one.components_, other.components_)


@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
@quiet
def test_layouts_and_types_give_the_same_bits(learning_method):
    X = corpus(60)
    tables = [
        sp.csr_matrix(X),
        with_index_type(X, np.int64),
        sp.csc_array(X),
        sp.coo_array(X),
        sp.csr_array(X.astype(np.int64)),
        shuffled_within_rows(X),
        X.toarray(),
        np.asfortranarray(X.toarray()),
        X.toarray().astype(int).tolist(),
        *frames(X),
    ]
    settings = dict(n_components=3, learning_method=learning_method, batch_size=25, max_iter=20, random_state=0)
    expected = MeanFieldTopicModel(**settings).fit(X)
    for table in tables:
        model = MeanFieldTopicModel(**settings).fit(table)
        assert_same_fit(model, expected)
        assert_array_equal(np.asarray(model.transform(table)), expected.transform(X))


def test_stored_zeros_are_no_words():
    X = corpus(60)
    stored = X.copy()
    stored.data[::3] = 0.0
    removed = stored.copy()
    removed.eliminate_zeros()
    one, other = (MeanFieldTopicModel(3, random_state=0).fit(table) for table in (stored, removed))
    assert one.elbo_ == pytest.approx(other.elbo_, rel=1e-10)
    assert_allclose(one.components_, other.components_, rtol=1e-6)
    assert_allclose(one.topic_coherence(stored), other.topic_coherence(removed))
    assert one.document_completion(stored, random_state=0) < 0.0


def test_data_are_read_only_and_stay_as_they_were(tmp_path):
    X = corpus(60)
    parts = {"data": X.data, "indices": X.indices, "indptr": X.indptr}
    for name, part in parts.items():
        np.save(tmp_path / name, part)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in parts]
    on_disk = sp.csr_array(tuple(mapped), shape=X.shape)
    assert not on_disk.data.flags.writeable
    expected = MeanFieldTopicModel(3, random_state=0).fit(X)
    model = MeanFieldTopicModel(3, random_state=0).fit(on_disk)
    assert_same_fit(model, expected)
    assert_array_equal(model.transform(on_disk), expected.transform(X))
    unsorted = shuffled_within_rows(X)
    before = unsorted.copy()
    assert_allclose(model.transform(unsorted), expected.transform(X), rtol=1e-12)
    assert_array_equal(unsorted.indices, before.indices)
    assert_array_equal(unsorted.data, before.data)


def test_float32_is_close_to_float64():
    X = corpus(100)
    X.data *= np.random.default_rng(0).uniform(0.5, 1.5, size=X.nnz)
    start = np.random.default_rng(0).gamma(100.0, 0.01, size=(3, 50))
    single = MeanFieldTopicModel(3, init_params=start).fit(X.astype(np.float32))
    double = MeanFieldTopicModel(3, init_params=start).fit(X)
    assert single.elbo_ == pytest.approx(double.elbo_, rel=1e-5)
    assert_allclose(single.components_, double.components_, rtol=1e-3, atol=1e-3)
    assert single.transform(X.astype(np.float32)).dtype == np.float32
    assert single.components_.dtype == double.transform(X).dtype == np.float64
    assert single.score(X.astype(np.float32)) == pytest.approx(double.score(X), rel=1e-5)


def test_weights_are_repetition():
    X = corpus(50)
    counts = np.random.default_rng(1).integers(0, 4, size=50)
    order = np.random.default_rng(2).permutation(np.repeat(np.arange(50), counts))
    for init_params in ("seeded", "random"):
        settings = dict(init_params=init_params, n_init=2, doc_topic_prior="auto", tol=1e-5, random_state=0)
        weighted = MeanFieldTopicModel(3, **settings).fit(X, sample_weight=counts)
        repeated = MeanFieldTopicModel(3, **settings).fit(X[order])
        assert weighted.elbo_ == pytest.approx(repeated.elbo_, rel=1e-9)
        assert_allclose(weighted.components_, repeated.components_, rtol=1e-7)
        assert weighted.doc_topic_prior_ == pytest.approx(repeated.doc_topic_prior_, rel=1e-7)
        assert weighted.score(X, sample_weight=counts) == pytest.approx(repeated.score(X[order]), rel=1e-9)


@quiet
@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_zero_weight_is_absence(learning_method):
    X = corpus(60)
    weights = np.zeros(60)
    weights[::4] = 1.0
    wild = sp.lil_array(X)
    wild[1] = 1e20
    settings = dict(learning_method=learning_method, batch_size=4, max_iter=20, random_state=1)
    with_them = MeanFieldTopicModel(2, **settings).fit(sp.csr_array(wild), sample_weight=weights)
    without = MeanFieldTopicModel(2, **settings).fit(X[::4])
    assert with_them.elbo_ == pytest.approx(without.elbo_, rel=1e-9)
    assert_allclose(with_them.components_, without.components_, rtol=1e-7)


def test_order_of_documents_changes_nothing():
    X = corpus(80)
    order = np.random.default_rng(0).permutation(80)
    for init_params in ("seeded", "random"):
        one, other = (
            MeanFieldTopicModel(4, init_params=init_params, random_state=3).fit(table) for table in (X, X[order])
        )
        assert one.elbo_ == pytest.approx(other.elbo_, rel=1e-10)
        assert_allclose(one.components_, other.components_, rtol=1e-7)
        assert_allclose(one.transform(X)[order], other.transform(X[order]), rtol=1e-7)


def test_empty_documents_get_the_prior():
    X = sp.vstack([corpus(40), sp.csr_array((5, 50))]).tocsr()
    alpha = np.array([0.1, 0.2, 0.7])
    model = MeanFieldTopicModel(3, doc_topic_prior=alpha, random_state=0).fit(X)
    assert_array_equal(model.transform(X, normalize=False)[40:], np.tile(alpha, (5, 1)))
    assert_allclose(model.transform(X)[40:], np.tile(alpha, (5, 1)))
    assert_allclose(model.score_samples(X)[40:], 0.0, atol=1e-14)
    without = MeanFieldTopicModel(3, doc_topic_prior=alpha, random_state=0, tol=1e-2 * 45 / 40).fit(X[:40])
    assert model.elbo_ == pytest.approx(without.elbo_, rel=1e-9)


@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_a_corpus_without_words_leaves_the_prior(learning_method):
    model = MeanFieldTopicModel(3, topic_word_prior=0.2, learning_method=learning_method, random_state=0)
    model.fit(sp.csr_array((4, 6)))
    assert_allclose(model.components_, 0.2)
    assert model.elbo_ == pytest.approx(0.0, abs=1e-12)
    assert model.bound_ == 1.0


LENGTHS = {"one word": [1], "one word each": [1] * 12, "10 000 words": [10_000], "all kinds": [0, 1, 10_000, 3, 0, 40]}


@pytest.mark.parametrize("n_topics", [1, 3, 9])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_documents_of_any_length(lengths, n_topics):
    rng = np.random.default_rng(0)
    X = sp.csr_array(np.array([rng.multinomial(n, np.full(2_000, 1.0 / 2_000)) for n in lengths]))
    settled = dict(mean_change_tol=1e-9, max_doc_update_iter=1000)
    model = MeanFieldTopicModel(n_topics, random_state=0, **settled).fit(X)
    assert np.isfinite(model.elbo_)
    assert np.isfinite(model.components_).all()
    assert_allclose(model.components_.sum(), X.sum() + 2_000, rtol=1e-9)
    gamma = model.transform(X, normalize=False)
    assert_allclose(gamma.sum(axis=1), 1.0 + np.array(lengths), rtol=1e-6)


@quiet
@settings(deadline=None, max_examples=60)
@given(
    X=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 8), st.integers(1, 5)),
        elements=st.one_of(st.just(0.0), st.floats(0.5, 1e10)),
    ),
    n_components=st.integers(1, 4),
    alpha=st.sampled_from([1e-8, 0.1, 1.0, 1e4, "auto", "auto-asymmetric"]),
    learning_method=st.sampled_from(["batch", "memoized", "online"]),
)
def test_wild_counts_give_finite_answers(X, n_components, alpha, learning_method):
    model = MeanFieldTopicModel(
        n_components,
        doc_topic_prior=alpha,
        topic_word_prior=alpha,
        learning_method=learning_method,
        max_iter=15,
        batch_size=3,
        random_state=0,
    ).fit(X)
    assert np.isfinite(model.elbo_)
    assert np.isfinite(model.score_samples(X)).all()
    assert_allclose(model.transform(X).sum(axis=1), 1.0, rtol=1e-9)
    assert (model.components_ > 0.0).all()


@quiet
@pytest.mark.parametrize("count", [1e-300, 1e-100, 1e-10, 0.01])
def test_tiny_counts_give_finite_answers(count):
    X = count * corpus(30, 20)
    model = MeanFieldTopicModel(3, doc_topic_prior=1e-8, topic_word_prior=1e-8, max_iter=30, random_state=0).fit(X)
    for value in (model.elbo_, model.bound_, model.perplexity(X), model.components_, model.transform(X)):
        assert np.isfinite(value).all()


@quiet
@pytest.mark.parametrize("prior", [1e-300, 1e-100, 1e-8, 1e8])
def test_extreme_priors_have_proper_posteriors(prior):
    X = corpus(30, 20)
    model = MeanFieldTopicModel(4, doc_topic_prior=prior, topic_word_prior=prior, max_iter=30, random_state=0).fit(X)
    assert np.isfinite(model.elbo_)
    assert np.isfinite(model.transform(X)).all()
    assert (model.components_ > 0.0).all()


BAD_PARAMETERS = [
    (dict(n_components=0), "n_components"),
    (dict(tol=-1.0), "tol"),
    (dict(learning_method="fast"), "learning_method"),
    (dict(learning_decay=0.4), "learning_decay"),
    (dict(batch_size=0), "batch_size"),
    (dict(mean_change_tol=-1.0), "mean_change_tol"),
    (dict(max_doc_update_iter=0), "max_doc_update_iter"),
    (dict(n_jobs=0), "n_jobs=0"),
    (dict(init_params="nearest"), "init_params"),
    (dict(init_params=np.ones((3, 50))), r"init_params has shape \(3, 50\).*shape \(2, 50\)"),
    (dict(init_params=np.zeros((2, 50))), "init_params .*positive"),
    (dict(init_params=np.full((2, 50), np.nan)), "init_params contains NaN"),
    (dict(doc_topic_prior=0.0), "doc_topic_prior"),
    (dict(doc_topic_prior="learn"), "doc_topic_prior"),
    (dict(doc_topic_prior=[1.0, -1.0]), "doc_topic_prior=.*positive and finite"),
    (dict(doc_topic_prior=[1.0, np.nan]), "doc_topic_prior=.*positive and finite"),
    (dict(doc_topic_prior=np.inf), "doc_topic_prior"),
    (dict(doc_topic_prior=[1.0, 1.0, 1.0]), r"doc_topic_prior has shape \(3,\).* shape \(2,\)"),
    (dict(topic_word_prior=-0.1), "topic_word_prior"),
    (dict(topic_word_prior=np.zeros(50)), "(?s)topic_word_prior=.*positive and finite"),
    (dict(topic_word_prior=np.ones((2, 50))), r"topic_word_prior has shape \(2, 50\).* shape \(50,\)"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS)
def test_wrong_parameters_get_a_sentence(parameters, message):
    with pytest.raises(ValueError, match=message):
        MeanFieldTopicModel(**{"n_components": 2, **parameters}).fit(corpus(20))


def _prior(topics=None, documents=None, **others):
    topics = Dirichlet(np.ones((2, 50))) if topics is None else topics
    documents = Dirichlet(np.ones(2)) if documents is None else documents
    return Joint(topics=topics, documents=documents, **others)


BAD_PRIORS = {
    "another factor": (_prior(weights=Dirichlet(np.ones(2))), "prior has factors .*'documents' and 'topics'"),
    "another family": (_prior(documents=Gamma(np.ones(2), np.ones(2))), "prior.documents is a Gamma"),
    "wrong topics": (_prior(Dirichlet(np.ones((3, 50)))), r"prior.topics has .*shape \(3, 50\).*\(2, 50\)"),
    "wrong documents": (_prior(documents=Dirichlet(np.ones(3))), r"prior.documents has .*shape \(3,\).*\(2,\)"),
    "not positive": (_prior(documents=Dirichlet(np.zeros(2))), "not positive"),
    "not finite": (_prior(documents=Dirichlet(np.full(2, np.inf))), "prior.documents .*not positive and finite"),
}


@pytest.mark.parametrize(("prior", "message"), BAD_PRIORS.values(), ids=BAD_PRIORS)
def test_wrong_priors_get_a_sentence(prior, message):
    with pytest.raises(ValueError, match=message):
        MeanFieldTopicModel(2, prior=prior).fit(corpus(20))


@pytest.mark.parametrize("make", [np.array, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0, -1.0], [2.0, 1.0]], "[Nn]egative"),
        ([[1.0, np.nan], [2.0, 1.0]], "NaN"),
        ([[1.0, np.inf], [2.0, 1.0]], "infinity"),
        (np.zeros((0, 2)), "0 sample"),
        (np.zeros((2, 0)), "0 feature"),
    ],
)
def test_wrong_tables_get_a_sentence(X, message, make):
    with pytest.raises(ValueError, match=message):
        MeanFieldTopicModel(2).fit(make(X))
    model = MeanFieldTopicModel(2, random_state=0).fit(np.eye(2))
    with pytest.raises(ValueError, match=message):
        model.partial_fit(make(X))
    with pytest.raises(ValueError, match=message):
        model.transform(make(X))


def test_wrong_numbers_of_words_get_a_sentence():
    model = MeanFieldTopicModel(2, random_state=0).fit(np.eye(3))
    for method in (model.transform, model.score, model.partial_fit, model.perplexity, model.topic_coherence):
        with pytest.raises(ValueError, match="X has 4 features, but MeanFieldTopicModel is expecting 3"):
            method(np.eye(4))
    with pytest.raises(ValueError, match="could not convert"):
        model.fit([["a", "b"]])


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.zeros(20), "zero"), (-np.ones(20), "[Nn]egative"), (np.ones(19), "shape"), (np.full(20, np.nan), "NaN")],
)
def test_wrong_weights_get_a_sentence(weights, message):
    X = corpus(20)
    with pytest.raises(ValueError, match=message):
        MeanFieldTopicModel(2).fit(X, sample_weight=weights)
    model = MeanFieldTopicModel(2, random_state=0).fit(X)
    for method in (model.partial_fit, model.score):
        with pytest.raises(ValueError, match=message):
            method(X, sample_weight=weights)
