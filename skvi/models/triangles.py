"""Large triangular matrices: their inverses, halves side by side."""

import numpy as np
from scipy.linalg.lapack import dtrtri

from skvi import _threads

# Columns of a half from which on it is worth a task.
_LEAST_HALF = 192


def inverse_triangle(factor, n_jobs=1):
    """Inverse of a lower triangular matrix, in Fortran order; n_jobs changes no bit.

    The inverse of [[A, 0], [B, C]] is [[A^-1, 0], [-C^-1 B A^-1, C^-1]].

    Parameters
    ----------
    factor : ndarray of shape (M, M)
        With zeros above the diagonal.
    n_jobs : int
    """
    size = len(factor)
    half = size // 2
    if half < _LEAST_HALF:
        return dtrtri(factor, lower=1)[0]
    first, last = slice(None, half), slice(half, None)
    one, other = _threads.run(
        [lambda part=part: inverse_triangle(factor[part, part]) for part in (first, last)], n_jobs
    )
    inverse = np.zeros((size, size), order="F")
    inverse[first, first], inverse[last, last] = one, other

    def below(columns):
        # A^-1 is zero above its diagonal.
        pulled = factor[last, columns.start : half] @ one[columns.start :, columns]
        np.negative(other @ pulled, out=inverse[last, columns])

    _threads.run([lambda part=part: below(part) for part in (slice(0, half // 2), slice(half // 2, half))], n_jobs)
    return inverse
