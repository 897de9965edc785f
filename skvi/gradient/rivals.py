"""Whether searches from other starts have found a mode that an approximation leaves out."""

import math

import numpy as np

from skvi.gradient.measures import TOLERANCE
from skvi.gradient.pathfinder import pathfinder

# A place is left out where q has less than this share of the density that it should have.
_LOG_LEFT_OUT = math.log(20.0)
# Places on the line between two modes, and how far below both of them (nats) the lowest lies where these are two.
_BETWEEN = 15
_VALLEY = 1.0
# Draws beyond which a search goes on, and how far out it begins, in their own distances.
_EDGES = 4
_FURTHER = np.array([1.5, 2.0, 2.5, 3.0])


def has_rival(target, approximation, rivals, elbo, own):
    """Whether q leaves out a mode that would change means or deviations by more than is tolerated.

    Parameters
    ----------
    target : CountedTarget
    approximation : object
        q.
    rivals : sequence of (NormalApproximation, float)
        What other searches have found, and its bounds.
    elbo : float
        The bound of q.
    own : Draws
        Of q.
    """
    rivals = [(normal.mean, bound) for normal, bound in rivals if np.isfinite(elbo) and np.isfinite(normal.mean).all()]
    if not rivals:
        return False
    places, bounds = (np.array(values) for values in zip(*rivals, strict=True))
    usable = np.isfinite(own.log_ratios)
    center, sd = own.z[usable].mean(axis=0), own.z[usable].std(axis=0)
    with np.errstate(all="ignore"):
        apart = np.max(np.abs(places - center) / sd, axis=1)
        # A share w at a distance d moves the mean by w d deviations, and their logarithm by about w d^2 / 2.
        matters = np.exp(np.minimum(bounds - elbo, 0.0)) * np.maximum(apart, 0.5 * apart**2) > TOLERANCE
    places, home = places[matters], own.z[np.argmax(own.log_p)]
    if not len(places):
        return False
    with np.errstate(all="ignore"):
        left_out = target.log_density(places) - approximation.log_density(places) > elbo + _LOG_LEFT_OUT
    return any(_is_apart(target, home, place) for place in places[left_out])


def _is_apart(target, home, place):
    """Whether a valley lies between two places: in poor coordinates a normal leaves out much of its own mode too."""
    shares = np.linspace(0.0, 1.0, _BETWEEN + 2)[:, None]
    values = target.log_density(home + shares * (place - home))
    return bool(values[1:-1].min() < min(values[0], values[-1]) - _VALLEY)


def beyond(target, own, rng):
    """Pairs of a normal and its bound, found by searches from further out than the draws of largest importance.

    Parameters
    ----------
    target : CountedTarget
    own : Draws
        Of q.
    rng : RandomState
    """
    edges = own.z[np.argsort(-own.log_ratios, kind="stable")[:_EDGES]]
    usable = np.isfinite(own.log_ratios)
    center = own.z[usable].mean(axis=0)
    places = center + _FURTHER[:, None, None] * (edges - center)
    values = target.log_density(places.reshape(-1, own.z.shape[1])).reshape(places.shape[:2])
    starts = places[np.argmax(values, axis=0), np.arange(len(edges))]
    try:
        found = pathfinder(target, starts, rng)
    except FloatingPointError:
        return []
    return list(zip(found.normals, found.history["path_elbo"], strict=True))
