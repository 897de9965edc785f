"""Ready models on scikit-learn's own data sets and on simulated rows, from plenty of rows to hardly any."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from skvi.blackbox import GaussianLocationScale, HierarchicalIntercepts, LinearModel, LogisticModel, PoissonModel


@dataclass(frozen=True)
class Table:
    """A model and its rows.

    Parameters
    ----------
    name : str
    model : object
    X, y : ndarray
    """

    name: str
    model: object
    X: np.ndarray
    y: np.ndarray | None = None


def tables():
    """All of them."""
    return [*_classes(), *_lines(), *_counts(), *_groups(), *_columns()]


def _standard(X):
    spread = X.std(axis=0)
    return (X - X.mean(axis=0))[:, spread > 0.0] / spread[spread > 0.0]


def _some(X, y, n, seed=0):
    rows = np.random.default_rng(seed).permutation(len(X))[:n]
    return _standard(X[rows]), y[rows]


def _classes():
    iris, wine, cancer, digits = (
        load(return_X_y=True) for load in (load_iris, load_wine, load_breast_cancer, load_digits)
    )
    yield Table("logistic, iris 1 or 2", LogisticModel(), _standard(iris[0][50:]), iris[1][50:] - 1)
    yield Table("logistic, iris 0 or 1, separable", LogisticModel(), _standard(iris[0][:100]), iris[1][:100])
    loose = LogisticModel(weight_precision=0.01)
    yield Table("logistic, iris 0 or 1, vague prior", loose, _standard(iris[0][:100]), iris[1][:100])
    yield Table("logistic, wine 0 or not", LogisticModel(), _standard(wine[0]), (wine[1] == 0).astype(int))
    yield Table("logistic, cancer, 5 columns", LogisticModel(), _standard(cancer[0][:, :5]), cancer[1])
    yield Table("logistic, cancer, 30 columns", LogisticModel(), _standard(cancer[0]), cancer[1])
    X, y = _some(cancer[0][:, :8], cancer[1], 25)
    yield Table("logistic, cancer, 25 rows", LogisticModel(weight_precision="learn"), X, y)
    chosen = (digits[1] == 3) | (digits[1] == 8)
    X, y = _some(digits[0][chosen], (digits[1][chosen] == 8).astype(int), 60)
    yield Table("logistic, digits 3 or 8, 60 rows", LogisticModel(), X, y)
    yield Table("logistic, digits 3 or 8, learned precision", LogisticModel(weight_precision="learn"), X[:, :20], y)
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 3))
    yield Table("logistic, few successes", LogisticModel(), X, (rng.uniform(size=300) < 0.02).astype(int))
    yield Table("logistic, 4 rows", LogisticModel(weight_precision=0.1), X[:4], np.array([0, 0, 1, 1]))


def _lines():
    X, y = load_diabetes(return_X_y=True)
    X, y = _standard(X), _standard(y[:, None])[:, 0]
    yield Table("linear, diabetes", LinearModel(), X, y)
    yield Table("linear, diabetes, learned precision", LinearModel(weight_precision="learn"), X, y)
    yield Table("linear, diabetes, 8 rows", LinearModel(), X[:8], y[:8])
    yield Table("linear, diabetes, 8 rows, learned", LinearModel(weight_precision="learn"), X[:8], y[:8])
    twins = np.column_stack([X[:, :3], X[:, :3] + 1e-3 * np.random.default_rng(0).standard_normal((len(X), 3))])
    yield Table("linear, twin columns", LinearModel(weight_precision=0.01), twins, y)
    vague = LinearModel(noise_shape=0.1, noise_rate=0.001, weight_precision=0.01)
    yield Table("linear, 3 rows of 1 column", vague, X[:3, :1], y[:3])
    rng = np.random.default_rng(2)
    X = rng.standard_normal((2000, 4))
    yield Table("linear, 2000 rows", LinearModel(), X, X @ [1.0, 0.0, -1.0, 2.0] + rng.standard_normal(2000))


def _counts():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((400, 5))
    yield Table("Poisson, 400 rows", PoissonModel(), X, rng.poisson(np.exp(0.3 * X.sum(axis=1))))
    yield Table("Poisson, 40 rows, nearly all zero", PoissonModel(), X[:40], rng.poisson(np.exp(X[:40, 0] - 3.0)))
    yield Table("Poisson, all zero", PoissonModel(), X[:20], np.zeros(20, dtype=int))
    learned = PoissonModel(weight_precision="learn")
    yield Table("Poisson, 15 rows, learned precision", learned, X[:15], rng.poisson(np.exp(0.5 * X[:15, 0])))
    X = load_digits().data
    ink = X[:100, 32:].sum(axis=1).astype(int)
    yield Table("Poisson, ink of digits", PoissonModel(), _standard(X[:100, 18:22]), ink)


def _groups():
    wine, kind = load_wine(return_X_y=True)
    wine = _standard(wine)
    X = np.column_stack([kind, wine[:, 1:3]])
    yield Table("groups, wine, 3 groups", HierarchicalIntercepts(), X, wine[:, 0])
    yield Table("groups, wine, 3 groups, centered", HierarchicalIntercepts(centered=True), X, wine[:, 0])
    for n_groups, n_rows, spread, noise in ((8, 3, 0.5, 1.0), (20, 5, 1.0, 0.5), (20, 5, 0.05, 1.0), (5, 40, 1.0, 0.3)):
        rng = np.random.default_rng(n_groups + n_rows)
        group = np.repeat(np.arange(n_groups), n_rows)
        y = spread * rng.standard_normal(n_groups)[group] + noise * rng.standard_normal(len(group))
        for centered in (False, True):
            name = f"groups, {n_groups} of {n_rows} rows, spread {spread:g}" + (", centered" if centered else "")
            yield Table(name, HierarchicalIntercepts(centered=centered), group[:, None].astype(float), y)


def _columns():
    X = load_iris().data
    yield Table("location and scale, iris", GaussianLocationScale(), X)
    yield Table("location and scale, 3 rows", GaussianLocationScale(), X[:3])
    yield Table("location and scale, 2 rows", GaussianLocationScale(shape=0.5, rate=0.01), X[[0, 70], :2])
