"""Whether searches from other starts have found a mode that an approximation leaves out."""

import math

import numpy as np

# Another mode counts where its mass is a twentieth of this one's at least.
_LOG_RIVAL = math.log(0.05)
# A place is left out where q has less than this share of the density that it should have.
_LOG_LEFT_OUT = math.log(20.0)
# Places on the line between two modes, and how far below both of them (nats) the lowest lies where these are two.
_BETWEEN = 15
_VALLEY = 1.0


def has_rival(target, approximation, rivals, elbo, home):
    """Whether q leaves out a mode that holds much mass.

    Parameters
    ----------
    target : CountedTarget
    approximation : object
        q.
    rivals : sequence of (NormalApproximation, float)
        What other searches have found, and its bounds.
    elbo : float
        The bound of q.
    home : ndarray of shape (P,)
        A likely place of q.
    """
    places = np.array([normal.mean for normal, bound in rivals if np.isfinite(elbo) and bound > elbo + _LOG_RIVAL])
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
