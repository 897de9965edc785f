"""Layers of a normalising flow: invertible maps of R^P that follow parameters.

Within a flow draws stand in columns, (P, T): a coordinate is a contiguous row, and a product with weights needs no
transposition.
"""

from abc import ABC, abstractmethod


class Passage(ABC):
    """Draws on their way through a layer, x -> y, and how what comes out follows what went in.

    Attributes
    ----------
    y : ndarray of shape (P, T)
    log_det : ndarray of shape (T,)
        log |det J| of the Jacobian J = dy/dx of each draw.
    """

    @abstractmethod
    def push_score(self, score):
        """Gradient in y of the log density of y from that of x in x, both (P, T).

        From log q(y) = log q(x) - log |det J|: J' score(y) = score(x) - d log |det J| / dx.
        """

    @abstractmethod
    def pull_back(self, slopes, weights):
        """Gradients of sum_t slopes_t'y_t + weights_t log |det J_t|: in x, (P, T), and in the parameters, (n,)."""

    @abstractmethod
    def pull_back_each(self, slopes, weights):
        """The same with the gradient in the parameters of each draw apart, (T, n)."""


class Bijection(ABC):
    """A layer of a flow; immutable.

    Attributes
    ----------
    parameters : ndarray of shape (n,)
        All its numbers.
    """

    @abstractmethod
    def with_parameters(self, parameters):
        """The layer of the same kind with these numbers."""

    @abstractmethod
    def forward(self, x):
        """Passage of draws x, (P, T)."""

    @abstractmethod
    def inverse(self, y):
        """The x, (P, T), that the layer sends to y."""
