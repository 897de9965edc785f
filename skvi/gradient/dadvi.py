"""Deterministic ADVI: the best independent normal over fixed draws, and covariances by linear response.

Giordano, Ingram, Broderick (2024), "Black box variational inference with a deterministic objective". Over fixed
noise u_m the bound is a smooth function of means and log scales x,

    f(mean, x) = -(1/M) sum_m log p(mean + exp(x) u_m) - sum x,

that a quasi-Newton method minimises. Independence gets means right and deviations wrong; how the optimal means answer
to a tilt of log p, the mean block of the inverse of f's Hessian, is a covariance that sees correlation.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky, solve_triangular

from skvi import _threads
from skvi.gradient.descent import Point, descend
from skvi.gradient.loop import Trace
from skvi.gradient.noise import mirrored
from skvi.gradient.normals import MeanField
from skvi.gradient.outcome import Look, Outcome

# Differences of slopes are taken over this many scales.
_STEP = 1e-4
# Draws in one batch of displaced draws.
_BATCH = 512
_SHRINKAGES = 30
_OTHER_STARTS = 20
# Newton steps, in deviations, up to which the optimum is found.
_CLOSE = 0.02
# Steps after which Newton's may be cheaper: fewer would cost less than the Hessian.
_STEPS_BETWEEN = 20
# Free numbers up to which a start's covariance makes the coordinates of the search.
_MOST_DENSE = 1000


def dadvi(
    target,
    start,
    rng,
    *,
    n_draws=30,
    max_draws=240,
    accuracy=0.2,
    tol=1e-6,
    max_iter=1000,
    max_linear_response=1000,
    observer=None,
):
    """The independent normal that is best over fixed draws, and the linear-response covariance.

    Parameters
    ----------
    target : CountedTarget
    start : NormalApproximation
        Where the search starts; its covariance makes the search's coordinates.
    rng : numpy.random.RandomState
    n_draws : int, default=30
        Draws at first, in pairs u and -u, uncorrelated as far as their number allows: for a normal target the optimum
        is then exact.
    max_draws : int, default=240
        The draws are doubled up to so many, until the means are accurate.
    accuracy : float, default=0.2
        Standard error of a mean from the choice of the draws, in posterior deviations.
    tol : float, default=1e-6
        Nats that another step would gain, at which the search ends.
    max_iter : int, default=1000
        Steps in all.
    max_linear_response : int, default=1000
        Free numbers up to which the covariance is computed. It takes as many gradients as there are draws for each.
    observer : object, default=None

    Returns
    -------
    Outcome
        `covariance` is None above max_linear_response, and where linear response breaks down. `history` has "elbo"
        after each step, over the fixed draws (too high by about P / M nats), and for each number of draws "n_draws"
        and "mean_se", the standard errors of the means from the choice of draws.
    """
    with _threads.single_threaded_blas():
        search = _Search(target, rng, tol, max_iter, observer)
        coordinates, n_draws = _Coordinates.at(start), 2 * max(1, n_draws // 2)
        while True:
            objective = _Objective(target, mirrored(rng, n_draws, target.n_parameters), coordinates)
            found = _optimum(search, objective, max_linear_response)
            if found is None:
                return search.outcome(start, None, "the density is not finite at the start or anywhere near")
            normal, response = found
            search.note_round(n_draws, response)
            accurate = response.largest_error <= accuracy
            if accurate or search.ended or 2 * n_draws > max_draws:
                return search.outcome(normal, response, _reason(search, response, accurate, n_draws), accurate)
            n_draws, coordinates = 2 * n_draws, _Coordinates.at(normal, response.covariance)


def _optimum(search, objective, max_linear_response):
    """The best normal over an objective's noise and its linear response; None where no value is finite.

    The covariance by linear response is the inverse Hessian: where a descent is slow or stops too early, it makes the
    coordinates of the next one, whose first step is Newton's.
    """
    while True:
        point = search.minimise(objective, max(_STEPS_BETWEEN, objective.width))
        if point is None:
            return None
        normal = objective.normal(point.x)
        response = _respond(objective, normal, max_linear_response)
        close = search.settled and (response.covariance is None or response.newton_step <= _CLOSE)
        if close or search.ended:
            return normal, response
        objective.coordinates = _Coordinates.at(normal, response.covariance)


class _Coordinates(NamedTuple):
    """mean = center + factor a and log scale = log_scale + b, so that the search begins at a = b = 0."""

    center: np.ndarray
    log_scale: np.ndarray
    factor: np.ndarray

    @classmethod
    def at(cls, normal, covariance=None):
        """Coordinates in which a normal's covariance, or a better one, is round."""
        scale = np.sqrt(normal.variances)
        if covariance is None and (isinstance(normal, MeanField) or normal.width > _MOST_DENSE):
            return cls(normal.mean, np.log(scale), scale)
        try:
            factor = cholesky(normal.covariance if covariance is None else covariance, lower=True)
            inverse = solve_triangular(factor, np.eye(normal.width), lower=True, check_finite=False)
        except (LinAlgError, ValueError):
            return cls(normal.mean, np.log(scale), scale)
        # The best independent normal has the conditional deviations.
        return cls(normal.mean, -0.5 * np.log(np.sum(inverse**2, axis=0)), factor)

    def move(self, a):
        return self.factor * a if self.factor.ndim == 1 else self.factor @ a

    def pull_back(self, gradient):
        return gradient * self.factor if self.factor.ndim == 1 else gradient @ self.factor


class _Objective:
    """Minus the evidence lower bound over fixed noise, as a function of the coordinates."""

    def __init__(self, target, noise, coordinates):
        self.target = target
        self.noise = noise
        self.coordinates = coordinates
        self._constant = 0.5 * self.width * (1.0 + math.log(2.0 * math.pi))

    @property
    def width(self):
        return self.noise.shape[1]

    def normal(self, x):
        """The approximation at coordinates."""
        a, b = np.split(x, 2)
        with np.errstate(over="ignore"):
            scale = np.exp(self.coordinates.log_scale + b)
        return MeanField(self.coordinates.center + self.coordinates.move(a), scale)

    def slopes(self, normal):
        """Draws, and gradients of log p there."""
        z = normal.mean + normal.scale * self.noise
        return z, self.target.gradient(z)

    def __call__(self, x):
        """The `Point` at coordinates; infinite where the density is not finite at one of the draws."""
        wall = Point(x, math.inf, np.zeros(len(x)))
        normal = self.normal(x)
        with np.errstate(invalid="ignore", over="ignore"):
            z = normal.mean + normal.scale * self.noise
        if not np.isfinite(z).all():
            return wall
        value = float(np.mean(self.target.log_density(z)))
        if not np.isfinite(value):
            return wall
        gradients = self.target.gradient(z)
        if not np.isfinite(gradients).all():
            return wall
        log_scale = self.coordinates.log_scale + np.split(x, 2)[1]
        mean_slope = self.coordinates.pull_back(gradients.mean(axis=0))
        scale_slope = np.mean(gradients * self.noise, axis=0) * normal.scale + 1.0
        return Point(x, -value - float(log_scale.sum()) - self._constant, -np.concatenate([mean_slope, scale_slope]))


class _Search:
    """Descents one after the other, and what they have found."""

    def __init__(self, target, rng, tol, max_iter, observer):
        self.target = target
        self.rng = rng
        self.tol = tol
        self.max_iter = max_iter
        self.observer = observer
        self.trace = Trace()
        self.n_steps = 0
        self.settled = False
        self.history = {"elbo": [], "n_draws": [], "mean_se": []}

    @property
    def ended(self):
        """Whether no more steps may be made."""
        return self.trace.stopped or self.n_steps >= self.max_iter

    def minimise(self, objective, n_steps):
        """The lowest point after so many steps; None where the objective is finite nowhere near."""
        point = self._begin(objective)
        if point is None:
            return None
        self.settled = False
        steps = descend(objective, point, self.tol, n_steps)
        for _ in range(n_steps):
            if self.ended or self.settled:
                break
            if self.observer is not None:
                self.observer.begin(self.n_steps)
            point, self.settled = next(steps, (point, None))
            self._note(objective.normal(point.x), -point.value)
            if self.settled is None:
                # No lower point could be found: settled as far as rounding lets one see.
                self.settled = True
        return point

    def _begin(self, objective):
        """The start, with smaller scales or elsewhere where it is not finite."""
        width = self.target.n_parameters
        center = np.zeros(2 * width)
        for _ in range(_SHRINKAGES):
            point = objective(center)
            if np.isfinite(point.value):
                return point
            center[width:] -= math.log(2.0)
        for _ in range(_OTHER_STARTS):
            objective.coordinates = _Coordinates(
                self.rng.uniform(-2.0, 2.0, size=width), np.full(width, math.log(0.1)), np.ones(width)
            )
            point = objective(np.zeros(2 * width))
            if np.isfinite(point.value):
                return point
        return None

    def _note(self, normal, elbo):
        self.trace.record(self.n_steps, Look(normal, elbo))
        self.history["elbo"].append(elbo)
        if self.observer is not None:
            self.trace.stopped = bool(self.observer.end(self.n_steps, self.trace))
        self.n_steps += 1

    def note_round(self, n_draws, response):
        self.history["n_draws"].append(n_draws)
        self.history["mean_se"].append(response.mean_se)

    def outcome(self, normal, response, reason, accurate=False):
        if response is None:
            return Outcome(normal, False, reason, self.n_steps, self.history)
        converged = bool(self.settled and response.newton_step <= _CLOSE and accurate)
        return Outcome(normal, converged, reason, self.n_steps, self.history, response.covariance)


def _reason(search, response, accurate, n_draws):
    if search.trace.stopped:
        return "it was stopped"
    if not search.settled:
        return f"the bound still rose after {search.n_steps} steps; raise max_iter"
    if response.newton_step > _CLOSE:
        return f"a Newton step would move a mean by {response.newton_step:.2g} deviations; raise max_iter"
    parts = [f"the bound over {n_draws} draws is at its optimum"]
    if not accurate:
        parts.append(f"means depend on the draws, by {response.largest_error:.2g} deviations: raise n_draws or tol")
    if response.covariance is None:
        parts.append(response.lack)
    return ", ".join(parts)


@dataclass(frozen=True)
class _Response:
    """Linear response at an optimum.

    Parameters
    ----------
    covariance : ndarray of shape (P, P) or None
    mean_se : ndarray of shape (P,)
        Standard errors of the means from the choice of the draws.
    sd : ndarray of shape (P,)
    newton_step : float
        Largest move of a mean by a Newton step, in deviations.
    lack : str
        Why there is no covariance.
    """

    covariance: np.ndarray | None
    mean_se: np.ndarray
    sd: np.ndarray
    newton_step: float
    lack: str = ""

    @property
    def largest_error(self):
        """Largest standard error of a mean, in deviations."""
        return float((self.mean_se / self.sd).max())


def _respond(objective, normal, max_linear_response):
    """Covariance by linear response, and standard errors of the means by the delta method."""
    z, gradients = objective.slopes(normal)
    moves = normal.scale * objective.noise
    if normal.width > max_linear_response:
        lack = f"linear response is left out above {max_linear_response} free numbers: deviations are too small"
        return _independent_response(normal, gradients, lack)
    try:
        solve, blocks = _inverse_mean_block(objective.target, normal, z, gradients, moves)
    except LinAlgError:
        lack = "linear response breaks down, since the bound has no firm optimum: deviations may be too small"
        return _independent_response(normal, gradients, lack)
    covariance = solve(np.eye(normal.width))
    covariance = 0.5 * (covariance + covariance.T)
    sd = np.sqrt(np.diag(covariance))
    influence = solve((gradients - (gradients * moves + 1.0) @ blocks).T).T
    mean_se, step = _from_influence(influence)
    return _Response(covariance, mean_se, sd, float((np.abs(step) / sd).max()))


def _independent_response(normal, gradients, lack):
    """The same as if free numbers were independent under the target."""
    mean_se, step = _from_influence(gradients * normal.variances)
    return _Response(None, mean_se, normal.scale, float((np.abs(step) / normal.scale).max()), lack)


def _from_influence(influence):
    """Standard errors over pairs of draws, and the mean, of what single draws do to the means."""
    first, second = np.split(influence, 2)
    pairs = 0.5 * (first + second)
    return pairs.std(axis=0, ddof=1 if len(pairs) > 1 else 0) / math.sqrt(len(pairs)), pairs.mean(axis=0)


def _inverse_mean_block(target, normal, z, gradients, moves):
    """A solver with the Schur complement A - B'D^-1 B of f's Hessian [[A, B'], [B, D]], and D^-1 B.

    With H_m the Hessian of log p at draw m and w_m = exp(x) u_m: A = -mean H_m, B = -mean diag(w_m) H_m and
    D = -mean diag(w_m) H_m diag(w_m) - diag(mean g_m w_m). Columns of H_m are differences of slopes.

    Raises
    ------
    LinAlgError
        Where one of the blocks is not positive definite.
    """
    width, n_draws = normal.width, len(z)
    A, B, D = np.empty((width, width)), np.empty((width, width)), np.empty((width, width))
    size = max(1, _BATCH // n_draws)
    for begin in range(0, width, size):
        columns = np.arange(begin, min(begin + size, width))
        steps = _STEP * normal.scale[columns]
        displaced = np.repeat(z[None], len(columns), axis=0)
        displaced[np.arange(len(columns)), :, columns] += steps[:, None]
        there = target.gradient(displaced.reshape(-1, width)).reshape(displaced.shape)
        curvature = (gradients - there) / steps[:, None, None]
        moved = curvature * moves
        A[:, columns] = curvature.mean(axis=1).T
        B[:, columns] = moved.mean(axis=1).T
        D[:, columns] = np.mean(moved * moves[:, columns].T[:, :, None], axis=1).T
    D = 0.5 * (D + D.T) - np.diag(np.mean(gradients * moves, axis=0))
    blocks = cho_solve(cho_factor(D), B)
    complement = A - B.T @ blocks
    factor = cho_factor(0.5 * (complement + complement.T))
    return lambda right: cho_solve(factor, right), blocks
