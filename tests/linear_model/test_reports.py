"""What a fit says in tables: summaries by feature, precisions, attributes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from skvi import BayesianLinearRegressionVI
from tests.linear_model.cases import OUTPUTS, SHAPES, data_for, regression, settings

NAMES = ["age", "height", "income", "rooms"]


def named(n_outputs=None):
    X, y = regression((60, 4), n_outputs)
    return pd.DataFrame(X, columns=NAMES), y


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda X: pl.from_pandas(X)])
def test_summary_has_a_row_for_each_named_feature(frame):
    X, y = named()
    model = BayesianLinearRegressionVI().fit(frame(X), y)
    table = model.summary(level=0.8)
    assert list(table.index) == [*NAMES, "intercept"]
    assert list(table.columns) == ["mean", "sd", "lower", "upper", "probability_of_sign"]
    assert_allclose(table["mean"], np.append(model.coef_, model.intercept_))
    assert_allclose(table.loc[NAMES, "sd"], np.sqrt(np.diagonal(model.sigma_)), rtol=1e-9)
    assert_allclose(table.loc[NAMES, ["lower", "upper"]], model.posterior_.weights.interval(0.8))
    assert table.index.name == "feature"
    assert (model.summary(0.99)["lower"] < table["lower"]).all()


def test_features_without_names_are_numbered():
    X, y = regression((30, 3))
    assert list(BayesianLinearRegressionVI().fit(X, y).summary().index) == ["x0", "x1", "x2", "intercept"]
    assert list(BayesianLinearRegressionVI(fit_intercept=False).fit(X, y).summary().index) == ["x0", "x1", "x2"]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_summary_is_that_of_draws(outputs, shape):
    X, y = data_for(outputs, shape)
    model = BayesianLinearRegressionVI(**settings("ridge", outputs, "learned", shape[1])).fit(X, y)
    drawn, n = model.sample_posterior(8_000, 0), 8_000
    coef, intercept = drawn["coef"].reshape(n, -1, shape[1]), drawn["intercept"].reshape(n, -1, 1)
    draws = np.concatenate([coef, intercept], axis=2).reshape(n, -1)
    table = model.summary(level=0.9)
    assert (np.abs(draws.mean(axis=0) - table["mean"]) < 6.0 * table["sd"] / np.sqrt(n)).all()
    assert_allclose(draws.std(axis=0), table["sd"], rtol=0.06)
    covered = ((table["lower"].to_numpy() <= draws) & (draws <= table["upper"].to_numpy())).mean(axis=0)
    assert_allclose(covered, 0.9, atol=0.02)
    signs = (np.sign(draws) == np.sign(table["mean"].to_numpy())).mean(axis=0)
    assert_allclose(signs, table["probability_of_sign"], atol=0.03)


def test_summary_of_several_outputs_names_the_output_first():
    X, y = named(2)
    model = BayesianLinearRegressionVI().fit(X, y)
    table = model.summary()
    assert table.index.names == ["output", "feature"]
    for t in range(2):
        alone = BayesianLinearRegressionVI().fit(X, y[:, t]).summary()
        assert list(table.loc[t].index) == list(alone.index)
        assert_allclose(table.loc[t], alone, rtol=1e-3, atol=1e-4)


def test_certain_coefficients_have_certain_signs():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 2))
    y = X @ [-4.0, 0.0] + rng.standard_normal(300)
    probabilities = BayesianLinearRegressionVI().fit(X, y).summary()["probability_of_sign"]
    assert probabilities["x0"] == pytest.approx(1.0, abs=1e-12)
    assert 0.5 <= probabilities["x1"] < 0.99


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "many"])
def test_draws_come_in_positive_numbers(n_samples):
    X, y = regression((20, 2))
    with pytest.raises(ValueError, match="n_samples="):
        BayesianLinearRegressionVI().fit(X, y).sample_posterior(n_samples)


@pytest.mark.parametrize(
    ("parameters", "n_outputs", "shapes"),
    [
        (dict(), None, ((), ())),
        (dict(prior="ard"), None, ((), (4,))),
        (dict(groups=[0, 0, 1, 1]), None, ((), (2,))),
        (dict(groups=[7, 7, 7, 7]), None, ((), (1,))),
        (dict(), 3, ((3,), (3,))),
        (dict(prior="ard"), 3, ((3,), (3, 4))),
        (dict(output_precisions="shared"), 3, ((), ())),
        (dict(prior="ard", output_precisions="shared"), 3, ((), (4,))),
        (dict(noise_precision=2.0, weight_precision=3.0), None, ((), ())),
    ],
)
def test_precisions_have_the_axes_that_users_know_of(parameters, n_outputs, shapes):
    X, y = regression((30, 4), n_outputs)
    model = BayesianLinearRegressionVI(**parameters).fit(X, y)
    assert (np.shape(model.alpha_), np.shape(model.lambda_)) == shapes
    expected = model.posterior_.noise_precision.mean if "noise_precision" in model.posterior_ else 2.0
    assert_allclose(model.alpha_, expected)
    if "weight_precision" in model.posterior_:
        assert_allclose(np.ravel(model.lambda_), np.ravel(model.posterior_.weight_precision.mean))
    else:
        assert model.lambda_ == 3.0


def test_posterior_and_prior_print_and_have_equal_factors():
    X, y = regression((30, 4))
    model = BayesianLinearRegressionVI(prior="ard").fit(X, y)
    assert list(model.posterior_) == ["weights", "intercept", "noise_precision", "weight_precision"]
    assert set(model.prior_) == set(model.posterior_)
    assert "weights: LinearNormal(" in repr(model.posterior_)
    assert "weights: NormalGivenPrecision(" in repr(model.prior_)
    for joint in (model.prior_, model.posterior_):
        assert set(joint.mean) == set(joint.interval(0.5)) == set(joint.sample(2, 0)) == set(joint)
        assert joint.proper
        for name, values in joint.sample(2, 0).items():
            assert values.shape == (2, *np.shape(joint.mean[name])), name
