"""The element-wise functions of the equation language, one row each.

A row holds everything the rest of Recurra needs to know about a function: its NumPy forward
form, its derivative, and both as LaTeX. The derivative takes the argument ``x`` and the value
``y = f(x)``; ``reads`` says which of the two it really uses, so that a plan need not keep the
other. The kernels of the same names live in ``compute/numba/kernels/elementwise.py``.
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
        gain: how much wider the initial weights in front of it are than for tanh (He et al. 2015).
    """

    name: str
    forward: Callable[[Array], Array]
    derivative: Callable[[Array, Array], Array]
    reads: str
    latex: str
    latex_derivative: str
    gain: float = 1.0


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
    ),
    Function("tanh", np.tanh, lambda x, y: 1.0 - y * y, "y", r"\tanh z", r"1 - \tanh^2 z"),
    Function(
        "relu",
        lambda x: np.maximum(x, 0.0),
        lambda x, y: (y > 0).astype(y.dtype),
        "y",
        r"\max(z, 0)",
        r"[z > 0]",
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
        gain=2.0**0.5,
    ),
    Function("softplus", _softplus, lambda x, y: _sigmoid(x), "x", r"\ln(1 + e^z)", r"\sigma(z)"),
    Function("identity", lambda x: x, lambda x, y: np.ones_like(x), "", "z", "1"),
    # Clevert et al. 2016 with alpha = 1.
    Function(
        "elu",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
        lambda x, y: np.where(y > 0, 1.0, y + 1.0).astype(y.dtype),
        "y",
        r"\begin{cases} z & z > 0 \\ e^z - 1 & z \le 0 \end{cases}",
        r"\begin{cases} 1 & z > 0 \\ e^z & z \le 0 \end{cases}",
        gain=2.0**0.5,
    ),
    Function(
        "softsign",
        lambda x: x / (1.0 + np.abs(x)),
        lambda x, y: (1.0 - np.abs(y)) ** 2,
        "y",
        r"\frac{z}{1 + |z|}",
        r"\frac{1}{(1 + |z|)^2}",
    ),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
