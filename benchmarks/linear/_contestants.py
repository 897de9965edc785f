"""The contestants: models of the same form, and the bound of what a peer has found."""

import numpy as np
from sklearn.linear_model import ARDRegression, BayesianRidge

from skvi import BayesianLinearRegressionVI
from skvi.models.regression import LinearRegression

OURS = "skvi"
PEERS = {"ridge": BayesianRidge, "ard": ARDRegression}

#: hyper-priors by name: None is skvi's default, the other the peers'
HYPER_PRIORS = {"default": None, "1e-6": 1e-6}
_HYPER_PARAMETERS = ("alpha_1", "alpha_2", "lambda_1", "lambda_2")


def skvi(prior, hyper_prior="default", **settings):
    """The regression of skvi under a prior of its coefficients and a hyper-prior by name."""
    hyper = dict.fromkeys(_HYPER_PARAMETERS, HYPER_PRIORS[hyper_prior])
    return BayesianLinearRegressionVI(prior=prior, **hyper, **settings)


def step_from_peer(ours, peer):
    """Bound (nats) that one step of skvi reaches from the precisions that a peer ends with.

    Parameters
    ----------
    ours : BayesianLinearRegressionVI
        Fitted to the same rows; its hyper-priors are those of the bound.
    peer : BayesianRidge or ARDRegression
    """
    design = ours.posterior_.weights.design
    n_features = design.n_features
    groups = np.arange(n_features) if ours.prior == "ard" else np.zeros(n_features, np.int64)
    model = LinearRegression(design, groups)
    summary, _ = model.local_step(design, None, None)
    start = model.posterior_at(ours.prior_, np.atleast_1d(peer.alpha_), np.atleast_2d(peer.lambda_))
    return model.bound(ours.prior_, summary, model.global_step(ours.prior_, summary, start))
