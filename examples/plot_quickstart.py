"""
How many kinds of wine?
=======================

Italian wines of three cultivars, 13 chemical measurements each (``sklearn.datasets.load_wine``). A variational
Gaussian mixture is fitted without the labels, as the last step of a pipeline. The evidence lower bound (ELBO, in nats)
says how many components the data support, and which form of covariance predicts unseen wines best.
"""

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skvi import VariationalGaussianMixture

wine = load_wine(as_frame=True)
X, cultivar = wine.data, wine.target.map(dict(enumerate("ABC"))).rename("cultivar")
n_features = X.shape[1]

# One prior for every model below, or their bounds could not be compared. On standardised features it expects a
# precision of 1 / 0.4 within a cluster, and is worth 15 rows.
DOF = n_features + 2
SCALE = DOF * 0.4


def mixture(n_components, **params):
    """Return a pipeline that standardises, then fits a mixture."""
    prior = {"degrees_of_freedom_prior": DOF, "covariance_prior": SCALE * np.eye(n_features)}
    finite = {"weight_concentration_prior_type": "dirichlet_distribution", "weight_concentration_prior": 1.0}
    model = VariationalGaussianMixture(n_components, random_state=0, **{**prior, **finite, **params})
    return Pipeline([("scale", StandardScaler()), ("mixture", model)])


# %%
# Start with ten components and let a sparse prior empty those that the data do not need.
sparse = mixture(10, weight_concentration_prior=1e-3, init_params="random_from_data", n_init=30).fit(X)
expected = pd.DataFrame(sparse.predict_proba(X)).groupby(cultivar).sum().T
expected.index.name = "component"
expected["all"] = expected.sum(axis=1)
print(f"{sparse['mixture'].n_components_} of 10 components survive. Expected number of wines in each, by cultivar:\n")
print(expected[expected["all"] > 0.5].round(1).to_string(), "\n")

# %%
# Fit each number of components, from 20 starts. The rand index compares with the cultivars (1 is perfect).
fits = {k: mixture(k, n_init=20).fit(X) for k in range(1, 9)}
table = pd.DataFrame(
    {
        "ELBO": {k: fit["mixture"].elbo_ for k, fit in fits.items()},
        "adjusted rand index": {k: adjusted_rand_score(cultivar, fit.predict(X)) for k, fit in fits.items()},
    }
)
table.index.name = "components"
best_k = int(table["ELBO"].idxmax())
print(f"The ELBO peaks at {best_k} components:\n")
print(table.round({"ELBO": 1, "adjusted rand index": 2}).to_string(), "\n")

# %%
# `score` is the ELBO of held-out wines, so a grid search needs no `scoring`. All forms expect the same precision.
grid = [
    {"mixture__covariance_type": ["full", "tied"]},
    {"mixture__covariance_type": ["diag"], "mixture__covariance_prior": [np.full(n_features, SCALE)]},
    {"mixture__covariance_type": ["spherical"], "mixture__covariance_prior": [SCALE]},
]
search = GridSearchCV(mixture(best_k, n_init=5), grid, cv=KFold(5, shuffle=True, random_state=0)).fit(X)
scores = pd.DataFrame(search.cv_results_).set_index("param_mixture__covariance_type")["mean_test_score"]
print(f"Held-out ELBO per wine of {best_k} components, by covariance_type:\n")
print(scores.rename_axis(None).sort_values(ascending=False).round(2).to_string(), "\n")

# %%
# The posterior of a mean is a distribution. Its 90 % intervals, back in the units of the measurements:
best = fits[best_k]
scaler, model = best["scale"], best["mixture"]
intervals = model.posterior_.components.interval(0.9)
low, mean, high = (scaler.inverse_transform(v) for v in (intervals[..., 0], model.means_, intervals[..., 1]))
cells = np.vectorize("{:.4g} ({:.4g}, {:.4g})".format)(mean, low, high)
means = pd.DataFrame(cells, columns=X.columns).T.add_prefix("component ")
print(f"Means of the components, with 90 % credible intervals:\n\n{means.to_string()}")

# %%
# The bound over K with every start, the wines in two of the thirteen measurements, and the weights.
import matplotlib.pyplot as plt  # noqa: E402

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), width_ratios=[1, 1.3, 0.7], layout="constrained")
colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"]
for k, fit in fits.items():
    starts = fit["mixture"].restart_elbos_
    left.plot(np.full(len(starts), k), starts, "_", color="0.65", markersize=9, zorder=1)
left.plot(table["ELBO"], "o-", color="0.15")
left.plot(best_k, table["ELBO"].max(), "o", color="white", markeredgecolor="0.15", markersize=11, markeredgewidth=2)
left.set(title="Evidence lower bound", xlabel="number of components", ylabel="nats (grey: every start)")

names = ["magnesium", "flavanoids"]
two = [X.columns.get_loc(name) for name in names]
angles = np.linspace(0.0, 2.0 * np.pi, 100)
labels = best.predict(X)
for k in range(best_k):
    for marker, kind in zip("o^s", "ABC", strict=True):
        here = X.loc[(labels == k) & (cultivar == kind), names]
        middle.scatter(*here.values.T, s=24, marker=marker, color=colors[k], alpha=0.8, linewidths=0)
    factor = np.linalg.cholesky(model.covariances_[k][np.ix_(two, two)]) * scaler.scale_[two][:, None]
    ellipse = mean[k, two][:, None] + 2.0 * factor @ [np.cos(angles), np.sin(angles)]
    middle.fill(*ellipse, facecolor=(colors[k], 0.08), edgecolor=colors[k])
for marker, kind in zip("o^s", "ABC", strict=True):
    middle.scatter([], [], s=24, marker=marker, color="0.4", label=f"cultivar {kind}")
middle.legend(frameon=False)
middle.set(title="Wines by component, with two standard deviations", xlabel=names[0], ylabel=names[1])

right.bar(range(best_k), model.weights_, color=colors[:best_k], alpha=0.8)
right.vlines(range(best_k), *model.posterior_.weights.interval(0.9).T, color="0.15")
right.set(title="Weights, 90 % intervals", xlabel="component", xticks=range(best_k))
for axis in figure.axes:
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("quickstart.png", dpi=120)
print("\nSaved quickstart.png")
