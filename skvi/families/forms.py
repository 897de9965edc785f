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


class Form:
    """How second moments are kept; the instances below are the only ones. Each has `cross` and `square`.

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

    def cross(self, a, b):
        """a b' + b a' per component."""
        product = a[:, :, None] * b[:, None, :]
        return product + np.swapaxes(product, 1, 2)

    def square(self, weight, d):
        """Weight d d' per component."""
        return (weight[:, None] * d)[:, :, None] * d[:, None, :]


class Tied(Form):
    """One symmetric matrix for all components."""

    shared = True

    def cross(self, a, b):
        """Sum over components of a b' + b a'."""
        product = a.T @ b
        return product + product.T

    def square(self, weight, d):
        """Sum over components of weight d d'."""
        return (weight[:, None] * d).T @ d

    def permuted(self, second, order):
        return second


class Diagonal(Form):
    """One value per component and feature."""

    def cross(self, a, b):
        """2 a b per feature."""
        return 2.0 * a * b

    def square(self, weight, d):
        """Weight d^2 per feature."""
        return weight[:, None] * d * d


class Spherical(Form):
    """One value per component: the sum over features."""

    def cross(self, a, b):
        """2 a' b per component."""
        return 2.0 * np.einsum("kd,kd->k", a, b)

    def square(self, weight, d):
        """Weight |d|^2 per component."""
        return weight * np.einsum("kd,kd->k", d, d)


FULL, TIED, DIAGONAL, SPHERICAL = Full(), Tied(), Diagonal(), Spherical()
