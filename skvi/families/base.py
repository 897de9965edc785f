"""Exponential families: what is true of all of them, derived once.

A member has natural parameters eta, sufficient statistics t, a log-normaliser A and the base measure one:
log q(x) = <eta, t(x)> - A(eta), with expected statistics m = E_q[t] = grad A. Everything else follows from
these three. Arrays may carry a batch of independent members in their leading axes; A is then their sum.

Families of locations state eta and t about an origin. The choice changes no result in exact arithmetic;
an origin near the mass of q keeps all digits however far the data lie from zero.
"""

import functools
import inspect

import numpy as np
from sklearn.utils import check_random_state


class lazy:
    """A value computed at its first use and kept: functools.cached_property without the lock it has in Python 3.11."""

    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.function(instance)
        return value


def inner(a, b):
    """Sum of products over two tuples of arrays of equal shapes."""
    return float(sum([np.vdot(x, y) for x, y in zip(a, b, strict=True)]))


class Family:
    """A member of an exponential family, or a batch of independent ones.

    Subclasses give `natural`, `from_natural`, `log_normalizer`, `expectations`, `sufficient_statistics`,
    `proper`, `mean`, `var`, `interval` and `_sample`; those of locations also the origin to work about.
    """

    #: where natural parameters are stated about, unless an origin is given; None where there is no location
    origin = None
    #: name of the factor of a joint that this one is stated given; None where there is none
    parent_name = None

    def coordinates(self, statistics, origin):
        """Map raw statistics of the data to increments of the natural parameters (a linear map)."""
        return statistics if isinstance(statistics, tuple) else (statistics,)

    def posterior_origin(self, statistics):
        """Choose the origin about which to add the statistics."""
        return self.origin

    @property
    def proper(self):
        """Whether the parameters are inside the family's domain."""
        raise NotImplementedError

    def log_prob(self, *value):
        """Log density (nats) of one value of the whole batch."""
        origin = self.origin
        return inner(self.natural(origin), self.sufficient_statistics(*value, origin=origin)) - self.log_normalizer(
            origin
        )

    def entropy(self):
        """Differential entropy (nats), summed over the batch."""
        origin = self.origin
        return self.log_normalizer(origin) - inner(self.natural(origin), self.expectations(origin))

    def kl(self, other):
        """Kullback-Leibler divergence KL(self || other) in nats, summed over the batch."""
        if type(other) is not type(self):
            raise TypeError(f"kl of a {type(self).__name__} from a {type(other).__name__}: give one of the same family")
        origin = self.origin
        difference = tuple(a - b for a, b in zip(self.natural(origin), other.natural(origin), strict=True))
        value = inner(self.expectations(origin), difference)
        value += other.log_normalizer(origin) - self.log_normalizer(origin)
        # Rounding may leave -1e-16 where the two are equal.
        return max(value, 0.0)

    def divergence_from(self, q, joint):
        """KL(q || self) in nats of a factor q of a joint, in expectation over the factors that this depends on."""
        return q.kl(self)

    def gain(self, prior, statistics):
        """This factor's part of the evidence lower bound (nats): A(q) - A(p) + <m(q), p + S - q>."""
        origin = self.origin
        natural = (prior.natural(origin), self.coordinates(statistics, origin), self.natural(origin))
        pending = tuple([p + s - q for p, s, q in zip(*natural, strict=True)])
        value = inner(self.expectations(origin), pending)
        return value + self.log_normalizer(origin) - prior.log_normalizer(origin)

    def updated(self, statistics):
        """Return the conjugate posterior: natural parameters plus the statistics."""
        origin = self.posterior_origin(statistics)
        increments = self.coordinates(statistics, origin)
        natural = tuple(a + b for a, b in zip(self.natural(origin), increments, strict=True))
        return self.from_natural(natural, origin)

    def blended(self, other, rate):
        """Return the member at (1 - rate) eta + rate eta_other: a natural-gradient step."""
        origin = other.origin
        pairs = zip(self.natural(origin), other.natural(origin), strict=True)
        return self.from_natural(tuple((1.0 - rate) * a + rate * b for a, b in pairs), origin)

    def sample(self, n=1, random_state=None):
        """Draw n values; the draws are the first axis of each array returned."""
        return self._sample(n, check_random_state(random_state))

    def sample_given(self, drawn, n, rng):
        """Draw n values, given those that other factors of a joint have drawn before."""
        return self.sample(n, rng)

    @classmethod
    @functools.cache
    def _fields(cls):
        return tuple(inspect.signature(cls).parameters)

    def __getstate__(self):
        # What was computed from the parameters is computed again after loading.
        return {name: vars(self)[name] for name in self._fields()}

    def __repr__(self):
        values = {name: vars(self)[name] for name in self._fields()}
        shapes = [f"{name}={np.shape(v)}" for name, v in values.items() if isinstance(v, np.ndarray | float)]
        return f"{type(self).__name__}({', '.join(shapes)})"


def tail_probabilities(level):
    """Lower and upper tail probability of a central interval."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level!r}: give a probability strictly between 0 and 1, such as 0.9")
    tail = 0.5 * (1.0 - level)
    return tail, 1.0 - tail
