"""Forms of the covariance of the coefficients whose sites are rows: nothing of size D x D is ever formed.

=========  =====================================================================
form       precision of w
=========  =====================================================================
Rows       any: the prior's diagonal and the rows, fewer than the coefficients
Diagonal   the diagonal of what rows and prior say: mean field
LowRank    diagonal + U U', the best of its rank
=========  =====================================================================

In all of them b | w is the exact conditional, so that a form decides about the coefficients alone.
"""

import numpy as np
from scipy import sparse

from skvi.families import DiagonalNormal, InterceptGivenWeights, LowRankNormal, RowNormal
from skvi.models.centered import DenseCentered, centered
from skvi.models.low_rank import conjugate_gradients, nearest
from skvi.models.matrix_form import Matrix
from skvi.models.parts import Part
from skvi.models.row_sites import (
    CenteredObservations,
    JointPrecision,
    RowPredictor,
    RowSites,
    SummedPredictor,
    linearised_rows,
)
from skvi.models.sites import linearised

# Columns for each row from which on the side of the rows is the faster one.
_FEW = 2
# Columns of dense and of sparse rows up to which their Gram matrix costs less than a sweep's products with all rows.
_NARROW, _NARROW_SPARSE = 400, 100


class RowForm:
    """What the forms share.

    Parameters
    ----------
    n_jobs : int
    summed : bool, default=False
        Whether rows are summed up in their Gram matrix with every sweep, which then stands for them.
    """

    #: whether a precision is replaced by the nearest of the form
    projects = True
    #: moves of the precisions in a global step: each reads the rows, and the sites change with them
    moves = 1
    #: sets of coefficients that follow from the others
    dependent = 0

    def __init__(self, n_jobs=1, summed=False):
        self.n_jobs = n_jobs
        self.summed = summed

    def blocks(self, data, center, n_sets=1):
        """Blocks for each task where rows are summed up, else all rows as one, which works in parallel itself."""
        if self.summed:
            return Matrix().blocks(data, center)
        return [CenteredObservations(data.x, data.y, data.weights, data.offset, self._table(data.x, center))]

    def _table(self, x, center):
        return centered(x, center, self.n_jobs)

    def predictor(self, center, posterior):
        """What rows need to know of a posterior."""
        return (SummedPredictor if self.summed else RowPredictor)(center, posterior)

    def linearised(self, block, predictor, likelihood):
        """Sites of a block, and its expected log-likelihood."""
        if self.summed:
            return linearised(block, predictor, likelihood, RowSites)
        return linearised_rows(block, predictor, likelihood)

    def expected(self, sites, center, posterior):
        """Expected logarithm (nats) of sites."""
        return sites.expected(RowPredictor(center, posterior))

    def start(self, mean, diagonal):
        """Coefficients to start from."""
        return DiagonalNormal(mean, diagonal)

    def factors(self, sites, own, pull, last):
        """Factors of sites times a prior of precision `own`, that pull from the centre of the sites: arrays (1, P).

        The search for them begins at those of `last`, a Joint.
        """
        precision = JointPrecision.diagonal(own[0], sites.precision.n_features) + sites.precision
        return self._factors(precision, sites.center[0], pull[0], last.weights)

    def stepped(self, posterior, sites, own, pull, rate):
        """Factors a rate of the way to sites times prior, in natural parameters: a natural-gradient step."""
        target = JointPrecision.diagonal(own[0], sites.precision.n_features) + sites.precision
        precision = (1.0 - rate) * self.joint(posterior) + rate * target
        return self._factors(precision, sites.center[0], rate * pull[0], posterior.weights)

    def _factors(self, precision, center, pull, start):
        """Factors of a joint precision and a pull, as far as the form can."""
        n_features = precision.n_features
        along = pull[:n_features]
        if precision.intercept:
            along = along + precision.slope * pull[-1]
        weights = self._shaped(precision, start)
        step = self._solved(precision, weights, along, start.mean - center[:n_features])
        weights.mean = center[:n_features] + step
        last = center[-1] + pull[-1] / precision.corner + precision.slope @ step if precision.intercept else 0.0
        return _conditional(precision, weights, last)

    def _solved(self, precision, weights, pull, first):
        """The precision's inverse times the pull."""
        if precision.summed:
            return precision.solved(pull)
        return conjugate_gradients(precision.schur_times, pull, weights.solve, first)

    def blended(self, posterior, target, rate):
        """Factors a rate of the way to a target: the precision in natural parameters, the mean on a straight line."""
        precision = (1.0 - rate) * self.joint(posterior) + rate * self.joint(target)
        weights, last = self._shaped(precision, target.weights), 0.0
        weights.mean = posterior.weights.mean + rate * (target.weights.mean - posterior.weights.mean)
        if precision.intercept:
            last = posterior.intercept.mean + rate * (target.intercept.mean - posterior.intercept.mean)
        return _conditional(precision, weights, last)

    def joint(self, posterior):
        """Precision of (w, b)."""
        q, b = posterior.weights, posterior.get("intercept")
        own = q.diagonal if b is None else np.append(q.diagonal, 0.0)
        slope, corner = (None, 0.0) if b is None else (b.slope, b.precision)
        return JointPrecision(own, self._stand_ins(q.factor, slope, corner), len(q.diagonal))

    def _stand_ins(self, factor, slope, corner):
        """Rows that stand for U U' and for the conditional of b: (u, 0), and (-slope, 1) of curvature `corner`."""
        rows, loadings, curvature = factor.T, np.zeros(factor.shape[1]), np.ones(factor.shape[1])
        if slope is not None:
            rows = np.vstack([rows, -slope])
            loadings, curvature = np.append(loadings, 1.0), np.append(curvature, corner)
        if not len(rows):
            return ()
        return (Part(DenseCentered(rows, np.zeros(rows.shape[1]), self.n_jobs), curvature, loadings),)

    def lasting(self, sites, posterior):
        """Sites that stand for these once their rows are gone: no larger than the posterior, and of its factor."""
        precision, factor = sites.precision, posterior.weights.factor
        own = np.maximum(precision.schur_diagonal - np.einsum("dr,dr->d", factor, factor), 0.0)
        own = np.append(own, 0.0) if precision.intercept else own
        slope = precision.slope if precision.intercept else None
        parts = self._stand_ins(factor, slope, precision.corner)
        return RowSites(sites.center, sites.gradient, JointPrecision(own, parts, precision.n_features), sites.constant)


class Diagonal(RowForm):
    """Independent coefficients: precisions are the diagonal of what rows and prior say."""

    family = DiagonalNormal

    def _shaped(self, precision, start):
        return DiagonalNormal(np.zeros(precision.n_features), precision.schur_diagonal)


class LowRank(RowForm):
    """Precisions diag(d) + U U' of rank r, near to the best of them.

    Parameters
    ----------
    rank : int
    n_jobs : int
    summed : bool, default=False
    """

    family = LowRankNormal

    def __init__(self, rank, n_jobs=1, summed=False):
        super().__init__(n_jobs, summed)
        self.rank = rank

    def _shaped(self, precision, start):
        diagonal, factor = nearest(precision, self.rank, start.factor)
        return LowRankNormal(np.zeros(precision.n_features), diagonal, factor)


class Rows(RowForm):
    """All correlations, worked out on the side of the rows."""

    projects = False
    moves = Matrix.moves
    family = RowNormal

    def _table(self, x, center):
        # The posterior keeps the rows, whatever becomes of the table they came in.
        if sparse.issparse(x):
            return centered(x.copy(), center, self.n_jobs)
        return DenseCentered(x - center, np.zeros(len(center)), self.n_jobs)

    def _shaped(self, precision, start):
        """The coefficients: rows about (1 - root(t / (t + c))) times their mean have what is left when b is known.

        t is the prior's precision of b, and c the sum of the curvatures.
        """
        own, (part, *_) = precision.own[: precision.n_features], precision.parts
        offset = np.zeros(precision.n_features)
        if precision.intercept and (total := part.curvature.sum()) > 0.0:
            share = 1.0 - np.sqrt(precision.own[-1] / precision.corner)
            offset = -share * precision.corner / total * precision.slope
        return RowNormal(np.zeros(precision.n_features), own, part.rows, part.curvature, offset)

    def _solved(self, precision, weights, pull, first):
        return weights.solve(pull)

    def blended(self, posterior, target, rate):
        """Factors a rate of the way to a target, in natural parameters."""
        goal, mean = self.joint(target), RowPredictor(None, posterior).mean
        pull = rate * goal.times(RowPredictor(None, target).mean - mean)
        own = self.joint(posterior)
        if own.parts and own.parts[0].rows is not goal.parts[0].rows:
            # A start from another fit has rows of its own.
            own = own.without_rows()
        return self._factors((1.0 - rate) * own + rate * goal, mean, pull, posterior.weights)

    def joint(self, posterior):
        q, b = posterior.weights, posterior.get("intercept")
        if not isinstance(q, RowNormal):
            own = q.precision if b is None else np.append(q.precision, b.precision)
            return JointPrecision(own, (), len(q.mean))
        own = q.shrinkage if b is None else np.append(q.shrinkage, max(b.precision - q.weights.sum(), 0.0))
        return JointPrecision(own, (Part(q.rows, q.weights),), len(q.mean))

    def lasting(self, sites, posterior):
        return sites


def _conditional(precision, weights, mean):
    """Factors of coefficients, and of the intercept given them where there is one."""
    if not precision.intercept:
        return {"weights": weights}
    return {"weights": weights, "intercept": InterceptGivenWeights(mean, precision.corner, precision.slope, weights)}


def form_named(covariance, rank, x, whole, n_jobs):
    """The form of a covariance "full", "diag" or "low_rank"; a full one on the side of the rows where they are few.

    Parameters
    ----------
    covariance : str
    rank : int
    x : ndarray or CSR of shape (N, D)
    whole : bool
        False where rows come in parts, whose sites are to be added up.
    n_jobs : int
    """
    n_rows, n_features = x.shape
    if covariance == "diag":
        return Diagonal(n_jobs, _narrow(x))
    if covariance == "low_rank":
        return LowRank(min(rank, n_features), n_jobs, _narrow(x))
    few = whole and _FEW * n_rows <= n_features
    return Rows(n_jobs) if few else Matrix()


def _narrow(x):
    """Whether rows are summed up in their Gram matrix.

    It does not look at how many there are: weights have to do what repeated rows do.
    """
    return x.shape[1] <= (_NARROW_SPARSE if sparse.issparse(x) else _NARROW)


def form_of(posterior, n_jobs):
    """A form that predicts from a posterior."""
    by_rows = isinstance(posterior.weights, (DiagonalNormal, LowRankNormal, RowNormal))
    return RowForm(n_jobs) if by_rows else Matrix()
