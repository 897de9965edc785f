"""The machine: what it is, and how fast it multiplies matrices."""

import os
import platform

import joblib
import numba
import numpy as np
import sklearn

_SIZE = 2000


def n_cores():
    """Number of cores this process may use."""
    return joblib.cpu_count()


def describe_machine():
    """Lines about the machine, the versions of what is timed, and who else is at work."""
    load = f"\nload average at the start: {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {n_cores()} cores, Python {platform.python_version()}, numpy {np.__version__}, "
        f"numba {numba.__version__}, scikit-learn {sklearn.__version__}{load}"
    )


class MatrixProduct:
    """A large float64 matrix product on all cores: the best rate of several is the machine's peak."""

    flops = 2.0 * _SIZE**3

    def __init__(self):
        rng = np.random.default_rng(0)
        self._a, self._b = rng.standard_normal((2, _SIZE, _SIZE))
        self._out = np.empty((_SIZE, _SIZE))

    def __call__(self):
        np.matmul(self._a, self._b, out=self._out)
