"""Likelihoods of generalised linear models: how one target depends on one linear predictor.

A likelihood gives log p(y | eta) with its first two derivatives in eta, and the eta that a mean of y suggests. The
expectations under eta ~ Normal(m, v) follow by quadrature; where there is a closed form a class gives `expected`
itself. A class of your own needs no more than the four methods that `Likelihood` lists.
"""

from functools import cache

import numpy as np
from scipy.special import expit, gammaln, log_expit, ndtr

from skvi import _threads
from skvi.kernels.logistic import logistic_moments
from skvi.kernels.simd import LANES

_LOG_TWO_PI = np.log(2.0 * np.pi)
# Nodes of Gauss-Hermite rules for likelihoods without a closed form.
_NODES = 32
# Variance below which differences over nodes lose more digits than they save.
_POINTLIKE = 1e-12
# Exponent up to which exp, and sums of its values, stay finite.
_LARGEST_EXPONENT = 500.0


class Likelihood:
    """Densities of y given eta, elementwise over arrays; derived classes give the four methods below."""

    def log_prob(self, y, eta):
        """log p(y | eta) in nats, constants included."""
        raise NotImplementedError

    def slope(self, y, eta):
        """First derivative of `log_prob` in eta."""
        raise NotImplementedError

    def curvature(self, y, eta):
        """Second derivative of `log_prob` in eta with the sign turned: not negative where it is concave."""
        raise NotImplementedError

    def link(self, mean):
        """The linear predictor that goes with a mean of y."""
        raise NotImplementedError

    def expected(self, y, mean, var):
        """E[log p(y | eta)] for eta ~ Normal(mean, var), its slope in the mean, and -2 times that in the variance.

        By Gauss-Hermite quadrature; the third is an expected curvature, in the form of differences between nodes,
        which makes it the derivative of the sum that stands for the first.
        """
        nodes, masses = _gauss_hermite()
        deviation = np.sqrt(var)
        value, slope, curvature = np.zeros((3, *np.shape(mean)))
        for node, mass in zip(nodes, masses, strict=True):
            eta = mean + deviation * node
            first = self.slope(y, eta)
            value += mass * self.log_prob(y, eta)
            slope += mass * first
            curvature -= mass * node * first
        return value, slope, self._per_deviation(curvature, y, mean, var, deviation)

    def _per_deviation(self, curvature, y, mean, var, deviation):
        small = var < _POINTLIKE
        curvature = curvature / np.where(small, 1.0, deviation)
        return np.where(small, self.curvature(y, mean), curvature) if small.any() else curvature


@cache
def _gauss_hermite():
    """Nodes and masses for a standard normal variable."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / weights.sum()


class BernoulliLogit(Likelihood):
    """y in {0, 1}, logit of its probability eta."""

    def log_prob(self, y, eta):
        return log_expit(np.where(y > 0, eta, -eta))

    def slope(self, y, eta):
        return np.where(y > 0, expit(-eta), -expit(eta))

    def curvature(self, y, eta):
        return expit(eta) * expit(-eta)

    def link(self, mean):
        return np.log(mean) - np.log1p(-mean)

    def expected(self, y, mean, var):
        # With the sign of eta turned where y is one, small probabilities keep their digits.
        sign = np.where(y > 0, -1.0, 1.0)
        softplus, slope, curvature = softplus_moments(sign * mean, var)
        return -softplus, -sign * slope, curvature


class JaakkolaLogit(BernoulliLogit):
    """The logit likelihood, its expectation bounded by that of a Gaussian (Jaakkola & Jordan 2000, eq. 7).

    log sigma(eta) >= log sigma(xi) + (eta - xi) / 2 - tanh(xi / 2) / (4 xi) (eta^2 - xi^2), best at
    xi^2 = E[eta^2].
    """

    def expected(self, y, mean, var):
        xi = np.sqrt(mean**2 + var)
        curvature = np.where(xi > 1e-4, 0.5 * np.tanh(0.5 * xi) / np.maximum(xi, 1e-4), 0.25)
        sign = np.where(y > 0, 0.5, -0.5)
        return sign * mean - 0.5 * xi + log_expit(xi), sign - curvature * mean, curvature


class PoissonLog(Likelihood):
    """Counts y >= 0, or fractions of them, with mean exp(eta): log p = y eta - exp(eta) - log Gamma(y + 1)."""

    def log_prob(self, y, eta):
        return y * eta - _exp(eta) - gammaln(y + 1.0)

    def slope(self, y, eta):
        return y - _exp(eta)

    def curvature(self, y, eta):
        return _exp(eta)

    def link(self, mean):
        return np.log(mean)

    def expected(self, y, mean, var):
        rate = _exp(mean + 0.5 * var)
        return y * mean - rate - gammaln(y + 1.0), y - rate, rate


class NegativeBinomialLog(Likelihood):
    """Counts y >= 0 of mean exp(eta) and variance mean + mean^2 / dispersion."""

    def __init__(self, dispersion):
        self.dispersion = dispersion

    def log_prob(self, y, eta):
        r = self.dispersion
        constant = gammaln(y + r) - gammaln(r) - gammaln(y + 1.0)
        shifted = eta - np.log(r)
        return constant + y * log_expit(shifted) + r * log_expit(-shifted)

    def slope(self, y, eta):
        return y - (y + self.dispersion) * expit(eta - np.log(self.dispersion))

    def curvature(self, y, eta):
        shifted = eta - np.log(self.dispersion)
        return (y + self.dispersion) * expit(shifted) * expit(-shifted)

    def link(self, mean):
        return np.log(mean)

    def expected(self, y, mean, var):
        # y log sigma(x) + r log sigma(-x) = y x - (y + r) log(1 + exp(x))
        r = self.dispersion
        shifted = mean - np.log(r)
        softplus, slope, curvature = softplus_moments(shifted, var)
        constant = gammaln(y + r) - gammaln(r) - gammaln(y + 1.0)
        return constant + y * shifted - (y + r) * softplus, y - (y + r) * slope, (y + r) * curvature


class GammaLog(Likelihood):
    """Positive y with mean exp(eta) and a Gamma distribution of known shape."""

    def __init__(self, shape):
        self.shape = shape

    def _constant(self, y):
        a = self.shape
        return a * np.log(a) - gammaln(a) + (a - 1.0) * np.log(y)

    def log_prob(self, y, eta):
        return self._constant(y) - self.shape * (eta + y * _exp(-eta))

    def slope(self, y, eta):
        return self.shape * (y * _exp(-eta) - 1.0)

    def curvature(self, y, eta):
        return self.shape * y * _exp(-eta)

    def link(self, mean):
        return np.log(mean)

    def expected(self, y, mean, var):
        ratio = y * _exp(0.5 * var - mean)
        return self._constant(y) - self.shape * (mean + ratio), self.shape * (ratio - 1.0), self.shape * ratio


class StudentT(Likelihood):
    """Real y around eta, with Student-t noise of known degrees of freedom and scale; not concave in eta."""

    def __init__(self, dof, scale=1.0):
        self.dof = dof
        self.scale = scale

    def log_prob(self, y, eta):
        square = ((y - eta) / self.scale) ** 2 / self.dof
        constant = gammaln(0.5 * (self.dof + 1.0)) - gammaln(0.5 * self.dof)
        constant -= 0.5 * np.log(np.pi * self.dof) + np.log(self.scale)
        return constant - 0.5 * (self.dof + 1.0) * np.log1p(square)

    def slope(self, y, eta):
        residual = y - eta
        return (self.dof + 1.0) * residual / (self.dof * self.scale**2 + residual**2)

    def curvature(self, y, eta):
        square, width = (y - eta) ** 2, self.dof * self.scale**2
        return (self.dof + 1.0) * (width - square) / (width + square) ** 2

    def link(self, mean):
        return mean


def _exp(x):
    """exp, held where sums of its values stay finite."""
    return np.exp(np.minimum(x, _LARGEST_EXPONENT))


# Expectations of log(1 + exp(eta))

# Half-width of the rules, in deviations.
_REACH = 7.2
# Largest step in deviations, and in units of eta.
_STEPS = 0.75, 0.55
# Deviations up to which the rules go, and beyond which a series is as good.
_WIDTHS = 0.5 * 2.0 ** (0.5 * np.arange(15))
# Integrals of eta^2k / (2k)! log(1 + exp(-|eta|)) over the line.
_TAIL_INTEGRALS = np.pi**2 / 6.0, 7.0 * np.pi**4 / 360.0, 31.0 * np.pi**6 / 15120.0


@cache
def _rules():
    """Trapezoidal rules for the widths: their starts, and all nodes and masses."""
    starts, nodes, masses = [0], [], []
    for width in _WIDTHS:
        step = min(_STEPS[0], _STEPS[1] / width)
        n = int(np.ceil(_REACH / step))
        t = step * np.arange(-n, n + 1)
        mass = np.exp(-0.5 * t**2)
        nodes.append(t)
        masses.append(mass / mass.sum())
        starts.append(starts[-1] + len(t))
    return np.array(starts), np.concatenate(nodes), np.concatenate(masses)


def softplus_moments(mean, var):
    """E[log(1 + exp(eta))], E[sigma(eta)], E[sigma'(eta)] for eta ~ Normal(mean, var), all of shape (N,).

    Within 1e-10 relative to max(1, E[log(1 + exp(eta))]).
    """
    n = len(mean)
    width = -(-n // LANES) * LANES
    table = _threads.scratch("softplus", (5, 1, width))
    table[:2] = 0.0
    table[0, 0, :n], table[1, 0, :n] = mean, np.sqrt(var)
    far = table[1, 0, :n] > _WIDTHS[-1]
    table[1, 0, :n][far] = 0.0
    logistic_moments(table[0], table[1], _WIDTHS, *_rules(), *table[2:])
    moments = table[2:, 0, :n].copy()
    if far.any():
        moments[:, far] = _wide_softplus_moments(mean[far], var[far])
    return moments


def _wide_softplus_moments(mean, var):
    """The same where the normal density hardly changes over the width of sigma': a series in 1 / var."""
    deviation = np.sqrt(var)
    t = mean / deviation
    density = np.exp(-0.5 * t**2) / np.sqrt(2.0 * np.pi) / deviation
    # Derivatives of the density at eta = 0, of even order and then of odd.
    second = density * (t**2 - 1.0) / var
    fourth = density * (t**4 - 6.0 * t**2 + 3.0) / var**2
    first = density * t / deviation
    third = density * t * (t**2 - 3.0) / (deviation * var)
    i, j, k = _TAIL_INTEGRALS
    value = mean * ndtr(t) + var * density + i * density + j * second + k * fourth
    # Slope in the mean of the density and of its derivatives.
    slope = ndtr(t) - i * first - j * third
    return value, slope, density + i * second + j * fourth
