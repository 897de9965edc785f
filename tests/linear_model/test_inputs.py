"""What users hand in: every legal table, weights, and garbage that gets a sentence."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skvi import BayesianLinearRegressionVI
from tests.linear_model.cases import GROUPS, OUTPUTS, SHAPES, data_for, random_weights, regression, settings

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("prior", ["ridge", "ard"])
@pytest.mark.parametrize("shape", [(40, 4), (6, 9)])
def test_layouts_and_types_give_the_same_bits(prior, shape, tmp_path):
    X, y = (np.round(4.0 * table) for table in regression(shape))
    np.save(tmp_path / "X.npy", X)
    names = [f"c{j}" for j in range(shape[1])]
    tables = [
        np.asfortranarray(X),
        X.astype(np.float32),
        X.astype(int),
        X.astype(np.int8),
        X.tolist(),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        np.repeat(X, 2, axis=0)[::2],
        pd.DataFrame(X, columns=names),
        pl.DataFrame(X, schema=names),
    ]
    expected = BayesianLinearRegressionVI(prior=prior).fit(X, y)
    for table in tables:
        model = BayesianLinearRegressionVI(prior=prior).fit(table, y)
        assert model.elbo_ == pytest.approx(expected.elbo_, rel=1e-12)
        assert_allclose(model.coef_, expected.coef_, rtol=1e-9, atol=1e-12)
        assert_allclose(model.predict_interval(table), expected.predict_interval(X), rtol=1e-9)
    for target in (y.tolist(), y.astype(int), y.astype(np.float32), pd.Series(y), pl.Series(y)):
        assert BayesianLinearRegressionVI(prior=prior).fit(X, target).elbo_ == expected.elbo_


@pytest.mark.parametrize("shape", [(60, 6), (6, 9)])
def test_sparse_layouts_give_the_same_bits(shape):
    rng = np.random.default_rng(0)
    X = sparse.csr_array(np.where(rng.random(shape) < 0.3, rng.standard_normal(shape), 0.0))
    y = rng.standard_normal(shape[0])
    wide = X.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    expected = BayesianLinearRegressionVI().fit(X, y)
    for table in (sparse.csr_matrix(X), sparse.csc_array(X), sparse.coo_array(X), wide):
        model = BayesianLinearRegressionVI().fit(table, y)
        assert model.elbo_ == expected.elbo_
        assert_array_equal(model.coef_, expected.coef_)
    assert BayesianLinearRegressionVI().fit(X.toarray(), y).elbo_ == pytest.approx(expected.elbo_, rel=1e-10)


def test_single_precision_is_summed_in_double():
    X, y = regression((2_000, 5))
    X = X.astype(np.float32) + np.float32(1000.0)
    single, double = BayesianLinearRegressionVI().fit(X, y), BayesianLinearRegressionVI().fit(X.astype(float), y)
    assert single.elbo_ == pytest.approx(double.elbo_, rel=1e-12)
    assert single.predict(X).dtype == np.float64
    assert_allclose(single.predict(X), double.predict(X.astype(float)), rtol=1e-12)


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


TABLES = {
    "one row": np.array([[1.0, 2.0]]),
    "one number": np.array([[3.0]]),
    "one feature": normal(9, 1),
    "two equal rows": np.ones((2, 3)),
    "zeros": np.zeros((5, 3)),
    "constant far from zero": np.full((5, 2), 1e6 / 3.0),
    "constant column": np.column_stack([normal(20), np.full(20, 0.1)]),
    "collinear columns": np.multiply.outer(np.arange(20.0), [1.0, 2.0, -1.0]),
    "duplicated rows": np.repeat([[0.0, 1.0], [5.0, 2.0]], 10, axis=0),
    "as many rows as columns": normal(6, 6),
    "six rows of thirty columns": normal(6, 30),
    "small": 1e-6 * normal(30, 2),
    "large": 1e6 * normal(30, 2),
    "tiniest": 1e-99 * normal(30, 2),
    "largest": 1e99 * np.clip(normal(30, 2), -1.0, 1.0),
    "far": 1e6 + 1e-3 * normal(30, 2),
    "unequal units": normal(40, 2) * [1e-6, 1e6],
}
TARGETS = {
    "noise": lambda X: np.random.default_rng(1).standard_normal(len(X)),
    "exact": lambda X: (X - X.mean(axis=0)).sum(axis=1) / (np.abs(X).max() + (X == 0.0).all()),
    "zeros": lambda X: np.zeros(len(X)),
    "constant": lambda X: np.full(len(X), 0.1),
    "small": lambda X: 1e-6 * np.random.default_rng(1).standard_normal(len(X)),
    "largest": lambda X: 1e99 * np.sin(np.arange(len(X))) if np.abs(X).max() > 1e-90 else 1e9 * X[:, 0],
    "two": lambda X: np.random.default_rng(1).standard_normal((len(X), 2)) * [1.0, 1e6],
}


@quiet
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_proper_posterior(table, target):
    X = TABLES[table]
    y = TARGETS[target](X)
    thin = sparse.csr_array(X)
    for parameters, tables in (
        (dict(), (X, thin)),
        (dict(prior="ard"), (X,)),
        (dict(fit_intercept=False), (thin,)),
        (dict(output_precisions="shared"), (X,)),
    ):
        for rows in tables:
            model = BayesianLinearRegressionVI(**parameters).fit(rows, y)
            assert model.posterior_.proper
            assert model.prior_.proper
            assert (np.diff(model.elbo_history_) >= -1e-10 * np.abs(model.elbo_)).all()
            low, high = np.moveaxis(model.predict_interval(rows), -1, 0)
            predicted = model.predict(rows)
            assert (low <= predicted).all()
            assert (predicted <= high).all()
            assert (high > low).all()
            densities = model.log_predictive_density(rows, y)
            for values in (model.elbo_, model.summary().to_numpy(), low, high, densities, model.sigma_):
                assert np.isfinite(values).all()


@pytest.mark.parametrize("shape", [(40, 5), (5, 40)])
def test_exact_data_are_found_exactly(shape):
    X = normal(*shape)
    coefficients = np.arange(1.0, shape[1] + 1.0)
    for scale in (1e-6, 1.0, 1e6):
        y = scale * (X @ coefficients) + 7.0 * scale
        model = BayesianLinearRegressionVI().fit(X, y)
        # The default prior takes a hundredth of the variance of y for noise.
        assert np.abs(model.predict(X) - y).max() < 0.2 * y.std()
        if shape[0] > shape[1]:
            assert_allclose(model.coef_, scale * coefficients, rtol=0.01)
        known = BayesianLinearRegressionVI(noise_precision=1e8 / scale**2).fit(X, y)
        assert np.abs(known.predict(X) - y).max() < 1e-3 * scale


def test_targets_that_do_not_vary_leave_nothing_to_explain():
    X = normal(30, 4)
    for constant in (0.0, 5.0, -1e6 / 3.0):
        model = BayesianLinearRegressionVI().fit(X, np.full(30, constant))
        assert_allclose(model.coef_, 0.0, atol=1e-9)
        assert model.intercept_ == pytest.approx(constant, rel=1e-12)
        assert_allclose(model.predict(X), constant, rtol=1e-12, atol=1e-9)


def test_columns_that_do_not_vary_say_nothing():
    X, y = regression((40, 3))
    plain = BayesianLinearRegressionVI(prior="ard", weight_precision=1.0).fit(X, y)
    for constant in (0.0, 0.1, 1e6 / 3.0):
        wider = np.column_stack([X, np.full(40, constant)])
        for table in (wider, sparse.csr_array(wider)):
            model = BayesianLinearRegressionVI(prior="ard", weight_precision=1.0).fit(table, y)
            assert model.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
            assert model.coef_[3] == pytest.approx(0.0, abs=1e-6)
            assert model.posterior_.weights.var[3] == pytest.approx(1.0, rel=1e-3)


@quiet
@hypothesis_settings(deadline=None, max_examples=60)
@given(
    table=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 10), st.integers(2, 6)),
        elements=st.floats(-1e8, 1e8, allow_subnormal=False),
    ),
    prior=st.sampled_from(["ridge", "ard"]),
    fit_intercept=st.booleans(),
)
def test_wild_numbers_give_finite_answers(table, prior, fit_intercept):
    X, y = table[:, :-1], table[:, -1]
    model = BayesianLinearRegressionVI(prior=prior, fit_intercept=fit_intercept, max_iter=20).fit(X, y)
    assert (np.diff(model.elbo_history_) >= -1e-10 * np.abs(model.elbo_)).all()
    for values in (model.elbo_, model.coef_, model.predict_interval(X), model.log_predictive_density(X, y)):
        assert np.isfinite(values).all()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("groups", GROUPS)
def test_weights_are_repetition_and_zero_is_absence(groups, outputs, shape):
    X, y = data_for(outputs, shape)
    counts = np.random.default_rng(1).integers(0, 4, size=len(y))
    counts[:2] = [0, 2]
    model = BayesianLinearRegressionVI(**settings(groups, outputs, "learned", shape[1]))
    repeated = np.repeat(np.arange(len(y)), counts)
    np.random.default_rng(2).shuffle(repeated)
    plain = BayesianLinearRegressionVI(**model.get_params()).fit(X[repeated], y[repeated])
    wild_X, wild_y = X.copy(), y.copy()
    wild_X[counts == 0], wild_y[counts == 0] = 1e90, -1e90
    for table, target in ((X, y), (wild_X, wild_y), (sparse.csr_array(wild_X), wild_y)):
        weighted = BayesianLinearRegressionVI(**model.get_params()).fit(table, target, sample_weight=counts)
        assert weighted.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
        for name in ("coef_", "intercept_", "alpha_", "X_offset_"):
            expected = getattr(plain, name)
            atol = 1e-7 * np.abs(expected).max()
            assert_allclose(getattr(weighted, name), expected, rtol=1e-7, atol=atol, err_msg=name)
        assert_allclose(weighted.predict_interval(X), plain.predict_interval(X), rtol=1e-6, atol=1e-6)


def test_constant_weights_scale_the_evidence_of_known_precisions_alone():
    X, y = regression((30, 4))
    chosen = dict(noise_precision=2.0, weight_precision=1.0)
    double = BayesianLinearRegressionVI(**chosen).fit(X, y, np.full(30, 2.0))
    precise = BayesianLinearRegressionVI(noise_precision=4.0, weight_precision=1.0).fit(X, y)
    # Two rows are one of twice the precision, but for their normalisation.
    assert_allclose(double.coef_, precise.coef_, rtol=1e-9)
    gap = 30 * (np.log(2.0 / (2.0 * np.pi)) - 0.5 * np.log(4.0 / (2.0 * np.pi)))
    assert double.elbo_ == pytest.approx(precise.elbo_ + gap, rel=1e-10)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (dict(prior="lasso"), "prior"),
        (dict(tol=-1.0), "tol"),
        (dict(max_iter=0), "max_iter"),
        (dict(n_init=0), "n_init"),
        (dict(alpha_1=0.0), "alpha_1"),
        (dict(lambda_2=-1.0), "lambda_2"),
        (dict(alpha_init=0.0), "alpha_init"),
        (dict(noise_precision="guess"), "noise_precision"),
        (dict(noise_precision=0.0), "noise_precision"),
        (dict(weight_precision=-2.0), "weight_precision"),
        (dict(intercept_scale=0.0), "intercept_scale"),
        (dict(output_precisions="none"), "output_precisions"),
        (dict(groups=[0, 1]), r"groups has shape \(2,\): give one label for each of the 3 columns"),
        (dict(groups=np.zeros((3, 1))), r"groups has shape \(3, 1\)"),
        (dict(groups=[0, 1, 1], prior="ard"), "groups .*prior='ridge'.*prior='ard'"),
        (dict(lambda_init=[1.0, 2.0]), r"lambda_init=\[1.0, 2.0\]: give a positive number, or 1 of them"),
        (dict(lambda_init=[1.0, 2.0], prior="ard"), "give a positive number, or 3 of them"),
        (dict(lambda_init=[1.0, -2.0, 1.0], prior="ard"), "lambda_init="),
        (dict(lambda_init=[1.0, np.nan, 1.0], prior="ard"), "lambda_init="),
        (dict(n_jobs=0), "n_jobs=0"),
    ],
)
def test_wrong_parameters_get_a_sentence(parameters, message):
    X, y = regression((20, 3))
    with pytest.raises(ValueError, match=message):
        BayesianLinearRegressionVI(**parameters).fit(X, y)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0, np.nan], [2.0, 1.0]], [1.0, 2.0], "X contains NaN"),
        ([[1.0, np.inf], [2.0, 1.0]], [1.0, 2.0], "X contains infinity"),
        ([[1.0], [2.0]], [1.0, np.nan], "y contains NaN"),
        ([[1.0], [2.0]], [1.0, -np.inf], "y contains infinity"),
        (np.zeros((0, 2)), np.zeros(0), "0 sample"),
        (np.zeros((3, 0)), np.zeros(3), "0 feature"),
        ([1.0, 2.0], [1.0, 2.0], "1D array"),
        ([["a"], ["b"]], [1.0, 2.0], "could not convert"),
        ([[1.0], [2.0]], ["a", "b"], "could not convert"),
        ([[1.0], [2.0]], [1.0, 2.0, 3.0], "inconsistent numbers of samples"),
        ([[1.0], [2.0]], None, "requires y"),
        ([[1e160], [2.0]], [1.0, 2.0], r"X holds a number of magnitude 1e\+160: squares beyond .* scale it"),
        ([[1.0], [2.0]], [1.0, -1e160], r"y holds a number of magnitude 1e\+160"),
        (np.array([[1.0 + 1j], [2.0]]), [1.0, 2.0], "Complex data not supported"),
    ],
)
def test_wrong_tables_get_a_sentence(X, y, message):
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(BayesianLinearRegressionVI(), method)(X, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.zeros(20), "zero"), (-np.ones(20), "[Nn]egative"), (np.ones(19), "shape"), (np.full(20, np.nan), "NaN")],
)
def test_wrong_weights_get_a_sentence(weights, message):
    X, y = regression((20, 2))
    model = BayesianLinearRegressionVI().fit(X, y)
    for method in (model.fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match=message):
            method(X, y, sample_weight=weights)


def test_rows_and_targets_of_another_shape_get_a_sentence():
    X, y = regression((20, 3), 2)
    model = BayesianLinearRegressionVI().fit(X, y)
    for method in (model.score, model.log_predictive_density):
        with pytest.raises(ValueError, match=r"y has shape \(20,\)"):
            method(X, y[:, 0])
        with pytest.raises(ValueError, match=r"y has shape \(20, 3\)"):
            method(X, X)
    for method in (model.predict, model.predict_interval):
        with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3"):
            method(X[:, :2])
        with pytest.raises(ValueError, match="magnitude"):
            method(1e200 * X)
    with pytest.raises(ValueError, match="return_std=True and return_cov=True: ask for one of them"):
        model.predict(X, return_std=True, return_cov=True)


def test_precisions_too_far_apart_for_float64_get_a_sentence(monkeypatch):
    X, y = regression((30, 3))

    def singular(*args, **kwargs):
        raise np.linalg.LinAlgError("3-th leading minor of the array is not positive definite")

    monkeypatch.setattr("skvi.models.systems.cholesky", singular)
    with pytest.raises(ValueError, match=r"met numbers beyond float64 \(3-th leading minor.* scale the features"):
        BayesianLinearRegressionVI(prior="ard").fit(X, y)


@pytest.mark.parametrize("scale", [1e-95, 1e95])
def test_tables_too_far_apart_for_float64_get_a_sentence(scale):
    X, y = regression((30, 3))
    with pytest.raises(ValueError, match=r"X and y are so many orders of magnitude apart .* scale one of them"):
        BayesianLinearRegressionVI().fit(X * scale, y / scale)
    assert np.isfinite(BayesianLinearRegressionVI().fit(X * scale, y * scale).elbo_)


def test_a_failing_fit_leaves_the_earlier_one(monkeypatch):
    X, y = regression((40, 3))
    model = BayesianLinearRegressionVI().fit(X, y)
    before, names = model.predict_interval(X), sorted(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((10, 5), np.nan), np.zeros(10))
    with pytest.raises(ValueError, match="groups"):
        model.set_params(groups=[0, 1]).fit(X[:, :2], y).set_params(groups=[0]).fit(X, y)
    model.set_params(groups=None).fit(X, y)

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skvi.models.regression.LinearRegression.global_step", interrupted)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            method(3.0 * X[:20], y[:20])
    monkeypatch.undo()
    assert sorted(vars(model)) == names
    assert_array_equal(model.predict_interval(X), before)
    assert model.partial_fit(X, y).elbo_ == pytest.approx(
        BayesianLinearRegressionVI().fit(np.vstack([X, X]), np.append(y, y)).elbo_, rel=1e-10
    )


def test_inputs_are_left_alone():
    X, y = regression((40, 5))
    weights = random_weights(40)
    copies = X.copy(), y.copy(), weights.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    for table in (X, np.asfortranarray(X), X[:4]):
        n = len(table)
        model = BayesianLinearRegressionVI().fit(table, y[:n], weights[:n] + 0.5)
        model.partial_fit(table, y[:n], weights[:n] + 0.5).predict_interval(table)
    for array, copy in zip((X, y, weights), copies, strict=True):
        assert_array_equal(array, copy)
