"""Elementary functions that the compiler can vectorise.

Calls of the C library stop LLVM's vectoriser; these are plain arithmetic on the bits of a double.
"""

import math

from skvi._numba import DISABLED, jit_helper
from skvi.kernels.simd import add_to_exponent, fma, maximum, minus, splat

_LOG2E = 1.4426950408889634
# ln 2 in two parts (Cody & Waite 1980): the first has trailing zeros, so that n * _LN2_HIGH is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_HALF_LOG_2PI = 0.9189385332046727
_SQRT_HALF = 0.7071067811865476
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits

if DISABLED:
    import struct

    def _bits(x):
        return struct.unpack("<q", struct.pack("<d", x))[0]

    def _double(n):
        return struct.unpack("<d", struct.pack("<q", int(n)))[0]

else:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def _bits(typingctx, x):
        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], ir.IntType(64))

        return types.int64(types.float64), codegen

    @intrinsic
    def _double(typingctx, n):
        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], ir.DoubleType())

        return types.float64(types.int64), codegen


@jit_helper
def exp_nonpositive(x):
    """exp of a vector of eight x <= 0, within 2e-16 relative; below -708 the result is 3e-308."""
    return exp_normal(maximum(x, splat(-708.0)))


@jit_helper
def exp_normal(x):
    """exp of a vector of eight -708 <= x <= 0, within 2e-16 relative."""
    shifted = fma(x, splat(_LOG2E), splat(_ROUND))
    n = minus(shifted, splat(_ROUND))
    # x - n ln 2, its parts subtracted one after the other
    r = fma(n, splat(-_LN2_LOW), fma(n, splat(-_LN2_HIGH), x))
    # (exp(r) - 1 - r) / r^2 interpolated at ten Chebyshev nodes of |r| <= ln(2) / 2: within 2e-17 of exp
    p = splat(2.510038549551032e-08)
    p = fma(p, r, splat(2.7620088445409746e-07))
    p = fma(p, r, splat(2.7557268459997064e-06))
    p = fma(p, r, splat(2.4801521295954376e-05))
    p = fma(p, r, splat(0.00019841269863053618))
    p = fma(p, r, splat(0.0013888888917213717))
    p = fma(p, r, splat(0.008333333333330062))
    p = fma(p, r, splat(0.04166666666662413))
    p = fma(p, r, splat(0.16666666666666669))
    p = fma(p, r, splat(0.5000000000000001))
    p = fma(p, r, splat(1.0))
    p = fma(p, r, splat(1.0))
    return add_to_exponent(p, shifted)


@jit_helper
def log_normal(x):
    """log(x) for finite, positive, normal x, within 2e-16 relative to max(1, |log x|)."""
    bits = _bits(x)
    n = (bits >> 52) - 1023
    mantissa = _double((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000)
    large = mantissa > 2.0 * _SQRT_HALF
    mantissa = 0.5 * mantissa if large else mantissa
    exponent = float(n) + 1.0 if large else float(n)
    f = (mantissa - 1.0) / (mantissa + 1.0)
    z = f * f
    # log m = 2 artanh(f) and |f| <= 0.172
    p = 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    return exponent * _LN2_HIGH + (2.0 * f * (1.0 + z * p) + exponent * _LN2_LOW)


# Below this the recurrence carries digamma and log-gamma to where their asymptotic series hold.
_SHIFT = 8


@jit_helper
def gamma_parts(x):
    """Carry x > 0 to where Stirling's series holds: y, and P and Q such that

    digamma(x) = log(y) + digamma_tail(y) - Q and log Gamma(x) = log_gamma_tail(y) - log(P), y = x + 8 below 8.
    """
    product = x
    derivative = 1.0
    for i in range(1, _SHIFT):
        derivative = derivative * (x + i) + product
        product = product * (x + i)
    small = x < _SHIFT
    y = x + _SHIFT if small else x
    return y, product if small else 1.0, derivative / product if small else 0.0


@jit_helper
def digamma_tail(y):
    """digamma(y) - log(y) for y >= 8, within 2e-15 (Abramowitz & Stegun 1964, 6.3.18)."""
    inverse = 1.0 / y
    z = inverse * inverse
    p = 1.0 / 12.0
    p = p * z - 691.0 / 32760.0
    p = p * z + 1.0 / 132.0
    p = p * z - 1.0 / 240.0
    p = p * z + 1.0 / 252.0
    p = p * z - 1.0 / 120.0
    p = p * z + 1.0 / 12.0
    return -0.5 * inverse - p * z


@jit_helper
def stirling_rest(y):
    """log Gamma(y) less (y - 1/2) log(y) - y + log(2 pi) / 2, for y >= 8 (Abramowitz & Stegun 1964, 6.1.41)."""
    inverse = 1.0 / y
    z = inverse * inverse
    p = 1.0 / 156.0
    p = p * z - 691.0 / 360360.0
    p = p * z + 1.0 / 1188.0
    p = p * z - 1.0 / 1680.0
    p = p * z + 1.0 / 1260.0
    p = p * z - 1.0 / 360.0
    p = p * z + 1.0 / 12.0
    return p * inverse


@jit_helper
def log_gamma_tail(y):
    """log Gamma(y) for y >= 8, relative to max(1, |log Gamma|) within 4e-16."""
    return (y - 0.5) * log_normal(y) - y + _HALF_LOG_2PI + stirling_rest(y)


@jit_helper
def digamma(x):
    """digamma(x) for x > 0, alone: in loops over many the parts above fill vectors."""
    carried = 0.0
    while x < _SHIFT:
        carried += 1.0 / x
        x += 1.0
    return math.log(x) + digamma_tail(x) - carried


@jit_helper
def log_gamma(x):
    """log Gamma(x) for x > 0."""
    y, product, _ = gamma_parts(x)
    return log_gamma_tail(y) - log_normal(product)


@jit_helper
def log_beta(a, b):
    """log Beta(a, b) for a, b > 0; the logarithms of Gamma of two large numbers would leave few digits of it."""
    small, large = (a, b) if a < b else (b, a)
    if large < _SHIFT:
        return math.lgamma(small) + math.lgamma(large) - math.lgamma(small + large)
    total = small + large
    rest = stirling_rest(large) - stirling_rest(total) - (large - 0.5) * math.log1p(small / large)
    return math.lgamma(small) - small * (math.log(total) - 1.0) + rest


NEGATIVE_INFINITY = -math.inf
