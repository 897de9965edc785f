"""The log densities of the posteriors once more, in jax: of the same free numbers as skvi's target, constants and all.

Peers so start from the same point, in the same units, whatever a model declares of both.
"""

from functools import singledispatch

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp

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

# Peers may have the digits that skvi has.
jax.config.update("jax_enable_x64", True)

_LOG_2PI = np.log(2.0 * np.pi)
_LOG_TWO = np.log(2.0)


def log_density(posterior):
    """A function of free numbers z (P,), compiled by nobody yet."""
    layout = posterior.layout
    model, X, y = posterior.model, posterior.X, posterior.y

    def density(z):
        theta, jacobian, begin = {}, 0.0, 0
        for parameter in layout.parameters:
            own = z[begin : begin + parameter.n_free].reshape(parameter.free_shape)
            begin += parameter.n_free
            u = parameter.start + parameter.scale * own
            theta[parameter.name], one = _constrain(parameter.constraint, u)
            jacobian += one + np.log(parameter.scale).sum()
        return _log_joint(model, theta, X, y) + jacobian

    return density


def _constrain(constraint, u):
    """The parameter at free numbers, and the log-determinant of the map."""
    if isinstance(constraint, Positive):
        return jnp.exp(u), jnp.sum(u)
    if isinstance(constraint, Interval):
        width = constraint.high - constraint.low
        slopes = np.log(width) + jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)
        return constraint.low + width * jax.nn.sigmoid(u), jnp.sum(slopes)
    if isinstance(constraint, Ordered):
        steps = jnp.concatenate([u[..., :1], jnp.exp(u[..., 1:])], axis=-1)
        return jnp.cumsum(steps, axis=-1), jnp.sum(u[..., 1:])
    if isinstance(constraint, Simplex):
        return _break_stick(u)
    assert type(constraint) is Real
    return u, 0.0


def _break_stick(u):
    shifted = u - np.log(np.arange(u.shape[-1], 0, -1.0))
    rest = jax.nn.log_sigmoid(-shifted)
    left = jnp.cumsum(rest, axis=-1)
    zero = jnp.zeros_like(left[..., :1])
    taken = jax.nn.log_sigmoid(shifted)
    parts = jnp.concatenate([taken, zero], axis=-1) + jnp.concatenate([zero, left], axis=-1)
    return jnp.exp(parts), jnp.sum(taken + left)


@singledispatch
def _log_prior(prior, x):
    raise NotImplementedError(type(prior).__name__)


@_log_prior.register
def _(prior: Flat, x):
    return 0.0


@_log_prior.register
def _(prior: Normal, x):
    location, scale = np.asarray(prior.location), np.asarray(prior.scale)
    constants = prior.half * _LOG_TWO - 0.5 * _LOG_2PI - np.log(scale)
    return jnp.sum(constants - 0.5 * ((x - location) / scale) ** 2)


@_log_prior.register
def _(prior: StudentT, x):
    dof = prior.dof
    constant = gammaln(0.5 * (dof + 1.0)) - gammaln(0.5 * dof) - 0.5 * np.log(np.pi * dof)
    constant += prior.half * _LOG_TWO - np.log(prior.scale)
    return jnp.sum(constant - 0.5 * (dof + 1.0) * jnp.log1p(((x - prior.location) / prior.scale) ** 2 / dof))


@_log_prior.register
def _(prior: LogNormal, x):
    logs = jnp.log(x)
    constant = -0.5 * _LOG_2PI - np.log(prior.scale)
    return jnp.sum(constant - 0.5 * ((logs - prior.location) / prior.scale) ** 2 - logs)


@_log_prior.register
def _(prior: Gamma, x):
    constant = prior.shape * np.log(prior.rate) - gammaln(prior.shape)
    return jnp.sum(constant + (prior.shape - 1.0) * jnp.log(x) - prior.rate * x)


@_log_prior.register
def _(prior: Beta, x):
    constant = gammaln(prior.first + prior.second) - gammaln(prior.first) - gammaln(prior.second)
    return jnp.sum(constant + (prior.first - 1.0) * jnp.log(x) + (prior.second - 1.0) * jnp.log1p(-x))


def _log_priors(priors, theta):
    return sum(_log_prior(prior, theta[name]) for name, prior in priors.items())


def _normal(x, mean, sigma):
    return jnp.sum(-0.5 * ((x - mean) / sigma) ** 2 - jnp.log(sigma) - 0.5 * _LOG_2PI)


@singledispatch
def _log_joint(model, theta, X, y):
    raise NotImplementedError(type(model).__name__)


@_log_joint.register
def _(model: NormalRegression, theta, X, y):
    means = X @ theta["weights"]
    priors = {"weights": model.weights, "sigma": model.sigma}
    if model.intercept is not None:
        means += theta["intercept"]
        priors["intercept"] = model.intercept
    return _log_priors(priors, theta) + _normal(y, means, theta["sigma"])


@_log_joint.register
def _(model: EightSchools, theta, X, y):
    mu, tau = theta["mu"], theta["tau"]
    hyper = _log_prior(schools.MEAN, mu) + _log_prior(schools.SPREAD, tau)
    if model.centered:
        effects = theta["effects"]
        return hyper + _normal(effects, mu, tau) + _normal(model.y, effects, model.error)
    effects = mu + tau * theta["z"]
    return hyper + _normal(theta["z"], 0.0, 1.0) + _normal(model.y, effects, model.error)


@_log_joint.register
def _(model: TwoNormals, theta, X, y):
    standard = (X - theta["mu"]) / theta["sigma"]
    shares = jnp.stack([theta["share"], 1.0 - theta["share"]])
    joint = jnp.log(shares / theta["sigma"]) - 0.5 * (_LOG_2PI + standard**2)
    return _log_priors(blend.PRIORS, theta) + jnp.sum(logsumexp(joint, axis=1))


@_log_joint.register
def _(model: Arma, theta, X, y):
    mu, phi = theta["mu"], theta["phi"]

    def step(error, pair):
        before, now = pair
        error = now - mu - phi * before - theta["theta"] * error
        return error, error

    before = jnp.concatenate([mu[None], model.y[:-1]])
    _, errors = jax.lax.scan(step, 0.0 * mu, (before, model.y))
    return _log_priors(model.priors, theta) + _normal(errors, 0.0, theta["sigma"])


@_log_joint.register
def _(model: Garch, theta, X, y):
    squares = (model.y - theta["mu"]) ** 2

    def step(variance, square):
        after = theta["base"] + theta["shares"][0] * square + theta["shares"][1] * variance
        return after, variance

    _, variances = jax.lax.scan(step, model.first**2 + 0.0 * theta["mu"], squares)
    return _normal(model.y, theta["mu"], jnp.sqrt(variances))


def _covariance(x, theta, noise):
    ratios = (x[:, None] - x) / theta["rho"]
    return theta["alpha"] ** 2 * jnp.exp(-0.5 * ratios**2) + noise * np.eye(len(x))


@_log_joint.register
def _(model: ProcessRegression, theta, X, y):
    factor = jnp.linalg.cholesky(_covariance(model.x, theta, theta["sigma"]))
    white = jax.scipy.linalg.solve_triangular(factor, model.y, lower=True)
    log_determinant = jnp.sum(jnp.log(jnp.diag(factor)))
    return _log_priors(model.priors, theta) + _normal(white, 0.0, 1.0) - log_determinant


@_log_joint.register
def _(model: ProcessCounts, theta, X, y):
    factor = jnp.linalg.cholesky(_covariance(model.x, theta, processes.JITTER))
    logs = factor @ theta["z"]
    data = jnp.sum(model.counts * logs - jnp.exp(logs)) - gammaln(model.counts + 1.0).sum()
    return _log_priors(model.priors, theta) + data


@_log_joint.register
def _(model: DriveChain, theta, X, y):
    rates = jnp.cumsum(jnp.stack([theta["phi"], theta["lambda"]]), axis=1)
    moves, alpha = jnp.log(theta["moves"]), model.alpha
    outputs = jnp.log(rates).sum(axis=0) - model.outputs @ rates

    def step(forward, output):
        return logsumexp(forward[:, None] + moves, axis=0) + output, None

    forward, _ = jax.lax.scan(step, outputs[0], outputs[1:])
    constant = gammaln(alpha.sum(axis=1)).sum() - gammaln(alpha).sum()
    return logsumexp(forward) + constant + jnp.sum((alpha - 1.0) * moves) + _log_prior(hidden.RATE, rates)


@_log_joint.register
def _(model: Predators, theta, X, y):
    a, b, c, d = theta["theta"]
    step = 1.0 / model.n_steps

    def velocity(state):
        return jnp.stack([a - b * jnp.exp(state[1]), d * jnp.exp(state[0]) - c])

    def move(state, _):
        first = velocity(state)
        second = velocity(state + 0.5 * step * first)
        third = velocity(state + 0.5 * step * second)
        fourth = velocity(state + step * third)
        state += step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
        return state, state

    start = jnp.log(theta["first"])
    _, path = jax.lax.scan(move, start, None, length=model.n_steps * (len(model.y) - 1))
    path = jnp.concatenate([start[None], path[model.n_steps - 1 :: model.n_steps]])
    data = _normal(np.log(model.y), path, theta["sigma"]) - np.log(model.y).sum()
    return data + _log_priors(model.priors, theta)
