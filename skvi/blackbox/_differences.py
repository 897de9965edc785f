"""Gradients of a model against central differences, by free number of its parameters."""

from typing import NamedTuple

import numpy as np

from skvi.gradient.constraints import Real

_STEPS = 10.0 ** -np.arange(1.5, 7.0)
_MOST_COORDINATES = 500
_MOST_VALUES = 2_000_000
_RELATIVE = 1e-4
_SHOWN = 3
_NEARBY = 1e-3


class Comparison(NamedTuple):
    """Derivatives by each coordinate, as the model says, (T, P'), and as differences of several steps say, (K, T, P').

    `error` is what neighbouring steps differ by, `noise` the rounding in it, `relative` what is
    called equal.
    """

    said: np.ndarray
    slopes: np.ndarray
    error: np.ndarray
    noise: np.ndarray
    relative: float

    def _best(self, values):
        return np.take_along_axis(values, np.argmin(self.error, axis=0)[None], 0)[0]

    def among(self, chosen):
        """The same for some of the coordinates."""
        return Comparison(*[values[..., chosen] for values in self[:4]], self.relative)

    @property
    def found(self):
        """Differences of the step whose error is least."""
        return self._best(self.slopes)

    def off(self, said):
        """Where values are not the derivatives.

        Those of any step will do whose rounding is small: next to a kink, as networks have many, only short steps
        see the slope on this side of it.
        """
        found, error = self.found, self._best(self.error)
        size = np.maximum(np.abs(said), np.abs(found))
        room = self.relative * size + 1e-7 * np.max(np.abs(found), initial=0.0)
        with np.errstate(invalid="ignore"):
            near = (self.noise <= 1e-3 * size) & (np.abs(said - self.slopes) <= room + self.noise)
            return np.isfinite(error) & ~(near.any(axis=0) | (np.abs(said - found) <= room + 10.0 * error))


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
    n_coordinates = len(coordinates)
    # What is off at both of two points nearby is wrong, and no kink between the steps.
    for distance in (0.0, _NEARBY):
        z = trial.z[1:3] + distance * random_state.standard_normal(trial.z[1:3].shape)
        gradients = trial.call(gradient_name, theta=trial.layout.constrain(z))
        said = _chain(trial.layout, z, gradients)[:, coordinates]
        differences = _differences(lambda z: _terms(trial, name, z), z, coordinates, trial.epsilon)
        comparison = Comparison(said, *differences, max(_RELATIVE, trial.tolerance))
        wrong = comparison.off(said).any(axis=0)
        if not wrong.any():
            return
        coordinates, comparison = coordinates[wrong], comparison.among(wrong)
    unchained = _unchained(trial.layout, gradients)[:, coordinates]
    labels = [trial.layout.free_labels[coordinate] for coordinate in coordinates]
    trial.complain(gradient_name, _explain(comparison, labels, n_coordinates, unchained))


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


def _differences(terms, z, coordinates, epsilon):
    """Central differences at the rows of z by a ladder of steps, their errors and the rounding: all (K, T, P').

    Longer steps suffer from curvature, shorter ones from rounding, of which the terms tell how much there is.
    """
    results = [_ladder(terms, row, coordinates) for row in z]
    slopes, sizes = (np.stack(parts, axis=1) for parts in zip(*results, strict=True))
    noise = epsilon * sizes
    with np.errstate(invalid="ignore"):
        errors = np.abs(np.diff(slopes, axis=0)) + noise[1:]
    errors[np.isnan(errors)] = np.inf
    return slopes[1:], errors, noise[1:]


def _ladder(terms, row, coordinates):
    """Differences by step and coordinate about one draw, and the size of what they subtract."""
    width = terms(row[None]).shape[1]
    chunk = max(1, _MOST_VALUES // (2 * max(width, len(row))))
    slopes, sizes = np.empty((2, len(_STEPS), len(coordinates)))
    for begin in range(0, len(coordinates), chunk):
        own = coordinates[begin : begin + chunk]
        for k, step in enumerate(_STEPS):
            shifts = np.zeros((len(own), len(row)))
            shifts[np.arange(len(own)), own] = step
            both = terms(np.concatenate([row + shifts, row - shifts]))
            up, down = both[: len(own)], both[len(own) :]
            with np.errstate(invalid="ignore"):
                slopes[k, begin : begin + chunk] = (up - down).sum(axis=1) / (2.0 * step)
                sizes[k, begin : begin + chunk] = (np.abs(up) + np.abs(down)).sum(axis=1) / step
    return slopes, sizes


def _explain(comparison, labels, n_coordinates, unchained):
    """What is wrong with a gradient, in words."""
    wrong, found = comparison.off(comparison.said), comparison.found
    examples = []
    for column, label in enumerate(labels[:_SHOWN]):
        draw = int(np.argmax(wrong[:, column]))
        examples.append(
            f"{label} (gradient {comparison.said[draw, column]:.6g}, differences {found[draw, column]:.6g})"
        )
    where = f"at {len(labels)} of {n_coordinates} coordinates: {', '.join(examples)}"
    where += f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    if not comparison.off(-comparison.said).any():
        return f"has the wrong sign {where}. Log densities are maximised: give their gradient, not that of a loss"
    if not comparison.off(unchained).any():
        return (
            f"is off {where}. It looks like the gradient in the free number behind the parameter (the logarithm of a "
            "positive one): give that in the parameter itself, the library applies the chain rule"
        )
    return f"is off {where}. Both are in free numbers, after the library's chain rule"
