"""Normal expectations of log sum exp(eta_k) and its derivatives, eta_k independent, for many rows.

With Gumbel noise g_k of each class, log sum exp(eta_k) + g is distributed as the largest eta_k + g_k (Gumbel 1954),
so that all that is needed are integrals over u of products of the distribution functions and densities

    F_k(u) = E[exp(-exp(eta_k - u))],   f_k(u) = F_k'(u).

Both integrals, this one and the one within, are over sums that converge faster than any power of their step: rules of
Gauss where deviations are small, the trapezoidal rule on one grid for both where they are not.
"""

import numpy as np

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import LANES, any_above, drop_below, fma, load, maximum, minus, over, plus, splat, store, times
from skvi.kernels.special import exp_nonpositive

# exp of exponents up to this is taken.
_HIGHEST = 40.0
_SCALE = 2.3538526683702e17  # exp(40)
_SMALLEST = 1e-280


@jit_helper
def _rates(m, s, nodes, first, last, rates):
    """exp(m + s t) at the nodes t of one class."""
    for j in range(first, last):
        exponent = minus(fma(s, splat(nodes[j]), m), splat(_HIGHEST))
        store(rates, j - first, 0, times(splat(_SCALE), exp_nonpositive(exponent)))


@jit_helper
def _direct(rates, masses, first, last, scales, n_points, start, cdf, pdf):
    """F and f of one class at the points exp(-u) = scales, by a sum over nodes."""
    zero = splat(0.0)
    for i in range(n_points):
        scale, value, slope = splat(scales[i]), zero, zero
        for j in range(first, last):
            t = times(scale, load(rates, j - first, 0))
            part = times(splat(masses[j]), exp_nonpositive(minus(zero, t)))
            value, slope = plus(value, part), fma(t, part, slope)
        store(cdf, start + i, 0, value)
        store(pdf, start + i, 0, slope)


@jit_helper
def _lowest(x, work):
    """Smallest of eight lanes."""
    store(work, 0, 0, x)
    low = work[0, 0]
    for j in range(1, LANES):
        low = min(low, work[0, j])
    return low


@jit_helper
def _smaller(x, y):
    zero = splat(0.0)
    return minus(zero, maximum(minus(zero, x), minus(zero, y)))


@jit_helper
def _on_grid(m, s, reach, step, gumbel, density, zeroth, n_points, start, weights, cdf, pdf):
    """F and f of one class on the grid u_i = i step, by a sum over the normal density on the same grid.

    The Gumbel functions are tabulated at (n - zeroth) step; below the table they are nought, beyond it 1 - exp(-x) and
    exp(-x), sums of which fall by one factor from point to point.
    """
    zero, width = splat(0.0), len(gumbel)
    # A class of which the table sees nothing may as well lie at its end, and count for less.
    half, bottom = times(splat(reach), s), (zeroth - width) * step
    placed = maximum(m, minus(splat(bottom), half))
    decay, edge = splat(np.exp(-step)), times(splat(np.exp(bottom)), exp_nonpositive(minus(m, placed)))
    left = int(np.floor(_lowest(minus(placed, half), weights) / step))
    right = int(np.ceil(-_lowest(minus(minus(zero, placed), half), weights) / step))
    inverse, mass = over(splat(1.0), s), zero
    for j in range(left, right + 1):
        z = times(minus(splat(step * j), placed), inverse)
        weight = exp_nonpositive(times(splat(-0.5), times(z, z)))
        store(weights, j - left, 0, weight)
        mass = plus(mass, weight)
    mass = over(splat(1.0), mass)
    below, tail, n_below = zero, zero, left
    for i in range(n_points):
        begin, end = max(left, i + zeroth - width + 1), min(right, i + zeroth)
        tail = times(tail, decay) if n_below > right else tail
        while n_below < begin and n_below <= right:
            weight = load(weights, n_below - left, 0)
            below, tail = plus(below, weight), fma(edge, weight, times(tail, decay))
            n_below += 1
        value, slope = minus(below, tail), tail
        for j in range(begin, end + 1):
            weight = load(weights, j - left, 0)
            value = fma(splat(gumbel[i - j + zeroth]), weight, value)
            slope = fma(splat(density[i - j + zeroth]), weight, slope)
        store(cdf, start + i, 0, times(mass, value))
        store(pdf, start + i, 0, times(mass, slope))


@jit_helper
def _mix(keep, n_points, start, other, values):
    """values = keep values + (1 - keep) others."""
    rest = minus(splat(1.0), keep)
    for i in range(n_points):
        mixed = fma(keep, load(values, start + i, 0), times(rest, load(values, other + i, 0)))
        store(values, start + i, 0, mixed)


@jit_helper
def _combine(cdf, pdf, masses, tails, first, n_points, n_classes, base, products, b, value, slope, curvature):
    """Integrals of products: value = base + sum masses (tails - F), and what its derivatives are."""
    zero, total = splat(0.0), base
    for i in range(n_points):
        product, hazards = splat(1.0), zero
        for k in range(n_classes):
            at = k * n_points + i
            one = maximum(load(cdf, at, 0), splat(_SMALLEST))
            hazard = over(load(pdf, at, 0), one)
            product, hazards = times(product, one), plus(hazards, hazard)
            store(pdf, at, 0, hazard)
        mass = splat(masses[first + i])
        total = fma(mass, minus(splat(tails[first + i]), product), total)
        store(products, i, 0, times(mass, product))
        store(products, n_points + i, 0, hazards)
    store(value, 0, b, total)
    for k in range(n_classes):
        p, c = zero, zero
        for i in range(n_points):
            hazard = load(pdf, k * n_points + i, 0)
            share = times(load(products, i, 0), hazard)
            p, c = plus(p, share), fma(share, minus(load(products, n_points + i, 0), hazard), c)
        store(slope, k, b, p)
        store(curvature, k, b, c)


@jit
def softmax_moments(mean, deviation, origin, plan, gauss, inner, grid, value, slope, curvature):
    """E[log sum exp(eta_k)] - origin, E[p_k] and E[p_k (1 - p_k)] for eta_k ~ Normal(mean_k, deviation_k^2).

    Parameters
    ----------
    mean, deviation : (K, B), B a multiple of eight
        The first relative to the origin of its row: near the expected value where there is a Gauss rule, else so far
        below that the largest eta_k + g_k is always beyond.
    origin : float
        Value at the origin of a grid.
    plan : (B / 8, 2), int64
        Of each eight rows: which Gauss rule, or the number of rules for the grid; and the number of its points.
    gauss : tuple
        (starts, scales, masses, tails) of the outer rules, one after the other.
    inner : tuple
        (starts, nodes, masses) of the inner ones; the last goes with the grid.
    grid : tuple
        (step, narrowest, reach, zeroth, scales, masses, tails, gumbel, density): classes of deviations from the
        narrowest on are summed on the grid, up to so many deviations on both sides. The masses are those of the last
        points: the very last one stands for all beyond.
    value, slope, curvature : (1, B), (K, B), (K, B)
    """
    wide_vectors()
    n_classes, n_rules = mean.shape[0], len(gauss[0]) - 1
    step, narrowest, reach, zeroth, scales, masses, tails, gumbel, density = grid
    most = max(1, plan[:, 1].max())
    cdf, pdf = aligned_empty((n_classes + 1) * most, LANES), aligned_empty((n_classes + 1) * most, LANES)
    products = aligned_empty(2 * most, LANES)
    n_weights = int(4.0 * reach * max(deviation.max(), narrowest) / step) + 2 * len(gumbel)
    weights, wide, one = aligned_empty(max(n_weights, len(inner[1])), LANES), splat(narrowest), splat(1.0)
    for b in range(0, mean.shape[1], LANES):
        rule, n_points = plan[b // LANES, 0], plan[b // LANES, 1]
        first, last = inner[0][rule], inner[0][rule + 1]
        points = scales if rule == n_rules else gauss[1][gauss[0][rule] :]
        for k in range(n_classes):
            m, s, at, other = load(mean, k, b), load(deviation, k, b), k * n_points, n_classes * n_points
            on_grid = rule == n_rules and any_above(s, wide)
            if on_grid:
                _on_grid(m, maximum(s, wide), reach, step, gumbel, density, zeroth, n_points, at, weights, cdf, pdf)
            if not on_grid or any_above(wide, s):
                _rates(m, _smaller(s, wide), inner[1], first, last, weights)
                _direct(weights, inner[2], first, last, points, n_points, other if on_grid else at, cdf, pdf)
            if on_grid and any_above(wide, s):
                keep = drop_below(one, plus(one, minus(wide, s)))
                _mix(keep, n_points, at, other, cdf)
                _mix(keep, n_points, at, other, pdf)
        if rule == n_rules:
            own, far, at, base = masses, tails, len(masses) - n_points, splat(origin)
        else:
            own, far, at, base = gauss[2], gauss[3], gauss[0][rule], splat(0.0)
        _combine(cdf, pdf, own, far, at, n_points, n_classes, base, products, b, value, slope, curvature)
