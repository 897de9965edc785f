"""What a fit by an approximation leaves on its estimator."""

import numpy as np

from skvi.blackbox._base import ModelPrior
from skvi.blackbox._posterior import ApproximatePosterior, ResampledPosterior
from skvi.gradient.measures import TOLERANCE
from skvi.gradient.resampling import resample
from skvi.gradient.verdict import RELIABLE, elbo_of, in_words, judge

# As many times the draws of the posterior may be taken to settle a verdict.
_MOST_TIMES = 8
# Share of what is tolerated from which errors are mended without being asked.
_WORTH_MENDING = 0.5


def judged(estimator, target, outcome, rng, rivals=()):
    """The verdict on an outcome, in the parameters' own space too."""
    layout = target.target.layout
    labels = [f"{label}, as a free number," for label in layout.free_labels] + layout.labels
    return judge(
        target,
        outcome.approximation,
        rng,
        n_draws=estimator.n_posterior_draws,
        max_draws=_MOST_TIMES * estimator.n_posterior_draws,
        n_gradients=None if target.target.has_gradient else 0,
        quantities=_numbers_of(layout),
        labels=labels,
        rivals=rivals,
    )


def _numbers_of(layout):
    """A function of draws of free numbers that gives all numbers of the parameters."""
    return lambda z: layout.flatten(layout.constrain(z))


def resamples(estimator, verdict):
    """Whether the posterior's draws are chosen by importance."""
    if estimator.importance_resample != "auto":
        return estimator.importance_resample
    return verdict.mendable and (not verdict.trusted or verdict.weighted_error > _WORTH_MENDING * TOLERANCE)


def fitted(estimator, target, outcome, verdict, rng, some_rows=False):
    """Fitted attributes; where the target has some rows only, their weights say nothing of the posterior."""
    layout = target.target.layout
    chosen = not some_rows and resamples(estimator, verdict)
    n_draws = estimator.n_posterior_draws
    if not np.isfinite(verdict.own.log_ratios[:n_draws]).any():
        raise FloatingPointError("the log density is finite at no draw of the approximation")
    posterior, elbo, elbo_se, error = (_resampled if chosen else _plain)(n_draws, target, outcome, verdict, rng)
    trusted = outcome.converged and (verdict.mendable and error <= TOLERANCE if chosen else verdict.trusted)
    if some_rows:
        finding = f"by the rows of the last call alone; {outcome.reason}"
    else:
        finding = _in_words(verdict, outcome, chosen, error)
    weight = target.target.row_weight
    return {
        "model_": target.target.model,
        "prior_": ModelPrior(target.target.model),
        "posterior_": posterior,
        "approximation_": outcome.approximation,
        "parameter_names_": layout.labels,
        "elbo_": elbo,
        "elbo_se_": elbo_se,
        "elbo_history_": [*map(float, outcome.history.get("elbo", [])), elbo],
        "khat_": verdict.khat,
        "fisher_divergence_": verdict.fisher_divergence,
        "converged_": bool(outcome.converged),
        "trusted_": bool(trusted),
        "message_": in_words(elbo, elbo_se, verdict.khat, finding),
        "history_": {name: np.asarray(values, dtype=np.float64) for name, values in outcome.history.items()},
        "n_iter_": int(outcome.n_steps),
        "n_grad_evals_": target.counts.gradients,
        "n_nonfinite_": target.counts.nonfinite,
        "_layout": layout,
        "_family": (estimator.family, estimator.n_layers),
        "_weight_seen": 0.0 if weight is None else float(weight.sum()),
    }


def _in_words(verdict, outcome, chosen, error):
    """What a user should know."""
    complaint = None if chosen and verdict.mendable else verdict.complaint
    if complaint is None and error > TOLERANCE:
        complaint = f"the draws are too few for their tails, by {error:.2f} deviations; raise n_posterior_draws"
    if not outcome.converged:
        return f"{complaint}. Not converged: {outcome.reason}" if complaint else f"not converged: {outcome.reason}"
    if complaint:
        return complaint
    words = f"draws are chosen by importance weights, and their {RELIABLE}" if chosen else RELIABLE
    share = verdict.n_nonfinite / len(verdict.own.z)
    return f"{words} where the density is finite, which it is not at {share:.1%} of the draws" if share else words


def _plain(n_draws, target, outcome, verdict, rng):
    """The posterior of draws as they come, its bound and the bound's standard error, and no error of a choice."""
    layout = target.target.layout
    ratios = verdict.own.log_ratios[:n_draws]
    usable = np.flatnonzero(np.isfinite(ratios))
    z = verdict.own.z[usable]
    # Draws at which the density is not finite leave the entropy of q confined to where it is.
    entropy = float(np.mean(layout.log_jacobian(z) - verdict.own.log_q[usable])) + np.log(len(z) / n_draws)
    return ApproximatePosterior(outcome.approximation, layout, entropy, z), *elbo_of(ratios), 0.0


def _resampled(n_draws, target, outcome, verdict, rng):
    """The posterior of draws chosen by importance, the importance weighted bound, its standard error, the choice's."""
    layout = target.target.layout
    found = resample(target, verdict, n_draws, rng, _numbers_of(layout))
    # The entropy with which mean log joint density plus entropy is the bound.
    entropy = found.bound - float(np.mean(found.log_density - layout.log_jacobian(found.z)))
    return ResampledPosterior(outcome.approximation, layout, entropy, found.z), found.bound, found.bound_se, found.error
