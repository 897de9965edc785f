"""The planar layer (Rezende, Mohamed 2015), always invertible."""

import math
from functools import cached_property

import numpy as np

from skvi.gradient.bijections import Bijection, Passage

# The layer compresses the crossing of its plane by no more than this.
_LEAST = 1e-6
_KEPT = -math.expm1(-1.0)
_MAX_NEWTON = 200


def _held_above(a):
    """A value m(a) > -1 with m(0) = 0, then m(a) + 1 without cancellation, and dm/da.

    m is softplus(a + log(e - 1)) - 1, moved off -1 by a trifle. Rezende and Mohamed (2015, appendix A.1) have
    softplus(a) - 1, which is not zero at zero: with it no layer would start at the identity.
    """
    if a > 0.0:
        smooth = a + math.log1p(math.expm1(-a) / math.e)
        slope = _KEPT / (_KEPT + math.exp(-a - 1.0))
        above = 1.0 + smooth
    else:
        grown = (math.e - 1.0) * math.exp(a)
        smooth = math.log1p(_KEPT * math.expm1(a))
        slope = grown / (1.0 + grown)
        above = math.log1p(grown)
    return (1.0 - _LEAST) * smooth, _LEAST + (1.0 - _LEAST) * above, (1.0 - _LEAST) * slope


class Planar(Bijection):
    """A bump or a dent along a plane: y = x + v tanh(w'x + b) with v = u + (m(w'u) - w'u) w / |w|^2.

    The second term of v keeps w'v above -1, which is what makes the map invertible.

    Parameters
    ----------
    parameters : ndarray of shape (2 P + 1,)
        w, then u, then b.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        width = len(parameters) // 2
        self.w, self.u, self.b = parameters[:width], parameters[width:-1], float(parameters[-1])
        self._length2 = max(float(self.w @ self.w), np.finfo(float).tiny)
        a = float(self.w @ self.u)
        self._m, self._above, self._slope = _held_above(a)
        self._excess = self._m - a
        self.v = self.u + (self._excess / self._length2) * self.w

    @classmethod
    def identity(cls, width, rng):
        """A layer that changes nothing: u = 0, along a random plane."""
        w = rng.standard_normal(width)
        return cls(np.concatenate([w, np.zeros(width), rng.standard_normal(1)]))

    def with_parameters(self, parameters):
        return Planar(parameters)

    def forward(self, x):
        return _Bent(self, x)

    def inverse(self, y):
        # Along w alone: s + m tanh(s) = w'y + b with s = w'x + b.
        crossing = solve_crossing(self.w @ y + self.b, self._m, self._above)
        x = y - np.multiply.outer(self.v, np.tanh(crossing))
        # Where v is large that difference has lost digits along w, which the crossing has.
        return x + np.multiply.outer(self.w, (crossing - self.b - self.w @ x) / self._length2)

    def gradient(self, v, m, w, b):
        """Gradient in the parameters from those in v, m = w'v, w and b taken as free; draws may be on a last axis."""
        along = self.w @ v
        a = along * ((self._slope - 1.0) / self._length2) + m * self._slope
        ratio = self._excess / self._length2
        turned = ratio * v + np.multiply.outer(self.w, (-2.0 * ratio / self._length2) * along)
        u = v + np.multiply.outer(self.w, a)
        return np.concatenate([w + turned + np.multiply.outer(self.u, a), u, b[None]])


def solve_crossing(target, m, above):
    """The s with s + m tanh(s) = target, above being m + 1 > 0; elementwise.

    For a positive target the left side is convex (m < 0) or concave (m > 0) where s > 0, so that Newton's method
    never passes the root when it starts on the right or the left of it.
    """
    size = np.abs(target)
    s = size - m if m < 0.0 else np.maximum(size - m, 0.0)
    for _ in range(_MAX_NEWTON):
        bend = np.tanh(s)
        step = (s + m * bend - size) / (bend**2 + above * (1.0 - bend**2))
        s = s - step
        if not np.any(np.abs(step) > 4.0 * np.finfo(float).eps * (1.0 + s)):
            break
    return np.copysign(s, target)


class _Bent(Passage):
    def __init__(self, layer, x):
        self._layer = layer
        self._x = x
        crossing = layer.w @ x
        crossing += layer.b
        self._bend = np.tanh(crossing, out=crossing)
        squares = self._bend * self._bend
        self._steepness = 1.0 - squares
        # det J = 1 + m (1 - tanh^2), written without a difference.
        self._det = squares
        self._det += layer._above * self._steepness
        self.log_det = np.log(self._det)
        self.y = x + np.multiply.outer(layer.v, self._bend)

    @cached_property
    def _log_det_slope(self):
        """d log det / d (w'x + b), (T,)."""
        return -2.0 * self._layer._m * self._bend * self._steepness / self._det

    def push_score(self, score):
        # J' = I + (1 - tanh^2) w v', inverted by Sherman and Morrison.
        layer = self._layer
        along = layer.v @ score - layer.v @ layer.w * self._log_det_slope
        return score - np.multiply.outer(layer.w, self._log_det_slope + self._steepness * along / self._det)

    def _pull_to_crossing(self, slopes, weights):
        crossing = self._steepness * (self._layer.v @ slopes) + weights * self._log_det_slope
        return slopes + np.multiply.outer(self._layer.w, crossing), crossing

    def pull_back(self, slopes, weights):
        pulled, crossing = self._pull_to_crossing(slopes, weights)
        m = weights @ (self._steepness / self._det)
        return pulled, self._layer.gradient(slopes @ self._bend, m, self._x @ crossing, crossing.sum())

    def pull_back_each(self, slopes, weights):
        pulled, crossing = self._pull_to_crossing(slopes, weights)
        m = weights * self._steepness / self._det
        return pulled, self._layer.gradient(slopes * self._bend, m, self._x * crossing, crossing).T
