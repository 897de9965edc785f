"""The four forms of a precision: full, tied, diagonal, spherical.

A form says how second moments and precisions are stored, so that a conjugate prior of mean and precision
can be written once. Letters: K components, D features.

=========  ==================  ==========================================
form       shape of a scatter  precision of component k
=========  ==================  ==========================================
full       (K, D, D)           Lambda_k
tied       (D, D)              Lambda, the same for all k
diag       (K, D)              diag(lambda_k1, ..., lambda_kD)
spherical  (K,)                lambda_k I
=========  ==================  ==========================================
"""

import numpy as np

from skvi.kernels.matrices import add_cross_products


class Form:
    """How second moments are kept; the instances below are the only ones.

    Each has `plus_cross` and `plus_square`.

    Attributes
    ----------
    shared : bool
        Whether all components share one precision.
    """

    shared = False

    def __repr__(self):
        return type(self).__name__

    def permuted(self, second, order):
        """Reorder the components of a second moment."""
        return second[order]


class Full(Form):
    """One symmetric matrix per component."""

    def plus_cross(self, second, a, b):
        """Add a b' + b a' per component."""
        out = np.empty(second.shape)
        add_cross_products(second, a, b, out)
        return out

    def plus_square(self, second, weight, d):
        """Add weight d d' per component."""
        return self.plus_cross(second, (0.5 * weight)[:, None] * d, d)


class Tied(Form):
    """One symmetric matrix for all components."""

    shared = True

    def plus_cross(self, second, a, b):
        """Add the sum over components of a b' + b a'."""
        product = a.T @ b
        return second + product + product.T

    def plus_square(self, second, weight, d):
        """Add the sum over components of weight d d'."""
        return second + (weight[:, None] * d).T @ d

    def permuted(self, second, order):
        return second


class Diagonal(Form):
    """One value per component and feature."""

    def plus_cross(self, second, a, b):
        """Add 2 a b per feature."""
        return second + 2.0 * a * b

    def plus_square(self, second, weight, d):
        """Add weight d^2 per feature."""
        return second + weight[:, None] * d * d


class Spherical(Form):
    """One value per component: the sum over features."""

    def plus_cross(self, second, a, b):
        """Add 2 a' b per component."""
        return second + 2.0 * np.einsum("kd,kd->k", a, b)

    def plus_square(self, second, weight, d):
        """Add weight |d|^2 per component."""
        return second + weight * np.einsum("kd,kd->k", d, d)


FULL, TIED, DIAGONAL, SPHERICAL = Full(), Tied(), Diagonal(), Spherical()
