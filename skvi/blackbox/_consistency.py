"""Whether the methods of a model agree with themselves: on parts of the draws, parts of the rows, other weights."""

import numpy as np

from skvi.blackbox._trial import ARGUMENTS

_OVER_ROWS = ("log_likelihood", "grad_log_likelihood", "predict")


def check_consistency(trial):
    """Complain where a method gives other values for the same draw and row in other company."""
    for name in ARGUMENTS:
        if trial.sound(name) and (trial.rows.X is not None or name not in _OVER_ROWS):
            whole = trial.call(name)
            for check in (check_repeats, check_draws, check_rows, check_weights):
                trial.attempt(name, check, whole)


def _arrays(result):
    return result if isinstance(result, dict) else {"": result}


def _apart(trial, one, other):
    """Whether two results differ by more than rounding."""
    for name, first in _arrays(one).items():
        second = _arrays(other)[name]
        if np.shape(first) != np.shape(second):
            return True
        room = trial.tolerance * max(1e-3, np.max(np.abs(first), initial=0.0))
        if not np.allclose(first, second, rtol=trial.tolerance, atol=room):
            return True
    return False


def _each(function, *results):
    """A function of arrays, applied to results that may be dictionaries of them."""
    if isinstance(results[0], dict):
        return {name: function(*[result[name] for result in results]) for name in results[0]}
    return function(*results)


def check_repeats(trial, name, whole):
    """The same arguments give the same values."""
    if _apart(trial, whole, trial.call(name)):
        trial.complain(
            name, "gives other values when it is called again: take randomness and what it remembers out of it"
        )


def check_draws(trial, name, whole):
    """A draw alone gives what it gives in a batch."""
    for draw in (0, trial.n_draws - 1):
        alone = trial.call(name, theta={key: values[draw : draw + 1] for key, values in trial.theta.items()})
        if _apart(trial, _each(lambda values, draw=draw: values[draw : draw + 1], whole), alone):
            trial.complain(
                name,
                f"gives other values for draw {draw} alone than in a batch of {trial.n_draws}: draws must not meet; "
                "the first axis of every parameter is the draws",
            )
            return


def check_rows(trial, name, whole):
    """Rows alone give what they give in company; gradients of parts add up to the gradient."""
    if name not in _OVER_ROWS or len(trial.rows) < 2:
        return
    half = np.arange(len(trial.rows)) < (len(trial.rows) + 1) // 2
    parts = [trial.call(name, rows=trial.rows.part(chosen)) for chosen in (half, ~half)]
    if name == "grad_log_likelihood":
        joined = _each(np.add, *parts)
    else:
        joined = np.concatenate(parts, axis=1)
    if _apart(trial, whole, joined):
        what = "gradients of two halves of the rows do not add up" if name.startswith("grad") else "rows alone differ"
        trial.complain(
            name,
            f"is not additive in rows: {what} to what the rows give together. A row must depend on nothing but "
            "itself and theta: standardise X in a Pipeline, and take sizes from parameters",
        )


def check_weights(trial, name, whole):
    """Weights count: two doubles, zero removes."""
    if name != "grad_log_likelihood":
        return
    doubled = trial.call(name, rows=trial.rows.weigh(2.0))
    if not _vanishes(whole) and not _apart(trial, whole, doubled):
        trial.complain(name, "ignores row_weight: weights of 2 give what weights of 1 do; sum row_weight times rows")
        return
    if _apart(trial, _each(lambda values: 2.0 * values, whole), doubled):
        trial.complain(name, "is not the sum of row_weight times rows: weights of 2 do not double it")
        return
    first = np.arange(len(trial.rows)) < (len(trial.rows) + 1) // 2
    if _apart(trial, trial.call(name, rows=trial.rows.part(first)), trial.call(name, rows=trial.rows.weigh(first))):
        trial.complain(name, "is not the sum of row_weight times rows: rows of weight 0 still count")


def _vanishes(result):
    return not any(np.any(values) for values in _arrays(result).values())
