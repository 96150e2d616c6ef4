"""The element-wise functions of the equation language, one row each.

A row holds everything the rest of Recurra needs to know about a function: its NumPy forward
form, its derivative, both as LaTeX, and its names. The derivative takes the argument ``x`` and the
value ``y = f(x)``; ``reads`` says which of the two it really uses, so that a plan need not keep the
other. The kernels live in ``compute/numba/kernels/elementwise.py``, the formulas of the engine
torch in ``compute/torch/functions.py``, those of exported programs in
``export/numpy_formulas.py``; tests compare all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


# Inside the root of norm(z): what keeps it finite where all numbers of z are equal.
NORM_EPS = 1e-5


@dataclass(frozen=True)
class Function:
    """One element-wise function.

    Attributes:
        name: the name in equations.
        forward: ``x -> f(x)``, any shape, any float dtype, overflow-free.
        derivative: ``(x, y) -> f'(x)`` with ``y = f(x)``.
        reads: ``"x"``, ``"y"``, ``"xy"`` or ``""``: what the derivative uses.
        latex: f(z) as LaTeX with ``z`` as the argument.
        latex_derivative: f'(z) as LaTeX.
        english, chinese: what people call it.
        gain: how much wider the initial weights in front of it are than for tanh (He et al. 2015).
    """

    name: str
    forward: Callable[[Array], Array]
    derivative: Callable[[Array, Array], Array]
    reads: str
    latex: str
    latex_derivative: str
    english: str
    chinese: str
    gain: float = 1.0


@dataclass(frozen=True)
class PairFunction:
    """An element-wise function of two vectors, or a vector and a number, that may change places.

    Attributes:
        name: the name in equations.
        forward: ``(a, b) -> f(a, b)``.
        derivative: ``(a, b) -> df/da``; ``df/db`` is that of ``(b, a)``.
        latex: f(a, b) as LaTeX.
        latex_derivative: df/da as LaTeX.
        english, chinese: what people call it.
    """

    name: str
    forward: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]
    latex: str
    latex_derivative: str
    english: str
    chinese: str


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    value: Array = np.where(x >= 0, 1.0, e) / (1.0 + e)
    return value


def _softplus(x: Array) -> Array:
    value: Array = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return value


def _swish_derivative(x: Array, y: Array) -> Array:
    s = _sigmoid(x)
    return s + y * (1.0 - s)


# Python floats, so that NumPy keeps the dtype of x (NEP 50).
_GELU_A = 2.0 * (2.0 / float(np.pi)) ** 0.5
_GELU_B = 0.044715


def _gelu_gate(x: Array) -> Array:
    # (1 + tanh u) / 2 = sigmoid(2 u), without the cancellation; where x is clipped it is 0 or 1
    x = np.clip(x, -30.0, 30.0)
    return _sigmoid(_GELU_A * (x + _GELU_B * x * x * x))


def _gelu_derivative(x: Array, y: Array) -> Array:
    s = _gelu_gate(x)
    x = np.clip(x, -30.0, 30.0)
    value: Array = s + x * s * (1.0 - s) * _GELU_A * (1.0 + 3.0 * _GELU_B * x * x)
    return value


_ROWS = (
    Function(
        "sigmoid",
        _sigmoid,
        lambda x, y: y * (1.0 - y),
        "y",
        r"\frac{1}{1 + e^{-z}}",
        r"\sigma(z)\,(1 - \sigma(z))",
        "logistic function",
        "逻辑斯谛函数",
    ),
    Function(
        "tanh",
        np.tanh,
        lambda x, y: 1.0 - y * y,
        "y",
        r"\tanh z",
        r"1 - \tanh^2 z",
        "hyperbolic tangent",
        "双曲正切",
    ),
    Function(
        "relu",
        lambda x: np.maximum(x, 0.0),
        lambda x, y: (y > 0).astype(y.dtype),
        "y",
        r"\max(z, 0)",
        r"[z > 0]",
        "rectified linear unit",
        "线性整流函数",
        gain=2.0**0.5,
    ),
    # Ramachandran et al. 2017; also called SiLU.
    Function(
        "swish",
        lambda x: x * _sigmoid(x),
        _swish_derivative,
        "xy",
        r"z\,\sigma(z)",
        r"\sigma(z) + z\,\sigma(z)\,(1 - \sigma(z))",
        "swish, or SiLU",
        "Swish（SiLU）函数",
        gain=2.0**0.5,
    ),
    # The tanh form of Hendrycks & Gimpel 2016, equation 2 of their section 2.
    Function(
        "gelu",
        lambda x: x * _gelu_gate(x),
        _gelu_derivative,
        "x",
        r"\tfrac{z}{2}\bigl(1 + \tanh u(z)\bigr),\; u(z) = \sqrt{2/\pi}\,(z + 0.044715 z^3)",
        r"\tfrac12 (1 + \tanh u(z)) + \tfrac{z}{2}\,(1 - \tanh^2 u(z))\,u'(z)",
        "Gaussian error linear unit",
        "高斯误差线性单元",
        gain=2.0**0.5,
    ),
    Function(
        "softplus",
        _softplus,
        lambda x, y: _sigmoid(x),
        "x",
        r"\ln(1 + e^z)",
        r"\sigma(z)",
        "softplus",
        "软加函数",
    ),
    Function(
        "identity", lambda x: x, lambda x, y: np.ones_like(x), "", "z", "1", "identity", "恒等函数"
    ),
    # Clevert et al. 2016 with alpha = 1.
    Function(
        "elu",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
        lambda x, y: np.where(y > 0, 1.0, y + 1.0).astype(y.dtype),
        "y",
        r"\begin{cases} z & z > 0 \\ e^z - 1 & z \le 0 \end{cases}",
        r"\begin{cases} 1 & z > 0 \\ e^z & z \le 0 \end{cases}",
        "exponential linear unit",
        "指数线性单元",
        gain=2.0**0.5,
    ),
    Function(
        "softsign",
        lambda x: x / (1.0 + np.abs(x)),
        lambda x, y: (1.0 - np.abs(y)) ** 2,
        "y",
        r"\frac{z}{1 + |z|}",
        r"\frac{1}{(1 + |z|)^2}",
        "softsign",
        "软符号函数",
    ),
    Function("exp", np.exp, lambda x, y: y, "y", r"e^z", r"e^z", "exponential", "指数函数"),
    Function(
        "log",
        np.log,
        lambda x, y: 1.0 / x,
        "x",
        r"\ln z",
        r"\frac{1}{z}",
        "natural logarithm",
        "自然对数",
    ),
    # 1/0 at 0, as its derivative is
    Function(
        "sqrt",
        np.sqrt,
        lambda x, y: 0.5 / y,
        "y",
        r"\sqrt{z}",
        r"\frac{1}{2 \sqrt{z}}",
        "square root",
        "平方根",
    ),
    # 0 at 0, as in PyTorch and JAX
    Function(
        "abs",
        np.abs,
        lambda x, y: np.sign(x),
        "x",
        r"|z|",
        r"\operatorname{sign} z",
        "absolute value",
        "绝对值",
    ),
    Function("sin", np.sin, lambda x, y: np.cos(x), "x", r"\sin z", r"\cos z", "sine", "正弦"),
    Function("cos", np.cos, lambda x, y: -np.sin(x), "x", r"\cos z", r"-\sin z", "cosine", "余弦"),
)
# Where both are equal each gets half of what comes back, as in PyTorch and JAX.
_PAIRS = (
    PairFunction(
        "max",
        np.maximum,
        lambda a, b: (np.sign(a - b) + 1.0) / 2.0,
        r"\max(a, b)",
        r"[a > b]",
        "larger of two",
        "较大者",
    ),
    PairFunction(
        "min",
        np.minimum,
        lambda a, b: (np.sign(b - a) + 1.0) / 2.0,
        r"\min(a, b)",
        r"[a < b]",
        "smaller of two",
        "较小者",
    ),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
PAIRS: dict[str, PairFunction] = {row.name: row for row in _PAIRS}
# What later versions added: a text that calls none of these may give their names to anything.
SOFT = frozenset(("exp", "log", "sqrt", "abs", "sin", "cos", *PAIRS))
