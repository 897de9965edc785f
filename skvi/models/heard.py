"""What documents hear of topics: the expected logarithms of their words."""

from typing import NamedTuple

import numpy as np
from scipy.special import psi

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.families import Dirichlet
from skvi.kernels.topics import expect_words

# Operations for a digamma and what belongs to it.
_DIGAMMA_COST = 60.0


class Messages(NamedTuple):
    """What documents hear of topics and of their own prior. A total makes the words into its statistics."""

    words: np.ndarray  # (V, K)
    offsets: np.ndarray  # (V,)
    evens: np.ndarray  # (V,)
    topics: object  # a token of whose these are
    alpha: np.ndarray  # (K8,)
    log_normalizer: float  # of the documents' prior
    prior: Dirichlet  # of the topics


class Heard(NamedTuple):
    """What topics say, word by word."""

    words: np.ndarray  # (V, K)
    offsets: np.ndarray  # (V,)
    evens: np.ndarray  # (V,)
    topics: object  # a token of whose these are
    log_sums: np.ndarray  # (V,), sums of E[log beta] over topics


def hear(topics, n_jobs, table=None):
    """Look at topics word by word; a table (V, K) that is at hand is written over."""
    concentration = words_first(topics.concentration)
    n_words, n_topics = concentration.shape
    digammas = psi(topics.mass)
    words, rest = np.empty((n_words, n_topics)) if table is None else table, np.empty((3, n_words))
    tasks = [
        lambda v=slice(*edges): expect_words(concentration[v], digammas, words[v], *rest[:, v])
        for edges in cut(n_words, _DIGAMMA_COST * n_topics, 0.0)
    ]
    _threads.run(tasks, n_jobs)
    # A new token each time: it stands for these values, whatever holds them.
    token = vars(topics)["token"] = object()
    return Heard(words, *rest[:2], token, rest[2])


def words_first(array):
    """The transpose of (n_topics, n_words), in rows of one word each."""
    return np.ascontiguousarray(array.T)
