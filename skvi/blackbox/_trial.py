"""A model tried on a few draws and rows: whether what its methods return has the right form."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin, RegressorMixin

from skvi.blackbox._jitted import JittedModel

#: methods and what they take after theta
ARGUMENTS = {
    "log_prior": (),
    "log_likelihood": ("X", "y"),
    "grad_log_prior": (),
    "grad_log_likelihood": ("X", "y", "row_weight"),
    "predict": ("X",),
}


@dataclass(frozen=True)
class Rows:
    """Rows that a model is tried on, and their numbers in the data."""

    X: np.ndarray | sparse.csr_array | None
    y: np.ndarray | None
    row_weight: np.ndarray | None
    numbers: np.ndarray | None

    @classmethod
    def take(cls, X, y, numbers):
        """Rows of the data by their numbers, each of weight one."""
        if X is None:
            return cls(None, y, None, None)
        return cls(X[numbers], None if y is None else y[numbers], np.ones(len(numbers)), np.asarray(numbers))

    def part(self, chosen):
        """Some of the rows."""
        fields = (self.X, self.y, self.row_weight, self.numbers)
        return Rows(*[None if values is None else values[chosen] for values in fields])

    def weigh(self, row_weight):
        """The same rows with other weights."""
        return replace(self, row_weight=np.broadcast_to(row_weight, self.row_weight.shape).astype(np.float64))

    def __len__(self):
        return 0 if self.numbers is None else len(self.numbers)


class Trial:
    """A batched model, draws and rows to try it on, and what is wrong with it.

    Parameters
    ----------
    model : object with the batched protocol
    layout : Layout
    z : ndarray of shape (T, P)
        Free numbers of the draws.
    rows : Rows
    """

    def __init__(self, model, layout, z, rows):
        self.model = model
        self.layout = layout
        self.z = z
        self.theta = layout.constrain(z)
        self.rows = rows
        self.problems = []
        self.cause = None
        self.epsilon = float(np.finfo(np.float64).eps)
        self._broken = set()

    @property
    def n_draws(self):
        """T."""
        return len(self.z)

    @property
    def tolerance(self):
        """How far two ways to the same number may lie apart, relative."""
        return max(1e-6, 1e4 * self.epsilon)

    def complain(self, name, problem):
        """Note what is wrong with a method, which is not tried any further."""
        self._broken.add(name)
        self.problems.append(f"{signature(name)} {problem}")

    def sound(self, *names):
        """Whether the model has the methods and nothing is known to be wrong with them."""
        return all(callable(getattr(self.model, name, None)) and name not in self._broken for name in names)

    def call(self, name, theta=None, rows=None):
        """What a method returns: an array, or a dictionary of arrays; it gets copies of all."""
        theta = self.theta if theta is None else theta
        rows = self.rows if rows is None else rows
        given = [_copy(theta), *[_copy(getattr(rows, argument)) for argument in ARGUMENTS[name]]]
        with np.errstate(all="ignore"):
            return _plain(getattr(self.model, name)(*given))

    def attempt(self, name, check, *arguments):
        """Run a check of a method that has passed the others; an error of the model is a complaint too."""
        if not self.sound(name):
            return
        try:
            check(self, name, *arguments)
        except Exception as error:
            self.cause = self.cause or error
            self.complain(
                name, f"raises {type(error).__name__} on some of the draws or rows, though not on all of them: {error}"
            )

    def raise_problems(self, model):
        """Raise ValueError where something is wrong."""
        if not self.problems:
            return
        problems = "\n".join(f"- {problem}" for problem in self.problems)
        raise ValueError(f"{type(model).__name__} is not a model as its protocol asks:\n{problems}") from self.cause

    def check_forms(self):
        """Call each method once: shapes, kinds of numbers, finite, arguments left alone."""
        self._check_form("log_prior", {(self.n_draws,): "one number for each draw"})
        if self.rows.X is not None:
            both = (self.n_draws, len(self.rows))
            self._check_form("log_likelihood", {both: "one number for each draw and row"})
        self._check_gradients("grad_log_prior")
        if self.sound("log_likelihood"):
            self._check_gradients("grad_log_likelihood")
        if self.rows.X is not None:
            self._check_predictions()

    def _first_call(self, name):
        """What a method returns, or None where it raises or changes its arguments."""
        names = ("theta", *ARGUMENTS[name])
        given = [_copy(self.theta), *[_copy(getattr(self.rows, argument)) for argument in names[1:]]]
        before = [_copy(argument) for argument in given]
        try:
            with np.errstate(all="ignore"):
                result = _plain(getattr(self.model, name)(*given))
        except Exception as error:
            self.cause = self.cause or error
            self.complain(name, f"raises {type(error).__name__}: {error}")
            return None
        if result is None:
            self.complain(name, "returns nothing: end it with return")
            return None
        changed = [one for one, old, new in zip(names, before, given, strict=True) if not _equal(old, new)]
        if changed:
            self.complain(name, f"changes {', '.join(changed)} in place: work on a copy")
        return None if changed else result

    def _check_form(self, name, shapes):
        """Check that a method returns finite real numbers in one of the shapes."""
        if not self.sound(name):
            return None
        values = self._first_call(name)
        if values is None or not self._check_numbers(name, values):
            return None
        if values.shape not in shapes:
            allowed = " or ".join(f"{shape}, {words}" for shape, words in shapes.items())
            self.complain(name, f"has shape {values.shape}: give {allowed}{self._hint(values.shape, shapes)}")
            return None
        if not np.isfinite(values).all():
            self.complain(name, self._not_finite(values))
            return None
        return values

    def _check_numbers(self, name, values):
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
            kind = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
            self.complain(name, f"returns {kind}: give an array of real numbers")
            return False
        if values.dtype.kind == "f":
            self.epsilon = max(self.epsilon, float(np.finfo(values.dtype).eps))
        return True

    def _hint(self, shape, shapes):
        """What probably went wrong."""
        wanted = next(iter(shapes))
        if len(wanted) == 1 and len(shape) > 1 and shape[0] == wanted[0]:
            return " (sum over all axes but the first)"
        if len(wanted) == 2 and shape == wanted[:1]:
            return " (do not sum over rows)"
        if len(wanted) == 2 and shape == wanted[::-1]:
            return " (transpose it)"
        if shape in ((), wanted[1:]):
            return " (theta holds a batch of draws in its first axis)"
        return ""

    def _not_finite(self, values):
        wrong = np.argwhere(~np.isfinite(values))
        draw = wrong[0][0]
        found = values[tuple(wrong[0])]
        where = f"at {len(np.unique(wrong[:, 0]))} of {self.n_draws} starting draws"
        if values.ndim > 1:
            row = self.rows.numbers[wrong[0][1]]
            where += f" and {len(np.unique(wrong[:, 1]))} of {len(self.rows)} rows, first in row {row}"
        return (
            f"is not finite {where} (it is {found}), where {self.describe(draw)}: keep it finite, or move the draws "
            "with start and scale of Parameter"
        )

    def describe(self, draw):
        """Parameters at a draw in a few words."""
        return ", ".join(
            f"{name} = {np.array2string(values[draw], precision=3, threshold=6, edgeitems=2)}".replace("\n", "")
            for name, values in self.theta.items()
        )

    def _check_gradients(self, name):
        if not self.sound(name):
            return
        gradients = self._first_call(name)
        if gradients is None:
            return
        if not isinstance(gradients, dict):
            self.complain(name, f"returns a {type(gradients).__name__}: give a dictionary with an array per parameter")
            return
        missing, unknown = self.theta.keys() - gradients.keys(), gradients.keys() - self.theta.keys()
        if missing or unknown:
            words = [f"lacks {', '.join(sorted(missing))}"] if missing else []
            words += [f"holds {', '.join(sorted(map(str, unknown)))}, which no parameter is called"] if unknown else []
            self.complain(name, f"{' and '.join(words)}: give one array for each parameter")
            return
        for parameter, values in self.theta.items():
            self._check_gradient(name, parameter, gradients[parameter], values.shape)

    def _check_gradient(self, name, parameter, gradient, shape):
        if not self._check_numbers(name, gradient):
            return
        if gradient.shape != shape:
            self.complain(name, f"has shape {gradient.shape} for {parameter}: give {shape}, summed over rows")
        elif not np.isfinite(gradient).all():
            draws = np.unique(np.argwhere(~np.isfinite(gradient))[:, 0])
            self.complain(
                name,
                f"is not finite for {parameter} at {len(draws)} of {self.n_draws} starting draws, first where "
                f"{self.describe(draws[0])}",
            )

    def _check_predictions(self):
        classifies, regresses = isinstance_of(self.model, ClassifierMixin), isinstance_of(self.model, RegressorMixin)
        if not callable(getattr(self.model, "predict", None)):
            if classifies or regresses:
                mixin = "ClassifierMixin" if classifies else "RegressorMixin"
                self.complain("predict", f"is missing, though the model inherits {mixin}: write it, or drop the mixin")
            return
        shape = (self.n_draws, len(self.rows))
        if not (classifies or regresses):
            self.complain(
                "predict", "has no meaning yet: inherit RegressorMixin or ClassifierMixin from sklearn.base as well"
            )
            return
        values = self._first_call("predict")
        if values is None or not self._check_numbers("predict", values):
            return
        if classifies and values.ndim == 3 and values.shape[:2] == shape:
            self._check_probabilities(values)
        elif classifies:
            words = f"{(*shape, 'n_classes')}, the probability of each class, as the model inherits ClassifierMixin"
            self.complain("predict", f"has shape {values.shape}: give {words}".replace("'", ""))
        elif values.shape != shape:
            words = f"{shape}, one mean for each draw and row, as the model inherits RegressorMixin"
            also = "; a classifier inherits ClassifierMixin" if values.ndim == 3 else ""
            self.complain("predict", f"has shape {values.shape}: give {words}{also}")
        elif not np.isfinite(values).all():
            self.complain("predict", self._not_finite(values))

    def _check_probabilities(self, values):
        if not np.isfinite(values).all():
            self.complain("predict", self._not_finite(values))
        elif (values < 0.0).any() or not np.allclose(values.sum(axis=2), 1.0, rtol=0.0, atol=self.tolerance):
            self.complain("predict", "does not give probabilities: make them positive, with sum one over classes")


def isinstance_of(model, kind):
    """Whether a model is of a kind, also where an adapter stands before it."""
    return isinstance(model.model if isinstance(model, JittedModel) else model, kind)


def signature(name):
    """A method with its arguments."""
    return f"{name}({', '.join(('theta', *ARGUMENTS[name]))})"


def _copy(argument):
    if isinstance(argument, dict):
        return {name: _copy(values) for name, values in argument.items()}
    if sparse.issparse(argument):
        return argument.copy()
    return None if argument is None else np.array(argument)


def _equal(one, other):
    if sparse.issparse(one):
        return one.shape == other.shape and not (one != other).nnz
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if one is None or one.dtype.kind not in "fc":
        return np.array_equal(one, other)
    return np.array_equal(one, other, equal_nan=True)


def _plain(result):
    """Numbers as numpy arrays, whatever array library made them."""
    if isinstance(result, dict):
        return {name: np.asarray(values) for name, values in result.items()}
    return result if result is None else np.asarray(result)
