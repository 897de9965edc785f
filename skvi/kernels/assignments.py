"""From scores to assignments: what each row's local posterior over components is.

Shapes: scores (K, B), overwritten by weight times responsibility; weights (B,); row_bounds (B,).
"""

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import (
    LANES,
    any_above,
    drop_below,
    fma,
    load,
    load_flat,
    maximum,
    minus,
    over,
    splat,
    store,
    times,
)
from skvi.kernels.special import exp_normal, log_normal

# Responsibilities below this, relative to the row's largest, are taken as zero.
NEGLIGIBLE = 1e-14
# exp of this or less is certainly below.
FAR = -32.5
_CHUNK = 512


@jit
def soften(scores, weights, row_bounds):
    """Turn scores into weighted responsibilities; return the weighted sum of the rows' entropies.

    row_bounds[b] = logsumexp_k scores[k, b]; scores[k, b] becomes weights[b] exp(scores[k, b] - row_bounds[b]).
    """
    wide_vectors()
    n_rows = scores.shape[1]
    entropy = 0.0
    # Small scratch: what the allocator would return to the system costs all threads a stop.
    sums = aligned_empty(3, _CHUNK)
    for start in range(0, n_rows, _CHUNK):
        n = min(_CHUNK, n_rows - start)
        _exponentiate(scores, weights, start, n, sums)
        for j in range(n):
            log_mass = log_normal(sums[1, j])
            row_bounds[start + j] = sums[0, j] + log_mass
            sums[2, j] = weights[start + j] * (log_mass - sums[2, j] / sums[1, j])
        for j in range(n):
            entropy += sums[2, j]
    return entropy


@jit_helper
def _exponentiate(scores, weights, start, n, sums):
    """scores <- weight e / mass with e = exp(scores - largest); sums are, by row, largest, mass and energy.

    The mass sums e, and the energy e (scores - largest).
    """
    n_components = scores.shape[0]
    one = splat(1.0)
    # -inf would turn 0 * -inf into NaN.
    lowest = splat(-708.0)
    negligible = splat(NEGLIGIBLE)
    far = splat(FAR)
    zero = splat(0.0)
    for b in range(start, start + n, LANES):
        top = load(scores, 0, b)
        for k in range(1, n_components):
            top = maximum(load(scores, k, b), top)
        m = zero
        u = zero
        for k in range(n_components):
            gap = maximum(minus(load(scores, k, b), top), lowest)
            if not any_above(gap, far):
                store(scores, k, b, zero)
                continue
            e = drop_below(exp_normal(gap), negligible)
            m = fma(one, e, m)
            u = fma(e, gap, u)
            store(scores, k, b, e)
        share = over(load_flat(weights, b), m)
        for k in range(n_components):
            store(scores, k, b, times(share, load(scores, k, b)))
        store(sums, 0, b - start, top)
        store(sums, 1, b - start, m)
        store(sums, 2, b - start, u)


@jit
def harden(scores, weights, labels):
    """Give each row whole to its best component (the first of equals); return the weighted sum of best scores."""
    n_components, n_rows = scores.shape
    value = 0.0
    for b in range(n_rows):
        best = scores[0, b]
        chosen = 0
        for k in range(1, n_components):
            if scores[k, b] > best:
                best = scores[k, b]
                chosen = k
        for k in range(n_components):
            scores[k, b] = 0.0
        scores[chosen, b] = weights[b]
        value += weights[b] * best
        labels[b] = chosen
    return value
