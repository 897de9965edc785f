"""What documents hear of topics: the expected logarithms of their words, and what a bound needs beside."""

from typing import NamedTuple

import numpy as np
from scipy.special import psi

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.families import Dirichlet
from skvi.kernels.arrays import aligned
from skvi.kernels.blocks import padded
from skvi.kernels.simd import LANES
from skvi.kernels.topics import expect_words

# Operations for a digamma and what belongs to it.
_DIGAMMA_COST = 60.0


class Messages(NamedTuple):
    """What documents hear of topics and of their own prior. A total makes the words into its statistics."""

    words: np.ndarray  # (V, K8)
    offsets: np.ndarray  # (V,)
    evens: np.ndarray  # (V,)
    topics: object  # a token of whose these are
    gain: float  # sum over words of E[log beta] times prior - concentration
    alpha: np.ndarray  # (K8,)
    log_normalizer: float  # of the documents' prior
    prior: Dirichlet  # of the topics


class Heard(NamedTuple):
    """What topics say, word by word."""

    words: np.ndarray  # (V, K8)
    offsets: np.ndarray  # (V,)
    evens: np.ndarray  # (V,)
    topics: object  # a token of whose these are
    gain: float  # as in Messages, under this prior:
    prior: Dirichlet
    log_sums: np.ndarray  # (V,), sums of E[log beta] over topics


def hear(topics, prior, n_jobs):
    """Look at topics word by word; they remember the sum of their log-normalisers."""
    concentration, before = words_first(topics.concentration), prior.concentration.T
    n_words, columns = len(concentration), padded(concentration.shape[1], LANES)
    digammas = psi(topics.mass)
    words, rest = aligned(n_words, columns), np.empty((3, n_words))
    tasks = [
        lambda v=slice(*edges): expect_words(concentration[v], digammas, before[v], words[v], *rest[:, v])
        for edges in cut(n_words, _DIGAMMA_COST * columns, 0.0)
    ]
    sum_log_gamma, gain = np.sum(_threads.run(tasks, n_jobs), axis=0)
    topics.remember(sum_log_gamma)
    # A new token each time: it stands for these values, whatever holds them.
    token = vars(topics)["token"] = object()
    return Heard(words, *rest[:2], token, gain, prior, rest[2])


def words_first(array):
    """The transpose of (n_topics, n_words), in rows of one word each."""
    return np.ascontiguousarray(array.T)
