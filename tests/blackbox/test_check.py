"""What `check_model` says of models that are broken on purpose, and that it lets sound ones pass."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from skvi.blackbox import (
    BlackBoxVI,
    GaussianLocationScale,
    HierarchicalIntercepts,
    LinearModel,
    LogisticModel,
    NeuralNetworkClassificationModel,
    NeuralNetworkRegressionModel,
    Parameter,
    PoissonModel,
    SVGDSampler,
    check_model,
    from_density,
)
from skvi.blackbox._check import check_quickly
from skvi.gradient.parameters import Layout
from tests.blackbox.models import JittedLinear, JittedLogistic, Linear, Shares, Softmax, linear_data

X, Y = linear_data()
LABELS = np.array(["a", "b", "c"])[np.arange(len(X)) % 3]
COUNTS = np.random.default_rng(1).poisson(3.0, (30, 3))


def complaints(model, X=X, y=Y):
    with pytest.raises(ValueError, match="as its protocol asks") as raised:
        check_model(model, X, y)
    return str(raised.value)


class Single(Linear):
    """A model that computes in single precision."""

    def log_likelihood(self, theta, X, y):
        return self._single(Linear.log_likelihood, theta, X, y)

    def grad_log_likelihood(self, theta, X, y, row_weight):
        return self._single(Linear.grad_log_likelihood, theta, X, y, row_weight)

    def _single(self, method, theta, *arguments):
        theta = {name: values.astype(np.float32) for name, values in theta.items()}
        return method(self, theta, *[np.asarray(argument, dtype=np.float32) for argument in arguments])


SOUND = {
    "regressor": (Linear(), X, Y),
    "one row": (Linear(), X[:1], Y[:1]),
    "one feature": (Linear(), X[:, :1], Y),
    "more features than rows": (Linear(), X[:3].repeat(4, axis=1), Y[:3]),
    "offset": (Linear(), X + 1e6, Y + 1e6),
    "tiny units": (Linear(), 1e-6 * X, 1e-6 * Y),
    "many rows": (Linear(), np.tile(X, (50, 1)), np.tile(Y, 50)),
    "classifier": (Softmax(), X, LABELS),
    "constrained": (Shares(), COUNTS, None),
    "single precision": (Single(), X, Y),
    "compiled": (JittedLinear(), X, Y),
    "compiled in part": (JittedLogistic(), X, Y > 0),
}


@pytest.mark.parametrize(("model", "rows", "targets"), SOUND.values(), ids=SOUND)
def test_sound_models_pass(model, rows, targets):
    for seed in range(3):
        check_model(model, rows, targets, random_state=seed)


def test_sound_models_pass_quickly_and_unchanged():
    before = X.copy(), Y.copy()
    check_quickly(Linear(), Layout(Linear().parameters(X)), X, Y)
    check_quickly(JittedLinear(), Layout(Linear().parameters(X)), X, Y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


GROUPED = np.column_stack([np.arange(len(X)) % 4, X])
READY = {
    "location and scale": (GaussianLocationScale(), X, None),
    "linear": (LinearModel(weight_precision="learn"), X, Y),
    "logistic": (LogisticModel(), sparse.csr_array(X), Y > 0),
    "softmax": (LogisticModel(), X, LABELS),
    "counts": (PoissonModel(), X, np.arange(len(X)) % 5),
    "groups": (HierarchicalIntercepts(), GROUPED, Y),
    "network": (NeuralNetworkRegressionModel(n_hidden=20), X, Y),
    "network of classes": (NeuralNetworkClassificationModel(n_hidden=20), X, LABELS),
}


@pytest.mark.parametrize(("model", "rows", "targets"), READY.values(), ids=READY)
def test_ready_models_pass(model, rows, targets):
    check_model(model, rows, targets)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
def test_sparse_rows_are_checked(kind):
    class Sparse(Linear):
        def predict(self, theta, X):
            return (X @ theta["beta"].T).T

        def log_likelihood(self, theta, X, y):
            return -0.5 * (y - self.predict(theta, X)) ** 2

        def grad_log_likelihood(self, theta, X, y, row_weight):
            weighted = row_weight * (y - self.predict(theta, X))
            return {"beta": (X.T @ weighted.T).T, "sigma": np.zeros(len(weighted))}

    check_model(Sparse(), kind(X), Y)
    check_quickly(Sparse(), Layout(Sparse().parameters(X)), sparse.csr_array(X), Y)

    class Changes(Sparse):
        def predict(self, theta, X):
            X.data *= 2.0
            return super().predict(theta, X)

    assert "changes X in place" in complaints(Changes(), kind(X))


# Form: (method, what it does, words); also found by the quick check


def scaled(theta, name, factor):
    return {**theta, name: factor * theta[name]}


class Gradients:
    """Ways to spoil the gradients of `Linear`."""

    @staticmethod
    def prior(change):
        return lambda self, theta: change(Linear.grad_log_prior(self, theta))

    @staticmethod
    def likelihood(change):
        return lambda self, theta, X, y, w: change(Linear.grad_log_likelihood(self, theta, X, y, w))


def spoil_beta(theta):
    theta["beta"] *= 2.0
    return -theta["sigma"]


def spoil_rows(theta, X):
    X -= 1.0
    return theta["beta"] @ X.T


def infinite_row(self, theta, X, y):
    values = Linear.log_likelihood(self, theta, X, y)
    values[:, 7] = -np.inf
    return values


FORMS = {
    "prior summed over draws": (
        "log_prior",
        lambda self, theta: -np.sum(theta["beta"] ** 2),
        r"log_prior\(theta\) has shape \(\): give \(\d,\), one number for each draw \(theta holds a batch of draws",
    ),
    "prior not summed": (
        "log_prior",
        lambda self, theta: -(theta["beta"] ** 2),
        r"log_prior\(theta\) has shape \(\d, 3\): .* \(sum over all axes but the first\)",
    ),
    "prior nan": (
        "log_prior",
        lambda self, theta: np.log(-theta["sigma"]),
        r"is not finite at (\d) of \1 starting draws \(it is nan\), where beta = \[.*\], sigma = .*: keep it finite",
    ),
    "prior complex": (
        "log_prior",
        lambda self, theta: theta["sigma"] * 1j,
        "returns an array of complex128: give an array of real numbers",
    ),
    "prior none": ("log_prior", lambda self, theta: None, "returns nothing: end it with return"),
    "prior raises": (
        "log_prior",
        lambda self, theta: theta["gamma"],
        r"log_prior\(theta\) raises KeyError: 'gamma'",
    ),
    "prior changes theta": (
        "log_prior",
        lambda self, theta: spoil_beta(theta),
        "changes theta in place: work on a copy",
    ),
    "likelihood summed": (
        "log_likelihood",
        lambda self, theta, X, y: Linear.log_likelihood(self, theta, X, y).sum(axis=1),
        r"log_likelihood\(theta, X, y\) has shape \(\d,\): give \(\d, 40\), .* \(do not sum over rows\)",
    ),
    "likelihood transposed": (
        "log_likelihood",
        lambda self, theta, X, y: Linear.log_likelihood(self, theta, X, y).T,
        r"has shape \(40, \d\): .* \(transpose it\)",
    ),
    "likelihood of a row infinite": (
        "log_likelihood",
        infinite_row,
        r"is not finite at (\d) of \1 starting draws and 1 of 40 rows, first in row 7 \(it is -inf\)",
    ),
    "gradient an array": (
        "grad_log_prior",
        lambda self, theta: -theta["beta"],
        "returns a ndarray: give a dictionary with an array per parameter",
    ),
    "gradient lacks a key": (
        "grad_log_prior",
        Gradients.prior(lambda gradient: {"beta": gradient["beta"]}),
        r"grad_log_prior\(theta\) lacks sigma: give one array for each parameter",
    ),
    "gradient has another key": (
        "grad_log_likelihood",
        Gradients.likelihood(lambda gradient: {**gradient, "tau": gradient["sigma"]}),
        "holds tau, which no parameter is called",
    ),
    "gradient of wrong shape": (
        "grad_log_likelihood",
        Gradients.likelihood(lambda gradient: {**gradient, "sigma": gradient["sigma"][:, None]}),
        r"has shape \(\d, 1\) for sigma: give \(\d,\), summed over rows",
    ),
    "gradient nan": (
        "grad_log_prior",
        Gradients.prior(lambda gradient: scaled(gradient, "beta", np.nan)),
        r"is not finite for beta at (\d) of \1 starting draws",
    ),
    "prediction of wrong shape": (
        "predict",
        lambda self, theta, X: X @ theta["beta"].T,
        r"predict\(theta, X\) has shape \(40, \d\): give \(\d, 40\), one mean for each draw and row",
    ),
    "prediction of classes": (
        "predict",
        lambda self, theta, X: np.full((len(theta["beta"]), len(X), 2), 0.5),
        "as the model inherits RegressorMixin; a classifier inherits ClassifierMixin",
    ),
    "prediction changes X": ("predict", lambda self, theta, X: spoil_rows(theta, X), "changes X in place"),
    "prediction infinite": (
        "predict",
        lambda self, theta, X: theta["beta"] @ X.T / 0.0,
        r"predict\(theta, X\) is not finite",
    ),
    "prediction lacking": ("predict", None, "predict.* is missing, though the model inherits RegressorMixin"),
}


@pytest.mark.parametrize(("method", "function", "words"), FORMS.values(), ids=FORMS)
def test_wrong_forms_are_explained(method, function, words):
    model = type("Broken", (Linear,), {method: function})()
    with pytest.raises(ValueError, match=words):
        check_model(model, X, Y)
    with pytest.raises(ValueError, match=words):
        check_quickly(model, Layout(Linear().parameters(X)), X, Y)
    for estimator in (BlackBoxVI(model), SVGDSampler(model)):
        with pytest.raises(ValueError, match=words):
            estimator.fit(X, Y)


CLASSIFIERS = {
    "one number": (lambda self, theta, X: X @ theta["beta"][0], r"give \(\d, 40, n_classes\), the probability of each"),
    "classes": (
        lambda self, theta, X: self._scores(theta, X).argmax(axis=2),
        "give .* as the model inherits ClassifierMixin",
    ),
    "scores": (lambda self, theta, X: self._scores(theta, X), "does not give probabilities"),
    "too many": (
        lambda self, theta, X: np.full((len(theta["beta"]), len(X), 4), 0.25),
        "gives probabilities of 4 classes, where y has 3",
    ),
}


@pytest.mark.parametrize(("predict", "words"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_wrong_probabilities_are_explained(predict, words):
    with pytest.raises(ValueError, match=words):
        check_model(type("Broken", (Softmax,), {"predict": predict})(), X, LABELS)


def test_predictions_need_a_kind():
    class Neither(BaseEstimator):
        parameters, predict = Linear.parameters, Linear.predict

        def log_prior(self, theta):
            return -theta["sigma"]

    assert "inherit RegressorMixin or ClassifierMixin" in complaints(Neither())


def test_all_problems_are_listed_at_once():
    class Broken(Linear):
        def log_prior(self, theta):
            return 0.0

        def grad_log_likelihood(self, theta, X, y, row_weight):
            return None

        def predict(self, theta, X):
            return X

    text = complaints(Broken())
    assert text.startswith("Broken is not a model as its protocol asks:\n- log_prior(theta) has shape ()")
    assert text.count("\n- ") == 3


def test_an_error_of_the_model_is_the_cause():
    class Broken(Linear):
        def log_prior(self, theta):
            raise ZeroDivisionError("here")

    with pytest.raises(ValueError, match="raises ZeroDivisionError: here") as raised:
        check_model(Broken(), X, Y)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


# Meaning: gradients, rows, weights, draws


def test_wrong_signs_get_their_own_words():
    class Loss(Linear):
        grad_log_prior = Gradients.prior(lambda gradient: {name: -values for name, values in gradient.items()})

    text = complaints(Loss())
    assert "grad_log_prior(theta) has the wrong sign at 4 of 4 coordinates: beta[0] (gradient" in text
    assert "grad_log_likelihood" not in text


def test_a_wrong_coordinate_is_named():
    def change(gradient):
        gradient["beta"][:, 1] *= 1.01
        return gradient

    class Off(Linear):
        grad_log_likelihood = Gradients.likelihood(change)

    text = complaints(Off())
    assert "grad_log_likelihood(theta, X, y, row_weight) is off at 1 of 4 coordinates: beta[1] (gradient" in text


def test_gradients_in_free_numbers_are_recognised():
    class Chained(Linear):
        def grad_log_prior(self, theta):
            return scaled(Linear.grad_log_prior(self, theta), "sigma", theta["sigma"])

    text = complaints(Chained())
    assert "is off at 1 of 4 coordinates: sigma (gradient" in text
    assert "It looks like the gradient in the free number behind the parameter" in text


def test_gradients_of_simplexes_are_checked():
    class Off(Shares):
        def grad_log_likelihood(self, theta, X, y, row_weight):
            return scaled(Shares.grad_log_likelihood(self, theta, X, y, row_weight), "shares", 0.5)

    assert "is off at 2 of 5 coordinates: shares[0]" in complaints(Off(), COUNTS, None)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_small_errors_are_found_in_any_unit(unit):
    class Off(Linear):
        def parameters(self, X, y=None):
            return [Parameter("beta", X.shape[1], scale=1.0 / unit), Parameter("sigma", (), "positive")]

        def grad_log_likelihood(self, theta, X, y, row_weight):
            return scaled(Linear.grad_log_likelihood(self, theta, X, y, row_weight), "beta", 1.001)

    assert "is off at 3 of 4 coordinates" in complaints(Off(scale=1.0 / unit), X * unit, Y)


KINKS = np.random.default_rng(3).standard_normal(3000)


def test_kinks_next_to_a_draw_are_no_errors():
    def log_density(draws):
        return -np.abs(draws[:, :, None] - KINKS).sum(axis=(1, 2))

    def gradient(draws):
        return -np.sign(draws[:, :, None] - KINKS).sum(axis=2)

    for seed in range(3):
        check_model(from_density(log_density, gradient, 30), random_state=seed)
    with pytest.raises(ValueError, match="is off at 30 of 30"):
        check_model(from_density(log_density, lambda draws: 1.01 * gradient(draws) + 1.0, 30))


def test_models_of_many_parameters_are_checked_on_some():
    class Wide(Linear):
        grad_log_prior = Gradients.prior(lambda gradient: scaled(gradient, "beta", -1.0))

    rows = np.random.default_rng(0).standard_normal((5, 700))
    assert "of 500 coordinates" in complaints(Wide(), rows, rows[:, 0])


def times(factor, gradient):
    return {name: factor * values for name, values in gradient.items()}


WEIGHTS = {
    "ignored": (lambda gradient, ones, w: ones, "ignores row_weight: weights of 2 give what weights of 1 do"),
    "normalised": (lambda gradient, ones, w: times(1.0 / w.mean(), gradient), "ignores row_weight"),
    "averaged": (lambda gradient, ones, w: times(1.0 / w.sum(), gradient), "two halves of the rows do not add up"),
    "squared": (lambda gradient, ones, w: times(w.mean(), gradient), "weights of 2 do not double it"),
    "only their mean": (lambda gradient, ones, w: times(w.mean(), ones), "rows of weight 0 still count"),
}


@pytest.mark.parametrize(("change", "words"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_must_count(change, words):
    class Broken(Linear):
        def grad_log_likelihood(self, theta, X, y, row_weight):
            gradients = [Linear.grad_log_likelihood(self, theta, X, y, w) for w in (row_weight, np.ones(len(X)))]
            return change(*gradients, row_weight)

    assert words in complaints(Broken())


def test_errors_on_parts_are_complaints():
    class Whole(Linear):
        def log_likelihood(self, theta, X, y):
            assert len(X) == len(Y), "all rows, please"
            return super().log_likelihood(theta, X, y)

    assert "raises AssertionError on some of the draws or rows, though not on all of them" in complaints(Whole())


def test_rows_must_be_additive():
    class Standardises(Linear):
        def log_likelihood(self, theta, X, y):
            return Linear.log_likelihood(self, theta, X - X.mean(axis=0), y)

    text = complaints(Standardises())
    assert "log_likelihood(theta, X, y) is not additive in rows: rows alone differ" in text
    assert "standardise X in a Pipeline" in text


def test_predictions_must_not_see_other_rows():
    class Centres(Linear):
        def predict(self, theta, X):
            return theta["beta"] @ (X - X.mean(axis=0)).T

    assert "predict(theta, X) is not additive in rows" in complaints(Centres())


def test_draws_must_not_meet():
    class Meets(Linear):
        def log_prior(self, theta):
            return Linear.log_prior(self, theta) - theta["sigma"].mean()

    assert "log_prior(theta) gives other values for draw 0 alone than in a batch of" in complaints(Meets())


def test_values_must_repeat():
    class Random(Linear):
        def log_prior(self, theta):
            return Linear.log_prior(self, theta) + np.random.uniform()

    assert "gives other values when it is called again" in complaints(Random())


# Clones


class Changes(Linear):
    def __init__(self, scale=2.0):
        self.scale = float(scale) + 1.0


class Forgets(Linear):
    def __init__(self, scale=2.0):
        super().__init__(scale)
        self.shift = 0.0

    def log_prior(self, theta):
        return super().log_prior(theta) + self.shift


def test_init_must_not_change_its_arguments():
    assert "it cannot be cloned: __init__ must store each argument as it came" in complaints(Changes())


def test_clones_must_behave_the_same():
    model = Forgets()
    model.shift = 3.0
    assert "a clone of it gives other values" in complaints(model)


def test_clones_must_work():
    class Attached(Linear):
        def log_prior(self, theta):
            return super().log_prior(theta) + self.offset

    model = Attached()
    model.offset = 1.0
    assert "a clone of it raises AttributeError" in complaints(model)


def test_models_that_are_no_estimators_are_copied():
    class Locked(Shares):
        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

    assert "it cannot be cloned" in complaints(Locked(), COUNTS, None)


# No model at all


class NoPrior(BaseEstimator):
    parameters = Linear.parameters


class NoLikelihood(NoPrior):
    log_prior, grad_log_likelihood = Linear.log_prior, Linear.grad_log_likelihood


def listing(parameters):
    return type("Listing", (Linear,), {"parameters": lambda self, X, y=None: parameters})()


NO_MODELS = {
    "class": (Linear, TypeError, r"give an instance, Linear\(\)"),
    "no parameters": (object(), TypeError, r"object is no model: it lacks the method parameters\(X, y=None\)"),
    "no prior": (NoPrior(), TypeError, "lacks the method log_prior"),
    "no likelihood": (NoLikelihood(), TypeError, "has grad_log_likelihood, but lacks log_likelihood"),
    "one parameter": (listing(Parameter("a")), TypeError, "give a list of Parameter"),
    "none": (listing([]), TypeError, "with at least one"),
    "names": (listing(["beta"]), TypeError, "lists 'beta': make each of them a Parameter from skvi.blackbox"),
    "twice": (listing([Parameter("a"), Parameter("a")]), ValueError, "lists the name 'a' more than once"),
}


@pytest.mark.parametrize(("model", "kind", "words"), NO_MODELS.values(), ids=NO_MODELS)
def test_what_is_no_model_is_refused(model, kind, words):
    with pytest.raises(kind, match=words):
        check_model(model, X, Y)


def test_data_must_fit_the_model():
    with pytest.raises(ValueError, match="has a log_likelihood: give X"):
        check_model(Linear())
    with pytest.raises(ValueError, match="predicts y: give y as well"):
        check_model(Softmax(), X)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        check_model(Softmax(), X, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        check_model(Linear(), X, Y[:-1])
