"""Regressions: made-up ones with known coefficients, and real ones where there is a folder of them."""

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.datasets import load_svmlight_file
from sklearn.feature_extraction.text import TfidfTransformer

_FOLDER = "uci_regression"
_SETS = ("boston", "concrete", "energy", "kin8nm", "naval", "power-plant", "protein", "wine-red", "yacht")
_CHUNK = 8192


def made_up(n_rows, n_features, n_relevant=None, seed=0):
    """Standard normal columns, the first n_relevant with coefficients other than zero, and noise of unit variance."""
    rng = np.random.default_rng(seed)
    coefficients = np.zeros(n_features)
    coefficients[:n_relevant] = rng.standard_normal(len(coefficients[:n_relevant]))
    X, y = np.empty((n_rows, n_features)), np.empty(n_rows)
    # In chunks, so that no temporary array raises the peak that memory is measured against.
    for start in range(0, n_rows, _CHUNK):
        chunk = X[start : start + _CHUNK]
        rng.standard_normal(out=chunk)
        y[start : start + _CHUNK] = 3.0 + chunk @ coefficients + rng.standard_normal(len(chunk))
    return X, y


def _path(name, options):
    return None if options.data is None else options.data / _FOLDER / f"{name}.npz"


def _at_hand(name, options):
    path = _path(name, options)
    return path is not None and path.exists()


def names(options):
    """Names of the real sets at hand."""
    return [name for name in _SETS if _at_hand(name, options)]


def absent(options):
    """Note on the real sets that are left out."""
    left_out = ", ".join(name for name in _SETS if not _at_hand(name, options))
    return [f"left out, for want of them in {_FOLDER} in a folder named by --data: {left_out}"] if left_out else []


def splits(name, options, n_splits):
    """Training and test rows of the first splits of a real set, and the deviation of y.

    All columns are standardised by the training rows.
    """
    with np.load(_path(name, options)) as file:
        X, y, tests = file["X"], file["y"].ravel(), file["test_idx"][:n_splits]
    for test in tests:
        train = np.setdiff1d(np.arange(len(X)), test)
        center, width = X[train].mean(axis=0), X[train].std(axis=0)
        columns = (X - center) / np.where(width > 0.0, width, 1.0)
        targets = (y - y[train].mean()) / y[train].std()
        yield columns[train], targets[train], columns[test], targets[test], y[train].std()


def covertype(options):
    """Standardised rows of the forest-cover data and the numbers of their classes; None where it is absent."""
    path = None if options.data is None else options.data / "covertype_subsets" / "covtype_ramp92962.npz"
    if path is None or not path.exists():
        return None
    with np.load(path) as file:
        X, y = file["X"].astype(float), file["y"]
    keep = options.rows(len(X))
    X, y = X[:keep], y[:keep]
    width = X.std(axis=0)
    return np.ascontiguousarray((X - X.mean(axis=0)) / np.where(width > 0.0, width, 1.0)), y


def lodgepole(options):
    """Standardised rows of the forest-cover data and whether each is of class 2; None where it is absent."""
    data = covertype(options)
    return None if data is None else (data[0], data[1] == 2)


def adult(options):
    """Dense rows of the a9a set's 123 indicators and whether each is of the second class; None where it is absent."""
    path = None if options.data is None else options.data / "a9a" / "a9a.train.svm.bz2"
    if path is None or not path.exists():
        return None
    X, y = load_svmlight_file(path, n_features=123)
    keep = options.rows(X.shape[0])
    return X[:keep].toarray(), y[:keep] > 0.0


def made_up_classes(options, n_rows=100_000, n_features=50):
    """Made-up rows and whether each is of the second class, by ten of the columns."""
    X, eta = made_up(options.rows(n_rows), n_features, 10)
    return X, np.random.default_rng(1).uniform(size=len(X)) < expit(0.5 * (eta - 3.0))


def newsgroups(options):
    """Sparse rows of the newsgroups' words and whether each is about computers; None where they are absent."""
    folder = None if options.data is None else options.data / "newsgroups20"
    if folder is None or not (folder / "bow_train.npz").exists():
        return None
    X = TfidfTransformer(sublinear_tf=True).fit_transform(sparse.load_npz(folder / "bow_train.npz").astype(float))
    with np.load(folder / "labels.npz") as file:
        y = np.isin(file["train"], [2, 3, 4, 5, 6])
    keep = np.random.default_rng(0).permutation(X.shape[0])[: options.rows(X.shape[0])]
    return X[keep].tocsr(), y[keep]
