"""Normal distributions of regression coefficients, and their priors given precisions."""

import numpy as np
from scipy.special import ndtri, stdtrit

from skvi.families.base import Family, lazy, tail_probabilities
from skvi.families.normal import Normal


class LinearNormal(Normal):
    """Coefficients of a linear model: precision R + alpha X'WX, mean alpha (R + alpha X'WX)^-1 X'Wy.

    Neither precision nor covariance is formed before somebody asks for it.

    Parameters
    ----------
    shrinkage : ndarray of shape (S, D)
        Diagonal of R: of each output, or one for all (S = 1).
    scale : ndarray of shape (S,)
        alpha.
    design : Design
        What the data say, for T outputs.
    single : bool
        Whether there is one output without an axis of its own.
    frozen : ndarray of shape (S, D), bool, or None
        Coefficients that are independent of all others and have mean zero.
    """

    def __init__(self, shrinkage, scale, design, single, frozen=None):
        self.shrinkage = shrinkage
        self.scale = scale
        self.design = design
        self.single = single
        self.frozen = frozen

    @property
    def n_outputs(self):
        """Number of outputs, T."""
        return self.design.n_outputs

    @lazy
    def systems(self):
        """One linear system for each row of `shrinkage`."""
        outputs = [slice(t, t + 1) for t in range(len(self.scale))] if len(self.scale) > 1 else [slice(None)]
        frozen = [None] * len(self.scale) if self.frozen is None else self.frozen
        parts = zip(self.shrinkage, self.scale, outputs, frozen, strict=True)
        return [self.design.system(r, float(a), t, f) for r, a, t, f in parts]

    def _spread(self, name):
        """A property of all systems, one row for each output."""
        rows = np.stack([getattr(one, name) for one in self.systems])
        return self._shaped(np.broadcast_to(rows, (self.n_outputs, *rows.shape[1:])))

    def _shaped(self, array, axis=0):
        return array.squeeze(axis) if self.single else array

    @lazy
    def mean(self):
        """Posterior means, shape (D,) or (T, D)."""
        return self._shaped(np.concatenate([one.mean for one in self.systems]))

    @lazy
    def var(self):
        """Marginal variances, shape (D,) or (T, D)."""
        return self._spread("var")

    @lazy
    def covariance(self):
        """Covariance matrices, shape (D, D) or (T, D, D)."""
        return self._spread("covariance")

    @lazy
    def precision(self):
        """Precision matrices, shape (D, D) or (T, D, D)."""
        diagonal = self.shrinkage[:, :, None] * np.eye(self.shrinkage.shape[1])
        precision = diagonal + self.scale[:, None, None] * self.design.gram
        if self.frozen is not None:
            apart = (self.frozen[:, :, None] | self.frozen[:, None, :]) & ~np.eye(self.frozen.shape[1], dtype=bool)
            precision[apart] = 0.0
        return self._shaped(np.broadcast_to(precision, (self.design.n_outputs, *precision.shape[1:])))

    @property
    def log_det(self):
        """Log determinants of the precision matrices, shape () or (T,)."""
        return self._spread("log_det")

    def quadratic(self, x):
        """Variance of x'w for each row of a table, shape (N,) or (T, N)."""
        rows = np.stack([one.quadratic(x) for one in self.systems])
        return self._shaped(np.broadcast_to(rows, (self.n_outputs, len(x))))

    @property
    def proper(self):
        return bool((self.shrinkage > 0.0).all() and (self.scale >= 0.0).all())

    def _sample(self, n, rng):
        n_each = 1 if len(self.systems) > 1 else self.design.n_outputs
        noise = [one.noise(n, rng) for one in self.systems for _ in range(n_each)]
        return self.mean + self._shaped(np.stack(noise, axis=1), axis=1)


class IndependentNormal(Family):
    """Independent normal distributions.

    Parameters
    ----------
    mean : ndarray
    precision : ndarray of the same shape, positive
    """

    def __init__(self, mean, precision):
        self.mean, self.precision = np.broadcast_arrays(mean, precision)

    def natural(self, origin=None):
        return self.precision * self.mean, self.precision

    def from_natural(self, natural, origin=None):
        return IndependentNormal(natural[0] / natural[1], natural[1])

    @property
    def proper(self):
        return bool((self.precision > 0.0).all())

    def sufficient_statistics(self, value, origin=None):
        return value, -0.5 * value**2

    def log_normalizer(self, origin=None):
        return float(0.5 * (np.log(2.0 * np.pi / self.precision) + self.precision * self.mean**2).sum())

    def expectations(self, origin=None):
        return self.mean, -0.5 * (self.var + self.mean**2)

    def kl(self, other):
        if not isinstance(other, IndependentNormal):
            raise TypeError(f"kl of a {type(self).__name__} from a {type(other).__name__}: give one of the same family")
        # About the mean: about zero the digits of means far from it would be lost.
        ratio = other.precision / self.precision
        squares = other.precision * (self.mean - other.mean) ** 2
        return float(0.5 * (squares + ratio - 1.0 - np.log(ratio)).sum())

    @property
    def var(self):
        """Variances."""
        return 1.0 / self.precision

    def interval(self, level=0.9):
        """Central intervals, with a last axis of two."""
        half = np.sqrt(self.var) * ndtri(tail_probabilities(level)[1])
        return np.stack([self.mean - half, self.mean + half], axis=-1)

    def _sample(self, n, rng):
        return self.mean + rng.standard_normal((n, *self.mean.shape)) * np.sqrt(self.var)

    def divergence_from(self, q, joint):
        if not isinstance(q, LinearNormal):
            return q.kl(self)
        return _divergence(q, self.precision, np.log(self.precision), self.mean)


class Intercept(IndependentNormal):
    """The value of a linear model at a point of its features.

    Parameters
    ----------
    mean, precision : ndarray of equal shapes
    center : ndarray of shape (D,)
        The point.
    """

    def __init__(self, mean, precision, center):
        super().__init__(mean, precision)
        self.center = center

    def from_natural(self, natural, origin=None):
        other = super().from_natural(natural, origin)
        return Intercept(other.mean, other.precision, self.center)


class NormalGivenPrecision(Family):
    """Coefficients of mean zero, normal given precisions that another factor of the joint describes.

    Alone each is a Student-t: the precisions are integrated out.

    Parameters
    ----------
    parent : Gamma
        Prior of the precisions, the last axis being that of the groups where there are several.
    groups : ndarray of shape (D,)
        Group of each coefficient.
    shape : tuple
        Of the coefficients: (D,) or (T, D).
    """

    #: name of the factor that describes the precisions
    parent_name = "weight_precision"

    def __init__(self, parent, groups, shape):
        self.parent = parent
        self.groups = groups
        self.shape = shape

    def expanded(self, values):
        """Values by group, spread over the coefficients in the last axis."""
        values = np.asarray(values)
        return (values if self.groups.any() else values[..., None])[..., self.groups]

    @property
    def proper(self):
        return self.parent.proper

    @property
    def mean(self):
        """E[w]: zero."""
        return np.zeros(self.shape)

    @property
    def var(self):
        """Var[w]: infinite where the shape of the precision's Gamma is at most one."""
        return np.broadcast_to(self.expanded(self.parent.inverse_mean), self.shape)

    def interval(self, level=0.9):
        """Central marginal intervals, with a last axis of two."""
        width = np.sqrt(self.parent.rate / self.parent.shape) * stdtrit(
            2.0 * self.parent.shape, tail_probabilities(level)[1]
        )
        half = np.broadcast_to(self.expanded(width), self.shape)
        return np.stack([-half, half], axis=-1)

    def _sample(self, n, rng):
        return self.sample_given({self.parent_name: self.parent.sample(n, rng)}, n, rng)

    def sample_given(self, drawn, n, rng):
        precision = self.expanded(drawn[self.parent_name])
        return rng.standard_normal((n, *self.shape)) / np.sqrt(_aligned(precision, 1 + len(self.shape)))

    def entropy(self):
        """Differential entropy (nats) given the precisions, in expectation over them."""
        log_precision = np.broadcast_to(self.expanded(self.parent.expected_log), self.shape)
        return float(0.5 * (1.0 + np.log(2.0 * np.pi) - log_precision).sum())

    def divergence_from(self, q, joint):
        if isinstance(q, NormalGivenPrecision) and q.shape == self.shape and np.array_equal(q.groups, self.groups):
            # Given the precisions they are the same: priors differ by those alone.
            return 0.0
        parent = joint[self.parent_name]
        return _divergence(q, self.expanded(parent.mean), self.expanded(parent.expected_log), 0.0)


def _aligned(values, n_axes):
    """Insert axes after the first, up to so many."""
    return values.reshape(values.shape[:1] + (1,) * (n_axes - values.ndim) + values.shape[1:])


def _divergence(q, precision, log_precision, mean):
    """E[KL] in nats of coefficients from independent normals, over what is known of their precisions."""
    terms = precision * (q.mean - mean) ** 2 - q.free * log_precision
    squares = np.broadcast_to(terms, q.mean.shape).sum() + q.trace_with(precision)
    return float(0.5 * (squares - q.free * q.mean.size + np.sum(q.log_det)))
