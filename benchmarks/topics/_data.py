"""Corpora: real ones where there is a folder of them, and one that is made up from known topics."""

from functools import lru_cache

import numpy as np
import scipy.sparse as sp

MADE_UP = "made up"

_FILES = {"AP": "ap/bow.npz", "KOS": "kos/bow.npz"}

# The made-up corpus: about 690 000 non-zeros.
_DOCUMENTS, _WORDS, _TOPICS = 5000, 8000, 50
_LENGTH = 160.0
_DOCUMENT_CONCENTRATION, _TOPIC_CONCENTRATION = 0.1, 0.01

_QUICK_DOCUMENTS = 200


def _path(name, options):
    return None if options.data is None else options.data / _FILES[name]


def _at_hand(name, options):
    path = _path(name, options)
    return path is not None and path.exists()


def names(options):
    """Names of the corpora at hand."""
    return [*(name for name in _FILES if _at_hand(name, options)), MADE_UP]


def absent(options):
    """Notes on corpora that are left out."""
    left_out = [name for name in _FILES if not _at_hand(name, options)]
    return [f"{name}: left out, for want of {_FILES[name]} in a folder named by --data" for name in left_out]


def load(name, options):
    """Counts of the words of a corpus, float64, one row for each document."""
    X = _made_up() if name == MADE_UP else sp.csr_array(sp.load_npz(_path(name, options))).astype(np.float64)
    return X[:_QUICK_DOCUMENTS] if options.quick else X


@lru_cache(maxsize=1)
def _made_up(seed=0):
    """Documents drawn from the model itself."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(_WORDS, _TOPIC_CONCENTRATION), size=_TOPICS)
    proportions = rng.dirichlet(np.full(_TOPICS, _DOCUMENT_CONCENTRATION), size=_DOCUMENTS)
    lengths = rng.multinomial(rng.poisson(_LENGTH, _DOCUMENTS), proportions)
    rows = [np.repeat(np.arange(_DOCUMENTS, dtype=np.int32), own) for own in lengths.T]
    words = [rng.choice(_WORDS, len(own), p=topic).astype(np.int32) for own, topic in zip(rows, topics, strict=True)]
    rows, words = np.concatenate(rows), np.concatenate(words)
    return sp.csr_array((np.ones(len(rows)), (rows, words)), shape=(_DOCUMENTS, _WORDS))


def shape(X):
    """Documents, words and non-zeros, as entries of a table."""
    return [*X.shape, X.nnz]


def n_bytes(X):
    """Bytes of a sparse matrix."""
    return X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
