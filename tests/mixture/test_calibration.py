"""Simulation-based calibration: where parameters and rows are drawn from the model, intervals cover at their level."""

import numpy as np
import pytest

from skvi import VariationalGaussianMixture
from skvi.families import Dirichlet, Joint
from skvi.models.gaussian import COMPONENTS
from tests.mixture.cases import FORMS

LEVEL = 0.8
N_SIMULATIONS = 250
# Four standard deviations of a share of so many independent trials.
TOLERANCE = 4.0 * np.sqrt(LEVEL * (1.0 - LEVEL) / N_SIMULATIONS)


def known_prior(form):
    """Two components that the prior tells apart by far, so that the mean-field posterior is all but exact."""
    family = COMPONENTS[form].family
    scale = {"full": np.stack(2 * [np.eye(2)]), "tied": np.eye(2), "diag": np.ones((2, 2)), "spherical": np.ones(2)}
    dof = np.array(9.0) if family.form.shared else np.full(2, 9.0)
    means = np.array([[-1000.0, 0.0], [1000.0, 0.0]])
    components = family(mean=means, mean_precision=np.full(2, 0.3), dof=dof, scale=scale[form])
    return Joint(weights=Dirichlet(np.array([2.0, 1.0])), components=components)


def draw(prior, rng, n_rows):
    """Weights, means, precisions and rows from the model."""
    weights = prior.weights.sample(1, rng)[0]
    means, precisions = (values[0] for values in prior.components.sample(1, rng))
    labels = rng.choice(2, size=n_rows, p=weights)
    form = prior.components.form
    rows = np.empty((n_rows, 2))
    for k in range(2):
        precision = precisions if form.shared else precisions[k]
        matrix = precision if precision.ndim == 2 else np.diag(precision * np.ones(2))
        chosen = labels == k
        rows[chosen] = rng.multivariate_normal(means[k], np.linalg.inv(matrix), size=int(chosen.sum()))
    return weights, means, rows


@pytest.mark.parametrize("form", FORMS)
def test_intervals_of_weights_and_means_cover_at_their_level(form):
    prior = known_prior(form)
    covered = {"weights": [], "means": []}
    for seed in range(N_SIMULATIONS):
        rng = np.random.RandomState(seed)
        weights, means, X = draw(prior, rng, n_rows=12)
        model = VariationalGaussianMixture(
            2, covariance_type=form, weight_concentration_prior_type="dirichlet_distribution", prior=prior, n_jobs=1
        ).fit(X)
        low, high = np.moveaxis(model.posterior_.weights.interval(LEVEL), -1, 0)
        covered["weights"].append(low[0] <= weights[0] <= high[0])
        low, high = np.moveaxis(model.posterior_.components.interval(LEVEL), -1, 0)
        covered["means"].append(((low <= means) & (means <= high)).ravel())
    assert np.mean(covered["weights"]) == pytest.approx(LEVEL, abs=TOLERANCE)
    # One share for each component and feature.
    np.testing.assert_allclose(np.mean(covered["means"], axis=0), LEVEL, atol=TOLERANCE)
