"""Priors of single numbers: log densities with all constants, and their slopes."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from skvi.blackbox._densities import LOG_2PI, bounded, total

_LOG_TWO = np.log(2.0)


@dataclass(frozen=True)
class Flat:
    """A density of one everywhere."""

    def log_density(self, x):
        """Sum over the numbers of each draw of their log densities, shape (T,)."""
        return np.zeros(len(x))

    def slope(self, x):
        """Derivative of each number's log density, of the shape of x."""
        return np.zeros_like(x)


@dataclass(frozen=True)
class Normal:
    """A normal distribution, or its upper half where it is cut off at its location.

    Parameters
    ----------
    location, scale : float or tuple of float, default=0.0 and 1.0
    half : bool, default=False
    """

    location: float | tuple = 0.0
    scale: float | tuple = 1.0
    half: bool = False

    def log_density(self, x):
        """Sum over the numbers of each draw of their log densities, shape (T,)."""
        standard = (x - np.asarray(self.location)) / np.asarray(self.scale)
        return total(self.half * _LOG_TWO - 0.5 * (LOG_2PI + standard**2) - np.log(self.scale))

    def slope(self, x):
        """Derivative of each number's log density, of the shape of x."""
        return (np.asarray(self.location) - x) / np.asarray(self.scale) ** 2


@dataclass(frozen=True)
class StudentT:
    """Student's t distribution, or its upper half where it is cut off at its location; of one degree it is Cauchy's.

    Parameters
    ----------
    dof : float
    location, scale : float, default=0.0 and 1.0
    half : bool, default=False
    """

    dof: float
    location: float = 0.0
    scale: float = 1.0
    half: bool = False

    def log_density(self, x):
        """Sum over the numbers of each draw of their log densities, shape (T,)."""
        constant = gammaln(0.5 * (self.dof + 1.0)) - gammaln(0.5 * self.dof) - 0.5 * np.log(np.pi * self.dof)
        constant += self.half * _LOG_TWO - np.log(self.scale)
        square = ((x - self.location) / self.scale) ** 2
        return total(constant - 0.5 * (self.dof + 1.0) * np.log1p(square / self.dof))

    def slope(self, x):
        """Derivative of each number's log density, of the shape of x."""
        away = x - self.location
        return -(self.dof + 1.0) * away / (self.dof * self.scale**2 + away**2)


@dataclass(frozen=True)
class LogNormal:
    """Positive numbers whose logarithms are normal.

    Parameters
    ----------
    location, scale : float, default=0.0 and 1.0
        Of the logarithms.
    """

    location: float = 0.0
    scale: float = 1.0

    def log_density(self, x):
        """Sum over the numbers of each draw of their log densities, shape (T,)."""
        logs = np.log(bounded(x))
        return total(-0.5 * (LOG_2PI + ((logs - self.location) / self.scale) ** 2) - np.log(self.scale) - logs)

    def slope(self, x):
        """Derivative of each number's log density, of the shape of x."""
        x = bounded(x)
        return ((self.location - np.log(x)) / self.scale**2 - 1.0) / x


@dataclass(frozen=True)
class Gamma:
    """A Gamma distribution.

    Parameters
    ----------
    shape, rate : float
    """

    shape: float
    rate: float

    def log_density(self, x):
        """Sum over the numbers of each draw of their log densities, shape (T,)."""
        constant = self.shape * np.log(self.rate) - gammaln(self.shape)
        return total(constant + (self.shape - 1.0) * np.log(bounded(x)) - self.rate * x)

    def slope(self, x):
        """Derivative of each number's log density, of the shape of x."""
        return (self.shape - 1.0) / bounded(x) - self.rate


@dataclass(frozen=True)
class Beta:
    """A Beta distribution.

    Parameters
    ----------
    first, second : float
    """

    first: float
    second: float

    def log_density(self, x):
        """Sum over the numbers of each draw of their log densities, shape (T,)."""
        constant = gammaln(self.first + self.second) - gammaln(self.first) - gammaln(self.second)
        return total(constant + (self.first - 1.0) * np.log(x) + (self.second - 1.0) * np.log1p(-x))

    def slope(self, x):
        """Derivative of each number's log density, of the shape of x."""
        return (self.first - 1.0) / x - (self.second - 1.0) / (1.0 - x)


FLAT = Flat()


def half_cauchy(scale):
    """The upper half of a Cauchy distribution about zero."""
    return StudentT(1.0, 0.0, scale, half=True)


def half_normal(scale):
    """The upper half of a normal distribution about zero."""
    return Normal(0.0, scale, half=True)
