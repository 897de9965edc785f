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

from skvi.kernels.conjugate import add_cross_products


class Form:
    """How second moments are kept; the instances below are the only ones.

    Attributes
    ----------
    shared : bool
        Whether all components share one precision.
    """

    shared = False

    def __repr__(self):
        return type(self).__name__

    def stacked(self, second):
        """View a second moment as the matrices, diagonals or traces that kernels take, with three axes."""
        raise NotImplementedError

    def plus_cross(self, second, a, b):
        """Add a b' + b a' per component, or what the form keeps of it."""
        out = np.empty(second.shape)
        add_cross_products(self.stacked(second), a, b, self.stacked(out))
        return out

    def plus_square(self, second, weight, d):
        """Add weight d d' per component, or what the form keeps of it."""
        return self.plus_cross(second, (0.5 * weight)[:, None] * d, d)

    def permuted(self, second, order):
        """Reorder the components of a second moment."""
        return second[order]


class Full(Form):
    """One symmetric matrix per component."""

    def stacked(self, second):
        return second


class Tied(Form):
    """One symmetric matrix for all components: the sum over them."""

    shared = True

    def stacked(self, second):
        return second[None]

    def permuted(self, second, order):
        return second


class Diagonal(Form):
    """One value per component and feature."""

    def stacked(self, second):
        return second[:, None]


class Spherical(Form):
    """One value per component: the sum over features."""

    def stacked(self, second):
        return second[:, None, None]


FULL, TIED, DIAGONAL, SPHERICAL = Full(), Tied(), Diagonal(), Spherical()
