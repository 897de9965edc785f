"""Loops over draws around a compiled function of one draw.

A loop calls the function with each of the rows `start` to `stop` of vectors (T, P) and a tuple of further arguments,
and writes what it returns into the same rows of out.
"""

import numpy as np

from skvi._numba import CompileError, is_jitted, jit_closure

__all__ = ["CompileError", "is_jitted", "loop_of_arrays", "loop_of_numbers"]


def loop_of_numbers(function):
    """A compiled loop around a function that returns a number; out is (T,)."""

    @jit_closure
    def loop(vectors, arguments, start, stop, out):
        for t in range(start, stop):
            out[t] = function(vectors[t], *arguments)

    return loop


def loop_of_arrays(function):
    """A compiled loop around a function that returns an array; out has the draws in front."""

    @jit_closure
    def loop(vectors, arguments, start, stop, out):
        for t in range(start, stop):
            values, row = function(vectors[t], *arguments), out[t]
            if values.shape != row.shape:
                raise ValueError("the function returns arrays of other shapes for other draws")
            # An assignment of all at once takes two seconds to compile.
            for i in np.ndindex(row.shape):
                row[i] = values[i]

    return loop
