"""Automatic differentiation variational inference without a learning rate: stochastic ascent of an objective."""

import numpy as np

from skvi.gradient.ascent import Ascent
from skvi.gradient.climber import Climber, narrower
from skvi.gradient.loop import run
from skvi.gradient.normals import FullRank, LowRank
from skvi.gradient.objectives import ELBO
from skvi.gradient.outcome import Outcome

# Halvings of the scales until a draw is finite.
_NARROWINGS = 60
# Draws of a step where they find correlations too.
_MOST_DRAWS = 50


def advi(
    target,
    start,
    rng,
    *,
    objective=None,
    optimizer="adam",
    step_size="auto",
    n_draws=None,
    batch_size=None,
    max_iter=10_000,
    evaluate_every=50,
    tol=0.02,
    proximal=True,
    antithetic=True,
    observer=None,
):
    r"""Let an approximation climb an objective by noisy gradients (Kucukelbir et al. 2017).

    Steps are taken in the approximation's local coordinates, standard deviations and shares of scales, in which
    gradients of normal approximations are natural gradients up to a factor of two: one first step length serves all
    problems. It stays until split R-hat finds the iterates at rest and the Monte-Carlo standard error of their mean is
    below tol, and is then halved; the answer is the mean of the iterates, once the means at two lengths agree
    (after Welandawe, Andersen, Vehtari, Huggins 2024). It is never worth less than the start on common noise.

    Parameters
    ----------
    target : CountedTarget
    start : object
        The first approximation; the answer is of its kind.
    rng : numpy.random.RandomState
    objective : Objective, default=None
        None is `ELBO("stl")`.
    optimizer : {"adam", "rmsprop", "dowg"}, default="adam"
        "dowg" finds the length of its first walk by itself (Khaled, Mishchenko, Jin 2023).
    step_size : float or "auto", default="auto"
        First step length, in standard deviations. "auto" is 0.1 for normal approximations, whose steps double while
        gradients keep their sign, 0.005 for others, and 0.01 for the first guess of a distance by "dowg".
    n_draws : int, default=None
        Draws in a step. None is 10, for approximations that know correlations as many as parameters up to 50, and
        what the objective asks for where that is more.
    batch_size : int, default=None
        Rows in a step, drawn without replacement; None is all.
    max_iter : int, default=10_000
        Steps.
    evaluate_every : int, default=50
        Steps between two looks.
    tol : float, default=0.02
        Accuracy of the answer: Monte-Carlo standard error of each mean in standard deviations of the approximation,
        and of the logarithm of each standard deviation.
    proximal : bool, default=True
        Whether scales make a proximal step of the entropy (Domke 2020; Kim et al. 2023) where the objective is
        `ELBO("closed")`, they hold the whole entropy and the optimizer is not "dowg".
    antithetic : bool, default=True
        Whether draws come in pairs of opposite noise, where the objective allows for it.
    observer : object, default=None
        As of `gradient.loop.run`.

    Returns
    -------
    Outcome
        Its history has the figures of each look: "n_steps", "elbo" and "objective" (nats) of the walk's mean, on some
        rows only where there are mini-batches, but at the end on all; "step_size"; "rhat" and "mcse" of the best
        window, None while the walk is short.

    Raises
    ------
    ValueError
        Where the optimizer is none of these, or the objective cannot be had of the target.

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
    objective = ELBO("stl") if objective is None else objective
    parts = proximal and optimizer != "dowg" and _parts_entropy(objective, start)
    climber = Climber(optimizer, step_size, start, parts)
    footing = _footing(target, start, objective, rng)
    if footing is None:
        return Outcome(start, False, "the log density is not finite near the start: give parameters another start", 0)
    ascent = Ascent(
        target,
        footing,
        climber,
        rng,
        objective=objective,
        n_draws=_n_draws(objective, start) if n_draws is None else n_draws,
        batch_size=batch_size,
        antithetic=antithetic,
        tol=tol,
    )
    trace = run(ascent, max_iter=max_iter, evaluate_every=evaluate_every, tol=tol, observer=observer)
    return Outcome(
        ascent.answer.approximation, trace.converged, _reason(ascent, trace, max_iter), ascent.n_steps, ascent.history
    )


def _parts_entropy(objective, start):
    return isinstance(objective, ELBO) and objective.parts_entropy(start) and start.diagonal is not None


def _n_draws(objective, start):
    known = min(start.width, _MOST_DRAWS) if isinstance(start, (FullRank, LowRank)) else 1
    return objective.group * -(-max(objective.n_draws, known) // objective.group)


def _footing(target, start, objective, rng):
    """The start, narrowed until the log density is finite at a draw; None where it never is."""
    noise = rng.standard_normal((_n_draws(objective, start), start.n_noise))
    for _ in range(_NARROWINGS):
        if np.isfinite(target.log_density(start.draw(noise).z)).any():
            return start
        start = narrower(start)
    return None


def _reason(ascent, trace, max_iter):
    """Why the ascent ended, and what to try next."""
    if trace.converged:
        return f"means at two step lengths agree, with a standard error of {ascent.window.error:.2g} sd"
    if trace.stopped:
        return "it was stopped"
    if ascent.n_retreats > 0.5 * ascent.n_steps:
        return "the gradient is not finite at most draws: check it, or give parameters another start"
    if ascent.window is None or not ascent.window.at_rest:
        drift = "" if ascent.window is None else f" (R-hat {ascent.window.rhat:.2f})"
        return f"iterates still drift after max_iter={max_iter} steps{drift}: raise max_iter or start nearer"
    return (
        f"after max_iter={max_iter} steps the standard error is {ascent.window.error:.2g} sd: raise max_iter, n_draws "
        "or tol"
    )
