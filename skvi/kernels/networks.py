"""One hidden layer of a network, draw by draw: its activations, its outputs, and gradients of both.

Shapes: draws are in the first axis, units in the second, rows in the last: `layers` (T, H, E) are weights of hidden
units, `inputs` (E, N) the rows transposed, `hidden` (T, H, N), `weights` (T, K, H) those of the outputs (T, K, N). N
and the width of `rows` are multiples of TILE; rows beyond the last are zero in inputs, rows and slopes.
"""

from skvi._numba import jit, jit_helper, wide_vectors
from skvi.kernels.arrays import aligned_empty
from skvi.kernels.simd import LANES, broadcast, fma, load, maximum, plus, splat, store, total

#: rows come in multiples of so many
TILE = 2 * LANES


@jit_helper
def products_above(a, b, floor, out):
    """out = a @ b, and at least floor; NaN stays. Columns of a beyond the rows of b are left out."""
    n, depth = a.shape[0], b.shape[0]
    zero, least = splat(0.0), splat(floor)
    whole = n // 4 * 4
    wide = b.shape[1] // TILE * TILE
    for j in range(0, wide, TILE):
        for i in range(0, whole, 4):
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for p in range(depth):
                u, v = load(b, p, j), load(b, p, j + LANES)
                c, d = broadcast(a, i, p), broadcast(a, i + 1, p)
                s0, t0, s1, t1 = fma(c, u, s0), fma(c, v, t0), fma(d, u, s1), fma(d, v, t1)
                c, d = broadcast(a, i + 2, p), broadcast(a, i + 3, p)
                s2, t2, s3, t3 = fma(c, u, s2), fma(c, v, t2), fma(d, u, s3), fma(d, v, t3)
            store(out, i, j, maximum(s0, least))
            store(out, i, j + LANES, maximum(t0, least))
            store(out, i + 1, j, maximum(s1, least))
            store(out, i + 1, j + LANES, maximum(t1, least))
            store(out, i + 2, j, maximum(s2, least))
            store(out, i + 2, j + LANES, maximum(t2, least))
            store(out, i + 3, j, maximum(s3, least))
            store(out, i + 3, j + LANES, maximum(t3, least))
        for i in range(whole, n):
            s = t = zero
            for p in range(depth):
                c = broadcast(a, i, p)
                s, t = fma(c, load(b, p, j), s), fma(c, load(b, p, j + LANES), t)
            store(out, i, j, maximum(s, least))
            store(out, i, j + LANES, maximum(t, least))
    if wide < b.shape[1]:
        _last_products_above(a, b, floor, out)


@jit_helper
def _last_products_above(a, b, floor, out):
    """Do as `products_above` for the last eight columns."""
    n, depth, j = a.shape[0], b.shape[0], b.shape[1] - LANES
    zero, least = splat(0.0), splat(floor)
    whole = n // 8 * 8
    for i in range(0, whole, 8):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for p in range(depth):
            u = load(b, p, j)
            s0, s1 = fma(broadcast(a, i, p), u, s0), fma(broadcast(a, i + 1, p), u, s1)
            s2, s3 = fma(broadcast(a, i + 2, p), u, s2), fma(broadcast(a, i + 3, p), u, s3)
            s4, s5 = fma(broadcast(a, i + 4, p), u, s4), fma(broadcast(a, i + 5, p), u, s5)
            s6, s7 = fma(broadcast(a, i + 6, p), u, s6), fma(broadcast(a, i + 7, p), u, s7)
        store(out, i, j, maximum(s0, least))
        store(out, i + 1, j, maximum(s1, least))
        store(out, i + 2, j, maximum(s2, least))
        store(out, i + 3, j, maximum(s3, least))
        store(out, i + 4, j, maximum(s4, least))
        store(out, i + 5, j, maximum(s5, least))
        store(out, i + 6, j, maximum(s6, least))
        store(out, i + 7, j, maximum(s7, least))
    for i in range(whole, n):
        s = zero
        for p in range(depth):
            s = fma(broadcast(a, i, p), load(b, p, j), s)
        store(out, i, j, maximum(s, least))


@jit
def activate(layers, inputs, floor, hidden):
    """hidden[t] = max(layers[t] @ inputs, floor): zero makes rectifiers, minus infinity changes nothing."""
    wide_vectors()
    for t in range(layers.shape[0]):
        products_above(layers[t], inputs, floor, hidden[t])


@jit
def combine(weights, hidden, outputs):
    """outputs[t] = weights[t] @ hidden[t]."""
    wide_vectors()
    for t in range(weights.shape[0]):
        products_above(weights[t], hidden[t], -float("inf"), outputs[t])


@jit_helper
def _weigh(slopes, hidden, gradient):
    """gradient = slopes @ hidden'."""
    for k in range(slopes.shape[0]):
        for u in range(hidden.shape[0]):
            s = t = splat(0.0)
            for j in range(0, hidden.shape[1], TILE):
                s = fma(load(slopes, k, j), load(hidden, u, j), s)
                t = fma(load(slopes, k, j + LANES), load(hidden, u, j + LANES), t)
            gradient[k, u] = total(plus(s, t))


@jit_helper
def _pass_back(weights, slopes, rectified, hidden):
    """hidden = (weights' @ slopes) times the derivatives of the activations that stand there."""
    for u in range(hidden.shape[0]):
        for j in range(hidden.shape[1]):
            pull = 0.0
            for k in range(slopes.shape[0]):
                pull += weights[k, u] * slopes[k, j]
            h = hidden[u, j]
            if rectified:
                hidden[u, j] = pull if h > 0.0 else 0.0
            else:
                hidden[u, j] = (1.0 - h * h) * pull


@jit_helper
def _pass_back_one(weights, slopes, hidden):
    """The same for one output of rectifiers, which is most of the work there is."""
    for u in range(hidden.shape[0]):
        w = weights[0, u]
        for j in range(hidden.shape[1]):
            hidden[u, j] = w * slopes[0, j] if hidden[u, j] > 0.0 else 0.0


@jit_helper
def _split(products, layers, biases):
    """The columns of products to those of layers, the one behind them to biases."""
    for u in range(layers.shape[0]):
        for p in range(layers.shape[1]):
            layers[u, p] = products[u, p]
        biases[u] = products[u, layers.shape[1]]


@jit
def pull_back(weights, slopes, rows, rectified, hidden, weight_gradient, layer_gradient, bias_gradient):
    """Gradients from derivatives in the outputs (T, K, N); rows are (N, E') and activations are written over.

    weight_gradient[t] = slopes[t] @ hidden[t]'; the D columns of layer_gradient[t] and then bias_gradient[t] are those
    of (weights[t]' slopes[t] * activation') @ rows, the activation being max(x, 0) where rectified, else tanh.
    """
    wide_vectors()
    products = aligned_empty(hidden.shape[1], rows.shape[1])
    for t in range(weights.shape[0]):
        _weigh(slopes[t], hidden[t], weight_gradient[t])
        if rectified and weights.shape[1] == 1:
            _pass_back_one(weights[t], slopes[t], hidden[t])
        else:
            _pass_back(weights[t], slopes[t], rectified, hidden[t])
        products_above(hidden[t], rows, -float("inf"), products)
        _split(products, layer_gradient[t], bias_gradient[t])
