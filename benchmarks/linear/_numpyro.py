"""NumPyro's approximations of a logistic regression with known precision: what they reach, and when.

Each path is taken in a process of its own, so that compiling counts, and its bounds are computed afterwards, by
quadrature instead of NumPyro's draws.
"""

import json
import sys
import time

import numpy as np
from scipy.special import log_expit, logit

#: NumPyro's guides, first learning rates of Adam, which fall to a hundredth of themselves, and the covariance of skvi
#: that is of the same form
CONTESTANTS = [
    ("AutoMultivariateNormal", 0.05, "full"),
    ("AutoMultivariateNormal", 0.01, "full"),
    ("AutoLaplaceApproximation", 0.05, "full"),
    ("AutoNormal", 0.05, "diag"),
]
#: of the coefficients, and the deviation of the intercept about its linked mean, skvi's default
PRECISION, INTERCEPT_SCALE = 1.0, 10.0

_CHUNK = 100
_FINAL_SHARE = 0.01
_NODES = 40
_SITES = ("weights", "intercept")


def gaussian_bound(X, y, mean, root):
    """Evidence lower bound (nats) of a Gaussian of coefficients and, last, intercept, its covariance root root'."""
    table = np.column_stack([X, np.ones(len(X))])
    signed, deviation = np.where(y, 1.0, -1.0), np.sqrt(np.sum((table @ root) ** 2, axis=1))
    eta = table @ mean
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    terms = (w * log_expit(signed * (eta + z * deviation)).sum() for z, w in zip(nodes, weights, strict=True))
    prior_var = np.append(np.full(X.shape[1], 1.0 / PRECISION), INTERCEPT_SCALE**2)
    prior_mean = np.append(np.zeros(X.shape[1]), logit(np.mean(y)))
    spread = (np.sum(root**2, axis=1) + (mean - prior_mean) ** 2) / prior_var
    divergence = 0.5 * np.sum(spread - 1.0 + np.log(prior_var)) - np.linalg.slogdet(root)[1]
    return sum(terms) / np.sqrt(2.0 * np.pi) - divergence


def print_path(X, y):
    """In a fresh process, sys.argv being guide, rate, steps: print [seconds, CPU seconds, bound] as steps go by."""
    guide, rate, n_steps = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    path = _path(X, y.astype(float), guide, rate, n_steps)
    print(json.dumps([(*seconds, gaussian_bound(X, y, *posterior)) for seconds, posterior in path]))


def _model(X, y, center):
    import numpyro
    from numpyro import distributions

    prior = distributions.Normal(0.0, PRECISION**-0.5).expand([X.shape[1]]).to_event(1)
    weights = numpyro.sample("weights", prior)
    intercept = numpyro.sample("intercept", distributions.Normal(center, INTERCEPT_SCALE))
    numpyro.sample("y", distributions.BernoulliLogits(intercept + X @ weights), obs=y)


def _path(X, y, guide_name, rate, n_steps):
    """Seconds and CPU seconds, and mean and root of the covariance, after each chunk of steps on all rows."""
    import jax
    import optax
    from numpyro.infer import SVI, Trace_ELBO, autoguide
    from numpyro.infer.initialization import init_to_value

    jax.config.update("jax_enable_x64", True)
    start = _clocks()
    center = float(logit(y.mean()))
    first = {"weights": np.zeros(X.shape[1]), "intercept": np.array(center)}
    guide = getattr(autoguide, guide_name)(_model, init_loc_fn=init_to_value(values=first))
    rates = optax.exponential_decay(rate, n_steps, _FINAL_SHARE)
    svi = SVI(_model, guide, optax.adam(rates), Trace_ELBO())
    rows = jax.numpy.asarray(X), jax.numpy.asarray(y), center
    state = svi.init(jax.random.PRNGKey(0), *rows)

    @jax.jit
    def chunk(state):
        return jax.lax.scan(lambda state, _: svi.update(state, *rows), state, length=_CHUNK)[0]

    path, first_look = [], None
    for _ in range(n_steps // _CHUNK):
        state = jax.block_until_ready(chunk(state))
        stepped = _clocks()
        posterior = _posterior(guide, svi.get_params(state))
        look = _clocks() - stepped
        first_look = look if first_look is None else first_look
        # A user of Laplace's approximation compiles and takes its Hessian once, at the end; others have nothing to do.
        end = first_look if guide_name == "AutoLaplaceApproximation" else 0.0
        path.append((stepped - start + end, posterior))
        # The next steps do not wait for the look.
        start = start + look
    return path


def _clocks():
    return np.array([time.perf_counter(), time.process_time()])


def _posterior(guide, parameters):
    """Mean and root of the covariance."""
    if hasattr(guide, "get_posterior"):
        normal = guide.get_posterior(parameters)
        return np.array(normal.loc), np.array(normal.scale_tril)
    mean, deviation = (
        np.concatenate([np.ravel(parameters[f"{site}_auto_{name}"]) for site in _SITES]) for name in ("loc", "scale")
    )
    return mean, np.diag(deviation)
