"""Ready models: densities against scipy, gradients against differences, and what every model promises."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, sparse
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.utils import get_tags

from skvi import blackbox
from skvi.blackbox import (
    GaussianLocationScale,
    HierarchicalIntercepts,
    LinearModel,
    LogisticModel,
    NeuralNetworkClassificationModel,
    NeuralNetworkRegressionModel,
    PoissonModel,
)
from skvi.gradient.parameters import Layout
from tests.blackbox import plain_models as plain

N_ROWS = 12
KINDS = {
    GaussianLocationScale: (plain.location_scale_prior, plain.location_scale_rows, "none"),
    LinearModel: (plain.linear_prior, plain.linear_rows, "real"),
    LogisticModel: (plain.weights_prior, plain.logistic_rows, "classes"),
    PoissonModel: (plain.weights_prior, plain.poisson_rows, "counts"),
    HierarchicalIntercepts: (plain.hierarchical_prior, plain.hierarchical_rows, "real"),
    NeuralNetworkRegressionModel: (plain.network_prior, plain.network_regression_rows, "real"),
    NeuralNetworkClassificationModel: (plain.network_prior, plain.network_class_rows, "classes"),
}
LEARNED = {"weight_precision": "learn", "precision_shape": 1.5, "precision_rate": 0.4}
COLUMNS = {"location": [1.0, -2.0, 0.0], "scale": [0.5, 3.0, 2.0], "shape": [0.7, 1.0, 3.0], "rate": [2.0, 0.1, 1.0]}


@dataclass
class Case:
    """A model, and what its rows look like."""

    model: BaseEstimator
    n_classes: int = 2
    n_columns: int = 3

    def rows(self, n_rows=N_ROWS, seed=0):
        rng = np.random.default_rng(seed)
        X = 0.5 + rng.standard_normal((n_rows, self.n_columns))
        if isinstance(self.model, HierarchicalIntercepts):
            X[:, self.model.group_column] = np.arange(n_rows) % 4
        y = {
            "none": None,
            "real": rng.standard_normal(n_rows),
            "counts": rng.poisson(2.0, n_rows),
            "classes": np.arange(n_rows) % self.n_classes,
        }[KINDS[type(self.model)][2]]
        return X, y

    def draws(self, X, y, n_draws=5, seed=1):
        layout = Layout(self.model.parameters(X, y))
        return layout, layout.constrain(np.random.default_rng(seed).standard_normal((n_draws, layout.n_free)))


CASES = {
    "location scale": Case(GaussianLocationScale()),
    "location scale by column": Case(GaussianLocationScale(**COLUMNS)),
    "linear": Case(LinearModel()),
    "linear learned": Case(LinearModel(**LEARNED)),
    "linear without intercept": Case(LinearModel([0.5, 1.0, 2.0], fit_intercept=False)),
    "logistic": Case(LogisticModel(2.0)),
    "logistic learned": Case(LogisticModel(**LEARNED)),
    "softmax": Case(LogisticModel([0.5, 1.0, 2.0], intercept_scale=3.0), n_classes=3),
    "softmax learned": Case(LogisticModel(**LEARNED), n_classes=4),
    "softmax without intercept": Case(LogisticModel(**LEARNED, fit_intercept=False), n_classes=3),
    "poisson": Case(PoissonModel()),
    "poisson learned": Case(PoissonModel(**LEARNED)),
    "hierarchical": Case(HierarchicalIntercepts()),
    "hierarchical centered": Case(HierarchicalIntercepts(centered=True, slope_scale=[0.5, 2.0], group_column=-1)),
    "hierarchical groups alone": Case(HierarchicalIntercepts(n_groups=6), n_columns=1),
    "network relu": Case(NeuralNetworkRegressionModel(4)),
    "network tanh": Case(NeuralNetworkRegressionModel(4, "tanh", noise_shape=2.0, precision_shape=0.5)),
    "network of a known precision": Case(NeuralNetworkRegressionModel(4, weight_precision=2.0)),
    "network of two classes": Case(NeuralNetworkClassificationModel(4)),
    "network of three classes": Case(NeuralNetworkClassificationModel(3, "tanh"), n_classes=3),
    "network of four classes, relu": Case(NeuralNetworkClassificationModel(3), n_classes=4),
}
SPARSE = [name for name in CASES if name.split()[0] in {"linear", "logistic", "softmax", "poisson"}]
CLASSIFYING = [name for name in CASES if is_classifier(CASES[name].model)]
PREDICTING = [name for name in CASES if not name.startswith("location")]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def one_draw(theta, t):
    return {name: values[t] for name, values in theta.items()}


def taken(theta, draws):
    return {name: values[draws] for name, values in theta.items()}


def assert_same(first, second, **tolerances):
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert_allclose(values, second[name], err_msg=name, **tolerances)


def differences(function, layout, theta, step=1e-6):
    """Central differences of a function of a batch of draws, for one draw: as `flatten` orders the numbers."""
    values = layout.flatten(theta)
    assert len(values) == 1
    steps = step * np.diag(np.maximum(np.abs(values[0]), 0.1))
    up, down = function(layout.unflatten(values + steps)), function(layout.unflatten(values - steps))
    return (up - down) / (2.0 * np.diag(steps))


class TestDensities:
    def test_prior_is_that_of_scipy(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        expected = [KINDS[type(case.model)][0](case.model, one_draw(theta, t)) for t in range(5)]
        assert_allclose(case.model.log_prior(theta), expected, rtol=1e-12, atol=1e-12)

    def test_likelihood_of_each_row_is_that_of_scipy(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        expected = [KINDS[type(case.model)][1](case.model, one_draw(theta, t), X, y) for t in range(5)]
        assert_allclose(case.model.log_likelihood(theta, X, y), expected, rtol=1e-11, atol=1e-11)

    @pytest.mark.parametrize(
        ("case", "name"),
        [
            (Case(GaussianLocationScale(shape=0.6, rate=2.0), n_columns=1), "precision"),
            (Case(GaussianLocationScale(1.0, 0.3), n_columns=1), "mean"),
            (Case(HierarchicalIntercepts(spread_scale=0.4), n_columns=1), "spread"),
            (Case(LinearModel(fit_intercept=False), n_columns=1), "noise_precision"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_prior_integrates_to_one(self, case, name):
        """Over one number, the others held; the share of the others follows from a second place of theirs."""
        X, y = case.rows()
        layout, theta = case.draws(X, y, 1)
        index = [parameter.name for parameter in layout.parameters].index(name)
        constraint = layout.parameters[index].constraint
        u = np.linspace(-60.0, 12.0, 20_001)[:, None]
        batch = {key: np.repeat(values, len(u), axis=0) for key, values in theta.items()}
        x = constraint.constrain(u).reshape(-1, *theta[name].shape[1:])
        density = case.model.log_prior(batch | {name: x}) + constraint.log_jacobian(u)
        own = self.own_density(case.model, name, theta)
        others = case.model.log_prior(theta)[0] - own
        assert_allclose(integrate.trapezoid(np.exp(density - others), u[:, 0]), 1.0, rtol=1e-5)

    @staticmethod
    def own_density(model, name, theta):
        value = theta[name].ravel()[0]
        if name == "mean":
            return plain.stats.norm(model.location, model.scale).logpdf(value)
        if name == "spread":
            return plain.stats.halfnorm(scale=model.spread_scale).logpdf(value)
        prefix = "noise_" if name.startswith("noise") else ""
        return plain.gamma(getattr(model, f"{prefix}shape"), getattr(model, f"{prefix}rate")).logpdf(value)

    @pytest.mark.parametrize("name", SPARSE)
    def test_sparse_rows_are_the_same_rows(self, name):
        case = CASES[name]
        X, y = case.rows()
        X[np.abs(X) < 0.6] = 0.0
        _, theta = case.draws(X, y)
        weight = np.arange(N_ROWS) % 3.0
        table = sparse.csr_array(X)
        assert repr(case.model.parameters(X, y)) == repr(case.model.parameters(table, y))
        for dense, other in zip(case.model.parameters(X, y), case.model.parameters(table, y), strict=True):
            assert_allclose(other.scale, dense.scale)
        tolerance = {"rtol": 1e-12, "atol": 1e-12}
        likelihood = case.model.log_likelihood(theta, table, y)
        assert isinstance(likelihood, np.ndarray)
        assert_allclose(likelihood, case.model.log_likelihood(theta, X, y), **tolerance)
        assert_allclose(case.model.predict(theta, table), case.model.predict(theta, X), **tolerance)
        gradients = [case.model.grad_log_likelihood(theta, rows, y, weight) for rows in (table, X)]
        assert_same(*gradients, **tolerance)


class TestGradients:
    def test_of_the_prior(self, case):
        X, y = case.rows()
        layout, theta = case.draws(X, y)
        gradient = case.model.grad_log_prior(theta)
        assert {name: values.shape for name, values in gradient.items()} == {
            name: values.shape for name, values in theta.items()
        }
        for t in range(5):
            expected = differences(case.model.log_prior, layout, taken(theta, [t]))
            assert_allclose(layout.flatten(gradient)[t], expected, rtol=1e-5, atol=1e-6)

    def test_of_weighted_rows(self, case):
        X, y = case.rows()
        layout, theta = case.draws(X, y)
        weight = np.array([0.0, 0.5, 1.0, 2.5] * 3)
        gradient = case.model.grad_log_likelihood(theta, X, y, weight)
        assert {name: values.shape for name, values in gradient.items()} == {
            name: values.shape for name, values in theta.items()
        }
        for t in range(5):

            def weighted(theta):
                return case.model.log_likelihood(theta, X, y) @ weight

            expected = differences(weighted, layout, taken(theta, [t]))
            assert_allclose(layout.flatten(gradient)[t], expected, rtol=1e-5, atol=1e-5)

    def test_add_over_rows(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        weight = np.random.default_rng(2).random(N_ROWS)

        def part(rows):
            return case.model.grad_log_likelihood(theta, X[rows], None if y is None else y[rows], weight[rows])

        whole, first, second = part(slice(None)), part(slice(5)), part(slice(5, None))
        assert_same(whole, {name: first[name] + second[name] for name in first}, rtol=1e-10, atol=1e-10)

    def test_weights_are_repetition(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        weight = np.arange(N_ROWS) % 4
        rows = np.repeat(np.arange(N_ROWS), weight)
        repeated = case.model.grad_log_likelihood(theta, X[rows], None if y is None else y[rows], np.ones(len(rows)))
        assert_same(case.model.grad_log_likelihood(theta, X, y, weight.astype(float)), repeated, rtol=1e-10, atol=1e-10)

    def test_no_weight_gives_no_slope(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        gradient = case.model.grad_log_likelihood(theta, X, y, np.zeros(N_ROWS))
        assert all((values == 0.0).all() for values in gradient.values())

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    @pytest.mark.parametrize(
        ("kind", "n_classes"),
        [
            (NeuralNetworkRegressionModel, 2),
            (NeuralNetworkClassificationModel, 2),
            (NeuralNetworkClassificationModel, 5),
        ],
    )
    def test_of_networks_are_those_of_one_network_at_a_time(self, kind, n_classes, activation):
        case = Case(kind(50, activation), n_classes, n_columns=13)
        X, y = case.rows(100)
        _, theta = case.draws(X, y, 20)
        weight = np.random.default_rng(5).exponential(5.0, 100)
        gradient = case.model.grad_log_likelihood(theta, X, y, weight)
        for t in range(20):
            expected = plain.network_slopes(case.model, one_draw(theta, t), X, y, weight)
            assert_same(expected, one_draw(gradient, t), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("model", [NeuralNetworkRegressionModel(50), NeuralNetworkClassificationModel(40, "tanh")])
    def test_blocks_of_rows_are_the_whole(self, model):
        case = Case(model, n_classes=3)
        X, y = case.rows(1003)
        _, theta = case.draws(X, y, 21)
        weight = np.arange(1003) % 5.0
        parts = [slice(None, 300), slice(300, 600), slice(600, None)]
        gradients = [model.grad_log_likelihood(theta, X[part], y[part], weight[part]) for part in parts]
        added = {name: sum(gradient[name] for gradient in gradients) for name in theta}
        assert_same(model.grad_log_likelihood(theta, X, y, weight), added, rtol=1e-9, atol=1e-9)
        rows = np.concatenate([model.log_likelihood(theta, X[part], y[part]) for part in parts], axis=1)
        assert_allclose(model.log_likelihood(theta, X, y), rows, rtol=1e-11, atol=1e-11)


class TestDraws:
    def test_a_batch_is_its_draws(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        model, weight = case.model, np.arange(N_ROWS) % 3.0
        for t in range(5):
            own, tolerance = taken(theta, [t]), {"rtol": 1e-10, "atol": 1e-10}
            assert_allclose(model.log_prior(own), model.log_prior(theta)[[t]], **tolerance)
            assert_allclose(model.log_likelihood(own, X, y), model.log_likelihood(theta, X, y)[[t]], **tolerance)
            assert_same(model.grad_log_prior(own), taken(model.grad_log_prior(theta), [t]), **tolerance)
            gradient = taken(model.grad_log_likelihood(theta, X, y, weight), [t])
            assert_same(model.grad_log_likelihood(own, X, y, weight), gradient, **tolerance)

    def test_arguments_stay_as_they_were(self, case):
        X, y = case.rows()
        _, theta = case.draws(X, y)
        weight = np.arange(N_ROWS) % 3.0
        for array in [X, weight, *theta.values(), *([] if y is None else [y])]:
            array.setflags(write=False)
        case.model.parameters(X, y)
        case.model.log_prior(theta)
        case.model.grad_log_prior(theta)
        case.model.log_likelihood(theta, X, y)
        case.model.grad_log_likelihood(theta, X, y, weight)
        case.model.sample(theta, X, np.random.default_rng(0))

    @pytest.mark.parametrize("name", PREDICTING)
    def test_predictions_are_means_of_samples(self, name):
        case = CASES[name]
        X, y = case.rows()
        _, theta = case.draws(X, y, 2)
        many = {key: np.repeat(values, 4000, axis=0) for key, values in theta.items()}
        samples = case.model.sample(many, X, np.random.default_rng(3)).reshape(2, 4000, N_ROWS)
        prediction = case.model.predict(theta, X)
        if is_classifier(case.model):
            assert prediction.shape == (2, N_ROWS, case.n_classes)
            assert_allclose(prediction.sum(axis=2), 1.0, rtol=1e-12)
            samples = (samples[..., None] == np.arange(case.n_classes)).astype(float)
        error = samples.std(axis=1) / np.sqrt(4000) + 1e-3
        assert (np.abs(samples.mean(axis=1) - prediction) < 5.0 * error).all()

    def test_samples_of_tables_have_their_moments(self):
        case = CASES["location scale"]
        X, y = case.rows(3000)
        _, theta = case.draws(X, y, 4)
        tables = case.model.sample(theta, X, np.random.default_rng(0))
        assert tables.shape == (4, 3000, 3)
        deviation = plain.sd(theta["precision"])
        assert_allclose(tables.std(axis=1), deviation, rtol=0.08)
        assert (np.abs(tables.mean(axis=1) - theta["mean"]) < 5.0 * deviation / np.sqrt(3000)).all()

    @pytest.mark.parametrize("name", CLASSIFYING)
    def test_probabilities_are_those_of_the_likelihood(self, name):
        case = CASES[name]
        X, y = case.rows()
        _, theta = case.draws(X, y)
        prediction = case.model.predict(theta, X)
        for k in range(case.n_classes):
            likelihood = case.model.log_likelihood(theta, X, np.full(N_ROWS, k))
            assert_allclose(np.exp(likelihood), prediction[..., k], rtol=1e-9)


def search(model, X, y):
    """What searches start from."""
    return [(repr(parameter), parameter.start, parameter.scale) for parameter in model.parameters(X, y)]


def assert_same_search(first, second):
    for (name, start, scale), (other, other_start, other_scale) in zip(first, second, strict=True):
        assert name == other
        assert_allclose(start, other_start, rtol=1e-12)
        assert_allclose(scale, other_scale, rtol=1e-12)


class TestStarts:
    def test_repeated_rows_start_the_same_search(self, case):
        X, y = case.rows()
        rows = np.repeat(np.arange(N_ROWS), 1 + np.arange(N_ROWS) % 4)[::-1]
        assert_same_search(search(case.model, X, y), search(case.model, X[rows], None if y is None else y[rows]))

    def test_one_row_and_constant_columns_have_a_start(self, case):
        X, y = case.rows()
        X[:, 0] = 0.0
        if y is not None and not is_classifier(case.model):
            y[:] = 3
        for n_rows in (case.n_classes if is_classifier(case.model) else 1, N_ROWS):
            rows, own = X[:n_rows], None if y is None else y[:n_rows]
            layout, theta = case.draws(rows, own)
            assert all(np.isfinite(parameter.start).all() for parameter in layout.parameters)
            assert np.isfinite(case.model.log_likelihood(theta, rows, own)).all()
            gradient = case.model.grad_log_likelihood(theta, rows, own, np.ones(n_rows))
            assert all(np.isfinite(values).all() for values in gradient.values())

    def test_columns_of_any_scale_start_within_reach(self):
        X, y = CASES["linear"].rows()
        for model in (LinearModel(**LEARNED), LogisticModel(**LEARNED), PoissonModel(**LEARNED)):
            y = np.arange(N_ROWS) % 2
            scales = [model.parameters(X * factor, y)[0].scale for factor in (1.0, 1e6, 1e-6)]
            assert_allclose(scales[1], scales[0] / 1e6)
            assert_allclose(scales[2], scales[0] * 1e6)

    @pytest.mark.parametrize("name", ["linear learned", "softmax learned", "network relu", "network of three classes"])
    def test_precisions_start_in_agreement_with_their_weights(self, name):
        parameters = CASES[name].model.parameters(*CASES[name].rows())
        weights = [parameter for parameter in parameters if "weights" in parameter.name or "biases" in parameter.name]
        precision = next(parameter for parameter in parameters if parameter.name == "weight_precision")
        draws = np.random.default_rng(0).standard_normal((20_000, sum(p.n_free for p in weights)))
        sizes = np.concatenate([parameter.scale.ravel() for parameter in weights])
        squares = np.mean((draws * sizes) ** 2)
        assert_allclose(np.exp(precision.start), 1.0 / squares, rtol=0.02)
        assert_allclose(precision.scale, np.sqrt(2.0 / len(sizes)))

    def test_columns_and_targets_of_opposite_extremes_have_a_start(self):
        X, y = CASES["linear"].rows()
        for rows, targets in ((X * 1e100, y * 1e-100), (X * 1e-100, y * 1e100)):
            for model in (LinearModel(), LinearModel(**LEARNED)):
                assert all(np.isfinite(parameter.start).all() for parameter in model.parameters(rows, targets))

    def test_location_scale_starts_where_the_table_is(self):
        X = CASES["location scale"].rows()[0] * 1e-3 + 1e6
        model = GaussianLocationScale()
        mean, precision = model.parameters(X)
        assert (np.abs(mean.start - X.mean(axis=0)) < 2e-3).all()
        assert_allclose(np.exp(-0.5 * precision.start), X.std(axis=0), rtol=1.0)


class TestExtremes:
    @pytest.mark.parametrize("size", [30.0, 300.0, 1e4, 1e6])
    def test_free_numbers_far_out_give_no_nan(self, case, size):
        X, y = case.rows()
        layout, _ = case.draws(X, y)
        z = size * np.random.default_rng(4).choice([-1.0, 0.0, 1.0], (40, layout.n_free))
        theta = layout.constrain(z)
        weight = np.arange(N_ROWS) % 3.0
        prior, likelihood = case.model.log_prior(theta), case.model.log_likelihood(theta, X, y)
        assert not np.isnan(prior).any()
        assert not np.isnan(likelihood).any()
        assert (prior < np.inf).all()
        assert (likelihood < np.inf).all()
        for gradient in (
            case.model.grad_log_prior(theta),
            case.model.grad_log_likelihood(theta, X, y, weight),
        ):
            assert not any(np.isnan(values).any() for values in gradient.values())

    def test_location_scale_keeps_its_digits_far_from_zero(self):
        case = CASES["location scale"]
        X, _ = case.rows()
        _, theta = case.draws(X, None)
        shift = 2.0**30
        rows = np.round(X * 2.0**20) / 2.0**20
        near = taken(theta, slice(None)) | {"mean": np.round(theta["mean"] * 2.0**20) / 2.0**20}
        far = near | {"mean": near["mean"] + shift}
        weight = np.arange(N_ROWS) % 3.0
        model = case.model
        assert_allclose(model.log_likelihood(far, rows + shift), model.log_likelihood(near, rows), rtol=1e-10)
        gradients = [model.grad_log_likelihood(*pair, None, weight) for pair in ((far, rows + shift), (near, rows))]
        assert_same(*gradients, rtol=1e-6, atol=1e-6)

    def test_linear_residuals_keep_their_digits_far_from_zero(self):
        model, shift = LinearModel(), 2.0**30
        X, y = CASES["linear"].rows()
        _, theta = CASES["linear"].draws(X, y)
        y = np.round(y * 2.0**20) / 2.0**20
        far = theta | {"intercept": theta["intercept"] + shift}
        assert_allclose(model.log_likelihood(far, X, y + shift), model.log_likelihood(theta, X, y), rtol=1e-5)

    @pytest.mark.parametrize(
        ("weights", "intercept", "wrong"),
        [([[1.0]], [0.0], [0, 1]), ([[[1.0], [0.0], [0.5]]], [[0.0, 0.0, 0.0]], [1, 0])],
        ids=["two", "three"],
    )
    def test_unlikely_classes_have_finite_log_probabilities(self, weights, intercept, wrong):
        X = np.array([[1e5], [-1e5]])
        theta = {"weights": np.array(weights), "intercept": np.array(intercept)}
        assert_allclose(LogisticModel().log_likelihood(theta, X, np.array(wrong)), -1e5)


class TestObjects:
    def test_are_cloned_and_saved(self, case):
        copy = pickle.loads(pickle.dumps(clone(case.model)))
        assert copy.get_params() == case.model.get_params()
        X, y = case.rows()
        _, theta = case.draws(X, y)
        assert_allclose(copy.log_prior(theta), case.model.log_prior(theta), rtol=0.0)

    def test_methods_leave_no_trace(self, case):
        model = clone(case.model)
        before = dict(vars(model))
        X, y = case.rows()
        _, theta = Case(model, case.n_classes, case.n_columns).draws(X, y)
        model.log_likelihood(theta, X, y)
        assert vars(model) == before

    def test_are_regressors_or_classifiers(self, case):
        kind = KINDS[type(case.model)][2]
        assert is_regressor(case.model) == (kind in {"real", "counts"})
        assert is_classifier(case.model) == (kind == "classes")
        assert hasattr(case.model, "predict") == (kind != "none")

    @pytest.mark.parametrize("name", CASES)
    def test_say_whether_they_take_sparse_rows(self, name):
        assert get_tags(CASES[name].model).input_tags.sparse == (name in SPARSE)

    def test_flags_may_come_from_arrays(self):
        X, y = CASES["linear"].rows()
        assert len(LinearModel(fit_intercept=np.bool_(False)).parameters(X, y)) == 2

    def test_every_ready_model_has_a_case(self):
        ready = {getattr(blackbox, name) for name in blackbox.__all__}
        ready = {kind for kind in ready if isinstance(kind, type) and hasattr(kind, "grad_log_prior")}
        assert {type(case.model) for case in CASES.values()} == set(KINDS)
        assert set(KINDS) <= ready


X, Y = CASES["linear"].rows()
GROUPED = CASES["hierarchical"].rows()[0]
CLASSES = np.arange(N_ROWS) % 3
WRONG = [
    (
        GaussianLocationScale(scale=-1.0),
        X,
        None,
        r"GaussianLocationScale\(scale=-1.0\): give a positive number, or one",
    ),
    (GaussianLocationScale(location=[1.0, 2.0]), X, None, "location=.*for each of the 3 columns"),
    (GaussianLocationScale(rate="a"), X, None, "rate='a'"),
    (LinearModel(noise_rate=0.0), X, Y, "noise_rate=0.0.*give a positive number"),
    (LinearModel("ridge"), X, Y, "weight_precision='ridge'.*'learn'"),
    (LinearModel([1.0, 2.0]), X, Y, "weight_precision=.*3 columns"),
    (LinearModel(fit_intercept="yes"), X, Y, "fit_intercept='yes'.*True or False"),
    (LinearModel(), X, None, "y is None: give y"),
    (LinearModel(), X, np.ones((N_ROWS, 2)), r"y has shape \(12, 2\)"),
    (LogisticModel(), X, np.zeros(N_ROWS), "one class alone"),
    (LogisticModel(), X, CLASSES - 0.5, "takes classes 0, 1, ..., K - 1, and y holds -0.5"),
    (LogisticModel(intercept_scale=np.inf), X, CLASSES, "intercept_scale=inf"),
    (PoissonModel(), X, CLASSES - 1, "takes counts, and y holds -1: give numbers of zero"),
    (PoissonModel(precision_shape=None), X, CLASSES, "precision_shape=None"),
    (HierarchicalIntercepts(), X, Y, "group_column=0 holds .*OrdinalEncoder"),
    (HierarchicalIntercepts(), -GROUPED, Y, "group_column=0 holds -1.0"),
    (HierarchicalIntercepts(3), GROUPED, Y, "X has 3 columns"),
    (HierarchicalIntercepts("group"), GROUPED, Y, "group_column='group'"),
    (HierarchicalIntercepts(n_groups=3), GROUPED, Y, "holds group 3, and the model has 3: give n_groups=4"),
    (HierarchicalIntercepts(n_groups=0), GROUPED, Y, "n_groups=0"),
    (HierarchicalIntercepts(slope_scale=[1.0] * 3), GROUPED, Y, "slope_scale=.*2 columns"),
    (HierarchicalIntercepts(centered="no"), GROUPED, Y, "centered='no'"),
    (NeuralNetworkRegressionModel(0), X, Y, "n_hidden=0.*positive integer"),
    (NeuralNetworkRegressionModel(activation="sine"), X, Y, "activation='sine'.*'relu' or 'tanh'"),
    (NeuralNetworkRegressionModel(noise_shape=-1.0), X, Y, "noise_shape=-1.0"),
    (NeuralNetworkClassificationModel(), X, np.ones(N_ROWS) * 0.0, "one class alone"),
]


class TestWords:
    @pytest.mark.parametrize(("model", "X", "y", "message"), WRONG, ids=[words for *_, words in WRONG])
    def test_what_cannot_be_is_named(self, model, X, y, message):
        with pytest.raises(ValueError, match=message):
            model.parameters(X, y)

    @pytest.mark.parametrize("name", ["logistic", "softmax", "network of two classes", "network of three classes"])
    def test_classes_that_the_model_does_not_have(self, name):
        case = CASES[name]
        X, y = case.rows()
        _, theta = case.draws(X, y)
        with pytest.raises(ValueError, match=f"y holds class {case.n_classes}, and there are {case.n_classes} from 0"):
            case.model.log_likelihood(theta, X, y + 1)

    def test_groups_that_the_model_does_not_have(self):
        case = CASES["hierarchical"]
        X, y = case.rows()
        _, theta = case.draws(X, y)
        with pytest.raises(ValueError, match="holds group 4, and the model has 4: give n_groups=5"):
            case.model.predict(theta, X + 1.0)

    def test_counts_are_checked_with_each_likelihood(self):
        case = CASES["poisson"]
        X, y = case.rows()
        _, theta = case.draws(X, y)
        with pytest.raises(ValueError, match="takes counts"):
            case.model.log_likelihood(theta, X, -1.0 - y)

    def test_priors_are_checked_with_each_density(self):
        case = CASES["network relu"]
        _, theta = case.draws(*case.rows())
        with pytest.raises(ValueError, match="precision_rate=-2"):
            clone(case.model).set_params(precision_rate=-2).log_prior(theta)
