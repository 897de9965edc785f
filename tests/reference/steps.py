"""Twins of `skvi.kernels.steps`."""

import numpy as np


def rms_increment(direction, decay, rate, floor, squares, out):
    squares[:] = decay * squares + (1.0 - decay) * direction**2
    out[:] = rate * direction / (np.sqrt(squares) + floor)


def add_way(increment, way, squares):
    way += increment
    squares += (increment**2).sum(axis=0)


def add_motion(places, direction, drift, swell):
    drift += direction.mean(axis=0)
    swell += (direction * (places - places.mean(axis=0))).mean(axis=0)
