"""The contestants: models with the same priors, their bounds by one formula, and peers to race to a bound.

To add a peer to `reach`, write a class with `sweeps`, `turn` and `components` and enter it in OTHERS.
"""

from collections.abc import Callable
from contextlib import nullcontext
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from scipy.special import psi
from sklearn.decomposition import LatentDirichletAllocation

from benchmarks._machine import n_cores
from benchmarks._timing import in_turns, one_blas_thread, seconds
from skvi import MeanFieldTopicModel

OURS = "skvi"
PEER = "scikit-learn"

TOPICS = 50
# Of both priors: the default of both sides, written out for peers with other ones.
CONCENTRATION = 1.0 / TOPICS

# A sweep of Gibbs sampling is much cheaper than one of variational inference, and does much less.
_GIBBS_SWEEPS = 10
_AHEAD_DOCUMENTS = 50
_TRIALS = 2


def skvi(**settings):
    """The topic model of skvi, default settings."""
    return MeanFieldTopicModel(TOPICS, **{"random_state": 0, **settings})


def scikit_learn(**settings):
    """scikit-learn's topic model with a process for each core."""
    return LatentDirichletAllocation(TOPICS, **{"n_jobs": n_cores(), "random_state": 0, **settings})


FITS = {PEER: scikit_learn, OURS: skvi}


def warm_up(X, **settings):
    """Let kernels be compiled and processes be started, which is not for a fit to answer for."""
    for make in FITS.values():
        make(**{"max_iter": 1, **settings}).fit(X[:_AHEAD_DOCUMENTS])


class Way(NamedTuple):
    """A way to call scikit-learn: a number of processes, and a context that sets BLAS's threads."""

    n_jobs: int
    limited: Callable

    def seconds(self, call):
        """Time one call."""
        with self.limited():
            return seconds(call)


def fastest_way(call):
    """The way in which a call of scikit-learn, given a number of processes, takes least: its best case.

    Processes cost more than they gain where there is little to do, and so do threads of BLAS.
    """
    ways = [Way(1, one_blas_thread), Way(1, nullcontext), Way(n_cores(), nullcontext)]
    turns = {way: lambda w=way: w.seconds(lambda: call(w.n_jobs)) for way in ways}
    taken = in_turns(turns, least=_TRIALS, most=_TRIALS)
    return min(ways, key=lambda way: min(taken[way]))


def holding(components, **settings):
    """scikit-learn's model with the given concentrations of topics, as if it had been fitted."""
    model = scikit_learn(**settings)
    model.components_ = components
    model.exp_dirichlet_component_ = np.exp(psi(components) - psi(components.sum(axis=1, keepdims=True)))
    model.doc_topic_prior_ = model.topic_word_prior_ = CONCENTRATION
    model.n_features_in_ = components.shape[1]
    return model


def peer_bound(components, X):
    """Evidence lower bound (nats) of topics by scikit-learn's formula, all constants.

    Documents take scikit-learn's steps from equal topics to their end, as at the end of its fit. It is the same
    quantity as skvi's `elbo_`: words are a sequence, without the multinomial coefficient.
    """
    return holding(components).score(X)


def percent_above(bound, base):
    """By how many per cent of its size a bound exceeds another."""
    return 100.0 * (bound - base) / abs(base)


class ScikitLearn:
    """Batch fits of scikit-learn."""

    def __init__(self, X, n_sweeps):
        self.sweeps = n_sweeps
        self._X = X
        self._model = scikit_learn(max_iter=n_sweeps)

    def turn(self):
        """Fit; the seconds that took."""
        return seconds(lambda: self._model.fit(self._X))

    @property
    def components(self):
        """Concentrations of the topics."""
        return self._model.components_


class Gensim:
    """Online variational inference with gensim's default mini-batches, on one core."""

    def __init__(self, X, n_sweeps):
        self.sweeps = n_sweeps
        self._words = {word: str(word) for word in range(X.shape[1])}
        self._corpus = [list(zip(ids.tolist(), counts.tolist(), strict=True)) for ids, counts in _documents(X)]

    def turn(self):
        """Fit; the seconds that took."""
        return seconds(self._fit)

    def _fit(self):
        from gensim.models import LdaModel

        self._model = LdaModel(
            self._corpus,
            num_topics=TOPICS,
            id2word=self._words,
            passes=self.sweeps,
            alpha=[CONCENTRATION] * TOPICS,
            eta=CONCENTRATION,
            eval_every=None,
            random_state=0,
        )

    @property
    def components(self):
        """Concentrations of the topics."""
        return self._model.state.get_lambda().astype(np.float64)


class Tomotopy:
    """Collapsed Gibbs sampling; the counts of its last sweep stand for expected ones."""

    def __init__(self, X, n_sweeps):
        self.sweeps = _GIBBS_SWEEPS * n_sweeps
        self._n_words = X.shape[1]
        self._texts = [np.repeat(ids, counts.astype(int)).astype(str).tolist() for ids, counts in _documents(X)]

    def turn(self):
        """Train a new model; the seconds that took, without adding the documents."""
        from tomotopy import LDAModel

        self._model = LDAModel(k=TOPICS, alpha=CONCENTRATION, eta=CONCENTRATION, seed=0)
        self._model.optim_interval = 0
        for text in self._texts:
            self._model.add_doc(text)
        return seconds(lambda: self._model.train(self.sweeps, workers=n_cores()))

    @property
    def components(self):
        """Concentrations of the topics."""
        components = np.full((TOPICS, self._n_words), CONCENTRATION)
        words = [int(word) for word in self._model.used_vocabs]
        for topic, own in enumerate(components):
            own[words] = self._model.get_topic_word_dist(topic, normalize=False)
        return components


def _documents(X):
    """Words and counts of each document."""
    return [(X.indices[start:stop], X.data[start:stop]) for start, stop in zip(X.indptr, X.indptr[1:], strict=False)]


OTHERS = {"gensim": Gensim, "tomotopy": Tomotopy}


def racers():
    """The peers that are installed, by name."""
    return {PEER: ScikitLearn, **{name: other for name, other in OTHERS.items() if find_spec(name)}}


def missing_racers():
    """Notes on peers that are left out."""
    return [f"{name}: left out, not installed" for name in OTHERS if not find_spec(name)]
