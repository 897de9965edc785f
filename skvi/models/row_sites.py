"""Gaussian sites of rows that are kept as rows: a precision that is multiplied with, never formed.

Letters as in `skvi.models.sites`, for one linear predictor (K = 1, the axis kept where the engine's arrays have it).
"""

from dataclasses import dataclass

import numpy as np

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.families import DiagonalNormal, FactoredNormal
from skvi.families.base import lazy
from skvi.kernels.predictors import independent_pass
from skvi.models.centered import centered
from skvi.models.parts import GramPart, Part
from skvi.models.sites import Observations, Sites, SiteSums, expected

# Operations of the expected log-likelihood of a row.
_EXPECTATION_COST = 300.0


@dataclass(frozen=True)
class CenteredObservations(Observations):
    """Rows with their targets, centred once for all sweeps."""

    table: object = None


class JointPrecision:
    """Precision diag(own) + a sum over parts of (w, b), or of w alone.

    With b integrated out that of w is `schur_times`, as b | w has the slope `slope` and the precision `corner`.

    Parameters
    ----------
    own : ndarray of shape (P,)
    parts : sequence of Part
    n_features : int
        D; there is no intercept where P = D.
    """

    def __init__(self, own, parts, n_features):
        self.own = own
        self.parts = parts
        self.n_features = n_features
        self.intercept = len(own) > n_features

    @classmethod
    def diagonal(cls, own, n_features):
        """One without rows."""
        return cls(own, (), n_features)

    def __add__(self, other):
        parts = list(self.parts)
        for part in other.parts:
            same = [i for i, mine in enumerate(parts) if mine.joins(part)]
            if same:
                parts[same[0]] = parts[same[0]] + part
            else:
                parts.append(part)
        return JointPrecision(self.own + other.own, tuple(parts), self.n_features)

    def __rmul__(self, factor):
        return JointPrecision(factor * self.own, tuple(factor * part for part in self.parts), self.n_features)

    def split(self, vector):
        """The parts of a vector that belong to w and to b; zero for b where there is none."""
        return vector[: self.n_features], vector[-1] if self.intercept else 0.0

    def without_rows(self):
        """Its diagonal, as a precision."""
        own = self.own[: self.n_features] + sum(part.squares for part in self.parts)
        return JointPrecision.diagonal(np.append(own, self.corner) if self.intercept else own, self.n_features)

    def times(self, vector):
        """Precision times a vector of shape (P,)."""
        step, last = self.split(vector)
        out = self.own * vector
        for part in self.parts:
            along, end = part.times(step, last)
            out[: self.n_features] += along
            if self.intercept:
                out[-1] += end
        return out

    @lazy
    def corner(self):
        """Precision of b given w."""
        return float(self.own[-1] + sum(part.corner for part in self.parts))

    @lazy
    def slope(self):
        """Slope of b in w: less the precision across, over the corner; zero without an intercept."""
        if not self.intercept:
            return np.zeros(self.n_features)
        across = sum(part.across for part in self.parts)
        return -across / self.corner if self.corner > 0.0 else np.zeros(self.n_features)

    @lazy
    def _sloped(self):
        return [part.sloped(self.slope) for part in self.parts]

    def schur_times(self, columns):
        """Precision of w times columns of shape (D,) or (D, M)."""
        own = self.own[: self.n_features]
        return (own * columns if columns.ndim == 1 else own[:, None] * columns) + self.rows_times(columns)

    def rows_times(self, columns):
        """The same without the part of w's own."""
        total = self.own[-1] * np.multiply.outer(self.slope, self.slope @ columns) if self.intercept else 0.0
        for part in self._sloped:
            total += part.along_columns(columns)
        return total

    @lazy
    def schur_diagonal(self):
        """Diagonal of the precision of w."""
        data = sum(part.squares for part in self._sloped)
        last = self.own[-1] * self.slope**2 if self.intercept else 0.0
        return self.own[: self.n_features] + data + last

    @property
    def summed(self):
        """Whether rows come by their Gram matrix, so that matrices are at hand."""
        return any(part.filled for part in self.parts)

    def solved(self, pull):
        """Covariance of w times a vector, by the matrix."""
        matrix = sum(part.matrix for part in self._sloped)
        if self.intercept:
            matrix = matrix + self.own[-1] * np.multiply.outer(self.slope, self.slope)
        matrix[np.diag_indices_from(matrix)] += self.own[: self.n_features]
        return FactoredNormal(np.zeros_like(pull), matrix).solve(pull)

    def filled(self):
        """The precision as a matrix, shape (P, P)."""
        n_features, matrix = self.n_features, np.diag(self.own)
        for part in self.parts:
            matrix[:n_features, :n_features] += part.matrix
            if self.intercept:
                matrix[:n_features, -1] += part.across
                matrix[-1, :n_features] += part.across
                matrix[-1, -1] += part.corner
        return matrix


class RowPredictor:
    """q(w) q(b | w) of a linear predictor, as centred rows need it.

    Parameters
    ----------
    center : ndarray of shape (D,)
        x0, where the intercept is taken.
    posterior : Joint
        With `weights`, and `intercept` where there is one.
    """

    def __init__(self, center, posterior):
        self.center = center
        self.weights = posterior.weights
        self.conditional = posterior.get("intercept")
        last = [] if self.conditional is None else [self.conditional.mean]
        self.mean = np.append(self.weights.mean, last)

    @property
    def own_variances(self):
        """Marginal variances of (w, b)."""
        last = [] if self.conditional is None else [self.conditional.var]
        return np.append(self.weights.var, last)

    def moments(self, observations):
        """Means and variances of the linear predictors of rows, two arrays of shape (1, N)."""
        rows = getattr(observations, "table", None)
        part = Part(centered(observations.x, self.center) if rows is None else rows, None)
        mean = part.along(self.weights.mean, 0.0 if self.conditional is None else self.conditional.mean)
        if observations.offset is not None:
            mean = mean + observations.offset
        return mean[None], self.variances(part)[None]

    def variances(self, part):
        """Variances of a'(w, b) for the rows of a part, shape (N,)."""
        if self.conditional is None:
            return self.weights.variances(part.rows)
        own = self.weights.variances(part.moved(self.conditional.slope))
        loadings = 1.0 if part.loadings is None else part.loadings
        return own + loadings**2 / self.conditional.precision

    def over(self, observations):
        """Yield (rows, means, variances)."""
        yield observations, *self.moments(observations)


class SummedPredictor(RowPredictor):
    """The same for rows that are summed up: some are filled in at a time."""

    n_sets = 1

    @property
    def n_features(self):
        """D."""
        return len(self.center)

    @property
    def intercept(self):
        """Whether there is one."""
        return self.conditional is not None

    def over(self, observations):
        """Yield (rows, means, variances) of some rows at a time."""
        for rows in observations.dense():
            yield rows, *self.moments(rows)

    def moments(self, rows):
        """Means and variances of the linear predictors of dense rows, two arrays of shape (1, N)."""
        if not isinstance(self.weights, DiagonalNormal):
            return super().moments(rows)
        mean, var = np.empty((2, 1, rows.n_rows))
        slope = self.conditional.slope if self.intercept else 0.0
        factors = self.center, self.weights.mean, self.center - slope, self.weights.var
        independent_pass(rows.x, *factors, mean[0], var[0])
        if self.intercept:
            mean += self.conditional.mean
            var += 1.0 / self.conditional.precision
        if rows.offset is not None:
            mean += rows.offset
        return mean, var


@dataclass(frozen=True)
class RowSites:
    """A product of Gaussian sites: constant + gradient'd - d' precision d / 2 with d = theta - center.

    Parameters
    ----------
    center, gradient : ndarray of shape (1, P)
    precision : JointPrecision
        Of the rows, and of what stands for earlier ones.
    constant : float
    """

    center: np.ndarray
    gradient: np.ndarray
    precision: JointPrecision
    constant: float

    sums = SiteSums

    @classmethod
    def of(cls, sums, center, constant):
        """Sites from the sums over their rows."""
        part, gradient = GramPart(sums.gram()[0], sums.n_features), sums.gradient()
        precision = JointPrecision(np.zeros(gradient.shape[1]), (part,), sums.n_features)
        return cls(center[None], gradient, precision, constant)

    def about(self, center):
        """The same sites about another centre."""
        if center is self.center or (center == self.center).all():
            return self
        step = (center - self.center)[0]
        turned = self.precision.times(step)
        constant = self.constant + float(step @ (self.gradient[0] - 0.5 * turned))
        return RowSites(center, self.gradient - turned, self.precision, constant)

    def expected(self, predictor):
        """Expected logarithm (nats) under a posterior."""
        precision = self.precision
        step = predictor.mean - self.center[0]
        value = self.constant + float(step @ self.gradient[0])
        if precision.own.any():
            value -= 0.5 * float(precision.own @ (step**2 + predictor.own_variances))
        for part in precision.parts:
            value -= 0.5 * part.expected(predictor, *precision.split(step))
        return value

    def __add__(self, other):
        if isinstance(other, Sites):
            return self.filled + other
        mine = self.about(other.center)
        precision = mine.precision + other.precision
        return RowSites(other.center, mine.gradient + other.gradient, precision, mine.constant + other.constant)

    def __rmul__(self, factor):
        return RowSites(self.center, factor * self.gradient, factor * self.precision, factor * self.constant)

    @lazy
    def filled(self):
        """The same sites with their precision as a matrix."""
        return Sites(self.center, self.gradient, self.precision.filled()[None], self.constant)


def linearised_rows(block, predictor, likelihood):
    """Sites of rows at a predictor, and the weighted sum of their expected log-likelihoods (nats)."""
    mean, var = predictor.moments(block)
    f, slope, curvature = _expected(likelihood, block.y, mean, var, block.table.n_jobs)
    slope, curvature = block.weights * slope, block.weights * np.maximum(curvature, 0.0)
    gradient = np.append(block.table.transposed_times(slope), slope.sum())[: len(predictor.mean)]
    n_features = block.table.x.shape[1]
    precision = JointPrecision(np.zeros(len(gradient)), (Part(block.table, curvature),), n_features)
    sites = RowSites(predictor.mean[None], gradient[None], precision, 0.5 * float(curvature @ var[0]))
    return sites, float(block.weights @ f)


def _expected(likelihood, y, mean, var, n_jobs):
    """What a likelihood expects of rows, each of shape (N,), in parallel."""
    ranges = [slice(*edges) for edges in cut(len(y), _EXPECTATION_COST, 0.0)]
    tasks = [lambda r=rows: expected(likelihood, y[r], mean[:, r], var[:, r]) for rows in ranges]
    parts = _threads.run(tasks, n_jobs)
    values, slopes, curvatures = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(slopes, axis=1)[0], np.concatenate(curvatures, axis=1)[0]
