"""Gradients of a model against central differences, by free number of its parameters."""

from typing import NamedTuple

import numpy as np

from skvi.gradient.constraints import Real

_STEPS = 10.0 ** -np.arange(1.5, 7.0)
_MOST_COORDINATES = 500
_MOST_VALUES = 2_000_000
_RELATIVE = 1e-4
_SHOWN = 3


class Comparison(NamedTuple):
    """Derivatives by each coordinate (T, P'), as the model says and as differences say, and what those are good to."""

    said: np.ndarray
    found: np.ndarray
    error: np.ndarray

    def off(self, said):
        """Where values are not the derivatives."""
        with np.errstate(invalid="ignore"):
            size = np.maximum(np.abs(said), np.abs(self.found))
            room = _RELATIVE * size + 10.0 * self.error + 1e-7 * np.max(np.abs(self.found), initial=0.0)
            return np.isfinite(self.error) & ~(np.abs(said - self.found) <= room)


def check_gradients(trial, random_state):
    """Complain of gradients that central differences contradict."""
    for name in ("log_prior", "log_likelihood"):
        if trial.sound(name) and (name == "log_prior" or trial.rows.X is not None):
            trial.attempt(f"grad_{name}", _check_gradient, random_state)


def _check_gradient(trial, gradient_name, random_state):
    name = gradient_name.removeprefix("grad_")
    coordinates = np.arange(trial.layout.n_free)
    if len(coordinates) > _MOST_COORDINATES:
        coordinates = np.sort(random_state.choice(coordinates, _MOST_COORDINATES, replace=False))
    z = trial.z[1:3]
    theta = {key: values[1:3] for key, values in trial.theta.items()}
    gradients = trial.call(gradient_name, theta=theta)
    found, error = _differences(lambda z: _terms(trial, name, z), z, coordinates)
    comparison = Comparison(_chain(trial.layout, z, gradients)[:, coordinates], found, error)
    if comparison.off(comparison.said).any():
        problem = _explain(trial, comparison, coordinates, _unchained(trial.layout, gradients)[:, coordinates])
        trial.complain(gradient_name, problem)


def _terms(trial, name, z):
    """Values of a log density at free numbers, by row where it has rows."""
    values = trial.call(name, theta=trial.layout.constrain(z))
    return np.asarray(values, dtype=np.float64).reshape(len(z), -1)


def _chain(layout, z, gradients):
    """Gradients in free numbers, without that of the log-determinant."""
    nothing = {key: np.zeros_like(values, dtype=np.float64) for key, values in gradients.items()}
    return layout.pull_back(z, gradients) - layout.pull_back(z, nothing)


def _unchained(layout, gradients):
    """Gradients as if they had been given in free numbers; not a number where that cannot be."""
    parts = []
    for parameter in layout.parameters:
        gradient = np.asarray(gradients[parameter.name], dtype=np.float64)
        possible = type(parameter.constraint) is not Real and parameter.free_shape == parameter.shape
        own = gradient * parameter.scale if possible else np.full((len(gradient), *parameter.free_shape), np.nan)
        parts.append(own.reshape(len(gradient), -1))
    return np.concatenate(parts, axis=1)


def _differences(terms, z, coordinates):
    """Central differences at the rows of z, with an estimate of their errors: both (T, len(coordinates)).

    Of a ladder of steps those two neighbours are taken that agree best: longer steps suffer from curvature, shorter
    ones from rounding, of which the terms tell how much there is.
    """
    results = [_ladder(terms, row, coordinates) for row in z]
    slopes, noise = (np.stack(parts, axis=1) for parts in zip(*results, strict=True))
    with np.errstate(invalid="ignore"):
        errors = np.abs(np.diff(slopes, axis=0)) + noise[1:]
    errors[np.isnan(errors)] = np.inf
    best = np.argmin(errors, axis=0)[None]
    return np.take_along_axis(slopes[1:], best, 0)[0], np.take_along_axis(errors, best, 0)[0]


def _ladder(terms, row, coordinates):
    """Differences by step and coordinate about one draw, and the rounding in them."""
    width = terms(row[None]).shape[1]
    chunk = max(1, _MOST_VALUES // (2 * max(width, len(row))))
    slopes, noise = np.empty((2, len(_STEPS), len(coordinates)))
    for begin in range(0, len(coordinates), chunk):
        own = coordinates[begin : begin + chunk]
        for k, step in enumerate(_STEPS):
            shifts = np.zeros((len(own), len(row)))
            shifts[np.arange(len(own)), own] = step
            both = terms(np.concatenate([row + shifts, row - shifts]))
            up, down = both[: len(own)], both[len(own) :]
            with np.errstate(invalid="ignore"):
                slopes[k, begin : begin + chunk] = (up - down).sum(axis=1) / (2.0 * step)
                sizes = (np.abs(up) + np.abs(down)).sum(axis=1)
                noise[k, begin : begin + chunk] = np.finfo(np.float64).eps * sizes / step
    return slopes, noise


def _explain(trial, comparison, coordinates, unchained):
    """What is wrong with a gradient, in words."""
    wrong = comparison.off(comparison.said)
    labels = np.array(_free_labels(trial.layout))[coordinates]
    columns = np.flatnonzero(wrong.any(axis=0))
    examples = []
    for column in columns[:_SHOWN]:
        draw = int(np.argmax(wrong[:, column]))
        said, found = comparison.said[draw, column], comparison.found[draw, column]
        examples.append(f"{labels[column]} (gradient {said:.6g}, differences {found:.6g})")
    where = f"at {len(columns)} of {len(coordinates)} coordinates: {', '.join(examples)}"
    where += ", ..." if len(columns) > _SHOWN else ""
    if not comparison.off(-comparison.said)[:, columns].any():
        return f"has the wrong sign {where}. Log densities are maximised: give their gradient, not that of a loss"
    if not comparison.off(unchained)[:, columns].any():
        return (
            f"is off {where}. It looks like the gradient in the free number behind the parameter (the logarithm of a "
            "positive one): give that in the parameter itself, the library applies the chain rule"
        )
    return f"is off {where}. Both are in free numbers, after the library's chain rule"


def _free_labels(layout):
    """Names of the free numbers, after the parameters behind which they stand."""
    return [
        f"{parameter.name}[{','.join(map(str, index))}]" if index else parameter.name
        for parameter in layout.parameters
        for index in np.ndindex(parameter.free_shape)
    ]
