"""
Eight schools, and a verdict on each answer
===========================================

Eight schools coached their pupils for a test; each effect was estimated with a standard error of its own (Rubin 1981).
How much do schools differ? The hierarchical model is a classic because its posterior is a funnel: where the schools
hardly differ, their effects have hardly any room. A normal approximation fits it in one form of the model and not in
the other, and the fit has to say so by itself. Here the exact posterior is known too, by a grid over two numbers.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.stats import halfcauchy, norm
from sklearn.base import BaseEstimator

from skvi.blackbox import BlackBoxVI, Parameter

effects = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
errors = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
schools = list("ABCDEFGH")

# %%
# The model twice. A row is a school: its standard error is the feature, its estimate the target. The centred form has
# the effects themselves as parameters, the other one how many standard deviations they are from the mean.


class EightSchools(BaseEstimator):
    """effect_j ~ Normal(mu, tau^2), mu ~ Normal(0, 5^2), tau ~ half-Cauchy(5)."""

    def __init__(self, centered=False):
        self.centered = centered

    def parameters(self, X, y=None):
        return [Parameter("mu", scale=5.0), Parameter("tau", constraint="positive", start=5.0), Parameter("z", len(X))]

    def effects(self, theta):
        """True effects of the schools, one row for each draw."""
        if self.centered:
            return theta["z"]
        return theta["mu"][:, None] + theta["tau"][:, None] * theta["z"]

    def log_prior(self, theta):
        mu, tau, z = theta["mu"], theta["tau"], theta["z"]
        total = norm.logpdf(mu, scale=5.0) + halfcauchy.logpdf(tau, scale=5.0)
        if self.centered:
            return total + norm.logpdf(z, mu[:, None], tau[:, None]).sum(axis=1)
        return total + norm.logpdf(z).sum(axis=1)

    def log_likelihood(self, theta, X, y):
        return norm.logpdf(y, self.effects(theta), X[:, 0])

    def grad_log_prior(self, theta):
        mu, tau, z = theta["mu"], theta["tau"], theta["z"]
        slopes = {"mu": -mu / 25.0, "tau": -2.0 * tau / (25.0 + tau**2), "z": -z}
        if self.centered:
            left = (z - mu[:, None]) / tau[:, None]
            slopes["mu"] = slopes["mu"] + left.sum(axis=1) / tau
            slopes["tau"] = slopes["tau"] + np.sum(left**2 - 1.0, axis=1) / tau
            slopes["z"] = -left / tau[:, None]
        return slopes

    def grad_log_likelihood(self, theta, X, y, row_weight):
        slope = row_weight * (y - self.effects(theta)) / X[:, 0] ** 2
        if self.centered:
            return {"mu": np.zeros(len(slope)), "tau": np.zeros(len(slope)), "z": slope}
        return {
            "mu": slope.sum(axis=1),
            "tau": np.sum(slope * theta["z"], axis=1),
            "z": slope * theta["tau"][:, None],
        }


# %%
# The exact answer: given mu and tau the effects are normal, and two numbers fit on a grid.


def exact_effects():
    """Posterior mean and standard deviation of each school's effect."""
    mu, tau = np.meshgrid(np.linspace(-25.0, 35.0, 601), np.exp(np.linspace(-7.0, 6.0, 651)))
    mu, tau = mu.ravel()[:, None], tau.ravel()[:, None]
    log_weight = norm.logpdf(effects, mu, np.hypot(errors, tau)).sum(axis=1)
    log_weight += norm.logpdf(mu, scale=5.0)[:, 0] + halfcauchy.logpdf(tau, scale=5.0)[:, 0] + np.log(tau[:, 0])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    shrinkage = tau**2 / (tau**2 + errors**2)
    mean = mu + shrinkage * (effects - mu)
    center = weight @ mean
    return center, np.sqrt(weight @ (shrinkage * errors**2 + mean**2) - center**2)


exact_mean, exact_sd = exact_effects()

# %%
# Four fits. Each comes with a sentence.
X = errors[:, None]
fits = {
    "not centred": BlackBoxVI(EightSchools(), random_state=0),
    "not centred, RealNVP": BlackBoxVI(EightSchools(), family="realnvp", random_state=0),
    "centred": BlackBoxVI(EightSchools(centered=True), random_state=0),
    "centred, RealNVP": BlackBoxVI(EightSchools(centered=True), family="realnvp", random_state=0),
}
table, posterior = {}, {}
for name, vi in fits.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the verdicts are printed below
        vi.fit(X, effects)
    draws = vi.model_.effects(vi.posterior_.sample(20000, random_state=0))
    posterior[name] = draws.mean(axis=0), draws.std(axis=0)
    table[name] = {
        "ELBO": vi.elbo_,
        "+-": vi.elbo_se_,
        "k-hat": vi.khat_,
        "gradients": vi.n_grad_evals_,
        "worst mean (exact sds)": np.max(np.abs(posterior[name][0] - exact_mean) / exact_sd),
        "worst sd ratio": np.exp(np.max(np.abs(np.log(posterior[name][1] / exact_sd)))),
    }
    print(f"{name}:\n  {vi.message_}\n")
print(pd.DataFrame(table).T.round(2).to_string(), "\n")
print(fits["not centred"].summary().round(2).to_string())

# %%
# Effects as measured, as the exact posterior has them, and as each fit does.
import matplotlib.pyplot as plt  # noqa: E402

figure, axes = plt.subplots(1, 2, figsize=(13, 5), width_ratios=[2.2, 1], layout="constrained")
colors = ["#0072B2", "#D55E00", "#CC79A7", "#009E73"]
place = np.arange(8.0)
axis = axes[0]
axis.errorbar(place - 0.36, effects, errors, fmt="o", color="0.75", label="as measured")
axis.errorbar(place - 0.24, exact_mean, exact_sd, fmt="s", color="0.2", label="exact posterior")
for shift, color, (name, (mean, sd)) in zip((-0.1, 0.05, 0.2, 0.35), colors, posterior.items(), strict=True):
    axis.errorbar(place + shift, mean, sd, fmt="o", color=color, markersize=4, label=name)
axis.set(xticks=place, xticklabels=schools, ylabel="effect (points)", title="Mean and sd of each effect")
axis.legend(frameon=False, ncols=2)

axis = axes[1]
bins = np.linspace(-4.0, 4.0, 60)
for color, (name, vi) in zip(colors, fits.items(), strict=True):
    log_tau = np.log(vi.posterior_.sample(20000, random_state=0)["tau"])
    style = "-" if vi.trusted_ else ":"
    heights, edges = np.histogram(log_tau, bins, density=True)
    axis.plot(0.5 * (edges[1:] + edges[:-1]), heights, style, color=color, label=f"k-hat {vi.khat_:.2f}, {name}")
axis.set(xlabel="log of tau", yticks=[], title="How much schools differ (dotted: not trusted)")
axis.legend(frameon=False, fontsize=8)
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("eight_schools.png", dpi=120)
print("\nSaved eight_schools.png")
