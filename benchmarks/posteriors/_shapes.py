"""Densities that are sampled exactly: normal ones, and all the ways of not being normal."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator

from skvi.blackbox import Interval, Parameter, from_density


@dataclass(frozen=True)
class Shape:
    """A density with its exact draws.

    Parameters
    ----------
    name : str
    model : object
    draw : callable
        draw(n, rng) gives draws of the one parameter, (n, ...).
    sd : ndarray or None
        Standard deviations, where those of draws are too noisy or infinite.
    """

    name: str
    model: object
    draw: Callable
    sd: np.ndarray | None = None


class Density(BaseEstimator):
    """A density of one constrained parameter.

    Parameters
    ----------
    parameter : Parameter
    log_density, gradient : callable
        Of draws of the parameter.
    """

    def __init__(self, parameter, log_density, gradient):
        self.parameter = parameter
        self.log_density = log_density
        self.gradient = gradient

    def parameters(self, X=None, y=None):
        return [self.parameter]

    def log_prior(self, theta):
        values = self.log_density(theta[self.parameter.name])
        return values.reshape(len(values), -1).sum(axis=1)

    def grad_log_prior(self, theta):
        return {self.parameter.name: self.gradient(theta[self.parameter.name])}


def shapes():
    """All of them, from benign to hopeless within each kind."""
    return [*_normals(), *_tails(), *_funnels(), *_bananas(), *_mixtures(), *_skewed(), *_constrained(), *_others()]


def _vector(name, log_density, gradient, width, draw, sd=None):
    return Shape(name, from_density(log_density, gradient, n_parameters=width), draw, sd)


def _normals():
    for width, condition in ((3, 1e2), (30, 1e4), (120, 1e2)):
        rng = np.random.default_rng(width)
        axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
        root = axes * np.geomspace(1.0, condition**-0.5, width)
        yield _normal(f"normal, {width} numbers, condition {condition:.0e}", rng.normal(size=width), root)


def _normal(name, mean, root):
    inverse = np.linalg.inv(root)
    return _vector(
        name,
        lambda z: -0.5 * np.sum(((z - mean) @ inverse.T) ** 2, axis=1),
        lambda z: -(z - mean) @ inverse.T @ inverse,
        len(mean),
        lambda n, rng: mean + rng.standard_normal((n, len(mean))) @ root.T,
        np.sqrt(np.sum(root**2, axis=1)),
    )


def _tails():
    for dof, width in ((30, 5), (10, 20), (8, 2), (4, 1), (4, 10), (2.5, 3), (1, 1), (1, 5)):
        yield _vector(
            f"t, {dof:g} degrees of freedom, {width} numbers",
            lambda z, dof=dof: -0.5 * (dof + 1.0) * np.log1p(z**2 / dof).sum(axis=1),
            lambda z, dof=dof: -(dof + 1.0) * z / (dof + z**2),
            width,
            lambda n, rng, dof=dof, width=width: rng.standard_t(dof, size=(n, width)),
            np.full(width, np.sqrt(dof / (dof - 2.0)) if dof > 2.0 else np.inf),
        )
    for dof, width in ((20, 10), (5, 10)):
        yield _round_t(dof, width)
    yield _vector(
        "Laplace, smoothed, 4 numbers",
        lambda z: -np.logaddexp(2.0 * z, -2.0 * z).sum(axis=1),
        lambda z: -2.0 * np.tanh(2.0 * z),
        4,
        # The hyperbolic secant distribution has the distribution function 2/pi arctan(exp(2z)).
        lambda n, rng: 0.5 * np.log(np.tan(0.5 * np.pi * rng.uniform(1e-16, 1.0, size=(n, 4)))),
    )


def _round_t(dof, width):
    def draw(n, rng):
        return rng.standard_normal((n, width)) / np.sqrt(rng.chisquare(dof, size=(n, 1)) / dof)

    return _vector(
        f"t, round, {dof:g} degrees of freedom, {width} numbers",
        lambda z: -0.5 * (dof + width) * np.log1p(np.sum(z**2, axis=1) / dof),
        lambda z: -(dof + width) * z / (dof + np.sum(z**2, axis=1))[:, None],
        width,
        draw,
        np.full(width, np.sqrt(dof / (dof - 2.0))),
    )


def _funnels():
    for depth, width in ((0.3, 5), (0.6, 3), (1.0, 3), (1.0, 10), (2.0, 5), (3.0, 10)):
        yield _funnel(depth, width)


def _funnel(depth, width):
    """z_1 ~ Normal(0, depth), others ~ Normal(0, exp(z_1 / 2))."""

    def log_density(z):
        neck, rest = z[:, 0], z[:, 1:]
        spread = np.sum(rest**2, axis=1) * np.exp(-neck)
        return -0.5 * ((neck / depth) ** 2 + (width - 1) * neck + spread)

    def gradient(z):
        neck, rest = z[:, :1], z[:, 1:]
        pull = rest * np.exp(-neck)
        slope = -neck / depth**2 - 0.5 * (width - 1) + 0.5 * np.sum(rest * pull, axis=1, keepdims=True)
        return np.concatenate([slope, -pull], axis=1)

    def draw(n, rng):
        neck = depth * rng.standard_normal((n, 1))
        return np.concatenate([neck, np.exp(0.5 * neck) * rng.standard_normal((n, width - 1))], axis=1)

    sd = np.full(width, np.exp(0.25 * depth**2))
    sd[0] = depth
    return _vector(f"funnel of depth {depth:g}, {width} numbers", log_density, gradient, width, draw, sd)


def _bananas():
    for bend, pairs in ((0.03, 1), (0.1, 1), (0.1, 5), (0.3, 1), (1.0, 1)):
        yield _banana(bend, pairs)


def _banana(bend, pairs):
    """Pairs of a number of deviation 2 and another about bend times its square less 4."""
    width = 2 * pairs

    def split(z):
        along = z[:, ::2]
        return along, z[:, 1::2] - bend * (along**2 - 4.0)

    def log_density(z):
        along, off = split(z)
        return -0.5 * np.sum(0.25 * along**2 + off**2, axis=1)

    def gradient(z):
        along, off = split(z)
        return np.stack([-0.25 * along + 2.0 * bend * along * off, -off], axis=2).reshape(len(z), width)

    def draw(n, rng):
        along = 2.0 * rng.standard_normal((n, pairs))
        off = rng.standard_normal((n, pairs)) + bend * (along**2 - 4.0)
        return np.stack([along, off], axis=2).reshape(n, width)

    return _vector(f"banana of bend {bend:g}, {width} numbers", log_density, gradient, width, draw)


def _mixtures():
    """Two or three normals: apart by so many deviations along a random direction."""
    for apart, share, width in (
        (1.5, 0.5, 2),
        (2.5, 0.5, 2),
        (3.5, 0.5, 3),
        (5.0, 0.5, 2),
        (5.0, 0.9, 5),
        (8.0, 0.97, 2),
        (10.0, 0.5, 10),
        (25.0, 0.7, 3),
    ):
        direction = np.random.default_rng(width).normal(size=width)
        direction *= apart / np.linalg.norm(direction)
        name = f"two modes {apart:g} apart, shares {share:g} and {1.0 - share:.2g}, {width} numbers"
        yield _mixture(name, np.stack([np.zeros(width), direction]), np.ones((2, width)), [share, 1.0 - share])
    means = 4.0 * np.random.default_rng(0).normal(size=(3, 4))
    yield _mixture("three modes of unlike scales, 4 numbers", means, [[0.3] * 4, [1.0] * 4, [0.6] * 4], [0.3, 0.3, 0.4])
    yield _mixture("spike in a slab, 3 numbers", np.zeros((2, 3)), [[0.1] * 3, [1.0] * 3], [0.5, 0.5])
    yield _mixture("outliers, 2 numbers", np.zeros((2, 2)), [[1.0] * 2, [5.0] * 2], [0.95, 0.05])


def _mixture(name, means, sds, shares):
    means, sds, shares = (np.asarray(values, dtype=float) for values in (means, sds, shares))

    def parts(z):
        off = (z[:, None] - means) / sds
        logs = np.log(shares) - 0.5 * np.sum(off**2, axis=2) - np.log(sds).sum(axis=1)
        return off, logs, np.logaddexp.reduce(logs, axis=1)

    def log_density(z):
        return parts(z)[2]

    def gradient(z):
        off, logs, total = parts(z)
        return -np.einsum("tk,tkp->tp", np.exp(logs - total[:, None]), off / sds)

    def draw(n, rng):
        which = rng.choice(len(shares), size=n, p=shares)
        return means[which] + sds[which] * rng.standard_normal((n, means.shape[1]))

    return _vector(name, log_density, gradient, means.shape[1], draw)


def _skewed():
    for shape in (20.0, 3.0, 0.7):
        yield _vector(
            f"log of a gamma of shape {shape:g}, 3 numbers",
            lambda z, shape=shape: np.sum(shape * z - np.exp(z), axis=1),
            lambda z, shape=shape: shape - np.exp(z),
            3,
            lambda n, rng, shape=shape: np.log(rng.gamma(shape, size=(n, 3))),
        )
    for slant in (2.0, 10.0):
        yield _slanted(slant)


def _slanted(slant):
    """Twice the normal density times a logistic function: a draw of it is turned over where the share says so."""

    def draw(n, rng):
        z = rng.standard_normal((n, 2))
        return np.where(rng.uniform(size=z.shape) < expit(slant * z), z, -z)

    return _vector(
        f"skewed normal of slant {slant:g}, 2 numbers",
        lambda z: np.sum(-0.5 * z**2 + log_expit(slant * z), axis=1),
        lambda z: -z + slant * expit(-slant * z),
        2,
        draw,
    )


def _constrained():
    for shape in (30.0, 2.0, 0.4):
        yield Shape(
            f"gamma of shape {shape:g}, 2 numbers",
            Density(
                Parameter("x", 2, "positive"),
                lambda x, shape=shape: (shape - 1.0) * np.log(x) - x,
                lambda x, shape=shape: (shape - 1.0) / x - 1.0,
            ),
            lambda n, rng, shape=shape: rng.gamma(shape, size=(n, 2)),
        )
    for spread in (0.4, 1.5):
        yield Shape(
            f"log-normal of spread {spread:g}, 2 numbers",
            Density(
                Parameter("x", 2, "positive"),
                lambda x, spread=spread: -np.log(x) - 0.5 * (np.log(x) / spread) ** 2,
                lambda x, spread=spread: -(1.0 + np.log(x) / spread**2) / x,
            ),
            lambda n, rng, spread=spread: np.exp(spread * rng.standard_normal((n, 2))),
            np.full(2, np.sqrt(np.expm1(spread**2)) * np.exp(0.5 * spread**2)),
        )
    yield Shape(
        "inverse gamma of shape 3, 1 number",
        Density(Parameter("x", 1, "positive"), lambda x: -4.0 * np.log(x) - 1.0 / x, lambda x: -4.0 / x + x**-2.0),
        lambda n, rng: 1.0 / rng.gamma(3.0, size=(n, 1)),
        np.array([0.5]),
    )
    for first, second in ((20.0, 5.0), (2.0, 8.0), (0.5, 0.5)):
        yield Shape(
            f"beta of {first:g} and {second:g}, 2 numbers",
            Density(
                Parameter("x", 2, "interval"),
                lambda x, a=first, b=second: (a - 1.0) * np.log(x) + (b - 1.0) * np.log1p(-x),
                lambda x, a=first, b=second: (a - 1.0) / x - (b - 1.0) / (1.0 - x),
            ),
            lambda n, rng, a=first, b=second: rng.beta(a, b, size=(n, 2)),
        )
    yield Shape(
        "uniform, 3 numbers",
        Density(Parameter("x", 3, Interval(-1.0, 1.0)), np.zeros_like, np.zeros_like),
        lambda n, rng: rng.uniform(-1.0, 1.0, size=(n, 3)),
    )
    for concentration, parts in ((30.0, 3), (1.0, 5), (0.3, 4)):
        yield Shape(
            f"Dirichlet of {concentration:g}, {parts} parts",
            Density(
                Parameter("x", parts, "simplex"),
                lambda x, a=concentration: (a - 1.0) * np.log(x),
                lambda x, a=concentration: (a - 1.0) / x,
            ),
            lambda n, rng, a=concentration, k=parts: rng.dirichlet(np.full(k, a), size=n),
        )


def _others():
    yield _vector(
        "ring, 2 numbers",
        lambda z: -2.0 * (np.hypot(z[:, 0], z[:, 1]) - 4.0) ** 2,
        lambda z: -4.0 * (1.0 - 4.0 / np.maximum(np.hypot(z[:, :1], z[:, 1:]), 1e-300)) * z,
        2,
        _draw_ring,
    )
    for y in (0.5, 3.0, 10.0):
        yield _horseshoe(y)


def _draw_ring(n, rng):
    # Radii of density r exp(-2 (r - 4)^2), by rejection from the normal; 7 is 6 deviations out.
    r = 4.0 + 0.5 * rng.standard_normal(4 * n)
    r = r[(r > 0.0) & (7.0 * rng.uniform(size=4 * n) < r)][:n]
    turn = rng.uniform(0.0, 2.0 * np.pi, size=n)
    return np.column_stack([r * np.cos(turn), r * np.sin(turn)])


def _horseshoe(y):
    """One observation of unit noise of a product of a normal and a half-Cauchy number, whose log is the second."""

    def log_density(z):
        x, u = z.T
        return -0.5 * x**2 + u - np.log1p(np.exp(2.0 * u)) - 0.5 * (y - x * np.exp(u)) ** 2

    def gradient(z):
        x, u = z.T
        rest = (y - x * np.exp(u)) * np.exp(u)
        return np.column_stack([-x + rest, 1.0 - 2.0 * expit(2.0 * u) + rest * x])

    def draw(n, rng):
        # By rejection from the prior.
        x, u = rng.standard_normal(20 * n), np.log(np.abs(rng.standard_cauchy(20 * n)))
        kept = rng.uniform(size=20 * n) < np.exp(-0.5 * (y - x * np.exp(u)) ** 2)
        return np.column_stack([x, u])[kept]

    return _vector(f"horseshoe at {y:g}, 2 numbers", log_density, gradient, 2, draw)
