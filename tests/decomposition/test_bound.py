"""The bound is the evidence's: written out it is the same, it lies below, and it never falls."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import psi
from sklearn.exceptions import ConvergenceWarning

from skvi import MeanFieldTopicModel
from skvi.decomposition._topics import _FRESH_SWEEPS
from skvi.models.documents import Documents
from tests.decomposition.cases import (
    corpus,
    document_bounds,
    enumerated_evidence,
    one_topic_evidence,
    topic_bound,
    written_out_bound,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
METHODS = ("batch", "memoized", "online")
SETTLED = {"mean_change_tol": 1e-10, "max_doc_update_iter": 2000}
WORDS = 30
PRIORS = {
    "default": (None, None),
    "sparse": (0.1, 0.01),
    "dense": (2.0, 3.0),
    "asymmetric": ([0.2, 0.5, 1.5], np.linspace(0.05, 2.0, WORDS)),
    "auto": ("auto", "auto"),
    "auto-asymmetric": ("auto-asymmetric", "auto-asymmetric"),
}


@pytest.mark.parametrize("learning_method", METHODS)
@pytest.mark.parametrize(("documents", "topics"), PRIORS.values(), ids=PRIORS)
def test_bound_is_the_one_that_is_written_out(documents, topics, learning_method):
    X = corpus(30, WORDS, 3, 40, seed=1)
    weights = np.random.default_rng(0).uniform(0.0, 2.0, size=30)
    model = MeanFieldTopicModel(
        3,
        doc_topic_prior=documents,
        topic_word_prior=topics,
        learning_method=learning_method,
        batch_size=11,
        max_iter=60,
        tol=1e-6,
        random_state=0,
        **SETTLED,
    ).fit(X, sample_weight=weights)
    gamma = model.transform(X, normalize=False)
    alpha, eta = model.doc_topic_prior_, model.topic_word_prior_
    expected = written_out_bound(X, alpha, eta, model.components_, gamma, weights)
    # Documents keep the better optimum where equal topics lead to another one; under dense priors there is but one.
    surplus = 1e-9 if documents == 2.0 else 1e-4
    assert -1e-9 < (model.elbo_ - expected) / abs(expected) < surplus
    assert_allclose(model.score_samples(X), document_bounds(X, alpha, model.components_, gamma), rtol=1e-9)
    assert -model.posterior_.kl(model.prior_) == pytest.approx(topic_bound(eta, model.components_), rel=1e-9)


@pytest.mark.parametrize("fresh_steps", [1, 7])
def test_bound_of_documents_that_have_not_settled_holds_too(fresh_steps):
    X = corpus(30, WORDS, 3, 40, seed=1)
    model = MeanFieldTopicModel(3, max_doc_update_iter=fresh_steps, max_iter=3, mean_change_tol=0.0, random_state=0)
    model.fit(X)
    gamma = model.transform(X, normalize=False)
    assert_allclose(model.score_samples(X), document_bounds(X, 1.0 / 3.0, model.components_, gamma), rtol=1e-10)


def test_bound_right_after_a_local_step_is_the_one_at_any_moment():
    X = corpus(30, WORDS, 3, 40, seed=1)
    fitted = MeanFieldTopicModel(3, topic_word_prior=np.linspace(0.05, 2.0, WORDS), max_iter=3, random_state=0).fit(X)
    model, prior, posterior = fitted._model(), fitted.prior_, fitted.posterior_
    messages = model.messages(posterior, prior)
    blocks = model.blocks(Documents.of(X))
    pairs = zip(blocks, model.first_states(blocks), strict=True)
    summary = 2.5 * model.total([model.local_step(block, messages, state)[0] for block, state in pairs])
    at_once, topics = model.bound(prior, summary, posterior), summary.statistics["topics"]
    assert topics.origin is not None
    summary.statistics["topics"] = replace(topics, origin=None)
    assert_allclose(at_once, model.bound(prior, summary, posterior), rtol=1e-12)
    # Of other topics the statistics know nothing.
    other = fitted.set_params(random_state=1).fit(X).posterior_
    again = model.bound(prior, summary, other)
    summary.statistics["topics"] = topics
    assert model.bound(prior, summary, other) == again != at_once


@pytest.mark.parametrize("learning_method", METHODS)
@pytest.mark.parametrize(
    ("alpha", "eta"), [(0.1, 0.01), (1.0, 1.0), (1e-8, 1e-8), (5.0, 1e3), (0.3, np.linspace(0.01, 3.0, WORDS))]
)
def test_one_topic_gives_the_log_evidence(alpha, eta, learning_method):
    X = corpus(20, WORDS, 2, 20, seed=1)
    model = MeanFieldTopicModel(
        1, doc_topic_prior=alpha, topic_word_prior=eta, learning_method=learning_method, batch_size=7
    ).fit(X)
    if learning_method == "online":
        # Its steps stop short of the optimum, which the bound then says.
        assert model.elbo_ <= one_topic_evidence(X, eta) + 1e-9
    else:
        assert model.elbo_ == pytest.approx(one_topic_evidence(X, eta), rel=1e-10)


@pytest.mark.parametrize("learning_method", ["batch", "memoized"])
@pytest.mark.parametrize(("alpha", "eta"), [(0.5, 0.5), (1.0, 1.0), (0.1, 0.1), ([0.2, 2.0], [0.1, 0.5, 3.0])])
@pytest.mark.parametrize("seed", range(2))
def test_bound_is_not_above_the_enumerated_evidence(seed, alpha, eta, learning_method):
    X = sp.csr_array(np.random.default_rng(seed).multinomial(3, [0.5, 0.3, 0.2], size=3).astype(float))
    model = MeanFieldTopicModel(
        2,
        doc_topic_prior=alpha,
        topic_word_prior=eta,
        learning_method=learning_method,
        batch_size=1,
        n_init=5,
        tol=1e-8,
        random_state=0,
    ).fit(X)
    # Not above for the trivial reason of being far below: mean field costs a few nats.
    assert 1e-6 < enumerated_evidence(X, alpha, eta, 2) - model.elbo_ < 5.0


def test_enumeration_of_one_topic_is_the_closed_form():
    X = sp.csr_array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]])
    assert enumerated_evidence(X, 0.3, 0.5, 1) == pytest.approx(one_topic_evidence(X, 0.5), rel=1e-12)


@pytest.mark.parametrize("learning_method", ["batch", "memoized"])
@pytest.mark.parametrize("learn", [False, True], ids=["fixed", "learned"])
def test_bound_never_falls_once_documents_go_on_where_they_were(learn, learning_method):
    rises = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(5, 150))
        X = corpus(n, int(rng.integers(5, 80)), int(rng.integers(1, 6)), int(rng.integers(2, 80)), seed)
        auto = ["auto", "auto-asymmetric"]
        model = MeanFieldTopicModel(
            int(rng.integers(1, 8)),
            doc_topic_prior=auto[seed % 2] if learn else rng.choice([0.01, 0.1, 1.0, 5.0]),
            topic_word_prior=auto[seed // 2 % 2] if learn else rng.choice([0.01, 0.1, 1.0, 5.0]),
            init_params=rng.choice(["seeded", "random"]),
            learning_method=learning_method,
            batch_size=max(1, n // 3),
            max_iter=_FRESH_SWEEPS + 20,
            tol=0.0,
            random_state=seed,
        ).fit(X)
        history = np.array(model.elbo_history_)
        warm = history[_FRESH_SWEEPS - 1 :]
        assert (np.diff(warm) >= -1e-10 * np.abs(warm[1:])).all(), seed
        rises += len(warm) > 5
    assert rises > 5


@pytest.mark.parametrize("learning_method", METHODS)
@pytest.mark.parametrize("n_topics", [2, 6, 12])
@pytest.mark.parametrize("seed", range(3))
def test_bound_is_at_least_the_score_less_the_divergence(seed, n_topics, learning_method):
    X = corpus(100, 60, 4, 50, seed)
    weights = np.random.default_rng(seed).uniform(0.0, 2.0, size=100)
    model = MeanFieldTopicModel(
        n_topics, learning_method=learning_method, batch_size=30, max_iter=25, random_state=0
    ).fit(X, sample_weight=weights)
    score = weights.sum() * model.score(X, sample_weight=weights) - model.posterior_.kl(model.prior_)
    assert score * (1.0 + 1e-12) <= model.elbo_ <= score + 1e-3 * abs(score)
    assert model.elbo_ == model.elbo_history_[-1]


def test_held_out_documents_are_not_charged_for_the_topics():
    X = corpus(100)
    model = MeanFieldTopicModel(3, random_state=0, **SETTLED).fit(X[:60])
    held_out = X[60:]
    gamma = model.transform(held_out, normalize=False)
    expected = document_bounds(held_out, model.doc_topic_prior_, model.components_, gamma)
    assert model.score(held_out) == pytest.approx(expected.mean(), rel=1e-9)
    # scikit-learn's score takes the topics off each time: twice the documents would not have twice its bound.
    assert model.score(sp.vstack([held_out, held_out])) == pytest.approx(expected.mean(), rel=1e-12)


def test_a_documents_answer_does_not_depend_on_its_neighbours(monkeypatch):
    X = corpus(60)
    model = MeanFieldTopicModel(9, random_state=0).fit(X)
    proportions, bounds = model.transform(X), model.score_samples(X)
    for cost in (3e6, 1e3):
        monkeypatch.setattr("skvi.engine.blocks.TASK_COST", cost)
        assert_array_equal(model.transform(X), proportions)
        for d in range(0, 60, 7):
            assert_array_equal(model.transform(X[d : d + 1])[0], proportions[d])
            assert model.score_samples(X[d : d + 1])[0] == bounds[d]
            assert model.score(X[d : d + 1]) == bounds[d]


def test_fits_converge_to_a_stationary_point():
    X = corpus(40, WORDS, 3, 40, seed=2)
    model = MeanFieldTopicModel(3, doc_topic_prior=1.0, tol=1e-12, max_iter=3000, random_state=0, **SETTLED).fit(X)
    gamma = model.transform(X, normalize=False)
    phi = np.exp(psi(gamma)[:, :, None] + model.posterior_.topics.expected_log)
    phi /= phi.sum(axis=1, keepdims=True)
    counts = np.einsum("dkw,dw->kw", phi, X.toarray())
    assert_allclose(model.components_, model.topic_word_prior_ + counts, rtol=1e-3, atol=1e-3)
    assert model.converged_


def test_schedules_share_fixed_points():
    X = corpus(60, 40, 3, 60, seed=4)
    start = np.random.default_rng(0).gamma(100.0, 0.01, size=(3, 40))
    settings = dict(init_params=start, doc_topic_prior=1.0, tol=1e-9, max_iter=2000, **SETTLED)
    batch = MeanFieldTopicModel(3, **settings).fit(X)
    memoized = MeanFieldTopicModel(3, learning_method="memoized", batch_size=17, **settings).fit(X)
    assert memoized.elbo_ == pytest.approx(batch.elbo_, rel=1e-6)
    assert_allclose(memoized.posterior_.topics.mean, batch.posterior_.topics.mean, atol=1e-3)


def test_overrelaxed_sweeps_find_no_worse_an_optimum_sooner(monkeypatch):
    X = corpus(100, 60, 5, 50, seed=5)
    settings = dict(doc_topic_prior=1.0, tol=1e-7, max_iter=3000, random_state=0, **SETTLED)
    fast = MeanFieldTopicModel(5, **settings).fit(X)
    monkeypatch.setattr("skvi.engine.schedules.Batch.growth", 1.0)
    plain = MeanFieldTopicModel(5, **settings).fit(X)
    assert fast.elbo_ == pytest.approx(plain.elbo_, rel=1e-3)
    assert fast.n_iter_ < plain.n_iter_


def test_perplexity_is_that_of_the_bound_per_word():
    X = corpus(40)
    model = MeanFieldTopicModel(3, random_state=0).fit(X)
    assert model.perplexity(X[:7]) == pytest.approx(np.exp(-model.score_samples(X[:7]).sum() / X[:7].sum()), rel=1e-12)
    assert model.bound_ == pytest.approx(np.exp(-model.elbo_ / X.sum()), rel=1e-12)
    assert 1.0 < model.perplexity(X) < model.bound_ < 50.0
    assert model.perplexity(sp.csr_array((2, 50))) == 1.0


def test_not_converged_is_said_once_with_figures():
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 .* gained .* tol=0.01") as record:
        MeanFieldTopicModel(4, max_iter=2, random_state=0).fit(corpus())
    assert len(record) == 1
