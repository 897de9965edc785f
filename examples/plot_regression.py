"""
What tells how diabetes goes on?
================================

Ten measurements of 442 patients, and how far their diabetes had gone on a year later
(``sklearn.datasets.load_diabetes``). A Bayesian linear regression gives each coefficient and each prediction an
interval. The evidence lower bound (ELBO, in nats) compares a prior that treats all measurements alike with one that may
switch each of them off, as long as the priors of the precisions are not vague.
"""

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skvi import BayesianLinearRegressionVI

NAMES = dict(s1="cholesterol", s2="ldl", s3="hdl", s4="cholesterol/hdl", s5="triglycerides", s6="glucose")
HYPER_PARAMETERS = ["alpha_1", "alpha_2", "lambda_1", "lambda_2"]
COLORS = {"ridge": "#0072B2", "ard": "#D55E00"}

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = X.rename(columns=NAMES | {"bp": "blood pressure"})
folds = KFold(10, shuffle=True, random_state=0)


def regression(prior="ridge", **settings):
    """Return a pipeline that standardises, keeping the names of columns, then fits a regression."""
    scaler = StandardScaler().set_output(transform="pandas")
    return Pipeline([("scale", scaler), ("model", BayesianLinearRegressionVI(prior=prior, **settings))])


# %%
# Are the intervals honest? Each patient is predicted once by a fit that has not seen him or her. An interval of 90 %
# should hold the outcome of nine patients in ten.
intervals = {level: np.empty((len(X), 2)) for level in (0.5, 0.8, 0.9, 0.95)}
predicted = pd.Series(0.0, X.index)
for train, test in folds.split(X):
    scaler, model = regression().fit(X.iloc[train], y.iloc[train]).named_steps.values()
    rows = scaler.transform(X.iloc[test])
    predicted.iloc[test] = model.predict(rows)
    for level, interval in intervals.items():
        interval[test] = model.predict_interval(rows, level)
inside = {level: (interval[:, 0] <= y) & (y <= interval[:, 1]) for level, interval in intervals.items()}
coverage = pd.DataFrame(
    {
        "patients inside": {f"{level:.0%}": f"{held.mean():.1%}" for level, held in inside.items()},
        "mean width": {f"{level:.0%}": f"{np.diff(interval).mean():.0f}" for level, interval in intervals.items()},
    }
)
print(f"Predictive intervals of held-out patients (outcomes go from {y.min():.0f} to {y.max():.0f}):\n")
print(coverage.rename_axis("interval").to_string(), "\n")

# %%
# The coefficients of all patients, per standard deviation of a measurement, with 90 % intervals.
fits = {prior: regression(prior).fit(X, y)["model"] for prior in COLORS}
summaries = {prior: model.summary(level=0.9) for prior, model in fits.items()}
print(f"Coefficients under one precision for all (ridge):\n\n{summaries['ridge'].round(2).to_string()}\n")

# %%
# One precision for all, or one for each? The ELBO answers from a single fit, a grid search by the score of held-out
# patients. Both are asked again under vague hyper-priors, down to scikit-learn's 1e-6 and beyond.
hyper_priors = {"default": [None], "1e-2": [1e-2], "1e-4": [1e-4], "1e-6": [1e-6], "1e-8": [1e-8]}
table = pd.DataFrame(index=pd.Index(hyper_priors, name="hyper-prior"))
for name, value in hyper_priors.items():
    grid = {"model__prior": list(COLORS)} | {f"model__{parameter}": value for parameter in HYPER_PARAMETERS}
    search = GridSearchCV(regression(), grid, cv=folds).fit(X, y)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        prior = params["model__prior"]
        table.loc[name, f"ELBO {prior}"] = regression().set_params(**params).fit(X, y)["model"].elbo_
        table.loc[name, f"score {prior}"] = score
ahead = pd.DataFrame({"ELBO": table["ELBO ridge"] - table["ELBO ard"]})
ahead["held-out score"] = len(X) * (table["score ridge"] - table["score ard"])
print(f"The bound of all {len(X)} patients, and the score of a held-out one (nats):\n")
print(table[[f"{what} {prior}" for what in ("ELBO", "score") for prior in COLORS]].round(3).to_string(), "\n")
print(f"How far ridge is ahead of ard by either, for {len(X)} patients (nats):\n\n{ahead.round(1).to_string()}\n")
print("Held-out patients see next to no difference. Yet with each step to vaguer hyper-priors ard pays for ten")
print("precisions and ridge for one: at 1e-6 the ELBO compares hyper-priors, not models.")

# %%
# Held-out patients with their intervals, coefficients under both priors, and what vague hyper-priors do.
import matplotlib.pyplot as plt  # noqa: E402

figure, axes = plt.subplots(1, 3, figsize=(14, 4.6), width_ratios=[1.1, 1.1, 0.8], layout="constrained")
left, middle, right = axes
order = np.argsort(predicted)
left.fill_between(range(len(X)), *intervals[0.9][order].T, color="0.9", label="90 % interval")
left.plot(predicted.iloc[order].to_numpy(), color="0.15", label="prediction")
for held, color, label in ((True, "#009E73", "inside"), (False, "#CC79A7", "outside")):
    where = np.flatnonzero(inside[0.9].iloc[order] == held)
    left.plot(where, y.iloc[order].iloc[where], ".", color=color, markersize=5, label=f"outcome {label}")
left.set(title=f"90 % intervals hold {100 * inside[0.9].mean():.0f} % of held-out patients")
left.set(xlabel="patients by rising prediction", ylabel="progression of diabetes", ylim=(None, 450))
left.legend(frameon=False, loc="upper left", ncols=2)

names = summaries["ridge"]["mean"].drop("intercept").abs().sort_values().index
for shift, (prior, summary) in zip((0.15, -0.15), summaries.items(), strict=True):
    rows, position = summary.loc[names], np.arange(len(names)) + shift
    middle.hlines(position, rows["lower"], rows["upper"], color=COLORS[prior], linewidth=2)
    middle.plot(rows["mean"], position, "o", color=COLORS[prior], markersize=5, label=prior)
middle.axvline(0.0, color="0.6", linewidth=1, zorder=0)
middle.set(title="ard shrinks the coefficients in doubt", xlabel="effect of one standard deviation, 90 % intervals")
middle.set_yticks(range(len(names)), names)
middle.legend(frameon=False, loc="lower right")

for (column, values), style in zip(ahead.items(), ("o-", "s--"), strict=True):
    right.plot(values, style, color="0.15", label=f"by {column}")
right.set(title="Vague hyper-priors decide alone", xlabel="shape and rate of the hyper-priors")
right.set(ylabel=f"ridge ahead of ard, {len(X)} patients (nats)")
right.legend(frameon=False, loc="upper left")
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("regression.png", dpi=120)
print("\nSaved regression.png")
