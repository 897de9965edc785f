"""Gradients of whole models, priors and some rows of a table in one pass, for many draws (T, P) at once.

Numbers of a draw lie side by side: weights, for linear models the intercept, then the precision of the weights where
it is learned, then that of normal noise. `rows` are places in the table, whose rows are read where they stand, a block
of them at a time: `held` (N, E) has them, `inputs` (E', N) is its transpose with a row of ones behind; N and E are
multiples of LANES, and what is beyond rows and columns is zero.
"""

import numpy as np

from skvi._numba import call, entries, entry, jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.blocks import transpose_tile
from skvi.kernels.networks import TILE, products_above
from skvi.kernels.observations import sigma
from skvi.kernels.simd import (
    LANES,
    broadcast,
    drop_below,
    fma,
    load,
    maximum,
    minus,
    over,
    plus,
    splat,
    store,
    times,
    total,
    where_positive,
)
from skvi.kernels.special import exp_nonpositive

#: likelihoods: normal with a precision of its own, two classes by log-odds, counts by the logarithm of their mean
NORMAL, CLASSES, COUNTS = 0, 1, 2
# Rows of a block.
_ROWS = 128
_NO_FLOOR = -float("inf")


@jit_helper
def _padded(n):
    return -(-n // LANES) * LANES


@jit_helper
def _bounded(x):
    """Positive numbers whose logarithms and quotients are finite; NaN stays."""
    if x < 1e-200:
        return 1e-200
    return 1e200 if x > 1e200 else x


@jit_helper
def _gamma_slope(x, shape, rate):
    return (shape - 1.0) / _bounded(x) - rate


@jit_helper
def _clear(out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 0.0


@jit_helper
def _square(x, t, n):
    """Sum of squares of x[t, :n]."""
    s, r = splat(0.0), splat(0.0)
    whole = n // TILE * TILE
    for p in range(0, whole, TILE):
        a, b = load(x, t, p), load(x, t, p + LANES)
        s, r = fma(a, a, s), fma(b, b, r)
    result = total(plus(s, r))
    for p in range(whole, n):
        result += x[t, p] * x[t, p]
    return result


@jit_helper
def _normal_prior(x, n_weights, n_intercepts, precisions, priors, out):
    """Slopes of normal weights, of their precision where none is given, and of an intercept."""
    wide_vectors()
    learned = n_weights + n_intercepts
    for t in range(x.shape[0]):
        if precisions.size == 0:
            precision = _bounded(x[t, learned])
            for p in range(n_weights):
                out[t, p] = -precision * x[t, p]
            spread = n_weights / precision - _square(x, t, n_weights)
            out[t, learned] = _gamma_slope(x[t, learned], priors[1], priors[2]) + 0.5 * spread
        else:
            for p in range(n_weights):
                out[t, p] = -precisions[p] * x[t, p]
        if n_intercepts:
            out[t, n_weights] = -priors[0] * x[t, n_weights]


@jit_helper
def _load_rows(table, rows, start, held, inputs):
    """The rows from a place on, and how many there are."""
    depth, n = table.shape[1], min(held.shape[0], rows.size - start)
    _clear(held)
    for b in range(n):
        row = rows[start + b]
        for p in range(depth):
            held[b, p] = table[row, p]
    for b in range(0, held.shape[0], LANES):
        for p in range(0, held.shape[1], LANES):
            transpose_tile(held, b, p, inputs)
    for b in range(held.shape[0]):
        inputs[depth, b] = 1.0 if b < n else 0.0
    return n


@jit_helper
def _load_targets(targets, row_weight, factor, rows, start, n, y, weights):
    """Targets and weights of a block of rows; weights behind the last are zero."""
    _clear(y)
    _clear(weights)
    for b in range(n):
        y[0, b] = targets[rows[start + b]]
        weights[0, b] = factor * row_weight[rows[start + b]]


@jit_helper
def _exp(x):
    """exp of eight numbers up to 600, of larger ones that of 600: beyond, sums over rows would overflow."""
    zero, one = splat(0.0), splat(1.0)
    x = minus(zero, maximum(minus(zero, x), splat(-600.0)))
    e = exp_nonpositive(minus(zero, maximum(x, minus(zero, x))))
    positive = drop_below(one, minus(one, x))
    return fma(positive, over(one, e), times(minus(one, positive), e))


@jit_helper
def _observe(likelihood, y, weights, precision, outputs, t):
    """outputs[t] <- weighted slopes of log densities in the outputs; returns weighted squares of normal residuals."""
    squares = splat(0.0)
    for b in range(0, y.shape[1], LANES):
        output, target, weight = load(outputs, t, b), load(y, 0, b), load(weights, 0, b)
        if likelihood == NORMAL:
            residual = minus(target, output)
            slope = times(weight, residual)
            squares = fma(slope, residual, squares)
            slope = times(splat(precision), slope)
        elif likelihood == CLASSES:
            slope = times(weight, minus(target, sigma(output)))
        else:
            slope = times(weight, minus(target, _exp(output)))
        store(outputs, t, b, slope)
    return total(squares)


@jit_helper
def _row_factor(row_weight, rows, weight):
    """What makes the rows' weights add up to a sum; one where none is asked for."""
    if weight == 0.0:
        return 1.0
    found = 0.0
    for row in rows:
        found += row_weight[row]
    return weight / found


@jit_helper
def _begin(x, n_weights, n_intercepts, precisions, likelihood, priors, with_prior, out):
    """out <- slopes of the priors, or zero; returns the column of the noise's precision."""
    noise = n_weights + n_intercepts + (precisions.size == 0)
    _clear(out)
    if with_prior:
        _normal_prior(x, n_weights, n_intercepts, precisions, priors, out)
        if likelihood == NORMAL:
            for t in range(x.shape[0]):
                out[t, noise] = _gamma_slope(x[t, noise], priors[3], priors[4])
    return noise


@jit_helper
def _precision(x, t, noise, likelihood):
    """The precision of normal noise at a draw."""
    return _bounded(x[t, noise]) if likelihood == NORMAL else 1.0


@jit
def _products(a, b, floor, out):
    """out = max(a @ b, floor), from as many columns of a as b has rows."""
    wide_vectors()
    products_above(a, b, floor, out)


@jit
def linear_gradient(
    kernels, x, table, rows, targets, row_weight, weight, intercepts, precisions, likelihood, priors, prior, out
):
    """Gradients of linear models, whose outputs are intercept + row'weights.

    Parameters
    ----------
    kernels : from `kernels_of_gradients`
    x, out : (T, P)
    table, targets, row_weight : (N, D), (N,), (N,)
    rows : (n,)
        Places in the table.
    weight : float
        Their weights are scaled so that they add up to it; zero leaves them.
    intercepts : int
        One, or zero where there is none.
    precisions : (D,)
        Of the weights; none where it is a number of the draw.
    likelihood : int
    priors : (5,)
        Precision of the intercept; shape and rate of the precision of weights; the same of that of noise.
    prior : bool
        Whether slopes of the prior are in the gradient.
    """
    n_draws, depth = x.shape[0], table.shape[1]
    noise = _begin(x, depth, intercepts, precisions, likelihood, priors, prior, out)
    factor = _row_factor(row_weight, rows, weight)
    size, width, used = min(_ROWS, _padded(rows.size)), _padded(depth), depth + intercepts
    held, inputs, outputs = aligned_empty(size, width), aligned_empty(width + 1, size), aligned_empty(n_draws, size)
    products, y, weights = aligned_empty(n_draws, width), aligned_empty(1, size), aligned_empty(1, size)
    for start in range(0, rows.size, size):
        n = _load_rows(table, rows, start, held, inputs)
        _load_targets(targets, row_weight, factor, rows, start, n, y, weights)
        call(kernels[0], (x, inputs[:used], _NO_FLOOR, outputs))
        count = _sum(weights, 0)
        for t in range(n_draws):
            precision = _precision(x, t, noise, likelihood)
            squares = _observe(likelihood, y, weights, precision, outputs, t)
            if likelihood == NORMAL:
                out[t, noise] += 0.5 * (count / precision - squares)
            if intercepts:
                out[t, depth] += _sum(outputs, t)
        call(kernels[0], (outputs, held, _NO_FLOOR, products))
        _add_columns(products, depth, out)


@jit_helper
def _sum(values, t):
    """Sum of values[t]."""
    s = splat(0.0)
    for b in range(0, values.shape[1], LANES):
        s = plus(s, load(values, t, b))
    return total(s)


@jit_helper
def _add_columns(products, n, out):
    """out[:, :n] += products[:, :n]."""
    wide_vectors()
    for t in range(products.shape[0]):
        for p in range(n):
            out[t, p] += products[t, p]


@jit_helper
def _load_layer(x, t, layer):
    """Weights of hidden units, and their biases in the column behind them."""
    n_hidden, depth = layer.shape[0], layer.shape[1] - 1
    for u in range(n_hidden):
        for p in range(depth):
            layer[u, p] = x[t, u * depth + p]
        layer[u, depth] = x[t, n_hidden * depth + u]


@jit_helper
def _combine(x, t, place, hidden, outputs):
    """outputs[0] = weights'hidden + bias, the weights of draw t from a place on and the bias behind them."""
    n_hidden = hidden.shape[0]
    for b in range(0, outputs.shape[1], LANES):
        s, r = broadcast(x, t, place + n_hidden), splat(0.0)
        for u in range(0, n_hidden - 1, 2):
            s = fma(broadcast(x, t, place + u), load(hidden, u, b), s)
            r = fma(broadcast(x, t, place + u + 1), load(hidden, u + 1, b), r)
        if n_hidden % 2:
            s = fma(broadcast(x, t, place + n_hidden - 1), load(hidden, n_hidden - 1, b), s)
        store(outputs, 0, b, plus(s, r))


@jit_helper
def _pull_back(x, t, place, slopes, hidden, out):
    """Slopes of weights and biases but those of rows; hidden units give way to the slopes in their inputs."""
    wide_vectors()
    n_hidden, zero = hidden.shape[0], splat(0.0)
    biases = place - n_hidden
    for u in range(n_hidden):
        own, bias = zero, zero
        w = broadcast(x, t, place + u)
        for b in range(0, hidden.shape[1], LANES):
            slope, unit = load(slopes, 0, b), load(hidden, u, b)
            own = fma(slope, unit, own)
            pull = where_positive(unit, times(w, slope))
            bias = plus(bias, pull)
            store(hidden, u, b, pull)
        out[t, place + u] += total(own)
        out[t, biases + u] += total(bias)
    out[t, place + n_hidden] += _sum(slopes, 0)


@jit_helper
def _add_layer(products, depth, t, out):
    """Slopes of hidden weights."""
    for u in range(products.shape[0]):
        for p in range(depth):
            out[t, u * depth + p] += products[u, p]


@jit
def network_gradient(
    kernels, x, table, rows, targets, row_weight, weight, n_hidden, precisions, likelihood, priors, prior, out
):
    """Gradients of networks with a layer of `n_hidden` rectifiers and one output; else as `linear_gradient`.

    Weights are those of the hidden units, unit by unit, then their biases, then weights and bias of the output.
    """
    n_draws, depth = x.shape[0], table.shape[1]
    place = n_hidden * (depth + 1)
    noise = _begin(x, place + n_hidden + 1, 0, precisions, likelihood, priors, prior, out)
    factor = _row_factor(row_weight, rows, weight)
    size, width = min(_ROWS, _padded(rows.size)), _padded(depth)
    held, inputs, outputs = aligned_empty(size, width), aligned_empty(width + 1, size), aligned_empty(1, size)
    y, weights, layer = aligned_empty(1, size), aligned_empty(1, size), np.empty((n_hidden, depth + 1))
    hidden, products = aligned_empty(n_hidden, size), aligned_empty(n_hidden, width)
    for start in range(0, rows.size, size):
        n = _load_rows(table, rows, start, held, inputs)
        _load_targets(targets, row_weight, factor, rows, start, n, y, weights)
        count = _sum(weights, 0)
        for t in range(n_draws):
            _load_layer(x, t, layer)
            call(kernels[0], (layer, inputs[: depth + 1], 0.0, hidden))
            _combine(x, t, place, hidden, outputs)
            precision = _precision(x, t, noise, likelihood)
            squares = _observe(likelihood, y, weights, precision, outputs, 0)
            if likelihood == NORMAL:
                out[t, noise] += 0.5 * (count / precision - squares)
            _pull_back(x, t, place, outputs, hidden, out)
            call(kernels[0], (hidden, held, _NO_FLOOR, products))
            _add_layer(products, depth, t, out)


_compiled = {}


def kernels_of_gradients():
    """What `linear_gradient` and `network_gradient` call."""
    if not _compiled:
        matrix = np.empty((0, 0))
        _compiled["products"] = entries(entry(_products, matrix, matrix, 0.0, matrix))
    return _compiled["products"]
