"""Element-wise functions as scalar kernels that LLVM turns into vector instructions.

Numba calls the C library for ``math.exp`` and ``math.tanh``, one number at a time, and a loop
with a call in it does not vectorise. The functions here are short branch-free formulas over two
cores, `exp_parts` and `log1p_unit`; the rest follows from them, for float32 and float64 alike.

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
    "elu",
    "elu_derivative",
    "exp",
    "expm1",
    "gelu",
    "gelu_derivative",
    "relu",
    "relu_derivative",
    "sigmoid",
    "sigmoid_derivative",
    "softplus",
    "softplus_derivative",
    "softsign",
    "softsign_derivative",
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
    f = real(0.5) * (u - real(1)) if large else u
    s = f / (real(2) + f)
    z = s * s
    r = real(0.1818357216161805) + z * (real(0.1531383769920937) + z * real(0.1479819860511659))
    r = real(0.2857142874366239) + z * (real(0.2222219843214978) + z * r)
    r = z * (real(0.6666666666666735) + z * (real(0.3999999999940942) + z * r))
    half = real(0.5) * f * f
    small = f - (half - s * (half + r))
    return real(math.log(2)) + small if large else small


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
