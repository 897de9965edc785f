"""What a fit by an approximation leaves on its estimator."""

import numpy as np
from scipy.special import logsumexp

from skvi.blackbox._base import ModelPrior
from skvi.blackbox._posterior import ApproximatePosterior, ResampledPosterior
from skvi.gradient.findings import TOLERANCE
from skvi.gradient.verdict import RELIABLE, elbo_of, in_words, judge

# As many times the draws of the posterior may be taken to settle a verdict.
_MOST_TIMES = 8
# Share of what is tolerated from which errors are mended without being asked.
_WORTH_MENDING = 0.5


def judged(estimator, target, outcome, rng, rivals=()):
    """The verdict on an outcome, in the parameters' own space too."""
    layout = target.target.layout
    labels = [f"{label}, as a free number," for label in layout.free_labels] + layout.labels

    def quantities(z):
        return layout.flatten(layout.constrain(z))

    return judge(
        target,
        outcome.approximation,
        rng,
        n_draws=estimator.n_posterior_draws,
        max_draws=_MOST_TIMES * estimator.n_posterior_draws,
        n_gradients=None if target.target.has_gradient else 0,
        quantities=quantities,
        labels=labels,
        rivals=rivals,
    )


def resamples(estimator, verdict):
    """Whether the posterior's draws are chosen by importance."""
    if estimator.importance_resample != "auto":
        return estimator.importance_resample
    return verdict.mendable and (not verdict.trusted or verdict.weighted_error > _WORTH_MENDING * TOLERANCE)


def fitted(estimator, target, outcome, verdict, rng, some_rows=False):
    """Fitted attributes; where the target has some rows only, their weights say nothing of the posterior."""
    layout = target.target.layout
    chosen = not some_rows and resamples(estimator, verdict)
    posterior, elbo, elbo_se = (_resampled if chosen else _plain)(estimator, target, outcome, verdict, rng)
    if some_rows:
        finding = f"by the rows of the last call alone; {outcome.reason}"
    else:
        finding = _in_words(verdict, outcome, chosen)
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
        "trusted_": bool(outcome.converged and (verdict.mendable if chosen else verdict.trusted)),
        "message_": in_words(elbo, elbo_se, verdict.khat, finding),
        "history_": {name: np.asarray(values, dtype=np.float64) for name, values in outcome.history.items()},
        "n_iter_": int(outcome.n_steps),
        "n_grad_evals_": target.counts.gradients,
        "n_nonfinite_": target.counts.nonfinite,
        "_layout": layout,
        "_family": (estimator.family, estimator.n_layers),
        "_weight_seen": 0.0 if weight is None else float(weight.sum()),
    }


def _in_words(verdict, outcome, chosen):
    """What a user should know."""
    complaint = None if chosen and verdict.mendable else verdict.complaint
    if not outcome.converged:
        return f"{complaint}. Not converged: {outcome.reason}" if complaint else f"not converged: {outcome.reason}"
    if complaint:
        return complaint
    words = f"draws are chosen by importance weights, and their {RELIABLE}" if chosen else RELIABLE
    share = verdict.n_nonfinite / len(verdict.log_ratios)
    return f"{words} where the density is finite, which it is not at {share:.1%} of the draws" if share else words


def _usable(verdict, n_draws=None):
    """Places of the draws, the first so many at most, where the density is finite."""
    usable = np.flatnonzero(np.isfinite(verdict.log_ratios[:n_draws]))
    if not len(usable):
        raise FloatingPointError("the log density is finite at no draw of the approximation")
    return usable


def _plain(estimator, target, outcome, verdict, rng):
    """The posterior of draws as they come, its bound, and the bound's standard error."""
    layout = target.target.layout
    n_draws = estimator.n_posterior_draws
    usable = _usable(verdict, n_draws)
    z = verdict.z[usable]
    # Draws at which the density is not finite leave the entropy of q confined to where it is.
    entropy = float(np.mean(layout.log_jacobian(z) - verdict.log_q[usable])) + np.log(len(z) / n_draws)
    return ApproximatePosterior(outcome.approximation, layout, entropy, z), *elbo_of(verdict.log_ratios[:n_draws])


def _resampled(estimator, target, outcome, verdict, rng):
    """The posterior of draws chosen by importance, the importance weighted bound, and that one's standard error."""
    layout, usable = target.target.layout, _usable(verdict)
    log_ratios, weights = verdict.log_ratios[usable], np.exp(verdict.log_weights[usable])
    elbo = float(logsumexp(log_ratios) - np.log(len(verdict.log_ratios)))
    elbo_se = float(np.exp(verdict.log_ratios - elbo).std() / np.sqrt(len(verdict.log_ratios)))
    chosen = _systematic(weights, estimator.n_posterior_draws, rng)
    z = verdict.z[usable]
    density = (log_ratios + verdict.log_q[usable])[chosen]
    z, density = _with_moments(target, z, weights, chosen, density)
    # The entropy with which mean log joint density plus entropy is the bound.
    entropy = elbo - float(np.mean(density - layout.log_jacobian(z)))
    return ResampledPosterior(outcome.approximation, layout, entropy, z), elbo, elbo_se


def _with_moments(target, z, weights, chosen, density):
    """Chosen draws, moved so that their means and deviations are those of all under their weights; and densities."""
    picked, shares = z[chosen], weights / weights.sum()
    mean = shares @ z
    sd = np.sqrt(shares @ (z - mean) ** 2)
    own = picked.std(axis=0)
    with np.errstate(all="ignore"):
        moved = mean + (picked - picked.mean(axis=0)) * np.where(own > 0.0, sd / own, 1.0)
    if np.allclose(moved, picked, rtol=1e-12, atol=1e-12):
        return picked, density
    found = target.log_density(moved)
    return (moved, found) if np.isfinite(found).all() else (picked, density)


def _systematic(weights, n_draws, rng):
    """Places of n_draws draws, each as often as its weight asks up to rounding (Kitagawa 1996)."""
    edges = np.cumsum(weights)
    return np.searchsorted(edges / edges[-1], (np.arange(n_draws) + rng.uniform()) / n_draws)
