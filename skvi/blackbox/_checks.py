"""What ready models check of their hyper-parameters and rows, and where searches for their parameters start."""

import numpy as np
from scipy import sparse

from skvi.gradient.parameters import Parameter


def check_numbers(model, *names, n_columns=None, positive=True):
    """Raise ValueError where a hyper-parameter is no number.

    Parameters
    ----------
    model : object
    *names : str
        Of the hyper-parameters.
    n_columns : int, default=None
        Where it is given, arrays of one number for each column are welcome as well.
    positive : bool, default=True
    """
    for name in names:
        value = getattr(model, name)
        try:
            values = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            values = np.array(np.nan)
        if values.shape in {(), (n_columns,)} and np.isfinite(values).all() and (not positive or (values > 0.0).all()):
            continue
        kind = "a positive number" if positive else "a number"
        many = "" if n_columns is None else f", or one for each of the {n_columns} columns"
        raise ValueError(f"{type(model).__name__}({name}={value!r}): give {kind}{many}")


def check_choice(model, name, allowed):
    """Raise ValueError where a hyper-parameter is none of the values that it may have."""
    value = getattr(model, name)
    if not (isinstance(value, (str, bool, np.bool_)) and value in allowed):
        raise ValueError(f"{type(model).__name__}({name}={value!r}): give {' or '.join(map(repr, allowed))}")


def needed_target(model, y):
    """y as an array.

    Raises
    ------
    ValueError
        Where there is none, or one of more than one column.
    """
    if y is None:
        raise ValueError(
            f"{type(model).__name__} says how y depends on X, and y is None: give y, one number for each row"
        )
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"{type(model).__name__} takes one number of y for each row, and y has shape {y.shape}")
    return y


def column_ranges(X):
    """Middle and a quarter of the range of each column (one where a column is constant), shapes (D,).

    Neither changes when rows are repeated.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    if sparse.issparse(X):
        low, high = low.toarray().ravel(), high.toarray().ravel()
    return 0.5 * low + 0.5 * high, _nonzero(0.25 * high - 0.25 * low)


def target_range(y):
    """Median of the distinct numbers of y, and a quarter of their range (one where there is no range)."""
    y = np.unique(y)
    return np.median(y), float(_nonzero(0.25 * y[-1] - 0.25 * y[0]))


def weight_scale(X, unit, precision):
    """Sizes of the weights of columns, shape (D,), with which a linear predictor moves by about a unit between rows.

    No larger than those of a normal prior of a precision.
    """
    _, spread = column_ranges(X)
    return 1.0 / np.sqrt(precision + X.shape[1] * np.clip(spread / unit, 1e-100, 1e100) ** 2)


def precision_of(*weights):
    """The parameter `weight_precision` of normal weights, which starts where it agrees with the weights' own starts.

    Its logarithm moves in units of sqrt(2 / P), its standard deviation given P weights: a precision that runs ahead of
    its weights pulls all of them to zero.
    """
    n_weights = sum(parameter.n_free for parameter in weights)
    squares = sum(np.sum(parameter.scale**2) for parameter in weights)
    return Parameter("weight_precision", (), "positive", start=n_weights / squares, scale=np.sqrt(2.0 / n_weights))


def _nonzero(spread):
    """Spreads whose squares neither vanish nor overflow."""
    return np.where(spread > 0.0, np.clip(spread, 1e-100, 1e100), 1.0)
