"""From scores to assignments: what each row's local posterior over components is.

Shapes: scores (K, B), overwritten by weight times responsibility; weights (B,); row_bounds (B,).
"""

import numpy as np

from skvi._numba import jit, wide_vectors
from skvi.kernels.special import exp_nonpositive, log_normal

# Responsibilities below this, relative to the row's largest, are taken as zero.
NEGLIGIBLE = 1e-14
_CHUNK = 256


@jit
def soften(scores, weights, row_bounds):
    """Turn scores into weighted responsibilities; return the weighted sum of the rows' entropies.

    row_bounds[b] = logsumexp_k scores[k, b]; scores[k, b] becomes weights[b] exp(scores[k, b] - row_bounds[b]).
    """
    wide_vectors()
    n_components, n_rows = scores.shape
    entropy = 0.0
    largest, mass, energy = np.empty((3, _CHUNK))
    for start in range(0, n_rows, _CHUNK):
        n = min(_CHUNK, n_rows - start)
        for j in range(n):
            largest[j] = scores[0, start + j]
            mass[j] = 0.0
            energy[j] = 0.0
        for k in range(1, n_components):
            row = scores[k, start : start + n]
            for j in range(n):
                largest[j] = row[j] if row[j] > largest[j] else largest[j]
        for k in range(n_components):
            row = scores[k, start : start + n]
            for j in range(n):
                # -inf would turn 0 * -inf into NaN below.
                gap = max(row[j] - largest[j], -708.0)
                e = exp_nonpositive(gap)
                e = e if e >= NEGLIGIBLE else 0.0
                mass[j] += e
                energy[j] += e * gap
                row[j] = e
        for j in range(n):
            log_mass = log_normal(mass[j])
            row_bounds[start + j] = largest[j] + log_mass
            energy[j] = weights[start + j] * (log_mass - energy[j] / mass[j])
            mass[j] = weights[start + j] / mass[j]
        for k in range(n_components):
            row = scores[k, start : start + n]
            for j in range(n):
                row[j] *= mass[j]
        for j in range(n):
            entropy += energy[j]
    return entropy


@jit
def harden(scores, weights, labels):
    """Give each row whole to its best component (the first of equals); return the weighted sum of best scores."""
    n_components, n_rows = scores.shape
    value = 0.0
    for b in range(n_rows):
        best = 0
        for k in range(1, n_components):
            if scores[k, b] > scores[best, b]:
                best = k
        labels[b] = best
        value += weights[b] * scores[best, b]
        for k in range(n_components):
            scores[k, b] = 0.0
        scores[best, b] = weights[b]
    return value
