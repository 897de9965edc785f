"""What users read of topics: their words, their coherence, and documents split in halves."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import betaincinv

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
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level!r}: give a probability strictly between 0 and 1, such as 0.9")
    n = min(n, v)
    words = np.argsort(-components, axis=1, kind="stable")[:, :n]
    own = np.take_along_axis(components, words, axis=1).ravel()
    rest = np.repeat(components.sum(axis=1), n) - own
    tail = 0.5 * (1.0 - level)
    ends = [betaincinv(own, rest, q) if v > 1 else np.ones(k) for q in (tail, 1.0 - tail)]
    return pd.DataFrame(
        {
            "topic": np.repeat(np.arange(k), n),
            "rank": np.tile(np.arange(1, n + 1), k),
            "word": names[words.ravel()],
            "probability": own / (own + rest),
            "lower": ends[0],
            "upper": ends[1],
        }
    )


def coherence(components, X, measure, n):
    """Coherence of each topic's top words in documents, shape (n_components,)."""
    if measure not in MEASURES:
        raise ValueError(f"measure={measure!r}: give one of {', '.join(map(repr, MEASURES))}")
    present = sp.csc_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape[::-1]).T.tocsc()
    present.data = (X.tocsc().data > 0.0).astype(float)
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
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    told = np.bincount(rows, weights=first, minlength=X.shape[0]) > 0.0
    halves = []
    for data in (first, np.where(told[rows], X.data - first, 0.0)):
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
