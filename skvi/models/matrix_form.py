"""The full covariance of the coefficients by matrices of D x D: sites are summed up in their Gram matrix."""

import numpy as np

from skvi.engine.blocks import cut
from skvi.families import FactoredNormal, InterceptGivenWeights
from skvi.models.sites import Predictor, Sites, joint_moments, linearised


class Matrix:
    """All correlations of the coefficients of K linear predictors, as matrices.

    A form makes blocks and sites of rows, and the factors q(w) q(b | w) of sites times prior; those that keep rows
    are in `skvi.models.row_forms`.
    """

    #: whether a precision is replaced by the nearest of the form
    projects = False
    #: moves of the precisions in a global step
    moves = 2
    #: sets of coefficients that follow from the others
    dependent = 0
    family = FactoredNormal
    site_type = Sites

    def blocks(self, data, center, n_sets=1):
        """Blocks of rows, one for each task."""
        cost = n_sets * float(len(center) + 1) ** 2
        return [data.take(slice(*edges)) for edges in cut(data.n_rows, cost, 8.0 * cost)]

    def predictor(self, center, posterior):
        """What rows need to know of a posterior."""
        return Predictor(center, posterior)

    def linearised(self, block, predictor, likelihood):
        """Sites of a block, and its expected log-likelihood."""
        return linearised(block, predictor, likelihood, self.site_type)

    def expected(self, sites, center, posterior):
        """Expected logarithm (nats) of sites."""
        return sites.expected(*joint_moments(posterior))

    def start(self, mean, diagonal):
        """Coefficients to start from."""
        return FactoredNormal(mean, diagonal[..., None] * np.eye(mean.shape[-1]))

    def factors(self, sites, own, pull, last):
        """Factors of sites times a prior of precision `own`, that pull from the centre of the sites: arrays (K, P).

        They come after those of `last`, a Joint.
        """
        precision = self.product(sites.gram, own, last)
        pull = self.followed(pull, sites, precision)
        return self.members(sites.center, pull, precision, last.weights.mean.shape[-1])

    def product(self, gram, own, last):
        """Precisions of the predictors, given those of sites and prior, shapes (K, P, P) and (K, P)."""
        precision = gram.copy()
        diagonal = range(precision.shape[1])
        precision[:, diagonal, diagonal] += own
        return precision

    def followed(self, pull, sites, precision):
        """The gradient of the bound in the means, as far as it is to be followed."""
        return pull

    def members(self, center, pull, precision, n_features):
        """Factors of this form with a precision, their mean the covariance times the pull beyond the centre."""
        return normal_factors(center, pull, precision, n_features)

    def blended(self, posterior, target, rate):
        """Factors a rate of the way to a target, in natural parameters."""
        mean, other = joint_moments(posterior)[0], joint_precision(target)
        precision = (1.0 - rate) * joint_precision(posterior) + rate * other
        pull = rate * np.einsum("kpq,kq->kp", other, joint_moments(target)[0] - mean)
        return self.members(mean, pull, precision, posterior.weights.mean.shape[-1])

    def lasting(self, sites, posterior):
        """Sites that stand for these once their rows are gone."""
        return sites


def normal_factors(center, pull, precision, n_features):
    """Factors of q(w) q(b | w) with a precision, their mean the covariance times the pull beyond the centre.

    Parameters
    ----------
    center, pull : ndarray of shape (K, P)
    precision : ndarray of shape (K, P, P)
    n_features : int
        D; there is no intercept where P = D.
    """
    weights, intercept = slice(n_features), center.shape[1] > n_features
    if not intercept:
        return {"weights": _moved_normal(center, pull, precision)}
    corner, across = precision[:, -1, -1], precision[:, weights, -1]
    slope = -across / corner[:, None]
    schur = precision[:, weights, weights] + slope[:, :, None] * across[:, None, :]
    q = _moved_normal(center[:, weights], pull[:, weights] + slope * pull[:, -1:], schur)
    step = np.reshape(q.mean, (len(center), -1)) - center[:, weights]
    mean = center[:, -1] + pull[:, -1] / corner + (slope * step).sum(axis=1)
    return {"weights": q, "intercept": InterceptGivenWeights(*map(_single, (mean, corner, slope)), q)}


def _moved_normal(center, pull, precision):
    q = FactoredNormal(_single(center), _single(precision))
    q.mean = q.mean + q.solve(_single(pull))
    return q


def _single(array):
    """An array over K predictors, without that axis where there is one."""
    return array[0] if len(array) == 1 else array


def joint_precision(posterior):
    """Precision of (w, b), shape (K, P, P)."""
    joint = posterior.intercept.joint_precision if "intercept" in posterior else posterior.weights.precision
    return np.reshape(joint, (-1, *joint.shape[-2:]))
