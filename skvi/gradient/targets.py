"""The target of inference: the log density of a model's free numbers given rows, and its gradient.

Rows are cut into chunks whose size follows from the number of draws alone; chunks are evaluated side by side and
added in order, so that memory stays bounded and n_jobs changes no bit.
"""

from functools import cached_property, partial

import numpy as np
from scipy.special import logsumexp

from skvi import _threads
from skvi.gradient.compiled import gradient_of_rows
from skvi.gradient.differences import central_gradient

# Doubles of an array of draws by rows: what stays in a core's cache.
_CHUNK_DOUBLES = 2**18
_LEAST_ROWS = 256


class Target:
    """log p(y | X, theta) + log p(theta) + log |dtheta/dz| as a function of free numbers z.

    Parameters
    ----------
    model : object
        With the methods of the model protocol, batched over draws.
    layout : Layout
        Of the model's parameters.
    X : array of shape (N, D) or None
        None for a density without data.
    y : ndarray of shape (N,) or None
    row_weight : ndarray of shape (N,) or None
        What each row's log-likelihood counts.
    n_jobs : int
    """

    def __init__(self, model, layout, X=None, y=None, row_weight=None, n_jobs=1):
        self.model = model
        self.layout = layout
        self.X = X
        self.y = y
        self.row_weight = row_weight
        self.n_jobs = n_jobs

    @cached_property
    def total_weight(self):
        """Sum of the rows' weights."""
        return self.row_weight.sum()

    @property
    def n_parameters(self):
        """Number of free numbers, P."""
        return self.layout.n_free

    @property
    def has_rows(self):
        """Whether the density has a likelihood of rows."""
        return hasattr(self.model, "log_likelihood")

    @property
    def has_gradient(self):
        """Whether the model gives the gradients of all that it gives."""
        return hasattr(self.model, "grad_log_prior") and (
            not self.has_rows or hasattr(self.model, "grad_log_likelihood")
        )

    @cached_property
    def of_rows(self):
        """The gradient that the model gives for rows where they stand, all parameters side by side; None without."""
        if not (self.has_rows and self.has_gradient and self.layout.is_side_by_side):
            return None
        return gradient_of_rows(self.model, self.layout.parameters, self.X, self.y)

    def minibatch(self, rows):
        """The target with the likelihood of some rows, scaled up to the weight of all."""
        return MiniBatch(self, rows)

    def reweighted(self, row_weight):
        """The target whose rows count by other weights."""
        return Target(self.model, self.layout, self.X, self.y, row_weight, self.n_jobs)

    @property
    def n_rows(self):
        """Number of rows."""
        return self.X.shape[0]

    def _chunks(self, n_draws):
        """Slices of the rows."""
        size = max(_LEAST_ROWS, _CHUNK_DOUBLES // n_draws)
        return [slice(begin, begin + size) for begin in range(0, self.n_rows, size)]

    def over_rows(self, n_draws, evaluate):
        """Values of a function of (X, y, row_weight) for each chunk of rows, in order."""
        tasks = []
        for rows in self._chunks(n_draws):
            y = None if self.y is None else self.y[rows]
            tasks.append(partial(evaluate, self.X[rows], y, self.row_weight[rows]))
        with _threads.single_threaded_blas():
            return _threads.run(tasks, self.n_jobs)

    def log_likelihood(self, theta):
        """Log-likelihood of each row at draws of the parameters, (T, N)."""
        n_draws = len(next(iter(theta.values())))

        def evaluate(X, y, row_weight):
            return np.asarray(self.model.log_likelihood(theta, X, y), dtype=np.float64)

        return np.concatenate(self.over_rows(n_draws, evaluate), axis=1)

    def expected_log_likelihood(self, theta):
        """Mean over draws of the log-likelihood of each row, (N,)."""

        def evaluate(X, y, row_weight):
            return np.mean(self.model.log_likelihood(theta, X, y), axis=0, dtype=np.float64)

        return np.concatenate(self.over_rows(len(next(iter(theta.values()))), evaluate))

    def log_mean_likelihood(self, theta):
        """Log of the mean over draws of the likelihood of each row, (N,)."""
        n_draws = len(next(iter(theta.values())))

        def evaluate(X, y, row_weight):
            values = np.asarray(self.model.log_likelihood(theta, X, y), dtype=np.float64)
            return logsumexp(values, axis=0) - np.log(n_draws)

        return np.concatenate(self.over_rows(n_draws, evaluate))

    def log_joint(self, theta):
        """Log prior plus weighted log-likelihood at draws of the parameters, (T,)."""
        total = np.asarray(self.model.log_prior(theta), dtype=np.float64)
        if not self.has_rows:
            return total

        def evaluate(X, y, row_weight):
            return np.asarray(self.model.log_likelihood(theta, X, y), dtype=np.float64) @ row_weight

        return total + sum(self.over_rows(len(total), evaluate))

    def log_density(self, z):
        """Log density of the free numbers, (T, P) -> (T,), without the normalising constant; NaN counts as -inf."""
        with np.errstate(invalid="ignore"):
            values = self.log_joint(self.layout.constrain(z)) + self.layout.log_jacobian(z)
        return np.where(np.isnan(values), -np.inf, values)

    def parts(self, z):
        """Log-likelihood of each row, (T, N), and log prior of the free numbers, (T,); NaN counts as -inf."""
        with np.errstate(invalid="ignore"):
            theta = self.layout.constrain(z)
            prior = np.asarray(self.model.log_prior(theta), dtype=np.float64) + self.layout.log_jacobian(z)
            likelihoods = self.log_likelihood(theta)
        return np.where(np.isnan(likelihoods), -np.inf, likelihoods), np.where(np.isnan(prior), -np.inf, prior)

    def gradient(self, z):
        """Gradient of the log density, (T, P); by differences where the model gives none."""
        if not self.has_gradient:
            with np.errstate(invalid="ignore"):
                return central_gradient(self.log_density, z)
        if self.of_rows is not None:
            return self._gradient_of_rows(z)
        theta = self.layout.constrain(z)
        total = self.model.grad_log_prior(theta)
        if self.has_rows:

            def evaluate(X, y, row_weight):
                return self.model.grad_log_likelihood(theta, X, y, row_weight)

            for part in self.over_rows(len(z), evaluate):
                total = {name: total[name] + part[name] for name in total}
        with np.errstate(invalid="ignore", over="ignore"):
            return self.layout.pull_back(z, total)

    def _gradient_of_rows(self, z):
        """The same by the model's gradient of rows where they stand."""
        x = self.layout.spread(z)
        tasks = [partial(self._sum_over, x, rows) for rows in self._chunks(len(z))]
        first, *others = _threads.run(tasks, self.n_jobs)
        for other in others:
            first += other
        return self.layout.gather(z, first)

    def _sum_over(self, x, rows):
        """Gradient of the rows of a chunk; that of the prior is in the first."""
        places = np.arange(rows.start, min(rows.stop, self.n_rows))
        return self.of_rows(x, places, self.row_weight, prior=rows.start == 0)


class MiniBatch(Target):
    """The target with the likelihood of some rows of another, scaled up to the weight of all.

    Parameters
    ----------
    whole : Target
    rows : ndarray of shape (n,) or slice
    """

    def __init__(self, whole, rows):
        self.model = whole.model
        self.layout = whole.layout
        self.n_jobs = whole.n_jobs
        self._whole = whole
        self._rows = rows

    @cached_property
    def X(self):
        """The rows, copied when they are asked for."""
        return _taken(self._whole.X, self._rows)

    @cached_property
    def y(self):
        """Their targets."""
        return None if self._whole.y is None else self._whole.y[self._rows]

    @cached_property
    def row_weight(self):
        """What each of them counts."""
        weight = self._whole.row_weight[self._rows]
        return weight * (self._whole.total_weight / weight.sum())

    def gradient(self, z):
        """Gradient of the log density, (T, P); by differences where the model gives none."""
        of_rows = self._whole.of_rows
        if of_rows is None or isinstance(self._rows, slice) or len(z) * len(self._rows) > _CHUNK_DOUBLES:
            return super().gradient(z)
        x = self.layout.spread(z)
        slopes = of_rows(x, self._rows, self._whole.row_weight, weight=self._whole.total_weight)
        return self.layout.gather(z, slopes)


def _taken(table, rows):
    """Some rows of a table; a slice, or places that are known to be inside, which need no second check."""
    if isinstance(table, np.ndarray) and not isinstance(rows, slice):
        return table.take(rows, axis=0, mode="clip")
    return table[rows]
