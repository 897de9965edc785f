"""Threads, mini-batches, streams, restarts: other routes to the same topics."""

from copy import copy
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import psi

from skvi import MeanFieldTopicModel
from skvi.families import Dirichlet, Joint
from skvi.models.topics import TopicModel
from tests.decomposition.cases import corpus, planted
from tests.reference import documents as plain_inference
from tests.reference import topics as plain

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def small_tasks(monkeypatch):
    """Cut small corpora as large ones are."""
    monkeypatch.setattr("skvi.engine.blocks.TASK_COST", 1e3)


LEARNED = {"doc_topic_prior": "auto-asymmetric", "topic_word_prior": "auto"}


@quiet
@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("priors", [{}, LEARNED], ids=["fixed", "learned"])
@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_threads_change_no_bit(learning_method, priors):
    X = corpus(150, 60)
    settings = dict(learning_method=learning_method, batch_size=40, max_iter=12, n_init=2, random_state=0, **priors)
    one = MeanFieldTopicModel(9, n_jobs=1, **settings).fit(X)
    several = MeanFieldTopicModel(9, n_jobs=3, **settings).fit(X)
    assert several.elbo_history_ == one.elbo_history_
    assert_array_equal(several.components_, one.components_)
    assert_array_equal(several.restart_elbos_, one.restart_elbos_)
    assert_array_equal(several.transform(X), one.transform(X))


@quiet
@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_block_size_changes_nothing_beyond_rounding(learning_method, monkeypatch):
    X = corpus(150, 60)
    settings = dict(learning_method=learning_method, batch_size=40, max_iter=5, random_state=0)
    whole = MeanFieldTopicModel(9, **settings).fit(X)
    for cost in (1e5, 1e3):
        monkeypatch.setattr("skvi.engine.blocks.TASK_COST", cost)
        blocks = MeanFieldTopicModel(9, **settings).fit(X)
        assert_allclose(blocks.elbo_history_, whole.elbo_history_, rtol=1e-12)
        assert_allclose(blocks.components_, whole.components_, rtol=1e-10)


def _fitted_bound(seed):
    return MeanFieldTopicModel(3, random_state=seed).fit(corpus(200, 100)).elbo_


def test_fits_in_workers_of_joblib_are_the_same():
    expected = [_fitted_bound(seed) for seed in range(2)]
    for backend in ("loky", "threading"):
        assert Parallel(n_jobs=2, backend=backend)(delayed(_fitted_bound)(seed) for seed in range(2)) == expected


# Stochastic steps, written out


def counts_of(X, topics, alpha, tol, max_steps):
    """Expected counts of topics by words of documents that start from equal topics."""
    k, v = topics.shape
    words, (offsets, evens, log_sums) = np.empty((v, k)), np.empty((3, v))
    plain.expect_words(topics.T, psi(topics.sum(axis=1)), words, offsets, evens, log_sums)
    gamma, theta, logs = np.empty((3, X.shape[0], k))
    bounds, counts = np.empty(X.shape[0]), np.zeros((v, k))
    matrix, heard, outputs = (X.data, X.indices, X.indptr), (words, offsets, evens), (gamma, theta, bounds, logs)
    plain_inference.infer_documents(*matrix, *heard, alpha, k, True, max_steps, tol, *outputs, ())
    plain.add_words(*matrix, np.ones(X.shape[0]), theta, words, 0, X.indptr[:-1].copy(), counts)
    return (counts * words).T


def stochastic_steps(topics, first, batches, total, alpha, eta, decay, offset):
    """Stochastic variational inference (Hoffman et al. 2013, fig. 4) of topics that `first` documents have set up."""
    topics = eta + total / first.shape[0] * counts_of(first, topics, alpha, 1e-3, 20)
    for t, batch in enumerate(batches, 1):
        rate = (t + offset) ** -decay
        topics = (1.0 - rate) * topics + rate * (
            eta + total / batch.shape[0] * counts_of(batch, topics, alpha, 1e-3, 10)
        )
    return topics


SETTINGS = {"doc_topic_prior": 0.3, "topic_word_prior": 0.2, "learning_decay": 0.6, "learning_offset": 3.0}
WRITTEN_OUT = {"alpha": np.full(3, 0.3), "eta": 0.2, "decay": 0.6, "offset": 3.0}


def random_topics(n_words=50):
    return np.random.default_rng(0).gamma(100.0, 0.01, size=(3, n_words))


def test_partial_fit_with_total_samples_takes_stochastic_steps():
    X, start = corpus(100), random_topics()
    chunks = [X[a:b] for a, b in pairwise([0, 10, 40, 60, 61, 100])]
    model = MeanFieldTopicModel(3, init_params=start, total_samples=200.0, **SETTINGS)
    for chunk in chunks:
        model.partial_fit(chunk)
    expected = stochastic_steps(start, chunks[0], chunks, 200.0, **WRITTEN_OUT)
    assert_allclose(model.components_, expected, rtol=1e-7)
    model.total_samples = None
    with pytest.raises(ValueError, match="total_samples=None after partial_fit with total_samples"):
        model.partial_fit(X)


@quiet
def test_an_online_lap_is_the_same_steps():
    X, start = corpus(100), random_topics()
    model = MeanFieldTopicModel(
        3, init_params=start, learning_method="online", batch_size=30, max_iter=1, random_state=5, **SETTINGS
    ).fit(X)
    rng = np.random.RandomState(5)
    parts = np.array_split(rng.permutation(100), 4)
    batches = [X[np.sort(parts[i])] for i in rng.permutation(4)]
    assert_allclose(model.components_, stochastic_steps(start, X, batches, 100.0, **WRITTEN_OUT), rtol=1e-7)
    assert model.n_batch_iter_ == 4


def test_online_comes_close_to_batch():
    X = corpus(1000, 60, 4, 60)
    batch = MeanFieldTopicModel(4, random_state=0).fit(X)
    online = MeanFieldTopicModel(4, learning_method="online", batch_size=100, max_iter=30, random_state=0).fit(X)
    memoized = MeanFieldTopicModel(4, learning_method="memoized", batch_size=100, random_state=0).fit(X)
    assert online.elbo_ == pytest.approx(batch.elbo_, rel=5e-3)
    assert memoized.elbo_ == pytest.approx(batch.elbo_, rel=5e-3)


# Streams


def test_partial_fit_once_is_fit():
    X = corpus()
    settings = dict(init_params=random_topics())
    fit, partial = MeanFieldTopicModel(3, **settings).fit(X), MeanFieldTopicModel(3, **settings).partial_fit(X)
    assert partial.elbo_ == pytest.approx(fit.elbo_, rel=1e-12)
    assert_allclose(partial.components_, fit.components_, rtol=1e-12)


@pytest.mark.parametrize("priors", [{}, LEARNED], ids=["fixed", "learned"])
@pytest.mark.parametrize("n_chunks", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_partial_fit_bounds_the_evidence_of_all_documents_seen(seed, n_chunks, priors):
    X = corpus(200, seed=seed)
    stream = MeanFieldTopicModel(3, random_state=0, **priors)
    for chunk in np.array_split(np.arange(200), n_chunks):
        stream.partial_fit(X[chunk])
        seen = X[: chunk[-1] + 1]
        counts = stream.components_ - stream.prior_.topics.concentration
        assert_allclose(counts.sum(), seen.sum(), rtol=1e-10)
        exact = seen.shape[0] * stream.score(seen) - stream.posterior_.kl(stream.prior_)
        # Earlier documents keep posteriors that fitted earlier topics.
        assert exact - 0.05 * abs(exact) < stream.elbo_ <= exact + 1e-3 * abs(exact)
    whole = MeanFieldTopicModel(3, init_params=stream.components_, **priors).fit(X)
    assert stream.elbo_ <= whole.elbo_ + 1e-3 * abs(whole.elbo_)


def test_perplexity_of_a_stream_is_that_of_all_documents():
    X = corpus(100)
    exact, sample = MeanFieldTopicModel(3, random_state=0), MeanFieldTopicModel(3, total_samples=1000, random_state=0)
    for chunk in (X[:30], X[30:]):
        exact.partial_fit(chunk)
        sample.partial_fit(chunk)
    assert exact.bound_ == pytest.approx(np.exp(-exact.elbo_ / X.sum()), rel=1e-9)
    assert sample.bound_ == pytest.approx(np.exp(-sample.elbo_ / (1000 / 70 * X[30:].sum())), rel=1e-9)


def test_total_samples_says_nothing_to_fit():
    X = corpus(60)
    plain_, told = (MeanFieldTopicModel(3, total_samples=total, random_state=0).fit(X) for total in (None, 1000))
    assert told.elbo_history_ == plain_.elbo_history_


def test_partial_fit_takes_weights():
    X = corpus(100)
    counts = np.random.default_rng(0).integers(0, 3, size=100)
    weighted, plain_ = (MeanFieldTopicModel(3, random_state=0) for _ in range(2))
    for half in (np.arange(50), np.arange(50, 100)):
        weighted.partial_fit(X[half], sample_weight=counts[half])
        plain_.partial_fit(X[np.repeat(half, counts[half])])
    assert weighted.elbo_ == pytest.approx(plain_.elbo_, rel=1e-9)
    assert_allclose(weighted.components_, plain_.components_, rtol=1e-7)


@pytest.mark.parametrize("learning_method", ["batch", "memoized"])
def test_fit_then_partial_fit_goes_on(learning_method):
    X = corpus(200)
    model = MeanFieldTopicModel(3, learning_method=learning_method, batch_size=30, random_state=0).fit(X[:100])
    before = model.elbo_
    model.partial_fit(X[100:])
    assert_allclose(model.components_.sum(), 50.0 + X.sum(), rtol=1e-10)
    exact = 200 * model.score(X) - model.posterior_.kl(model.prior_)
    assert model.elbo_ == pytest.approx(exact, rel=1e-2)
    assert model.elbo_ < before


def test_partial_fit_refuses_another_model():
    model = MeanFieldTopicModel(2, random_state=0).partial_fit(corpus(20))
    with pytest.raises(ValueError, match="n_components=3, but partial_fit began with 2"):
        model.set_params(n_components=3).partial_fit(corpus(20))


def test_a_failing_fit_leaves_the_earlier_one(monkeypatch):
    X = corpus(60)
    model = MeanFieldTopicModel(2, random_state=0).fit(X)
    before, names = model.score_samples(X), sorted(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((10, 3), np.nan))

    def interrupted(*args):
        raise KeyboardInterrupt

    for kernel in ("topics.infer_documents", "visits.add_words", "heard.expect_words"):
        monkeypatch.setattr(f"skvi.models.{kernel}", interrupted)
        for method in (model.fit, model.partial_fit):
            with pytest.raises(KeyboardInterrupt):
                method(X[:30, :40] if method == model.fit else X[:30])
        monkeypatch.undo()
    assert sorted(vars(model)) == names
    assert_array_equal(model.score_samples(X), before)
    assert_allclose(model.partial_fit(X[:30]).components_.sum(), 50.0 + X.sum() + X[:30].sum())


@quiet
@pytest.mark.parametrize("method", ["fit", "partial_fit", "one step"])
@pytest.mark.parametrize("learning_method", ["batch", "memoized", "online"])
def test_fits_write_over_nothing_that_users_hold(learning_method, method):
    """Sweeps write over tables of their own: not over starts, nor over what an earlier fit has left."""
    X, start = corpus(60), random_topics()
    model = MeanFieldTopicModel(3, init_params=start, learning_method=learning_method, batch_size=20, max_iter=3)
    before = start.copy()
    held = model.fit(X).posterior_.topics.concentration
    assert_array_equal(start, before)
    before, bounds = held.copy(), model.score_samples(X)
    settings = dict(warm_start=method == "fit", total_samples=100.0 if method == "one step" else None)
    earlier = copy(model)
    model.set_params(**settings)
    (model.fit if method == "fit" else model.partial_fit)(X[:30])
    assert_array_equal(held, before)
    assert_array_equal(earlier.score_samples(X), bounds)
    assert (model.components_ != held).any()


# Starts and restarts


@pytest.mark.parametrize("init_params", ["seeded", "random"])
def test_the_best_of_several_starts_is_kept(init_params):
    X = corpus(60, n_topics=5)
    model = MeanFieldTopicModel(5, n_init=4, init_params=init_params, random_state=0).fit(X)
    assert model.restart_elbos_.shape == (4,)
    assert len(np.unique(model.restart_elbos_)) > 1
    # The end of a fit raises the bound of the best start a little.
    best = model.restart_elbos_.max()
    assert best * (1.0 + 1e-12) <= model.elbo_ < best + 1e-2 * abs(best)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=4)
    assert len(set(seeds)) == 4
    mass = model.components_.sum(axis=1)
    assert (np.diff(mass) <= 1e-9 * mass[0]).all()


def test_given_topics_keep_their_order_and_one_start():
    X, topics, _ = planted(100, length=100)
    ours = MeanFieldTopicModel(3, init_params=1.0 + 1000.0 * topics[::-1], n_init=5).fit(X)
    assert ours.restart_elbos_.shape == (1,)
    similar = np.argmax(ours.posterior_.topics.mean @ topics.T, axis=1)
    assert_array_equal(similar, [2, 1, 0])


def test_seeds_decide_the_start():
    X = corpus(60)
    one, other, again = (MeanFieldTopicModel(4, random_state=seed).fit(X).elbo_ for seed in (0, 1, 0))
    assert one == again != other


def test_more_topics_than_documents():
    X = corpus(3)
    for init_params in ("seeded", "random"):
        model = MeanFieldTopicModel(6, init_params=init_params, random_state=0).fit(X)
        assert model.components_.shape == (6, 50)
        # Topics that no document has may become alike.
        assert len(np.unique(model.components_, axis=0)) >= 3


@quiet
def test_warm_start_goes_on_from_the_last_posterior():
    X = corpus(100, 60, 5, 50)
    model = MeanFieldTopicModel(6, warm_start=True, max_iter=2, tol=0.0, random_state=0)
    elbos = [model.fit(X).elbo_ for _ in range(6)]
    assert (np.diff(elbos[:3]) > 1.0).all()
    cold = MeanFieldTopicModel(6, max_iter=2, tol=0.0, random_state=0).fit(X)
    assert elbos[0] == cold.elbo_
    assert elbos[-1] > cold.elbo_ + 50.0
    # Of another shape it is no start.
    assert model.set_params(n_components=3).fit(X).components_.shape == (3, 60)
    assert model.fit(X[:, :30]).components_.shape == (3, 30)


@pytest.mark.parametrize("seed", range(12))
def test_a_fall_of_the_bound_is_not_convergence(seed):
    rng = np.random.default_rng(seed)
    shape = int(rng.integers(20, 300)), int(rng.integers(10, 200)), int(rng.integers(1, 6)), int(rng.integers(2, 100))
    model = MeanFieldTopicModel(5, doc_topic_prior=0.01, topic_word_prior=0.1, tol=1e-4, random_state=seed)
    model.fit(corpus(*shape, seed=seed))
    before, last = model.elbo_history_[-3:-1]
    assert model.converged_
    assert last >= before - 1e-10 * abs(before)


# Priors


def test_topics_of_a_posterior_become_the_next_prior():
    X, start = corpus(200), random_topics()
    settings = dict(init_params=start, doc_topic_prior=1.0, tol=1e-6, mean_change_tol=1e-8, max_doc_update_iter=1000)
    first = MeanFieldTopicModel(3, **settings).fit(X[:100])
    prior = Joint(topics=first.posterior_.topics, documents=first.prior_.documents)
    settings.pop("init_params")
    second = MeanFieldTopicModel(3, prior=prior, **settings).fit(X[100:])
    assert_array_equal(second.prior_.topics.concentration, first.components_)
    # Labels are the prior's, and its counts are in the posterior.
    assert (second.components_ >= first.components_ * (1.0 - 1e-12)).all()
    assert_allclose(second.components_.sum(), 50.0 + X.sum(), rtol=1e-10)
    # The chain of bounds is a bound for all documents: what streaming says.
    stream = MeanFieldTopicModel(3, init_params=start, **settings).partial_fit(X[:100]).partial_fit(X[100:])
    assert first.elbo_ + second.elbo_ == pytest.approx(stream.elbo_, rel=1e-4)


def test_a_posterior_is_a_prior():
    X = corpus(100)
    first = MeanFieldTopicModel(3, random_state=0).fit(X[:50])
    second = MeanFieldTopicModel(3, prior=first.posterior_).fit(X[50:])
    assert_array_equal(second.prior_.topics.concentration, first.components_)
    assert second.doc_topic_prior_ == first.doc_topic_prior_
    # Topics whose priors differ have one each.
    assert_array_equal(second.topic_word_prior_, first.components_)


def test_a_given_prior_is_the_prior_used():
    X = corpus(60)
    documents, words = np.array([0.1, 0.5, 2.0]), np.linspace(0.05, 1.0, 50)
    prior = Joint(documents=Dirichlet(documents), topics=Dirichlet(np.tile(words, (3, 1))))
    given = MeanFieldTopicModel(3, prior=prior, random_state=0).fit(X)
    named = MeanFieldTopicModel(3, doc_topic_prior=documents, topic_word_prior=words, random_state=0).fit(X)
    assert given.elbo_ == pytest.approx(named.elbo_, rel=1e-12)
    assert_allclose(given.doc_topic_prior_, documents)
    assert_allclose(given.topic_word_prior_, words)
    # What a prior does not have is as the parameters say, or is learned.
    half = Joint(topics=prior.topics)
    other = MeanFieldTopicModel(3, prior=half, doc_topic_prior=documents, random_state=0).fit(X)
    assert other.elbo_ == pytest.approx(named.elbo_, rel=1e-12)
    learned = MeanFieldTopicModel(3, prior=half, doc_topic_prior="auto", topic_word_prior="auto", random_state=0).fit(X)
    assert_allclose(learned.topic_word_prior_, words)
    assert learned.doc_topic_prior_ != 1.0 / 3.0


def test_weights_of_mini_batches_scale_to_all():
    X = corpus(90)
    weights = np.full(90, 2.0)
    for learning_method in ("memoized", "online"):
        settings = dict(learning_method=learning_method, batch_size=20, max_iter=100, tol=0.1, random_state=0)
        model = MeanFieldTopicModel(3, **settings).fit(X, sample_weight=weights)
        twice = sp.vstack([X, X]).tocsr()
        assert_allclose(model.components_.sum(), 50.0 + twice.sum(), rtol=1e-2)


def test_leaps_that_would_lower_the_bound_are_not_taken(monkeypatch):
    X = corpus(120)
    settings = {"random_state": 0, "max_iter": 60}
    towards = TopicModel.step_towards
    tried = []

    def far(self, posterior, prior, summary, rate):
        tried.append(rate)
        return towards(self, posterior, prior, summary, 10.0 if rate > 1.0 else rate)

    with monkeypatch.context() as patched:
        patched.setattr(TopicModel, "step_towards", far)
        leaping = MeanFieldTopicModel(3, **settings).fit(X)
    monkeypatch.setattr("skvi.engine.schedules.Batch.growth", 1.0)
    plain = MeanFieldTopicModel(3, **settings).fit(X)
    assert tried
    warm = np.array(leaping.elbo_history_[15:])
    assert (np.diff(warm) >= -1e-10 * np.abs(warm[1:])).all()
    assert_allclose(leaping.elbo_, plain.elbo_, rtol=1e-2)


def test_another_fit_leaves_the_posterior_it_starts_from_as_it_was():
    X = corpus(60)
    model = MeanFieldTopicModel(3, warm_start=True, random_state=0).fit(X)
    before, earlier = model.transform(X), copy(model)
    model.fit(X[:30])
    assert_array_equal(earlier.transform(X), before)
