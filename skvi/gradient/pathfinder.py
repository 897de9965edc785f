"""Pathfinder: the best of the normals along quasi-Newton paths (Zhang, Carpenter, Gelman, Vehtari 2022)."""

from dataclasses import dataclass, field

import numpy as np

from skvi import _threads
from skvi.gradient.curvature import Stretched, stretches
from skvi.gradient.frames import DiagonalFrame, FullFrame
from skvi.gradient.loop import Trace
from skvi.gradient.normals import standard_log_density
from skvi.gradient.outcome import Look, Outcome
from skvi.gradient.search import Search

# Places of a path whose normals are compared, where its last is one of the best: draws cost more than the climb.
_CANDIDATES = 8
_LEADERS = 16
# Doubles of an array of directions of some normals.
_CHUNK_DOUBLES = 2**22
# How often a start where the density is not finite is drawn anew, and how much closer each time.
_MAX_REDRAWS = 30
_REDRAW_SHRINKAGE = 0.8


@dataclass
class Paths(Outcome):
    """What pathfinder found: `approximation` is the normal of the highest bound among those of all paths.

    Parameters
    ----------
    normals : list of Stretched
        The best normal of each path that was not given up, the best path first.
    """

    normals: list = field(default_factory=list)


def pathfinder(target, start, rng, *, n_paths=4, memory=20, max_iter=500, tol=1e-4, n_draws=16, observer=None):
    """Climb to modes from several starts, and take the best of the normals on the way there.

    Paths that lead where another has been are given up (see `Search`). At places x of a path the normal has the
    covariance H, the path's inverse Hessian, and the mean x + H g(x). The last ones of all paths are compared by
    estimates of their bounds; and then, of the sixteen paths that are ahead, up to eight normals at even distances.

    Parameters
    ----------
    target : CountedTarget
    start : ndarray of shape (P,) or (K, P) or None
        The first start, or all. None is zero; further starts are drawn from a standard normal about the first.
    rng : RandomState
    n_paths : int, default=4
    memory : int, default=20
        Pairs of steps and turns of the gradient that a covariance is made of, at most P + 2.
    max_iter : int, default=500
        Trials of steps of a path.
    tol : float, default=1e-4
        A path is at rest where it expects to gain less (nats).
    n_draws : int, default=16
        Draws of each normal for its bound, from the same noise for all. From P + 2 on, bounds are exact where the
        target is normal.
    observer : object or None
        Its `begin(0)` and `end(0, trace)` are called before and after.

    Returns
    -------
    Paths
        With "elbo" (nats), the compared bounds along the best path, and "path_elbo", the best bound of each
        path that was not given up.

    Raises
    ------
    FloatingPointError
        Where the density or its gradient is not finite at any start that was tried.
    """
    with _threads.single_threaded_blas():
        if observer is not None:
            observer.begin(0)
        starts = _finite_starts(target, _starts(target, start, rng, n_paths), rng)
        memory = min(memory, target.n_parameters + 2)
        paths = Search(target, *starts, memory=memory, tol=tol, max_iter=max_iter).run()
        frame = FullFrame if n_draws >= target.n_parameters + 2 else DiagonalFrame
        noise, _ = frame.noise(n_draws, target.n_parameters, rng)
        found = _best_normals(target, paths, memory, noise)
    return _outcome(paths, found, observer)


def _starts(target, start, rng, n_paths):
    start = np.zeros(target.n_parameters) if start is None else np.asarray(start, dtype=np.float64)
    if start.ndim == 2:
        return start
    starts = start + rng.standard_normal((n_paths, len(start)))
    starts[0] = start
    return starts


def _finite_starts(target, starts, rng):
    """Starts at which density and gradient are finite, and both; others are drawn anew, ever closer to the first."""
    center, spread = starts[0].copy(), 1.0
    values, gradients = _evaluated(target, starts)
    for _ in range(_MAX_REDRAWS):
        bad = np.flatnonzero(~np.isfinite(values))
        if not len(bad):
            break
        starts[bad] = center + spread * rng.standard_normal((len(bad), len(center)))
        values[bad], gradients[bad] = _evaluated(target, starts[bad])
        spread *= _REDRAW_SHRINKAGE
    finite = np.isfinite(values)
    if not finite.any():
        raise FloatingPointError(
            f"the log density or its gradient is not finite at any of {len(starts) * (1 + _MAX_REDRAWS)} starts"
        )
    return starts[finite], values[finite], gradients[finite]


def _evaluated(target, places):
    """Densities and gradients; densities are NaN where either is not finite."""
    values, gradients = target.log_density(places), np.full(places.shape, np.nan)
    finite = np.isfinite(values)
    if finite.any():
        gradients[finite] = target.gradient(places[finite])
    return np.where(np.isfinite(gradients).all(axis=1), values, np.nan), gradients


def _best_normals(target, paths, memory, noise):
    """For each path the normal of the highest bound among those compared, its bound, and the bounds of all of these."""
    ends = [(path, len(path.places) - 1) for path in paths]
    normals = _normals(ends, memory)
    compared = [[pair] for pair in zip(normals, _bounds(target, normals, noise), strict=True)]
    ahead = sorted(range(len(paths)), key=lambda i: -compared[i][-1][1])[:_LEADERS]
    earlier = [(i, place) for i in ahead for place in _places_before(ends[i][1])]
    normals = _normals([(paths[i], place) for i, place in earlier], memory)
    for (i, _), pair in zip(earlier, zip(normals, _bounds(target, normals, noise), strict=True), strict=True):
        compared[i].insert(-1, pair)
    return [_best_of(target, path, pairs, noise) for path, pairs in zip(paths, compared, strict=True)]


def _places_before(last):
    """Places whose normals are compared with that of the last one."""
    return np.unique(np.linspace(min(1, last), last, _CANDIDATES).round().astype(int))[:-1]


def _best_of(target, path, compared, noise):
    bounds = np.array([bound for _, bound in compared])
    normal, bound = compared[int(np.argmax(bounds))]
    if not np.isfinite(bound):
        normal, bound = _narrowed(target, path.places[-1], compared[-1][0], noise)
    return normal, bound, bounds


def _bounds(target, normals, noise):
    """Estimates of the bounds (nats) of normals, all from the same noise; minus infinity where none is possible."""
    if not normals:
        return []
    z = np.concatenate([normal.draw(noise).z for normal in normals])
    values = target.log_density(z).reshape(len(normals), len(noise))
    log_q = standard_log_density(noise).mean() - 0.5 * np.array([normal.log_det for normal in normals])
    bounds = values.mean(axis=1) - log_q
    return np.where(np.isfinite(bounds), bounds, -np.inf).tolist()


def _normals(stations, memory):
    """Normals of pairs of a path and a place on it."""
    if not stations:
        return []
    normals, size = [], max(1, _CHUNK_DOUBLES // (2 * memory * len(stations[0][0].places[0])))
    for begin in range(0, len(stations), size):
        some = stations[begin : begin + size]
        windows = [path.window(place, memory) for path, place in some]
        diagonals = np.array([path.diagonals[place] for path, place in some])
        directions, stretch = stretches(diagonals, *(np.array(pairs) for pairs in zip(*windows, strict=True)))
        for i, (path, place) in enumerate(some):
            mean = path.places[place] + path.directions[place]
            normals.append(Stretched(mean, np.sqrt(diagonals[i]), directions[i], stretch[i]))
    return normals


def _narrowed(target, place, normal, noise):
    """A normal about the end of a path, so narrow that the density is finite at all draws; and its bound."""
    normal = Stretched(place, normal.scale, normal.directions, normal.stretch)
    for _ in range(_MAX_REDRAWS):
        drawn = normal.draw(noise)
        elbo = np.mean(target.log_density(drawn.z) - drawn.log_density)
        if np.isfinite(elbo):
            break
        normal = Stretched(place, 0.5 * normal.scale, normal.directions, normal.stretch)
    # A bound has to be a number even where no draw is possible.
    return normal, elbo if np.isfinite(elbo) else -np.finfo(float).max


def _outcome(paths, found, observer):
    order = sorted(range(len(found)), key=lambda i: -found[i][1])
    best, kept = order[0], [i for i in order if not paths[i].given_up]
    path, (normal, elbo, elbos) = paths[best], found[best]
    if observer is not None:
        trace = Trace()
        trace.record(len(path.places) - 1, Look(normal, elbo))
        observer.end(0, trace)
    n_steps = len(path.places) - 1
    settled = path.at_rest or path.given_up
    reason = (
        f"the best path {'came to rest' if path.at_rest else 'led where another came to rest,'} after {n_steps} steps"
        if settled
        else f"the best path was still climbing after {n_steps} steps: raise max_iter, or scale the parameters"
    )
    return Paths(
        approximation=normal,
        converged=settled,
        reason=reason,
        n_steps=n_steps,
        history={"elbo": [float(value) for value in elbos], "path_elbo": [float(found[i][1]) for i in kept]},
        normals=[found[i][0] for i in kept],
    )
