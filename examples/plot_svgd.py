"""
Particles that find a posterior
===============================

Stein variational gradient descent moves a cloud of particles until it stands for a density that is known up to its
constant. First a density in two dimensions, where the particles can be watched. Then the weights of a neural network
that predicts how diabetes goes on from the body mass index and the blood pressure of 442 patients
(``sklearn.datasets.load_diabetes``): its particles are networks, and where they disagree the prediction is uncertain.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvi import SVGDSampler
from skvi.blackbox import NeuralNetworkRegressionModel, from_density

# %%
# A bent density with two ends, and its gradient: functions of many points at a time.


def log_density(points):
    """Log density of a ring of radius two that is open at the bottom."""
    radius = np.hypot(*points.T)
    return -2.0 * (radius - 2.0) ** 2 + 1.5 * points[:, 1] / radius


def gradient(points):
    """Its gradient."""
    radius = np.hypot(*points.T)[:, None]
    along = points / radius
    across = np.array([0.0, 1.0]) - along * along[:, 1:]
    return -4.0 * (radius - 2.0) * along + 1.5 * across / radius


ring = from_density(log_density, gradient, start=[0.0, -3.0])
start = np.random.default_rng(0).normal([0.0, -3.0], 0.2, size=(150, 2))
clouds, rows = {0: start}, {}
for n_steps in (15, 2000):
    sampler = SVGDSampler(ring, n_particles=150, init=start, max_iter=n_steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fifteen steps are meant to be too few
        sampler.fit(None)
    clouds[sampler.n_iter_] = sampler.particles_
    rows[f"{sampler.n_iter_} steps"] = {
        "kernel Stein discrepancy": sampler.kernel_stein_discrepancy_,
        "spread (1 is right)": sampler.spread_,
        "ELBO estimate": sampler.elbo_,
    }
print(f"Particles on the ring:\n\n{pd.DataFrame(rows).T.round(3).to_string()}\n")

# %%
# A hundred networks as particles, in a pipeline. A network has more weights than SVGD keeps particles apart in: it says
# so, in a warning and in `spread_`. Predictive means and intervals, whose width is mostly noise here, are what it is
# good for. The precision of the weights is given: the density of a learned one is highest where all weights vanish.
X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = X[["bmi", "bp"]].rename(columns={"bmi": "body mass index", "bp": "blood pressure"})
train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
center, scale = y_train.mean(), y_train.std()

model = NeuralNetworkRegressionModel(n_hidden=30, weight_precision=1.0)
network = SVGDSampler(model, n_particles=100, random_state=0)
pipeline = make_pipeline(StandardScaler(), network)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pipeline.fit(train, (y_train - center) / scale)
scaler = pipeline[0]


def in_units(standardised):
    """Predictions in the units of the outcome."""
    return center + scale * standardised


levels = (0.5, 0.8, 0.9, 0.95)
held_out = {level: in_units(network.predict_interval(scaler.transform(test), level)).T for level in levels}
inside = {level: ((lower <= y_test) & (y_test <= upper)).mean() for level, (lower, upper) in held_out.items()}
print("Predictive intervals of held-out patients:\n")
print(pd.Series({f"{level:.0%}": f"{share:.1%} inside" for level, share in inside.items()}).to_string(), "\n")
error = np.sqrt(np.mean((in_units(network.predict(scaler.transform(test))) - y_test) ** 2))
print(f"Root mean squared error: {error:.1f} (outcomes vary by {y_test.std():.1f})")
print(f"Spread of the networks: {network.spread_:.2f} of what is right")

# %%
# The particles at the start, in the middle and at the end; the networks and their intervals.
import matplotlib.pyplot as plt  # noqa: E402

figure, axes = plt.subplots(1, 4, figsize=(16, 4.2), width_ratios=[1, 1, 1, 1.5], layout="constrained")
side = np.linspace(-4.0, 4.0, 160)
grid = np.stack(np.meshgrid(side, side), axis=-1)
height = np.exp(log_density(grid.reshape(-1, 2))).reshape(grid.shape[:2])
for axis, (n_steps, cloud) in zip(axes[:3], clouds.items(), strict=True):
    axis.contourf(side, side, height, levels=8, cmap="Greys", alpha=0.6)
    axis.plot(*cloud.T, ".", color="#0072B2", markersize=4)
    axis.set(title=f"{n_steps} steps", aspect="equal", xlim=(-4, 4), ylim=(-4, 4))

index = np.linspace(X["body mass index"].min() - 4.0, X["body mass index"].max() + 8.0, 200)
line = pd.DataFrame({"body mass index": index, "blood pressure": X["blood pressure"].mean()})
standard = scaler.transform(line)
axis = axes[3]
for level, shade in ((0.9, "0.9"), (0.5, "0.8")):
    axis.fill_between(
        index, *in_units(network.predict_interval(standard, level)).T, color=shade, label=f"{100 * level:.0f} %"
    )
axis.plot(index, in_units(network.transform(standard)), color="#D55E00", alpha=0.3, linewidth=0.8)
axis.plot(index, in_units(network.predict(standard)), color="#D55E00", linewidth=2, label="mean of 100 networks")
axis.plot(X["body mass index"], y, ".", color="0.35", markersize=3, label="patients")
axis.set(title=f"90 % intervals hold {100 * inside[0.9]:.0f} % of held-out patients")
axis.set(xlabel="body mass index", ylabel="progression of diabetes")
axis.legend(frameon=False, loc="upper left")
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("svgd.png", dpi=120)
print("\nSaved svgd.png")
