"""What users read of topics: their words, their coherence, and documents split in halves."""

import numpy as np
import pandas as pd
import scipy.sparse as sp

from skvi.families import Dirichlet
from skvi.models.documents import Documents

MEASURES = ("u_mass", "npmi")
# Words that are scored at a time.
_CHUNK = 2**16


def top_words_table(estimator, feature_names, n, level):
    """The most probable words of each topic, with central credible intervals."""
    components = estimator.components_
    k, v = components.shape
    if feature_names is None:
        feature_names = getattr(estimator, "feature_names_in_", np.arange(v))
    names = np.asarray(feature_names)
    if names.shape != (v,):
        raise ValueError(f"feature_names has shape {names.shape}: give one name for each of the {v} words")
    n = min(n, v)
    words = np.argsort(-components, axis=1, kind="stable")[:, :n]
    own = np.take_along_axis(components, words, axis=1).ravel()
    rest = np.repeat(components.sum(axis=1), n) - own
    # Each probability is a Beta's: that of the word against all others.
    interval = Dirichlet(np.stack([own, rest], axis=-1)).interval(level)[..., 0, :]
    return pd.DataFrame(
        {
            "topic": np.repeat(np.arange(k), n),
            "rank": np.tile(np.arange(1, n + 1), k),
            "word": names[words.ravel()],
            "probability": own / (own + rest),
            "lower": interval[:, 0],
            "upper": interval[:, 1],
        }
    )


def coherence(components, X, measure, n):
    """Coherence of each topic's top words in documents, shape (n_components,)."""
    if measure not in MEASURES:
        raise ValueError(f"measure={measure!r}: give one of {', '.join(map(repr, MEASURES))}")
    present = X.tocsc()
    present.data = (present.data > 0.0).astype(float)
    scores = []
    for topic in components:
        words = np.argsort(-topic, kind="stable")[:n]
        columns = present[:, words]
        together = (columns.T @ columns).toarray()
        scores.append(_u_mass(together) if measure == "u_mass" else _npmi(together, X.shape[0]))
    return np.array(scores)


def _u_mass(together):
    alone = np.diag(together)
    terms = np.log((together + 1.0) / np.maximum(alone, 1.0)[:, None])
    pairs = np.triu_indices(len(alone), 1)
    return float(terms[pairs].mean()) if len(pairs[0]) else 0.0


def _npmi(together, n_documents):
    alone = np.diag(together) / n_documents
    pairs = np.triu_indices(len(alone), 1)
    both = (together / n_documents)[pairs]
    expected = np.outer(alone, alone)[pairs]
    # Words that never meet have the limit -1, words that are in all documents say nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log(both / expected) / -np.log(both)
    values = np.where(both <= 0.0, -1.0, np.where(both >= 1.0, 0.0, values))
    return float(values.mean()) if len(values) else 0.0


def split_tokens(X, rng):
    """Split the counts of each document at random into two halves; what is not whole goes to either half.

    Where the first half has nothing, as of documents of one word, there is no second either.
    """
    whole = np.floor(X.data)
    first = rng.binomial(whole.astype(np.int64), 0.5) + (X.data - whole) * rng.randint(2, size=X.nnz)
    told = np.repeat(Documents.of(X).row_sums(first) > 0.0, np.diff(X.indptr))
    halves = []
    for data in (first, np.where(told, X.data - first, 0.0)):
        half = sp.csr_array((data.astype(np.float64), X.indices.copy(), X.indptr.copy()), shape=X.shape)
        half.eliminate_zeros()
        halves.append(half)
    return halves


def mean_log_probability(X, proportions, topics):
    """Mean log probability of the words of documents, given their proportions of topics."""
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    total = 0.0
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        chances = np.einsum("ik,ki->i", proportions[rows[part]], topics[:, X.indices[part]])
        total += X.data[part] @ np.log(chances)
    return float(total / X.sum())
