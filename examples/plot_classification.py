"""
When a classifier says 95 %, is it right 95 times in 100?
=========================================================

Odd or even? Handwritten digits of 64 pixels (``sklearn.datasets.load_digits``), of which only a few are labelled. A
logistic regression with a full posterior averages its probabilities over all coefficients that the labels allow, and
learns how far to shrink them. scikit-learn's takes one best vector of coefficients, and a penalty that somebody has to
choose.
"""

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvi import BayesianLogisticRegressionVI

X, digit = load_digits(return_X_y=True)
odd = digit % 2
SIZES, N_SPLITS = (50, 100, 200, 400), 4
MODELS = {
    "posterior (skvi)": BayesianLogisticRegressionVI(),
    "LogisticRegression()": LogisticRegression(),
    "LogisticRegressionCV()": LogisticRegressionCV(
        cv=5, scoring="neg_log_loss", l1_ratios=(0.0,), use_legacy_attributes=False, max_iter=1000
    ),
    "no penalty": LogisticRegression(C=np.inf, max_iter=1000),
}
COLORS = dict(zip(MODELS, ("#0072B2", "#D55E00", "#E69F00", "0.55"), strict=True))


def held_out(size):
    """Return the classes of held-out digits, and each model's probabilities, over random splits."""
    splits = StratifiedShuffleSplit(N_SPLITS, train_size=size, test_size=1000, random_state=0)
    truth, told = [], {name: [] for name in MODELS}
    for train, test in splits.split(X, odd):
        truth.append(odd[test])
        for name, model in MODELS.items():
            fitted = make_pipeline(StandardScaler(), model).fit(X[train], odd[train])
            told[name].append(fitted.predict_proba(X[test])[:, 1])
    return np.concatenate(truth), {name: np.concatenate(parts) for name, parts in told.items()}


# %%
# Log loss charges a model for what it said of the class that came true; it is least for honest probabilities.
results = {size: held_out(size) for size in SIZES}
table = pd.DataFrame(
    {(f"{size} labels", name): log_loss(truth, told[name]) for size, (truth, told) in results.items() for name in told},
    index=["log loss"],
)
losses = table.T["log loss"].unstack(0)[[f"{size} labels" for size in SIZES]].loc[list(MODELS)]
print(f"Log loss of held-out digits (nats), mean of {N_SPLITS} splits:\n\n{losses.round(3).to_string()}\n")

size = 100
truth, told = results[size]


def sure(probability):
    """Return the probability of the class that is thought the likelier."""
    return np.maximum(probability, 1.0 - probability)


rows = {
    name: {
        "accuracy": accuracy_score(truth, p > 0.5),
        "said": sure(p).mean(),
        "Brier score": brier_score_loss(truth, p),
        "99 % sure": f"{(sure(p) > 0.99).mean():.0%}",
        "of these wrong": f"{((p > 0.5) != truth)[sure(p) > 0.99].mean():.1%}",
    }
    for name, p in told.items()
}
print(f"With {size} labels, how often each model is right, and how often it said it would be:\n")
print(pd.DataFrame(rows).T.to_string(float_format="{:.3f}".format), "\n")

# %%
# One fit from near by: its bound, and the coefficients that are most surely not zero.
model = BayesianLogisticRegressionVI().fit(StandardScaler().fit_transform(X), odd)
summary = model.summary()
print(f"All {len(X)} digits: a bound of {model.elbo_:.0f} nats after {model.n_iter_} sweeps; coefficients most surely")
print("not zero:\n")
print(summary.loc[summary["probability_of_sign"].sort_values().index[-5:]].round(2).to_string())

# %%
# Reliability: of the digits that a model calls odd with a probability of 80 %, are 80 % odd?
import matplotlib.pyplot as plt  # noqa: E402

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.6), layout="constrained")
left.plot([0, 1], [0, 1], color="0.8", linewidth=6, zorder=0)
for name, p in told.items():
    share, said = calibration_curve(truth, p, n_bins=10)
    left.plot(said, share, "o-", color=COLORS[name], markersize=5, label=name)
left.set(title=f"{size} labels: the posterior errs on the side of doubt")
left.set(xlabel="probability of being odd", ylabel="share that is odd")
left.legend(frameon=False)
for name in list(MODELS)[:3]:
    middle.plot(SIZES, losses.loc[name], "o-", color=COLORS[name], label=name)
lowest = losses.loc["no penalty"].min()
middle.text(0.98, 0.95, f"no penalty: {lowest:.1f} and more", ha="right", color="0.4", transform=middle.transAxes)
middle.set(
    title="Its log loss is the least", xlabel="labels", ylabel="log loss of held-out digits (nats)", xscale="log"
)
middle.set_xticks(SIZES, SIZES)
middle.minorticks_off()
pixels = summary["mean"].drop("intercept").to_numpy().reshape(8, 8)
image = right.imshow(pixels, cmap="PuOr_r", vmin=-abs(pixels).max(), vmax=abs(pixels).max())
certain = summary["probability_of_sign"].drop("intercept").to_numpy().reshape(8, 8) > 0.95
right.plot(*np.nonzero(certain.T), "k.", markersize=4)
right.set(title="Ink that speaks for odd; dots: sign 95 % sure", xticks=[], yticks=[])
figure.colorbar(image, ax=right, shrink=0.8, label="coefficient")
for axis in (left, middle):
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("classification.png", dpi=120)
print("\nSaved classification.png")
