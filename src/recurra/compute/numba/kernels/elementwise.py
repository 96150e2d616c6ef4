"""Element-wise functions as scalar kernels that LLVM turns into vector instructions.

Numba calls the C library for ``math.exp`` and ``math.tanh``, one number at a time, and a loop
with a call in it does not vectorise. The functions here are short branch-free formulas over three
cores, `exp_parts`, `log1p_unit` and `sine_parts`; the rest follows from them, for float32 and
float64 alike.

Names and arguments are those of `recurra.lang.functions`: ``f(x)``, and ``f_derivative(x, y)``
with ``y = f(x)``. NaN stays NaN, and nothing overflows before its result does.
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from recurra.compute.numba.kernels.jit import INLINED, inlined

__all__ = [
    "absolute",
    "absolute_derivative",
    "cos",
    "cos_derivative",
    "elu",
    "elu_derivative",
    "exp",
    "exp_derivative",
    "expm1",
    "gelu",
    "gelu_derivative",
    "log",
    "log_derivative",
    "maximum",
    "maximum_derivative",
    "minimum",
    "minimum_derivative",
    "power",
    "relu",
    "relu_derivative",
    "sigmoid",
    "sigmoid_derivative",
    "sin",
    "sin_derivative",
    "softplus",
    "softplus_derivative",
    "softsign",
    "softsign_derivative",
    "sqrt",
    "sqrt_derivative",
    "swish",
    "swish_derivative",
    "tanh",
    "tanh_derivative",
]

# ------------------------------------------------------------------------------------------- cores


def exp_parts(x: Any) -> Any:
    """``(h, p)`` with ``exp(x) = 2 (h + h p)`` and ``exp(x) - 1 = 2 (h p + (h - 1/2))``.

    ``x = n ln 2 + r`` with integer n and ``|r| <= ln 2 / 2``; ``p = exp(r) - 1`` is a polynomial
    (Chebyshev fit, relative error 1e-8 and 2e-17), and ``h = 2**(n - 1)`` is made of n's own
    bits: with 1.5 * 2**23 + 126 added to it, n leaves n - 1 + 127 in the lowest bits, and a shift
    moves them to where a float keeps its exponent. Half a power, since 2**128 is no float but a
    little less than it is. Around the smallest normal number and below exp is 0.
    """
    return _exp_parts_32(x) if x.dtype == np.float32 else _exp_parts_64(x)


# ln 2 in two pieces, so that n times the first is exact (Cody & Waite 1980).
_LOG2E_32 = np.float32(1.44269504)
_LN2_32, _LN2_TAIL_32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LOWEST_32, _HIGHEST_32 = np.float32(-87.33654), np.float32(89.0)
_MAGIC_32 = np.float32(1.5 * 2**23 + 126)
_A2, _A3, _A4 = np.float32(0.5), np.float32(0.16666576), np.float32(0.041666552)
_A5, _A6 = np.float32(0.008363233), np.float32(0.001392625)


def _exp_parts_32(x: Any) -> Any:
    x = _LOWEST_32 if x < _LOWEST_32 else x
    x = _HIGHEST_32 if x > _HIGHEST_32 else x
    shifted = x * _LOG2E_32 + _MAGIC_32
    n = shifted - _MAGIC_32
    r = (x - n * _LN2_32) - n * _LN2_TAIL_32
    p = r + r * r * (_A2 + r * (_A3 + r * (_A4 + r * (_A5 + r * _A6))))
    return np.int32(np.float32(shifted).view(np.int32) << 23).view(np.float32), p


_LOG2E_64 = np.float64(1.4426950408889634)
_LN2_64, _LN2_TAIL_64 = (
    np.float64(6.93147180369123816490e-01),
    np.float64(1.90821492927058770002e-10),
)
_LOWEST_64, _HIGHEST_64 = np.float64(-708.3964185322641), np.float64(710.0)
_MAGIC_64 = np.float64(1.5 * 2**52 + 1022)
_B2, _B3 = np.float64(0.5000000000000001), np.float64(0.16666666666666669)
_B4, _B5 = np.float64(0.041666666666623824), np.float64(0.008333333333330039)
_B6, _B7 = np.float64(0.0013888888917367081), np.float64(0.00019841269863171557)
_B8, _B9 = np.float64(2.4801521057868204e-05), np.float64(2.7557268276905696e-06)
_B10, _B11 = np.float64(2.7620201591031547e-07), np.float64(2.5100472505694996e-08)


def _exp_parts_64(x: Any) -> Any:
    x = _LOWEST_64 if x < _LOWEST_64 else x
    x = _HIGHEST_64 if x > _HIGHEST_64 else x
    shifted = x * _LOG2E_64 + _MAGIC_64
    n = shifted - _MAGIC_64
    r = (x - n * _LN2_64) - n * _LN2_TAIL_64
    p = _B6 + r * (_B7 + r * (_B8 + r * (_B9 + r * (_B10 + r * _B11))))
    p = r + r * r * (_B2 + r * (_B3 + r * (_B4 + r * (_B5 + r * p))))
    return np.int64(np.float64(shifted).view(np.int64) << 52).view(np.float64), p


@overload(exp_parts, jit_options=INLINED)
def _exp_parts(x: Any) -> Any:
    return _exp_parts_32 if x == types.float32 else _exp_parts_64


@inlined
def log1p_unit(u: Any) -> Any:
    """``log(1 + u)`` for u in [0, 1].

    With ``s = f / (2 + f)``: ``log(1 + f) = f - (f**2 / 2 - s (f**2 / 2 + R(s**2)))``, R the
    polynomial of Sun's fdlibm, for f below sqrt(2) - 1; for a larger u
    ``log(1 + u) = ln 2 + log(1 + (u - 1) / 2)``.
    """
    real = type(u)
    large = u > real(0.41421356)
    small = _log1p_series(real(0.5) * (u - real(1)) if large else u)
    return real(math.log(2)) + small if large else small


@inlined
def _log1p_series(f: Any) -> Any:
    """``log(1 + f)`` for f from sqrt(1/2) - 1 to sqrt(2) - 1."""
    real = type(f)
    s = f / (real(2) + f)
    z = s * s
    r = real(0.1818357216161805) + z * (real(0.1531383769920937) + z * real(0.1479819860511659))
    r = real(0.2857142874366239) + z * (real(0.2222219843214978) + z * r)
    r = z * (real(0.6666666666666735) + z * (real(0.3999999999940942) + z * r))
    half = real(0.5) * f * f
    return f - (half - s * (half + r))


def log_parts(x: Any) -> Any:
    """``(n, f)`` with ``x = 2**n (1 + f)``, n a float and f in [sqrt(1/2) - 1, sqrt(2) - 1).

    For a positive x. The bits of x minus those of sqrt(1/2) have n in the exponent's place; the
    smallest numbers, which have no exponent, are made larger first.
    """
    return _log_parts_32(x) if x.dtype == np.float32 else _log_parts_64(x)


_ROOT_32, _ROOT_64 = np.int32(0x3F3504F3), np.int64(0x3FE6A09E667F3BCD)
# 1023 in the exponent's place; and what turns a small whole number's bits into a float
_BIAS_64, _WHOLE_64 = np.int64(1023 << 52), np.float64(1.5 * 2**52)
_WHOLE_BITS_64 = np.int64(0x4338000000000000)


def _log_parts_32(x: Any) -> Any:
    tiny = x < np.float32(1.1754944e-38)
    bits = np.float32(x * np.float32(2**25) if tiny else x).view(np.int32)
    n = (bits - _ROOT_32) >> 23
    return np.float32(n) - np.float32(25 if tiny else 0), np.int32(bits - (n << 23)).view(
        np.float32
    ) - np.float32(1)


def _log_parts_64(x: Any) -> Any:
    # few processors shift 64 bits with their sign or turn them into a float, in vectors
    tiny = x < np.float64(2.2250738585072014e-308)
    bits = np.float64(x * np.float64(2**54) if tiny else x).view(np.int64)
    n = np.int64(np.uint64(bits - _ROOT_64 + _BIAS_64) >> np.uint64(52)) - np.int64(1023)
    one_and_f = np.int64(bits - (n << np.int64(52))).view(np.float64)
    whole = np.int64(n + _WHOLE_BITS_64).view(np.float64) - _WHOLE_64
    return whole - np.float64(54 if tiny else 0), one_and_f - np.float64(1)


@overload(log_parts, jit_options=INLINED)
def _log_parts(x: Any) -> Any:
    return _log_parts_32 if x == types.float32 else _log_parts_64


# pi / 2 in three pieces: n of 25 bits times the first or the second is exact.
_TWO_OVER_PI = np.float64(0.6366197723675814)
_HALF_PI_1 = np.float64(float.fromhex("0x1.921fb54000000p+0"))
_HALF_PI_2 = np.float64(float.fromhex("0x1.10b4610000000p-30"))
_HALF_PI_3 = np.float64(float.fromhex("0x1.a62633145c06ep-58"))
_MAGIC_TURN = np.float64(1.5 * 2**52)
_QUARTER_TURN = np.float64(0.7853981633974484)


@inlined
def sine_parts(x: Any) -> Any:
    """``(q, sin r, cos r)``, float64, with ``x = n pi / 2 + r``, ``|r| <= pi / 4``, q = n mod 4.

    r is as exact as a float64 can be up to |x| = 5e7. Where neighbouring numbers are further
    apart than turns are, all that is promised is a value from -1 to 1. The polynomials are
    those of fdlibm.
    """
    x = np.float64(x)
    shifted = x * _TWO_OVER_PI + _MAGIC_TURN
    n = shifted - _MAGIC_TURN
    r = ((x - n * _HALF_PI_1) - n * _HALF_PI_2) - n * _HALF_PI_3
    r = _QUARTER_TURN if r > _QUARTER_TURN else r
    r = -_QUARTER_TURN if r < -_QUARTER_TURN else r
    z = r * r
    s = 2.75573137070700676789e-06 + z * (
        -2.50507602534068634195e-08 + z * 1.58969099521155010221e-10
    )
    s = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * s)
    s = r + r * z * (-1.66666666666666324348e-01 + z * s)
    c = -2.75573143513906633035e-07 + z * (
        2.08757232129817482790e-09 + z * -1.13596475577881948265e-11
    )
    c = -1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * c)
    c = z * z * (4.16666666666666019037e-02 + z * c)
    return np.float64(shifted).view(np.int64) & 3, s, (1.0 - 0.5 * z) + c


@inlined
def exp(x: Any) -> Any:
    """``e**x``; 0 below the smallest normal number."""
    h, p = exp_parts(x)
    return type(x)(2) * (h + h * p)


@inlined
def expm1(x: Any) -> Any:
    """``e**x - 1`` without cancellation near 0."""
    h, p = exp_parts(x)
    return type(x)(2) * (h * p + (h - type(x)(0.5)))


# --------------------------------------------------------------------------------------- functions


@inlined
def sigmoid(x: Any) -> Any:
    """``1 / (1 + e**-x)``."""
    one = type(x)(1)
    return one / (one + exp(-x))


@inlined
def sigmoid_derivative(x: Any, y: Any) -> Any:
    """``y (1 - y)``."""
    return y * (type(y)(1) - y)


@inlined
def tanh(x: Any) -> Any:
    """``sign(x) (1 - e) / (1 + e)`` with ``e = e**(-2 |x|)``."""
    d = expm1(type(x)(-2) * abs(x))
    y = -d / (type(x)(2) + d)
    return -y if x < type(x)(0) else y


@inlined
def tanh_derivative(x: Any, y: Any) -> Any:
    """``1 - y**2``."""
    return type(y)(1) - y * y


@inlined
def relu(x: Any) -> Any:
    """``max(x, 0)``."""
    return type(x)(0) if x < type(x)(0) else x


@inlined
def relu_derivative(x: Any, y: Any) -> Any:
    """``[y > 0]``."""
    return type(y)(1) if y > type(y)(0) else type(y)(0)


@inlined
def swish(x: Any) -> Any:
    """``x sigmoid(x)`` (Ramachandran et al. 2017)."""
    return x * sigmoid(x)


@inlined
def swish_derivative(x: Any, y: Any) -> Any:
    """``s + y (1 - s)`` with ``s = sigmoid(x)``."""
    s = sigmoid(x)
    return s + y * (type(x)(1) - s)


_GELU_A = 2.0 * (2.0 / math.pi) ** 0.5
_GELU_B = 0.044715


@inlined
def gelu(x: Any) -> Any:
    """``x/2 (1 + tanh u)``, ``u = sqrt(2/pi) (x + 0.044715 x**3)`` (Hendrycks & Gimpel 2016).

    Computed as ``x sigmoid(2u)``, which is the same and loses nothing where tanh u nears -1.
    """
    real = type(x)
    return x * sigmoid(real(_GELU_A) * (x + real(_GELU_B) * x * x * x))


@inlined
def gelu_derivative(x: Any, y: Any) -> Any:
    """``s + x s (1 - s) 2u'`` with ``s = sigmoid(2u)``."""
    real = type(x)
    s = sigmoid(real(_GELU_A) * (x + real(_GELU_B) * x * x * x))
    inner = real(_GELU_A) * (real(1) + real(3 * _GELU_B) * x * x)
    return s + x * s * (real(1) - s) * inner


@inlined
def softplus(x: Any) -> Any:
    """``log(1 + e**x) = max(x, 0) + log(1 + e**-|x|)``."""
    return relu(x) + log1p_unit(exp(-abs(x)))


@inlined
def softplus_derivative(x: Any, y: Any) -> Any:
    """``sigmoid(x)``."""
    return sigmoid(x)


@inlined
def elu(x: Any) -> Any:
    """``x`` above 0, ``e**x - 1`` below (Clevert et al. 2016)."""
    return x if x > type(x)(0) else expm1(x)


@inlined
def elu_derivative(x: Any, y: Any) -> Any:
    """``1`` above 0, ``y + 1`` below."""
    return type(y)(1) if y > type(y)(0) else y + type(y)(1)


@inlined
def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``."""
    return x / (type(x)(1) + abs(x))


@inlined
def softsign_derivative(x: Any, y: Any) -> Any:
    """``(1 - |y|)**2``."""
    root = type(y)(1) - abs(y)
    return root * root


@inlined
def exp_derivative(x: Any, y: Any) -> Any:
    """``y``."""
    return y


@inlined
def log(x: Any) -> Any:
    """The natural logarithm; NaN below 0, minus infinity at 0."""
    real = type(x)
    n, f = log_parts(x)
    # ln 2 in two pieces, of which the first times n is exact
    y = n * real(0.693359375) + (_log1p_series(f) - n * real(2.12194440054690583e-4))
    y = x if x == real(math.inf) else y
    y = real(-math.inf) if x == real(0) else y
    return y if x >= real(0) else real(math.nan)


@inlined
def log_derivative(x: Any, y: Any) -> Any:
    """``1 / x``."""
    return type(x)(1) / x


@inlined
def sqrt(x: Any) -> Any:
    """The square root, as the processor has it."""
    return type(x)(math.sqrt(x))


@inlined
def sqrt_derivative(x: Any, y: Any) -> Any:
    """``1 / (2 y)``."""
    return type(y)(0.5) / y


@inlined
def absolute(x: Any) -> Any:
    """``|x|``."""
    return abs(x)


@inlined
def absolute_derivative(x: Any, y: Any) -> Any:
    """The sign of x; 0 at 0."""
    real = type(x)
    return real(1) if x > real(0) else real(-1) if x < real(0) else real(0) * x


@inlined
def sin(x: Any) -> Any:
    """The sine; 2 ulp for |x| up to 5e7, from -1 to 1 anywhere."""
    q, s, c = sine_parts(x)
    y = c if q & 1 else s
    return type(x)(-y if q & 2 else y)


@inlined
def sin_derivative(x: Any, y: Any) -> Any:
    """``cos(x)``."""
    return cos(x)


@inlined
def cos(x: Any) -> Any:
    """The cosine, see `sin`."""
    q, s, c = sine_parts(x)
    y = s if q & 1 else c
    return type(x)(-y if (q + 1) & 2 else y)


@inlined
def cos_derivative(x: Any, y: Any) -> Any:
    """``-sin(x)``."""
    return -sin(x)


@inlined
def maximum(a: Any, b: Any) -> Any:
    """The larger; NaN if one is."""
    return a if (a > b) | (a != a) else b


@inlined
def maximum_derivative(a: Any, b: Any) -> Any:
    """By a: 1 where it is larger, 1/2 where both are equal."""
    real = type(a)
    return real(1) if a > b else real(0) if a < b else real(0.5)


@inlined
def minimum(a: Any, b: Any) -> Any:
    """The smaller; NaN if one is."""
    return a if (a < b) | (a != a) else b


@inlined
def minimum_derivative(a: Any, b: Any) -> Any:
    """By a: 1 where it is smaller, 1/2 where both are equal."""
    return maximum_derivative(b, a)


@inlined
def power(x: Any, n: Any) -> Any:
    """``x**n = exp(n log x)`` for a broken n: its last digits are as many as those of n log x."""
    return exp(n * log(x))
