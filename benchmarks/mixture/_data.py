"""Made-up clusters, and starts that every contestant is given alike."""

from functools import lru_cache

import numpy as np
from sklearn.cluster import KMeans

#: standard deviation of the true means, about clusters of unit variance
SPREADS = {"separated": 4.0, "overlapping": 1.0}

_CHUNK = 8192
_KMEANS_ROWS = 20000


def clusters(n_rows, n_features, n_components, spread, seed=0):
    """Rows of equally likely Gaussian clusters with unit covariances, float64."""
    rng = np.random.default_rng(seed)
    means = spread * rng.standard_normal((n_components, n_features))
    X = np.empty((n_rows, n_features))
    # In chunks, so that no temporary array raises the peak that memory is measured against.
    for start in range(0, n_rows, _CHUNK):
        chunk = X[start : start + _CHUNK]
        rng.standard_normal(out=chunk)
        chunk += means[rng.integers(n_components, size=len(chunk))]
    return X


@lru_cache(maxsize=1)
def starts(n_rows, n_features, n_components, kind):
    """The rows and two matrices of responsibilities to start from: by k-means on a sample, and random."""
    X = clusters(n_rows, n_features, n_components, SPREADS[kind])
    rng = np.random.default_rng(1)
    noise = rng.uniform(size=(n_rows, n_components))
    random = noise / noise.sum(axis=1, keepdims=True)
    found = KMeans(n_components, n_init=1, random_state=0).fit(X[:_KMEANS_ROWS])
    nearest = np.zeros((n_rows, n_components))
    nearest[np.arange(n_rows), found.predict(X)] = 1.0
    return X, {"k-means": nearest, "random": random}
