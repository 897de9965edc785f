"""The metric of the space in which particles move: plain, or that of the target's curvature."""

import numpy as np
from scipy.linalg import solve_triangular

# Eigenvalues of a curvature count at least as this share of the largest: flat directions stay within reach.
_FLATTEST = 1e-3
# Particles whose curvatures are averaged.
_PARTICLES = 10
_STEP = np.finfo(float).eps ** (1.0 / 3.0)


class Metric:
    """The plain metric of the free numbers: whitening changes nothing."""

    adapts = False

    def whiten(self, z):
        """Coordinates in which distances are those of the metric."""
        return z

    def unwhiten(self, y):
        """The free numbers at coordinates of the metric; linear."""
        return y

    def pull_back(self, gradients):
        """Gradients in the coordinates of the metric."""
        return gradients


class CurvatureMetric(Metric):
    """Distances under the mean negative Hessian A of the target's log density (Wang, Tang, Bajaj, Liu 2019).

    With A = L L', directions found in y = L'z and mapped back are those of matrix-valued kernels with the constant
    preconditioner A^-1. Hessians are central differences of gradients, averaged over some particles; their
    eigenvalues count by magnitude.
    """

    adapts = True

    def __init__(self, width):
        self.factor = np.eye(width)
        self.inverse = np.eye(width)

    def whiten(self, z):
        return z @ self.factor

    def unwhiten(self, y):
        return y @ self.inverse

    def pull_back(self, gradients):
        return gradients @ self.inverse.T

    def adapt(self, target, z):
        """Take the curvature at some of the particles; returns the number of gradients that it took."""
        z = z[:: max(1, len(z) // _PARTICLES)]
        width = z.shape[1]
        curvature = np.empty((width, width))
        for coordinate in range(width):
            step = np.zeros(width)
            step[coordinate] = _STEP * max(1.0, float(np.abs(z[:, coordinate]).max()))
            change = target.gradient(z + step) - target.gradient(z - step)
            change = change[np.isfinite(change).all(axis=1)] / (2.0 * step[coordinate])
            curvature[coordinate] = -change.mean(axis=0) if len(change) else np.nan
        if np.isfinite(curvature).all():
            values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
            values = np.abs(values)
            values = np.maximum(values, max(_FLATTEST * values.max(), 1e-300))
            self.factor = np.linalg.cholesky((vectors * values) @ vectors.T)
            self.inverse = solve_triangular(self.factor, np.eye(width), lower=True)
        return 2 * width * len(z)
