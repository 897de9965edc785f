"""
Eight schools, and a verdict on each answer
===========================================

Eight schools coached their pupils for a test; each effect was estimated with a standard error of its own (Rubin 1981).
How much do schools differ? The posterior is a funnel: where schools hardly differ, their effects have hardly any room.
A normal approximation fits it in one form of the model better than in the other, and has to say so by itself.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.stats import halfcauchy, norm
from sklearn.base import BaseEstimator

from skvi.blackbox import BlackBoxVI, Parameter

warnings.simplefilter("ignore")  # verdicts are printed
effects = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
errors = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])

# %%
# A row is a school: its standard error is the feature, its estimate the target. Effects are themselves the parameters
# z in the centred form of the model; in the other one z says how many standard deviations they are from the mean.


class EightSchools(BaseEstimator):
    """effect_j ~ Normal(mu, tau^2), mu ~ Normal(0, 5^2), tau ~ half-Cauchy(5)."""

    def __init__(self, centered=False):
        self.centered = centered

    def parameters(self, X, y=None):
        return [Parameter("mu", scale=5.0), Parameter("tau", constraint="positive", start=5.0), Parameter("z", len(X))]

    def effects(self, theta):
        """True effects of the schools, one row for each draw."""
        return theta["z"] if self.centered else theta["mu"][:, None] + theta["tau"][:, None] * theta["z"]

    def _place_and_width(self, theta):
        return (theta["mu"][:, None], theta["tau"][:, None]) if self.centered else (0.0, 1.0)

    def log_prior(self, theta):
        total = norm.logpdf(theta["mu"], scale=5.0) + halfcauchy.logpdf(theta["tau"], scale=5.0)
        return total + norm.logpdf(theta["z"], *self._place_and_width(theta)).sum(axis=1)

    def log_likelihood(self, theta, X, y):
        return norm.logpdf(y, self.effects(theta), X[:, 0])

    def grad_log_prior(self, theta):
        mu, tau = theta["mu"], theta["tau"]
        place, width = self._place_and_width(theta)
        left = (theta["z"] - place) / width
        slopes = {"mu": -mu / 25.0, "tau": -2.0 * tau / (25.0 + tau**2), "z": -left / width}
        if self.centered:
            slopes["mu"] = slopes["mu"] + left.sum(axis=1) / tau
            slopes["tau"] = slopes["tau"] + np.sum(left**2 - 1.0, axis=1) / tau
        return slopes

    def grad_log_likelihood(self, theta, X, y, row_weight):
        slope = row_weight * (y - self.effects(theta)) / X[:, 0] ** 2
        if self.centered:
            return {"mu": np.zeros(len(slope)), "tau": np.zeros(len(slope)), "z": slope}
        tau = np.sum(slope * theta["z"], axis=1)
        return {"mu": slope.sum(axis=1), "tau": tau, "z": slope * theta["tau"][:, None]}


# %%
# The exact answer: given mu and tau the effects are normal, and two numbers fit on a grid.
mu, log_tau = (side.ravel() for side in np.meshgrid(np.linspace(-25.0, 35.0, 301), np.linspace(-7.0, 6.0, 326)))
tau = np.exp(log_tau)[:, None]
weight = norm.logpdf(effects, mu[:, None], np.hypot(errors, tau)).sum(axis=1) + log_tau
weight = np.exp(weight + norm.logpdf(mu, scale=5.0) + halfcauchy.logpdf(tau[:, 0], scale=5.0))
weight /= weight.sum()
shrinkage = tau**2 / (tau**2 + errors**2)
center = mu[:, None] + shrinkage * (effects - mu[:, None])
exact_mean = weight @ center
exact_sd = np.sqrt(weight @ (shrinkage * errors**2 + center**2) - exact_mean**2)

# %%
# Four fits. Each comes with a sentence.
table, posteriors = {}, {}
for centered in (False, True):
    for family in ("fullrank", "realnvp"):
        name = f"{'' if centered else 'not '}centred, {family}"
        vi = BlackBoxVI(EightSchools(centered), family=family, random_state=0)
        vi.fit(errors[:, None], effects)
        print(f"{name}:\n  {vi.message_}\n")
        theta = vi.posterior_.draws
        drawn = vi.model_.effects(theta)
        mean, sd = drawn.mean(axis=0), drawn.std(axis=0)
        posteriors[name] = mean, sd, np.log(theta["tau"]), vi.trusted_
        off = np.max(np.abs(mean - exact_mean) / exact_sd), np.exp(np.abs(np.log(sd / exact_sd)).max())
        table[name] = {"ELBO": vi.elbo_, "k-hat": vi.khat_, "trusted": vi.trusted_, "gradients": vi.n_grad_evals_}
        table[name] |= {"means off by (sd)": off[0], "deviations off by (factor)": off[1]}
print(pd.DataFrame(table.values(), index=table).round(2).to_string())

# %%
# Effects as measured, as the exact posterior has them, and as each fit does.
import matplotlib.pyplot as plt  # noqa: E402

figure, axes = plt.subplots(1, 2, figsize=(13, 5), width_ratios=[2.2, 1], layout="constrained")
place = np.arange(8.0)
axes[0].errorbar(place - 0.36, effects, errors, fmt="o", color="0.75", label="as measured")
axes[0].errorbar(place - 0.24, exact_mean, exact_sd, fmt="s", color="0.2", label="exact posterior")
density = weight.reshape(326, 301).sum(axis=1) / (13.0 / 325)
axes[1].plot(np.linspace(-7.0, 6.0, 326), density, color="0.2", linewidth=3, alpha=0.4, label="exact posterior")
for i, (name, (mean, sd, values, trusted)) in enumerate(posteriors.items()):
    axes[0].errorbar(place + 0.15 * i - 0.1, mean, sd, fmt="o", color=f"C{i}", markersize=4, label=name)
    heights, edges = np.histogram(values, np.linspace(-5.0, 5.0, 31), density=True)
    axes[1].plot(0.5 * (edges[1:] + edges[:-1]), heights, "-" if trusted else ":", color=f"C{i}")
axes[0].set(xticks=place, xticklabels=list("ABCDEFGH"), ylabel="effect (points)", title="Mean and sd of each effect")
axes[1].set(xlabel="log of tau", yticks=[], ylim=(0, 1), title="How much schools differ (dotted: not trusted)")
for axis in axes:
    axis.legend(frameon=False, ncols=2)
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("eight_schools.png", dpi=120)
print("\nSaved eight_schools.png")
