"""Functions of one draw, called for each draw of a batch.

Draws do not meet each other, so that neither threads nor the cut of a batch change a bit.
"""

import functools
import time
from itertools import pairwise

import numpy as np

from skvi import _threads
from skvi.kernels.draws import CompileError, is_jitted, loop_of_arrays, loop_of_numbers

#: seconds of work that are worth handing to threads
_WORTH_THREADS = 3e-4
_MAX_TASKS = 32

__all__ = ["call_each", "is_jitted", "loop_each"]


def _spread(work, n_draws, seconds, n_jobs):
    """Call work(start, stop) for all draws but the first, which took so many seconds: threads may pay or not."""
    left = n_draws - 1
    if not left:
        return
    n_tasks = min(left, _MAX_TASKS) if seconds * left > _WORTH_THREADS else 1
    edges = [1 + left * i // n_tasks for i in range(n_tasks + 1)]
    _threads.run([functools.partial(work, *ends) for ends in pairwise(edges)], _threads.effective_n_jobs(n_jobs))


def _timed(function, *arguments):
    begin = time.perf_counter()
    first = np.asarray(function(*arguments), dtype=np.float64)
    return first, time.perf_counter() - begin


@functools.lru_cache(maxsize=256)
def _loop(function, n_axes):
    return loop_of_arrays(function) if n_axes else loop_of_numbers(function)


def loop_each(function, vectors, arguments=(), n_jobs=None):
    """Results of a compiled function of one draw for each row of vectors, the draws in front.

    Parameters
    ----------
    function : function compiled by numba
        Takes a vector (P,) and the arguments; returns a number or an array, of the same shape for each draw.
    vectors : ndarray of shape (T, P)
    arguments : tuple, default=()
    n_jobs : int, default=None
        Threads; the loop runs without the GIL.

    Returns
    -------
    ndarray of shape (T, ...)

    Raises
    ------
    TypeError
        Where the function cannot be compiled for these arguments.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float64)
    try:
        with _threads.single_threaded_blas():
            first, seconds = _timed(function, vectors[0], *arguments)
            out = np.empty((len(vectors), *first.shape))
            out[0] = first
            loop = _loop(function, first.ndim)
            _spread(lambda start, stop: loop(vectors, arguments, start, stop, out), len(vectors), seconds, n_jobs)
    except CompileError as error:
        raise TypeError(_uncompiled(function, vectors, arguments, error)) from error
    return out


def _uncompiled(function, vectors, arguments, error):
    kinds = ", ".join(_kind(argument) for argument in (vectors[0], *arguments))
    reason = next((line for line in str(error).splitlines() if line and "nopython" not in line), "no reason given")
    return (
        f"numba cannot compile {function.__name__} for ({kinds}): {reason.strip()}. A compiled function takes one "
        "draw: the vector of all parameters in the order of `parameters`, then X, y and row_weight as its place asks"
    )


def _kind(argument):
    if isinstance(argument, np.ndarray):
        return f"array of {argument.dtype} with {argument.ndim} axes"
    return type(argument).__name__


def call_each(function, vectors, n_jobs=1):
    """Results of a Python function of one draw for each row of vectors, the draws in front.

    Threads help where the function releases the GIL.
    """

    def work(start, stop):
        for t in range(start, stop):
            out[t] = function(vectors[t])

    with _threads.single_threaded_blas():
        first, seconds = _timed(function, vectors[0])
        out = np.empty((len(vectors), *first.shape))
        out[0] = first
        _spread(work, len(vectors), seconds, n_jobs)
    return out
