"""
One posterior under five approximations
=======================================

Twenty animals got one of four doses of a substance (Racine et al. 1986): how does the risk of death rise with the dose?
Two numbers, an intercept and a slope, have a posterior that is bent and long-tailed. Each family of approximations
takes as much of it as it can, and the k-hat of its importance ratios says how much it misses.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import BaseEstimator

from skvi import SVGDSampler
from skvi.blackbox import BlackBoxVI, Parameter

dose = np.array([-0.86, -0.30, -0.05, 0.73])[:, None]  # log grams per millilitre
animals = np.full(4, 5.0)
deaths = np.array([0.0, 1.0, 3.0, 5.0])

# %%
# The model of a dose and how many of five animals died, with the priors of Gelman et al. (2013, section 3.7).


class Bioassay(BaseEstimator):
    """deaths ~ Binomial(5, expit(alpha + beta * dose)), alpha ~ Normal(0, 2^2), beta ~ Normal(10, 10^2)."""

    def parameters(self, X, y=None):
        return [Parameter("alpha", scale=2.0), Parameter("beta", start=10.0, scale=10.0)]

    def _log_odds(self, theta, X):
        return theta["alpha"][:, None] + theta["beta"][:, None] * X[:, 0]

    def log_prior(self, theta):
        return norm.logpdf(theta["alpha"], 0.0, 2.0) + norm.logpdf(theta["beta"], 10.0, 10.0)

    def grad_log_prior(self, theta):
        return {"alpha": -theta["alpha"] / 4.0, "beta": (10.0 - theta["beta"]) / 100.0}

    def log_likelihood(self, theta, X, y):
        odds = self._log_odds(theta, X)
        return y * odds - 5.0 * np.logaddexp(0.0, odds)

    def grad_log_likelihood(self, theta, X, y, row_weight):
        slope = row_weight * (y - 5.0 * expit(self._log_odds(theta, X)))
        return {"alpha": slope.sum(axis=1), "beta": slope @ X[:, 0]}


# %%
# The exact posterior on a grid.
alpha, beta = np.linspace(-4.0, 8.0, 241), np.linspace(-8.0, 45.0, 319)
places = {name: values.ravel() for name, values in zip(("alpha", "beta"), np.meshgrid(alpha, beta), strict=True)}
model = Bioassay()
log_joint = model.log_prior(places) + model.log_likelihood(places, dose, deaths).sum(axis=1)
peak = log_joint.max()
density = np.exp(log_joint - peak).reshape(len(beta), len(alpha))
cell = (alpha[1] - alpha[0]) * (beta[1] - beta[0])
log_evidence = peak + np.log(density.sum() * cell)

# %%
# Five fits. Draws are left as the families give them: by default they would be chosen by importance weights where these
# can be trusted, and all four would look alike.
families = {"mean-field": "meanfield", "full-rank": "fullrank", "planar flow": "planar", "RealNVP flow": "realnvp"}
fits = {
    name: BlackBoxVI(model, family=family, importance_resample=False, random_state=0)
    for name, family in families.items()
}
fits |= {
    "SVGD": SVGDSampler(model, n_particles=200, random_state=0),
}
table = {}
for name, fit in fits.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong with a fit stands in the table
        fit.fit(dose, deaths)
    table[name] = {
        "bound - log evidence": fit.elbo_ - log_evidence,
        "k-hat": getattr(fit, "khat_", np.nan),
        "gradients": fit.n_grad_evals_,
    }
    if name != "SVGD":
        print(f"{name}: {fit.message_}")
print("\n", pd.DataFrame(table).T.round(3).to_string())

# %%
# Draws of each over the exact posterior.
import matplotlib.pyplot as plt  # noqa: E402

figure, axes = plt.subplots(1, 5, figsize=(18, 4), sharex=True, sharey=True, layout="constrained")
levels = np.quantile(density[density > 1e-4], [0.0, 0.3, 0.6, 0.8, 0.9, 0.97, 1.0])
for axis, (name, fit) in zip(axes, fits.items(), strict=True):
    axis.contourf(alpha, beta, density, levels=levels, cmap="Greys", alpha=0.7)
    draws = fit.particles_ if name == "SVGD" else fit.sample(200, random_state=0)
    axis.plot(*draws.T, ".", color="#0072B2", markersize=4)
    figures = f"bound {table[name]['bound - log evidence']:+.3f}"
    if name != "SVGD":
        figures += f", k-hat {table[name]['k-hat']:.2f}"
    axis.set(title=f"{name}\n{figures}", xlabel="intercept", xlim=(-3, 6), ylim=(-5, 40))
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="slope")
figure.savefig("families.png", dpi=120)
print("\nSaved families.png")
