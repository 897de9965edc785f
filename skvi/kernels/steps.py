"""What a step makes of directions, in one pass over them. Arrays (n, P) hold particles in rows, those of P totals."""

import math

import numpy as np

from skvi._numba import jit, wide_vectors


@jit
def rms_increment(direction, decay, rate, floor, squares, out):
    """squares <- decay squares + (1 - decay) direction^2, out = rate direction / (squares^(1/2) + floor); (n,) each."""
    wide_vectors()
    for i in range(direction.size):
        d = direction[i]
        square = decay * squares[i] + (1.0 - decay) * (d * d)
        squares[i] = square
        out[i] = rate * d / (math.sqrt(square) + floor)


@jit
def add_way(increment, way, squares):
    """way += increment, squares[p] += sum_i increment[i, p]^2."""
    wide_vectors()
    for i in range(increment.shape[0]):
        for p in range(increment.shape[1]):
            d = increment[i, p]
            way[i, p] += d
            squares[p] += d * d


@jit
def add_motion(places, direction, drift, swell):
    """drift[p] += mean_i direction[i, p], swell[p] += mean_i direction[i, p] (places[i, p] - mean_i places[i, p])."""
    wide_vectors()
    share = 1.0 / direction.shape[0]
    center = np.zeros(places.shape[1])
    for i in range(places.shape[0]):
        for p in range(places.shape[1]):
            center[p] += places[i, p]
    for p in range(places.shape[1]):
        center[p] /= places.shape[0]
    for i in range(direction.shape[0]):
        for p in range(direction.shape[1]):
            d = share * direction[i, p]
            drift[p] += d
            swell[p] += d * (places[i, p] - center[p])
