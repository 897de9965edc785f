"""What a contestant is, what it finds, and skvi's own."""

from dataclasses import dataclass

import numpy as np

from skvi.blackbox import SVGDSampler
from skvi.gradient.pareto import smooth
from skvi.gradient.targets import Target

try:
    from skvi.blackbox import BlackBoxVI
except ImportError:
    BlackBoxVI = None

OURS = "skvi"
#: draws by which an approximation is compared with the reference: errors of their means are under 0.01 sd
_DRAWS = 20_000
_RATIO_DRAWS = 4000


@dataclass(frozen=True)
class Found:
    """What a fit came to.

    Parameters
    ----------
    theta : dict
        Draws of the model's parameters from the approximation.
    n_gradients : int
        Gradients of the log density at one point.
    elbo, elbo_se, khat : float or None
        In nats; the shape of the tail of importance ratios.
    trusted : bool or None
        Whether the contestant says to trust it; None where it says nothing.
    message : str
    """

    theta: dict
    n_gradients: int
    elbo: float | None = None
    elbo_se: float | None = None
    khat: float | None = None
    trusted: bool | None = None
    message: str = ""


class Ours:
    """An estimator of skvi.

    Parameters
    ----------
    name : str
    make : callable
        Gives an estimator for a model and a seed.
    """

    setting = ""

    def __init__(self, name, make):
        self.name = f"{OURS} {name}"
        self._make = make

    def suits(self, posterior):
        """Whether there is a form of the posterior for this contestant."""
        return True

    def prepare(self, posterior):
        """A function of a seed that fits, and returns a function that looks at what came of it."""

        def fit(seed):
            estimator = self._make(posterior.model, seed)
            rows = (posterior.X,) if posterior.y is None else (posterior.X, posterior.y)
            estimator.fit(*rows)
            return lambda: self._found(estimator)

        return fit

    @staticmethod
    def _found(estimator):
        return Found(
            theta=estimator.posterior_.sample(_DRAWS, random_state=0),
            n_gradients=estimator.n_grad_evals_,
            elbo=estimator.elbo_,
            elbo_se=estimator.elbo_se_,
            khat=getattr(estimator, "khat_", None),
            trusted=getattr(estimator, "trusted_", estimator.converged_),
            message=getattr(estimator, "message_", ""),
        )


def _sampler(model, seed):
    return SVGDSampler(model, random_state=seed)


def _black_box(method):
    return lambda model, seed: BlackBoxVI(model, method=method, random_state=seed)


METHODS = ("auto", "pathfinder", "bam", "dadvi", "advi", "natural")


def ours():
    """Contestants of skvi, each as a list of its settings: there is but one."""
    methods = METHODS if BlackBoxVI is not None else ()
    return [*([Ours(method, _black_box(method))] for method in methods), [Ours("svgd", _sampler)]]


class Moments:
    """No contestant: the normal distribution with the moments of the reference's own draws, in the free numbers.

    It shows what a normal approximation can come to, and so which posteriors are nearly normal.
    """

    name = "moments of the draws"
    setting = ""

    def suits(self, posterior):
        """Whether there is a form of the posterior for this contestant."""
        return True

    def prepare(self, posterior):
        """A function of a seed that fits, and returns a function that looks at what came of it."""

        def fit(seed):
            z = posterior.layout.free(posterior.parameters(posterior.draws))
            factor = np.linalg.cholesky(np.atleast_2d(np.cov(z.T)))
            return lambda: normal_found(posterior, z.mean(axis=0), factor, 0)

        return fit


def normal_found(posterior, mean, factor, n_gradients):
    """What a peer's normal approximation of the free numbers comes to: factor is lower triangular, (P, P)."""
    layout, mean, factor = posterior.layout, np.asarray(mean), np.asarray(factor)
    noise = np.random.default_rng(0).standard_normal((_DRAWS, len(mean)))
    z = mean + noise @ factor.T
    log_q = -0.5 * np.sum(noise**2 + np.log(2.0 * np.pi), axis=1) - np.sum(np.log(np.abs(np.diag(factor))))
    return Found(layout.constrain(z), n_gradients, **_judged(posterior, z[:_RATIO_DRAWS], log_q[:_RATIO_DRAWS]))


def _judged(posterior, z, log_q):
    weights = None if posterior.X is None else np.ones(len(posterior.X))
    ratios = Target(posterior.model, posterior.layout, posterior.X, posterior.y, weights).log_density(z) - log_q
    if not np.isfinite(ratios).all():
        return {"elbo": -np.inf, "elbo_se": np.nan, "khat": np.inf}
    return {"elbo": ratios.mean(), "elbo_se": ratios.std() / np.sqrt(len(ratios)), "khat": smooth(ratios)[1]}
