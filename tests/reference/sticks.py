"""Twins of `skvi.kernels.sticks`."""

import numpy as np
from scipy.special import betaln, psi


def stick_parts(a, b, counts, parts):
    a = a + counts
    b = b + [counts[k + 1 :].sum() for k in range(len(counts))]
    parts[:2] = a, b
    if not ((a > 0.0).all() and (b > 0.0).all()):
        return np.nan
    stop, go_on = psi(a) - psi(a + b), psi(b) - psi(a + b)
    parts[2:] = stop, go_on, stop + np.append(0.0, np.cumsum(go_on)[:-1])
    return betaln(a, b).sum()


def stick_gain(prior_parts, counts, parts):
    passing = np.array([counts[k + 1 :].sum() for k in range(len(counts))])
    pending = prior_parts[:2] + np.array([counts, passing]) - parts[:2]
    return (parts[2:4] * pending).sum()
