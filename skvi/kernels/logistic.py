"""Normal expectations of log(1 + exp(eta)) and its derivatives, for many rows.

The trapezoidal rule in t, eta = m + s t, converges faster than any power of its step: the normal density is entire,
and log(1 + exp(eta)) is analytic within pi of the real line. Its step shrinks with the widest of eight rows.
"""

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.simd import LANES, any_above, drop_below, fma, load, maximum, minus, over, plus, splat, store, times
from skvi.kernels.special import exp_nonpositive


@jit_helper
def log1p_unit(x, inverse):
    """log(1 + x) of 0 <= x <= 1, within 2e-16 relative, given 1 / (2 + x)."""
    f = times(x, inverse)
    z = times(f, f)
    # artanh(f) / f interpolated at ten Chebyshev nodes of f^2 <= 1/9: within 9e-17
    p = splat(0.0889042237251145)
    p = fma(p, z, splat(0.04940371372241122))
    p = fma(p, z, splat(0.06795658394045885))
    p = fma(p, z, splat(0.07681837369510817))
    p = fma(p, z, splat(0.09091429958967327))
    p = fma(p, z, splat(0.11111095428063637))
    p = fma(p, z, splat(0.1428571455588857))
    p = fma(p, z, splat(0.19999999997643245))
    p = fma(p, z, splat(0.33333333333341286))
    p = fma(p, z, splat(1.0))
    return times(plus(f, f), p)


@jit
def logistic_moments(mean, deviation, reach, starts, nodes, masses, softplus, slope, curvature):
    """E[log(1 + exp(eta))], E[sigma(eta)] and E[sigma'(eta)] for eta ~ Normal(mean, deviation^2).

    Rules of falling step stand one after the other in `nodes` and `masses` (which sum to one), the i-th from
    starts[i] on; it is good for deviations up to reach[i], the last one for all.

    Parameters
    ----------
    mean, deviation, softplus, slope, curvature : (1, B), B a multiple of eight
    reach, starts, nodes, masses : (L,), (L + 1,), (n_nodes,), (n_nodes,)
    """
    wide_vectors()
    zero, one = splat(0.0), splat(1.0)
    for b in range(0, mean.shape[1], LANES):
        m, s = load(mean, 0, b), load(deviation, 0, b)
        level = 0
        while level + 1 < len(reach) and any_above(s, splat(reach[level])):
            level += 1
        value, first, second = zero, zero, zero
        for j in range(starts[level], starts[level + 1]):
            eta, mass = fma(s, splat(nodes[j]), m), splat(masses[j])
            e = exp_nonpositive(minus(zero, maximum(eta, minus(zero, eta))))
            more = plus(one, e)
            both = over(one, times(more, plus(one, more)))
            inverse = times(both, plus(one, more))
            log_more = log1p_unit(e, times(both, more))
            # One where eta >= 0, else nought; where eta is too small to tell, both values of sigma are alike.
            positive = drop_below(one, minus(one, eta))
            sigma = times(fma(positive, minus(one, e), e), inverse)
            value = fma(mass, plus(maximum(eta, zero), log_more), value)
            first = fma(mass, sigma, first)
            second = fma(mass, times(e, times(inverse, inverse)), second)
        store(softplus, 0, b, value)
        store(slope, 0, b, first)
        store(curvature, 0, b, second)
