"""The ready models written plainly, one draw at a time, with the densities of scipy.

Each function takes the model, one draw as a dictionary, and rows; log-likelihoods are an array of shape (N,).
"""

import numpy as np
from scipy import stats
from scipy.special import expit, log_softmax


def sd(precision):
    return 1.0 / np.sqrt(precision)


def gamma(shape, rate):
    return stats.gamma(np.asarray(shape), scale=1.0 / np.asarray(rate))


def location_scale_prior(model, theta):
    means = stats.norm(model.location, model.scale).logpdf(theta["mean"])
    return np.sum(means) + np.sum(gamma(model.shape, model.rate).logpdf(theta["precision"]))


def location_scale_rows(model, theta, X, y):
    return stats.norm(theta["mean"], sd(theta["precision"])).logpdf(X).sum(axis=1)


def noise_prior(model, theta):
    return gamma(model.noise_shape, model.noise_rate).logpdf(theta["noise_precision"])


def weights_prior(model, theta):
    learned = "weight_precision" in theta
    precision = theta["weight_precision"] if learned else np.asarray(model.weight_precision)
    density = stats.norm(0.0, sd(precision)).logpdf(theta["weights"]).sum()
    if model.fit_intercept:
        density += stats.norm(0.0, model.intercept_scale).logpdf(theta["intercept"]).sum()
    if learned:
        density += gamma(model.precision_shape, model.precision_rate).logpdf(precision)
    return density


def linear_prior(model, theta):
    return weights_prior(model, theta) + noise_prior(model, theta)


def predictor(model, theta, X):
    """Shape (N,) or (N, K)."""
    return X @ theta["weights"].T + (theta["intercept"] if model.fit_intercept else 0.0)


def linear_rows(model, theta, X, y):
    return stats.norm(predictor(model, theta, X), sd(theta["noise_precision"])).logpdf(y)


def class_rows(outputs, y):
    if outputs.ndim == 1:
        return stats.bernoulli(expit(outputs)).logpmf(y)
    return log_softmax(outputs, axis=1)[np.arange(len(y)), y]


def logistic_rows(model, theta, X, y):
    return class_rows(predictor(model, theta, X), y)


def poisson_rows(model, theta, X, y):
    return stats.poisson(np.exp(predictor(model, theta, X))).logpmf(y)


def hierarchical_prior(model, theta):
    density = stats.norm(0.0, model.location_scale).logpdf(theta["location"])
    density += stats.halfnorm(scale=model.spread_scale).logpdf(theta["spread"])
    if model.centered:
        density += stats.norm(theta["location"], theta["spread"]).logpdf(theta["intercepts"]).sum()
    else:
        density += stats.norm().logpdf(theta["offsets"]).sum()
    if "slopes" in theta:
        density += stats.norm(0.0, model.slope_scale).logpdf(theta["slopes"]).sum()
    return density + noise_prior(model, theta)


def hierarchical_rows(model, theta, X, y):
    if model.centered:
        intercepts = theta["intercepts"]
    else:
        intercepts = theta["location"] + theta["spread"] * theta["offsets"]
    mean = np.array([intercepts[int(row[model.group_column])] for row in X])
    if "slopes" in theta:
        mean = mean + np.delete(X, model.group_column, axis=1) @ theta["slopes"]
    return stats.norm(mean, sd(theta["noise_precision"])).logpdf(y)


def network_prior(model, theta):
    learned = model.weight_precision == "learn"
    precision = theta["weight_precision"] if learned else model.weight_precision
    names = ("hidden_weights", "hidden_biases", "output_weights", "output_biases")
    density = sum(stats.norm(0.0, sd(precision)).logpdf(theta[name]).sum() for name in names)
    density += gamma(model.precision_shape, model.precision_rate).logpdf(precision) if learned else 0.0
    return density + (noise_prior(model, theta) if "noise_precision" in theta else 0.0)


def network(model, theta, X):
    """Outputs, shape (N,) or (N, K)."""
    hidden = X @ theta["hidden_weights"].T + theta["hidden_biases"]
    hidden = np.tanh(hidden) if model.activation == "tanh" else np.where(hidden > 0.0, hidden, 0.0)
    return hidden @ theta["output_weights"].T + theta["output_biases"]


def network_regression_rows(model, theta, X, y):
    return stats.norm(network(model, theta, X), sd(theta["noise_precision"])).logpdf(y)


def network_class_rows(model, theta, X, y):
    return class_rows(network(model, theta, X), y)


def network_slopes(model, theta, X, y, weight):
    """Gradient of the weighted log-likelihood of one network, by the chain rule from the output back."""
    linear = X @ theta["hidden_weights"].T + theta["hidden_biases"]
    hidden, slope = {
        "tanh": lambda: (np.tanh(linear), 1.0 / np.cosh(linear) ** 2),
        "relu": lambda: (np.where(linear > 0.0, linear, 0.0), np.where(linear > 0.0, 1.0, 0.0)),
    }[model.activation]()
    outputs = hidden @ theta["output_weights"].T + theta["output_biases"]
    gradient = {"weight_precision": 0.0}
    if "noise_precision" in theta:
        precision, residual = theta["noise_precision"], y - outputs
        outward = weight * precision * residual
        gradient["noise_precision"] = np.sum(weight * (0.5 / precision - 0.5 * residual**2))
    elif outputs.ndim == 1:
        outward = weight * (y - expit(outputs))
    else:
        outward = weight[:, None] * (np.eye(outputs.shape[1])[y] - np.exp(log_softmax(outputs, axis=1)))
    into = (
        np.multiply.outer(outward, theta["output_weights"]) if outward.ndim == 1 else outward @ theta["output_weights"]
    )
    inward = into * slope
    return gradient | {
        "hidden_weights": inward.T @ X,
        "hidden_biases": inward.sum(axis=0),
        "output_weights": outward.T @ hidden,
        "output_biases": outward.sum(axis=0),
    }
