"""What visits to documents leave behind: states of blocks, and factors that the counts of words are summed from."""

from typing import NamedTuple

import numpy as np

from skvi import _threads
from skvi.kernels.topics import add_words, find_words, finish_words
from skvi.models.heard import Messages

# Words whose counts are summed at a time, so that they stay in the cache.
_WORDS_AT_ONCE = 1024


class Factors(NamedTuple):
    """Statistics of words in factors, those of all blocks together in each: proportional to theta * words."""

    documents: object
    theta: np.ndarray  # (N, K8)
    messages: Messages


class State(NamedTuple):
    """What a block keeps between visits, which write over it: its part of what all blocks keep."""

    theta: np.ndarray  # (n, K8)
    whole: np.ndarray  # (N, K8)
    visits: int


class Inferred(NamedTuple):
    """Posteriors of a block's documents; the last, of those that have a state, until others are inferred."""

    theta: np.ndarray  # (n, K8)
    bounds: np.ndarray  # (n,)
    logs: np.ndarray  # (n, K8)


def keep_better(first, second):
    """Write the second posterior over the first, of documents whose bound is no less then."""
    rows = second.bounds >= first.bounds
    for a, b in zip(first, second, strict=True):
        np.copyto(a, b, where=rows if a.ndim == 1 else rows[:, None])


def sum_words(documents, theta, messages, start, stop):
    """Sum the factors over a range of words, in place of its words; return the sum of products with E[log beta]."""
    matrix = documents.data, documents.indices, documents.indptr
    positions = np.empty(documents.n_rows, np.intp)
    find_words(*matrix[1:], start, positions)
    energy = 0.0
    for low in range(start, stop, _WORDS_AT_ONCE):
        part = slice(low, min(low + _WORDS_AT_ONCE, stop))
        counts = _threads.scratch("counts", (_WORDS_AT_ONCE, len(messages.alpha)))[: part.stop - low]
        counts[:] = 0.0
        words = messages.words[part]
        add_words(*matrix, documents.weights, theta, words, low, positions, counts)
        energy += finish_words(counts, messages.offsets[part], words)
    return energy
