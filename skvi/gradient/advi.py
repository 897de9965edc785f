"""Automatic differentiation variational inference without a learning rate: stochastic ascent of an objective."""

from dataclasses import dataclass, field

import numpy as np

from skvi.gradient.climber import Climber, narrower
from skvi.gradient.cooling import Cooling
from skvi.gradient.loop import run
from skvi.gradient.normals import MeanField
from skvi.gradient.objectives import ELBO
from skvi.gradient.outcome import Outcome
from skvi.gradient.settling import Settling

# Halvings of the scales until a draw is finite.
_NARROWINGS = 60
# Draws of a step where they find correlations too, and where they find more than moments.
_MOST_DRAWS, _FLOW_DRAWS = 50, 32
# Steps of approximations that know their moments, and of others.
_MOST_STEPS, _FLOW_STEPS = 10_000, 3000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an ascent may be told.

    Parameters
    ----------
    objective : Objective, default=None
        None is `ELBO("stl")`.
    optimizer : {"adam", "rmsprop", "dowg"}, default="adam"
        "dowg" finds the length of its first walk by itself (Khaled, Mishchenko, Jin 2023).
    step_size : float or "auto", default="auto"
        First step length, in standard deviations. "auto" is 0.1 for normal approximations, whose steps double while
        gradients keep their sign, 0.02 for others, and 0.01 for the first guess of a distance by "dowg".
    n_draws : int, default=None
        Draws in a step. None is 10, for normal approximations that know correlations as many as parameters up to 50,
        for flows 32, and what the objective asks for where that is more.
    batch_size : int, default=None
        Rows in a step, drawn without replacement; None is all.
    anchored : bool, default=True
        Whether gradients of mini-batches are corrected by their error at an anchor, where the objective is the
        `ELBO`. It takes a pass over all rows now and then, as long as the steps between two such at most.
    max_iter : int, default=None
        Steps. None is 10 000, for flows 3000.
    evaluate_every : int, default=50
        Steps between two looks.
    tol : float, default=0.03
        Accuracy of the answer: Monte-Carlo standard error of each mean in standard deviations of the approximation,
        and of the logarithm of each standard deviation. For flows, the gain in nats that more steps are not worth.
    proximal : bool, default=True
        Whether scales make a proximal step of the entropy (Domke 2020; Kim et al. 2023) where the objective is
        `ELBO("closed")`, they hold the whole entropy and the optimizer is not "dowg".
    antithetic : bool, default=True
        Whether draws come in pairs of opposite noise, where the objective allows for it.
    """

    objective: object = field(default_factory=lambda: ELBO("stl"))
    optimizer: str = "adam"
    step_size: float | str = "auto"
    n_draws: int | None = None
    batch_size: int | None = None
    anchored: bool = True
    max_iter: int | None = None
    evaluate_every: int = 50
    tol: float = 0.03
    proximal: bool = True
    antithetic: bool = True

    def draws_of_step(self, start):
        """Draws in a step of an approximation of this kind."""
        if self.n_draws is not None:
            return self.n_draws
        known = _FLOW_DRAWS
        if hasattr(start, "variances"):
            known = 1 if isinstance(start, MeanField) else min(start.width, _MOST_DRAWS)
        return self.objective.group * -(-max(self.objective.n_draws, known) // self.objective.group)

    def steps_of(self, start):
        """Steps that an approximation of this kind may take."""
        if self.max_iter is not None:
            return self.max_iter
        return _MOST_STEPS if hasattr(start, "variances") else _FLOW_STEPS

    def climber(self, start):
        """The rule of steps."""
        proximal = self.proximal and self.optimizer != "dowg" and start.diagonal is not None
        proximal = proximal and isinstance(self.objective, ELBO) and self.objective.parts_entropy(start)
        return Climber(self.optimizer, self.step_size, start, proximal)


def advi(target, start, rng, *, observer=None, **settings):
    """Let an approximation climb an objective by noisy gradients (Kucukelbir et al. 2017), without a learning rate.

    Steps are taken in the approximation's local coordinates, standard deviations and shares of scales, in which
    gradients of normal approximations are natural gradients up to a factor of two: one first step length serves all
    problems. It stays until split R-hat finds the iterates at rest and the Monte-Carlo standard error of their mean is
    below tol, and is then halved; the answer is the mean of the iterates, once the means at two lengths agree
    (after Welandawe, Andersen, Vehtari, Huggins 2024). Steps of flows, whose numbers never come to rest, shorten to
    nothing once they gain no more. The answer is never worth less than the start on common noise.

    Parameters
    ----------
    target : CountedTarget
    start : object
        The first approximation; the answer is of its kind.
    rng : numpy.random.RandomState
    observer : object, default=None
        As of `gradient.loop.run`.
    **settings
        Of `Settings`.

    Returns
    -------
    Outcome
        Its history has the figures of each look: "n_steps", "elbo" and "objective" (nats) of the walk's mean, on some
        rows only where there are mini-batches, but at the end on all; "step_size"; and but for flows "rhat" and
        "mcse" of the best window, None while the walk is short.

    Raises
    ------
    ValueError
        Where the optimizer is unknown, or the objective cannot be had of the target.

    Examples
    --------
    >>> import numpy as np
    >>> from skvi.blackbox import from_density
    >>> from skvi.gradient.advi import advi
    >>> from skvi.gradient.counting import CountedTarget
    >>> from skvi.gradient.normals import MeanField
    >>> from skvi.gradient.parameters import Layout
    >>> from skvi.gradient.targets import Target
    >>> model = from_density(lambda z: -0.5 * z[:, 0] ** 2 / 9.0, lambda z: -z / 9.0, n_parameters=1)
    >>> target = CountedTarget(Target(model, Layout(model.parameters())))
    >>> outcome = advi(target, MeanField([5.0], [1.0]), np.random.RandomState(0))
    >>> outcome.converged, round(float(outcome.approximation.scale[0]), 1)
    (True, 3.0)
    """
    return _ascend(target, start, rng, observer, Settings(**settings))


def _ascend(target, start, rng, observer, settings):
    climber = settings.climber(start)
    footing = _footing(target, start, rng.standard_normal((settings.draws_of_step(start), start.n_noise)))
    if footing is None:
        return Outcome(start, False, "the log density is not finite near the start: give parameters another start", 0)
    kind = Settling if hasattr(start, "variances") else Cooling
    ascent = kind(target, footing, climber, rng, settings)
    trace = run(
        ascent,
        max_iter=settings.steps_of(start),
        evaluate_every=settings.evaluate_every,
        tol=settings.tol,
        observer=observer,
    )
    return Outcome(ascent.answer.approximation, trace.converged, _reason(ascent, trace), ascent.n_steps, ascent.history)


def _footing(target, start, noise):
    """The start, narrowed until the log density is finite at a draw; None where it never is."""
    for _ in range(_NARROWINGS):
        if np.isfinite(target.log_density(start.draw(noise).z)).any():
            return start
        start = narrower(start)
    return None


def _reason(ascent, trace):
    """Why the ascent ended, and what to try next."""
    if trace.stopped and not trace.converged:
        return "it was stopped"
    if not trace.converged and ascent.n_retreats > 0.5 * ascent.n_steps:
        return "the gradient is not finite at most draws: check it, or give parameters another start"
    return ascent.reason(trace)
