"""What the model is for: planted topics, priors and numbers of topics are found again."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln, psi
from sklearn.decomposition import LatentDirichletAllocation

from skvi import MeanFieldTopicModel
from skvi.engine.summary import Summary
from skvi.families import Dirichlet, Joint
from skvi.models.concentrations import fitted_concentration
from skvi.models.topics import TopicModel
from tests.decomposition.cases import planted

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
METHODS = ("batch", "memoized", "online")


def distance(found, topics):
    """Mean total variation between matched topics, in [0, 1], and the match."""
    found = found / found.sum(axis=1, keepdims=True)
    cost = 0.5 * np.abs(found[:, None] - topics[None]).sum(axis=2)
    rows, columns = linear_sum_assignment(cost)
    return cost[rows, columns].mean(), rows[np.argsort(columns)]


PRIORS = {"doc_topic_prior": 0.2, "topic_word_prior": 0.1}


@functools.cache
def scikit_learns_distances(n_topics, length, seed):
    X, topics, _ = planted(300, 80, n_topics, length, seed=seed)
    models = [LatentDirichletAllocation(n_topics, max_iter=25, random_state=i, **PRIORS).fit(X) for i in range(3)]
    return [distance(model.components_, topics)[0] for model in models]


@pytest.mark.parametrize("learning_method", METHODS)
@pytest.mark.parametrize(("n_topics", "length", "seed"), [(5, 80, 1), (8, 100, 2)])
def test_planted_topics_are_found_as_well_as_by_scikit_learn(n_topics, length, seed, learning_method):
    X, topics, _ = planted(300, 80, n_topics, length, seed=seed)
    settings = dict(learning_method=learning_method, batch_size=75, n_init=4, random_state=0)
    found, _ = distance(MeanFieldTopicModel(n_topics, **PRIORS, **settings).fit(X).components_, topics)
    assert found < np.median(scikit_learns_distances(n_topics, length, seed)) + 0.01
    assert found < 0.06


def test_topics_from_a_given_start_are_no_worse_than_scikit_learns():
    X, topics, _ = planted(300, 80, 4, 60, seed=3)
    theirs = LatentDirichletAllocation(4, max_iter=50, random_state=0, **PRIORS).fit(X)
    # Theirs starts from these draws.
    start = np.random.RandomState(0).gamma(100.0, 0.01, (4, 80))
    ours = MeanFieldTopicModel(4, init_params=start, **PRIORS).fit(X)
    assert distance(ours.components_, topics)[0] < distance(theirs.components_, topics)[0] + 0.01
    moved = MeanFieldTopicModel(4, init_params=theirs.components_, **PRIORS).fit(X)
    assert ours.elbo_ > moved.elbo_ - 1e-3 * abs(moved.elbo_)


def test_proportions_of_documents_are_found():
    X, topics, proportions = planted(300, 100, 3, 200, seed=4)
    model = MeanFieldTopicModel(3, random_state=0, **PRIORS).fit(X)
    _, match = distance(model.components_, topics)
    assert np.abs(model.transform(X)[:, match] - proportions).mean() < 0.03


PLANTED_PRIORS = {
    "sparse": (0.05, 0.05),
    "dense": (1.0, 0.5),
    "asymmetric": (np.array([0.1, 0.3, 1.5]), 0.1),
}


@quiet
@pytest.mark.parametrize("learning_method", METHODS)
@pytest.mark.parametrize(("alpha", "beta"), PLANTED_PRIORS.values(), ids=PLANTED_PRIORS)
def test_learned_priors_are_near_the_planted_ones(alpha, beta, learning_method):
    X, topics, _ = planted(600, 60, 3, 150, alpha=alpha, beta=beta, seed=1)
    free = np.ndim(alpha) > 0
    settings = dict(learning_method=learning_method, batch_size=150, max_iter=200, tol=1e-3, random_state=0)
    model = MeanFieldTopicModel(
        3, doc_topic_prior="auto-asymmetric" if free else "auto", topic_word_prior="auto", **settings
    ).fit(X)
    assert model.elbo_ > MeanFieldTopicModel(3, **settings).fit(X).elbo_
    _, match = distance(model.components_, topics)
    found = model.doc_topic_prior_[match] if free else model.doc_topic_prior_
    assert_allclose(np.log(found / alpha), 0.0, atol=np.log(2.0))
    assert abs(np.log(model.topic_word_prior_ / beta)) < np.log(2.0)
    assert_allclose(model.prior_.documents.concentration[match], found)


@pytest.mark.parametrize("learning_method", ["batch", "memoized"])
@pytest.mark.parametrize("kind", ["auto", "auto-asymmetric"])
def test_learned_priors_are_the_best_for_the_posterior(kind, learning_method):
    X, topics, _ = planted(200, 40, 3, 80, alpha=[0.1, 0.3, 1.0], seed=3)
    model = MeanFieldTopicModel(
        3,
        doc_topic_prior=kind,
        topic_word_prior=kind,
        init_params=1.0 + 1000.0 * topics,
        learning_method=learning_method,
        batch_size=60,
        tol=1e-7,
        max_iter=3000,
        mean_change_tol=1e-8,
        max_doc_update_iter=2000,
    ).fit(X)
    gamma, log_beta = model.transform(X, normalize=False), model.posterior_.topics.expected_log
    evidence = {"documents": psi(gamma) - psi(gamma.sum(axis=1, keepdims=True)), "topics": log_beta}
    for name, logs in evidence.items():
        learned = np.atleast_2d(model.prior_[name].concentration)[0]
        best = fitted_concentration(learned, logs.sum(axis=0), float(len(logs)), kind == "auto")
        assert_allclose(learned, best, rtol=0.02)


@pytest.mark.parametrize("kind", ["auto", "auto-asymmetric"])
def test_learned_priors_move_by_the_step_size(kind):
    gamma = np.random.default_rng(0).gamma(2.0, 3.0, size=(40, 3))
    logs = (psi(gamma) - psi(gamma.sum(axis=1, keepdims=True))).sum(axis=0)
    prior = Joint(topics=Dirichlet(np.ones((3, 5))), documents=Dirichlet(np.array([0.5, 1.0, 2.0])))
    steps = dict(fresh_visits=0, steps=(1, 1, 1, 1), tol=0.0)
    model = TopicModel(3, 5, learn={"documents": kind}, **steps)
    moved = [model.learned(prior, Summary({"documents": logs}, 0.0, 40.0), None, rate) for rate in (0.0, 0.25, 1.0)]
    old, part, best = (joint.documents.concentration for joint in moved)
    assert_allclose(old, prior.documents.concentration, rtol=1e-14)
    assert_allclose(best, fitted_concentration(old, logs, 40.0, kind == "auto"))
    assert_allclose(part, old**0.75 * best**0.25)
    assert all(joint.topics is prior.topics for joint in moved)


def test_learned_concentrations_of_words_follow_their_frequency():
    X, _, _ = planted(400, 40, 4, 100, beta=np.repeat([0.02, 2.0], 20), seed=2)
    model = MeanFieldTopicModel(4, topic_word_prior="auto-asymmetric", random_state=0).fit(X)
    assert model.topic_word_prior_.shape == (40,)
    assert np.median(model.topic_word_prior_[20:]) > 5.0 * np.median(model.topic_word_prior_[:20])


@pytest.mark.parametrize("learning_method", ["batch", "memoized"])
@pytest.mark.parametrize("kind", ["auto", "auto-asymmetric"])
@pytest.mark.parametrize("seed", range(3))
def test_learning_a_prior_never_lowers_the_bound(seed, kind, learning_method):
    X, topics, _ = planted(150, 50, 4, 60, alpha=[0.05, 0.1, 0.5, 1.0], seed=seed)
    settings = dict(
        init_params=1.0 + 1000.0 * topics, learning_method=learning_method, batch_size=40, tol=1e-4, max_iter=1000
    )
    fixed = MeanFieldTopicModel(4, **settings).fit(X).elbo_
    documents = MeanFieldTopicModel(4, doc_topic_prior=kind, **settings).fit(X).elbo_
    both = MeanFieldTopicModel(4, doc_topic_prior=kind, topic_word_prior=kind, **settings).fit(X).elbo_
    assert fixed < documents < both


def test_free_concentrations_beat_equal_ones():
    X, topics, _ = planted(300, 50, 3, 80, alpha=[0.05, 0.5, 2.0], seed=5)
    settings = dict(init_params=1.0 + 1000.0 * topics)
    equal, free = (
        MeanFieldTopicModel(3, doc_topic_prior=kind, **settings).fit(X) for kind in ("auto", "auto-asymmetric")
    )
    assert free.elbo_ > equal.elbo_ + 10.0
    assert isinstance(equal.doc_topic_prior_, float)
    assert free.doc_topic_prior_.shape == (3,)


def test_held_out_words_prefer_the_planted_number_of_topics():
    X, _, _ = planted(500, 100, 6, 80, seed=6)
    models = {k: MeanFieldTopicModel(k, n_init=2, random_state=0).fit(X[:400]) for k in (1, 2, 6)}
    completions = [models[k].document_completion(X[400:], random_state=0) for k in (1, 2, 6)]
    assert (np.diff(completions) > 0.05).all()
    assert (np.diff([models[k].score(X[400:]) for k in (1, 2, 6)]) > 1.0).all()
    assert (np.diff([models[k].elbo_ for k in (1, 2, 6)]) > 100.0).all()
    assert (np.diff([models[k].perplexity(X[400:]) for k in (1, 2, 6)]) < 0.0).all()


# Concentrations


def concentration_problem(seed):
    """Expected logarithms of draws, their number, and where a search might begin."""
    rng = np.random.default_rng(seed)
    k, n = int(rng.integers(2, 10)), int(rng.integers(3, 100))
    draws = rng.dirichlet(10.0 ** rng.uniform(-1.0, 1.5, size=k), size=n)
    q = rng.uniform(0.1, 3.0, size=k) + rng.uniform(1.0, 50.0) * draws
    weights = rng.uniform(0.0, 2.0, size=n)
    start = 10.0 ** (rng.uniform(-8.0, 8.0, size=k) if seed % 2 else np.full(k, rng.uniform(-2.0, 2.0)))
    return weights @ (psi(q) - psi(q.sum(axis=1, keepdims=True))), weights.sum(), start


def gain(a, logs, weight):
    return a @ logs - weight * (gammaln(a).sum() - gammaln(a.sum()))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_fitted_concentrations_are_the_maximum(seed, symmetric):
    logs, weight, start = concentration_problem(seed)
    a = fitted_concentration(start, logs, weight, symmetric)
    gradient = logs - weight * (psi(a) - psi(a.sum()))
    assert_allclose(gradient.sum() if symmetric else gradient, 0.0, atol=1e-7 * weight * (1.0 + np.abs(psi(a)).max()))
    rng = np.random.default_rng(seed)
    for scale in (1e-3, 0.1, 1.0):
        for _ in range(20):
            moved = a * np.exp(scale * rng.normal(size=1 if symmetric else len(a)))
            assert gain(moved, logs, weight) <= gain(a, logs, weight) + 1e-10 * weight
    if symmetric:
        assert (a == a[0]).all()
        free = fitted_concentration(start, logs, weight, False)
        assert gain(free, logs, weight) >= gain(a, logs, weight) - 1e-10 * weight


def test_fitted_concentrations_are_those_of_the_draws():
    a = np.array([0.2, 1.0, 5.0])
    draws = np.random.default_rng(0).dirichlet(a, size=50_000)
    fitted = fitted_concentration(np.ones(3), np.log(draws).sum(axis=0), 50_000.0, False)
    assert_allclose(fitted, a, rtol=0.03)
    exact = 7.0 * (psi(a) - psi(a.sum()))
    assert_allclose(fitted_concentration(np.full(3, 100.0), exact, 7.0, False), a, rtol=1e-8)


@pytest.mark.parametrize("symmetric", [True, False])
def test_fitted_concentrations_have_ends(symmetric):
    start = np.array([0.5, 2.0])
    for logs in ([-1e12, -1e12], [np.log(0.5), np.log(0.5)], [-1e12, -1e-12], [-1e-9, -20.0]):
        fitted = fitted_concentration(start, np.array(logs), 1.0, symmetric)
        assert ((fitted >= 1e-8) & (fitted <= 1e8)).all()
    assert fitted_concentration(start, np.zeros(2), 0.0, symmetric) is start
    assert_allclose(fitted_concentration(np.ones(1), np.zeros(1), 5.0, symmetric), 1.0)
