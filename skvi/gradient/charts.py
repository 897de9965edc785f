"""Local coordinates of approximations, in which one step length suits all problems.

In the chart of a normal approximation means move in units of its present standard deviations and scales by
shares of themselves, so that gradients there are natural gradients up to a factor of two. Charts are linear and
follow the approximation from step to step.
"""

import numpy as np

from skvi.gradient.normals import FullRank, LowRank, MeanField, lower_triangle


class Chart:
    """The parameters themselves.

    Attributes
    ----------
    scales : ndarray of int
        Places of local coordinates that are relative changes of positive numbers.
    natural : bool
        Whether local coordinates have a common unit.
    """

    natural = False

    def __init__(self, approximation):
        self.approximation = approximation
        self.scales = np.empty(0, dtype=np.intp)

    def pull(self, slope):
        """A gradient in the parameters as one in local coordinates."""
        return slope

    def push(self, increment):
        """An increment in local coordinates as one of the parameters."""
        return increment


class DiagonalChart(Chart):
    """Each parameter in a unit of its own.

    Parameters
    ----------
    approximation : MeanField or LowRank
    """

    natural = True

    def __init__(self, approximation):
        super().__init__(approximation)
        spread, scale = np.sqrt(approximation.variances), np.abs(approximation.scale)
        width = approximation.width
        self.scales = np.arange(width, 2 * width)
        n_directions = (len(approximation.parameters) - 2 * width) // width
        self.units = np.concatenate([spread, scale, np.repeat(spread, n_directions)])

    def pull(self, slope):
        return self.units * slope

    def push(self, increment):
        return self.units * increment


class FactorChart(Chart):
    """mean + C m and C (I + L), L being lower triangular, for a normal distribution with the factor C."""

    natural = True

    def __init__(self, approximation):
        super().__init__(approximation)
        self.scales = approximation.diagonal
        self._width = approximation.width
        self._lower = lower_triangle(self._width)

    def _parts(self, vector):
        factor = np.zeros((self._width, self._width))
        factor[self._lower] = vector[self._width :]
        return vector[: self._width], factor

    def pull(self, slope):
        mean, factor = self._parts(slope)
        transposed = self.approximation.factor.T
        return np.concatenate([transposed @ mean, (transposed @ factor)[self._lower]])

    def push(self, increment):
        mean, factor = self._parts(increment)
        return np.concatenate([self.approximation.factor @ mean, (self.approximation.factor @ factor)[self._lower]])


class LayeredChart(Chart):
    """A normal distribution in its own chart, and the numbers of layers before it as they are.

    Layers see standard noise, whatever the units of a problem, but gradients in their numbers may be of any size.

    Parameters
    ----------
    approximation : object
        Its `normal` comes first in its parameters.
    """

    def __init__(self, approximation):
        super().__init__(approximation)
        self._normal = chart_of(approximation.normal)
        self._n_normal = len(approximation.normal.parameters)
        self.scales = self._normal.scales

    def _apply(self, change, vector):
        return np.concatenate([change(vector[: self._n_normal]), vector[self._n_normal :]])

    def pull(self, slope):
        return self._apply(self._normal.pull, slope)

    def push(self, increment):
        return self._apply(self._normal.push, increment)


def chart_of(approximation):
    """The chart at an approximation."""
    if hasattr(approximation, "normal"):
        return LayeredChart(approximation)
    if isinstance(approximation, FullRank):
        return FactorChart(approximation)
    if isinstance(approximation, (MeanField, LowRank)):
        return DiagonalChart(approximation)
    return Chart(approximation)
