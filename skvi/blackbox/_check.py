"""Whether an object is a model as the protocol asks, explained in words."""

import copy
from collections import Counter

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets

from skvi.blackbox._consistency import check_consistency
from skvi.blackbox._differences import check_gradients
from skvi.blackbox._jitted import batched
from skvi.blackbox._trial import Rows, Trial, isinstance_of
from skvi.gradient.parameters import Layout, Parameter

_ROWS, _QUICK_ROWS = 200, 100
_DRAWS, _QUICK_DRAWS = 5, 3
#: quick draws stay near the start, where a fit begins at the latest
_QUICK_SPREAD = 0.1


def check_model(model, X=None, y=None, random_state=0):
    """Check that an object is a model, and explain what is wrong with it.

    Tries the model on a few draws about the start and on up to 200 rows of the data: shapes, finite values, gradients
    against central differences (for up to 500 coordinates), rows that add up, weights that count, draws that do not
    meet, arguments that stay as they are, and clones that behave the same.

    Parameters
    ----------
    model : object
        See the page "Models of your own" for the protocol.
    X : array-like or sparse matrix of shape (n_rows, n_features), default=None
        None for a model without rows, such as `from_density` makes.
    y : array-like of shape (n_rows,), default=None
        Targets. Those of a classifier, with whatever labels, reach the model as class numbers from 0.
    random_state : int, RandomState instance or None, default=0
        Chooses draws and rows.

    Raises
    ------
    TypeError
        Where the object is no model at all: a class, or without the methods that each model has.
    ValueError
        With all problems found, one a line.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import check_model, from_density
    >>> model = from_density(lambda draws: draws**2, n_parameters=3)
    >>> check_model(model)
    Traceback (most recent call last):
    ...
    ValueError: DensityModel is not a model as its protocol asks:
    - log_prior(theta) has shape (5, 3): give (5,), one number for each draw (sum over all axes but the first)
    """
    _check_methods(model)
    random_state = check_random_state(random_state)
    X, y = _check_data(model, X, y)
    layout = _make_layout(model.parameters(X, y))
    z = random_state.standard_normal((_n_draws(_DRAWS, layout, X), layout.n_free))
    numbers = None if X is None else np.sort(random_state.permutation(X.shape[0])[:_ROWS])
    trial = Trial(_adapted(model, X, y), layout, z, Rows.take(X, y, numbers))
    trial.check_forms()
    _check_classes(trial, y)
    check_consistency(trial)
    check_gradients(trial, random_state)
    _check_clone(trial, model, X, y)
    trial.raise_problems(model)


def check_quickly(model, layout, X, y=None):
    """Check the form of what a model returns, on draws near the start and up to 100 rows, within milliseconds.

    Parameters
    ----------
    model : object
        Its parameters have been asked for.
    layout : Layout
        That of its parameters.
    X, y : arrays, or None for a model without rows
        As the model gets them.

    Raises
    ------
    TypeError, ValueError
        As `check_model` does.
    """
    _check_methods(model)
    n_draws = _n_draws(_QUICK_DRAWS, layout, X)
    z = _QUICK_SPREAD * np.random.default_rng(0).standard_normal((n_draws, layout.n_free))
    z[0] = 0.0
    numbers = None if X is None else np.arange(min(X.shape[0], _QUICK_ROWS))
    trial = Trial(batched(model), layout, z, Rows.take(X, y, numbers))
    trial.check_forms()
    trial.raise_problems(model)


def _check_methods(model):
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}: give an instance, {model.__name__}()")
    for name, words in [
        ("parameters", "parameters(X, y=None), which lists its Parameters"),
        ("log_prior", "log_prior(theta), which returns a log density for each draw"),
    ]:
        if not callable(getattr(model, name, None)):
            raise TypeError(f"{type(model).__name__} is no model: it lacks the method {words}")
    if hasattr(model, "grad_log_likelihood") and not hasattr(model, "log_likelihood"):
        raise TypeError(f"{type(model).__name__} has grad_log_likelihood, but lacks log_likelihood(theta, X, y)")


def _check_data(model, X, y):
    """Rows and targets as a model gets them."""
    if X is None:
        if hasattr(model, "log_likelihood"):
            raise ValueError(f"{type(model).__name__} has a log_likelihood: give X, and y where it takes one")
        return None, None
    X = check_array(X, accept_sparse="csr", dtype=np.float64)
    if y is None:
        if isinstance_of(model, (ClassifierMixin, RegressorMixin)):
            raise ValueError(f"{type(model).__name__} predicts y: give y as well")
        return X, None
    y = np.asarray(y)
    check_consistent_length(X, y)
    if isinstance_of(model, ClassifierMixin):
        check_classification_targets(y)
        y = np.unique(y, return_inverse=True)[1]
    return X, y


def _make_layout(parameters):
    if not isinstance(parameters, (list, tuple)) or not parameters:
        raise TypeError(f"parameters(X, y) returns {parameters!r}: give a list of Parameter, with at least one")
    others = [parameter for parameter in parameters if not isinstance(parameter, Parameter)]
    if others:
        raise TypeError(f"parameters(X, y) lists {others[0]!r}: make each of them a Parameter from skvi.blackbox")
    twice = [name for name, count in Counter(parameter.name for parameter in parameters).items() if count > 1]
    if twice:
        raise ValueError(f"parameters(X, y) lists the name {twice[0]!r} more than once: give each a name of its own")
    return Layout(parameters)


def _adapted(model, X, y):
    """The model with its batched protocol, its parameters asked for."""
    adapted = batched(model)
    adapted.parameters(X, y)
    return adapted


def _n_draws(n_draws, layout, X):
    """A number of draws that is no other axis's length, so that mixed up axes show."""
    taken = {length for parameter in layout.parameters for length in parameter.shape}
    taken |= set() if X is None else set(X.shape)
    return next(number for number in range(n_draws, n_draws + len(taken) + 1) if number not in taken)


def _check_classes(trial, y):
    if y is None or not isinstance_of(trial.model, ClassifierMixin) or not trial.sound("predict"):
        return
    n_classes, given = int(y.max()) + 1, trial.call("predict").shape[2]
    if given != n_classes:
        trial.complain("predict", f"gives probabilities of {given} classes, where y has {n_classes}")


def _check_clone(trial, model, X, y):
    """Complain where a copy as GridSearchCV makes it is not the model."""
    try:
        twin = clone(model) if hasattr(model, "get_params") else copy.deepcopy(model)
    except Exception as error:
        trial.cause = trial.cause or error
        trial.problems.append(
            "it cannot be cloned: __init__ must store each argument as it came, under its own name, and do nothing "
            f"else; derive what you need in the methods ({str(error).splitlines()[0]})"
        )
        return
    if not trial.sound("log_prior"):
        return
    try:
        twin = Trial(_adapted(twin, X, y), trial.layout, trial.z, trial.rows)
        same = all(
            np.allclose(trial.call(name), twin.call(name), rtol=trial.tolerance)
            for name in ("log_prior", "log_likelihood")
            if trial.sound(name) and (name == "log_prior" or X is not None)
        )
        words = "gives other values"
    except Exception as error:
        same, words = False, f"raises {type(error).__name__}: {error}"
    if not same:
        trial.problems.append(f"a clone of it {words}: all that the model needs must be an argument of __init__")
