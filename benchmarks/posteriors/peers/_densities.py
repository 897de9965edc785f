"""The log densities of the posteriors once more, for libraries that differentiate by themselves.

They are of the same free numbers as skvi's target, constants and all, so that peers start from the same point and in
the same units, whatever a model declares of both. `m` is the mathematics of a library: see `Mathematics`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from scipy.special import gammaln

from benchmarks.posteriors.models import (
    Arma,
    DriveChain,
    EightSchools,
    Garch,
    NormalRegression,
    Predators,
    ProcessCounts,
    ProcessRegression,
    TwoNormals,
    blend,
    hidden,
    processes,
    schools,
)
from benchmarks.posteriors.models._priors import Beta, Flat, Gamma, LogNormal, Normal, StudentT
from skvi.gradient.constraints import Interval, Ordered, Positive, Real, Simplex

_LOG_2PI = np.log(2.0 * np.pi)
_LOG_TWO = np.log(2.0)
#: models whose densities are recursions
RECURSIVE = (Arma, Garch, DriveChain, Predators)


@dataclass(frozen=True)
class Mathematics:
    """Functions of a library's arrays, by the names of numpy.

    Parameters
    ----------
    array : module
        With sum, log, exp, log1p, sqrt, stack, concatenate and cumsum.
    log_sigmoid, sigmoid, logsumexp, cholesky : callable
    solve_lower : callable
        Of a lower triangular matrix and a vector.
    scan : callable or None
        Of step, start and inputs, as m.scan; None where recursions are left out.
    """

    array: object
    log_sigmoid: Callable
    sigmoid: Callable
    logsumexp: Callable
    cholesky: Callable
    solve_lower: Callable
    scan: Callable | None = None

    def __getattr__(self, name):
        return getattr(self.array, name)


def log_density(posterior, m):
    """A function of free numbers z, an array (P,) of the library."""
    layout = posterior.layout
    model, X, y = posterior.model, posterior.X, posterior.y

    def density(z):
        theta, jacobian, begin = {}, 0.0, 0
        for parameter in layout.parameters:
            own = z[begin : begin + parameter.n_free].reshape(parameter.free_shape)
            begin += parameter.n_free
            u = parameter.start + parameter.scale * own
            theta[parameter.name], one = _constrain(parameter.constraint, m, u)
            jacobian += one + np.log(parameter.scale).sum()
        return _log_joint(model, m, theta, X, y) + jacobian

    return density


def _constrain(constraint, m, u):
    """The parameter at free numbers, and the log-determinant of the map."""
    if isinstance(constraint, Positive):
        return m.exp(u), m.sum(u)
    if isinstance(constraint, Interval):
        width = constraint.high - constraint.low
        slopes = np.log(width) + m.log_sigmoid(u) + m.log_sigmoid(-u)
        return constraint.low + width * m.sigmoid(u), m.sum(slopes)
    if isinstance(constraint, Ordered):
        steps = m.concatenate([u[..., :1], m.exp(u[..., 1:])], axis=-1)
        return m.cumsum(steps, axis=-1), m.sum(u[..., 1:])
    if isinstance(constraint, Simplex):
        return _break_stick(m, u)
    assert type(constraint) is Real
    return u, 0.0


def _break_stick(m, u):
    shifted = u - np.log(np.arange(u.shape[-1], 0, -1.0))
    rest = m.log_sigmoid(-shifted)
    left = m.cumsum(rest, axis=-1)
    zero = m.zeros_like(left[..., :1])
    taken = m.log_sigmoid(shifted)
    parts = m.concatenate([taken, zero], axis=-1) + m.concatenate([zero, left], axis=-1)
    return m.exp(parts), m.sum(taken + left)


@singledispatch
def _log_prior(prior, m, x):
    raise NotImplementedError(type(prior).__name__)


@_log_prior.register
def _(prior: Flat, m, x):
    return 0.0


@_log_prior.register
def _(prior: Normal, m, x):
    location, scale = np.asarray(prior.location), np.asarray(prior.scale)
    constants = prior.half * _LOG_TWO - 0.5 * _LOG_2PI - np.log(scale)
    return m.sum(constants - 0.5 * ((x - location) / scale) ** 2)


@_log_prior.register
def _(prior: StudentT, m, x):
    dof = prior.dof
    constant = gammaln(0.5 * (dof + 1.0)) - gammaln(0.5 * dof) - 0.5 * np.log(np.pi * dof)
    constant += prior.half * _LOG_TWO - np.log(prior.scale)
    return m.sum(constant - 0.5 * (dof + 1.0) * m.log1p(((x - prior.location) / prior.scale) ** 2 / dof))


@_log_prior.register
def _(prior: LogNormal, m, x):
    logs = m.log(x)
    constant = -0.5 * _LOG_2PI - np.log(prior.scale)
    return m.sum(constant - 0.5 * ((logs - prior.location) / prior.scale) ** 2 - logs)


@_log_prior.register
def _(prior: Gamma, m, x):
    constant = prior.shape * np.log(prior.rate) - gammaln(prior.shape)
    return m.sum(constant + (prior.shape - 1.0) * m.log(x) - prior.rate * x)


@_log_prior.register
def _(prior: Beta, m, x):
    constant = gammaln(prior.first + prior.second) - gammaln(prior.first) - gammaln(prior.second)
    return m.sum(constant + (prior.first - 1.0) * m.log(x) + (prior.second - 1.0) * m.log1p(-x))


def _log_priors(priors, m, theta):
    return sum(_log_prior(prior, m, theta[name]) for name, prior in priors.items())


def _normal(m, x, mean, sigma):
    return m.sum(-0.5 * ((x - mean) / sigma) ** 2 - m.log(sigma) - 0.5 * _LOG_2PI)


@singledispatch
def _log_joint(model, m, theta, X, y):
    raise NotImplementedError(type(model).__name__)


@_log_joint.register
def _(model: NormalRegression, m, theta, X, y):
    means = X @ theta["weights"]
    priors = {"weights": model.weights, "sigma": model.sigma}
    if model.intercept is not None:
        means += theta["intercept"]
        priors["intercept"] = model.intercept
    return _log_priors(priors, m, theta) + _normal(m, y, means, theta["sigma"])


@_log_joint.register
def _(model: EightSchools, m, theta, X, y):
    mu, tau = theta["mu"], theta["tau"]
    hyper = _log_prior(schools.MEAN, m, mu) + _log_prior(schools.SPREAD, m, tau)
    if model.centered:
        effects = theta["effects"]
        return hyper + _normal(m, effects, mu, tau) + _normal(m, model.y, effects, model.error)
    effects = mu + tau * theta["z"]
    return hyper + _normal(m, theta["z"], 0.0, 1.0) + _normal(m, model.y, effects, model.error)


@_log_joint.register
def _(model: TwoNormals, m, theta, X, y):
    standard = (X - theta["mu"]) / theta["sigma"]
    shares = m.stack([theta["share"], 1.0 - theta["share"]])
    joint = m.log(shares / theta["sigma"]) - 0.5 * (_LOG_2PI + standard**2)
    return _log_priors(blend.PRIORS, m, theta) + m.sum(m.logsumexp(joint, axis=1))


@_log_joint.register
def _(model: Arma, m, theta, X, y):
    mu, phi = theta["mu"], theta["phi"]

    def step(error, pair):
        before, now = pair
        error = now - mu - phi * before - theta["theta"] * error
        return error, error

    before = m.concatenate([mu[None], model.y[:-1]])
    _, errors = m.scan(step, 0.0 * mu, (before, model.y))
    return _log_priors(model.priors, m, theta) + _normal(m, errors, 0.0, theta["sigma"])


@_log_joint.register
def _(model: Garch, m, theta, X, y):
    squares = (model.y - theta["mu"]) ** 2

    def step(variance, square):
        after = theta["base"] + theta["shares"][0] * square + theta["shares"][1] * variance
        return after, variance

    _, variances = m.scan(step, model.first**2 + 0.0 * theta["mu"], squares)
    return _normal(m, model.y, theta["mu"], m.sqrt(variances))


def _covariance(m, x, theta, noise):
    ratios = (x[:, None] - x) / theta["rho"]
    return theta["alpha"] ** 2 * m.exp(-0.5 * ratios**2) + noise * np.eye(len(x))


@_log_joint.register
def _(model: ProcessRegression, m, theta, X, y):
    factor = m.cholesky(_covariance(m, model.x, theta, theta["sigma"]))
    white = m.solve_lower(factor, model.y)
    log_determinant = m.sum(m.log(m.diag(factor)))
    return _log_priors(model.priors, m, theta) + _normal(m, white, 0.0, 1.0) - log_determinant


@_log_joint.register
def _(model: ProcessCounts, m, theta, X, y):
    factor = m.cholesky(_covariance(m, model.x, theta, processes.JITTER))
    logs = factor @ theta["z"]
    data = m.sum(model.counts * logs - m.exp(logs)) - gammaln(model.counts + 1.0).sum()
    return _log_priors(model.priors, m, theta) + data


@_log_joint.register
def _(model: DriveChain, m, theta, X, y):
    rates = m.cumsum(m.stack([theta["phi"], theta["lambda"]]), axis=1)
    moves, alpha = m.log(theta["moves"]), model.alpha
    outputs = m.log(rates).sum(axis=0) - model.outputs @ rates

    def step(forward, output):
        return m.logsumexp(forward[:, None] + moves, axis=0) + output, None

    forward, _ = m.scan(step, outputs[0], outputs[1:])
    constant = gammaln(alpha.sum(axis=1)).sum() - gammaln(alpha).sum()
    return m.logsumexp(forward) + constant + m.sum((alpha - 1.0) * moves) + _log_prior(hidden.RATE, m, rates)


@_log_joint.register
def _(model: Predators, m, theta, X, y):
    a, b, c, d = theta["theta"]
    step = 1.0 / model.n_steps

    def velocity(state):
        return m.stack([a - b * m.exp(state[1]), d * m.exp(state[0]) - c])

    def move(state, _):
        first = velocity(state)
        second = velocity(state + 0.5 * step * first)
        third = velocity(state + 0.5 * step * second)
        fourth = velocity(state + step * third)
        state += step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
        return state, state

    start = m.log(theta["first"])
    _, path = m.scan(move, start, None, length=model.n_steps * (len(model.y) - 1))
    path = m.concatenate([start[None], path[model.n_steps - 1 :: model.n_steps]])
    data = _normal(m, np.log(model.y), path, theta["sigma"]) - np.log(model.y).sum()
    return data + _log_priors(model.priors, m, theta)
