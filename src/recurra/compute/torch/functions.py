"""The element-wise functions as formulas: ``y`` of ``x``, and ``d = dy/dx`` of ``x`` and ``y``.

Those of two arguments, and their derivatives by the first, are of ``x`` and ``y``.

The names and the mathematics are those of `recurra.lang.functions`; a test compares the two.
A number that is none stays none, and nothing overflows on the way to a finite value.
"""

from collections.abc import Mapping

from recurra.compute.torch.formulas import Formula, parse_formula
from recurra.errors import SettingError

_GATE = """
    c = clip(x, -30, 30)
    s = 1 / (1 + exp(-1.5957691216057308 * (c + 0.044715 * c * c * c)))
"""
FORWARD: Mapping[str, str] = {
    "sigmoid": "y = 1 / (1 + exp(-x))",
    "tanh": "y = tanh(x)",
    "relu": "y = where(x < 0, 0, x)",
    "swish": "y = x / (1 + exp(-x))",
    "gelu": f"{_GATE}\n y = x * s",
    "softplus": "y = where(x > 0, x, 0) + log1p(exp(-abs(x)))",
    "identity": "y = x",
    "elu": "y = where(x > 0, x, expm1(x))",
    "softsign": "y = x / (1 + abs(x))",
    "exp": "y = exp(x)",
    "log": "y = log(x)",
    "sqrt": "y = sqrt(x)",
    "abs": "y = abs(x)",
    "sin": "y = sin(x)",
    "cos": "y = cos(x)",
    # of x and y; the mean of equal numbers, and none of which one is none
    "max": "m = where(x > y, x, where(x < y, y, 0.5 * x + 0.5 * y))",
    "min": "m = where(x < y, x, where(x > y, y, 0.5 * x + 0.5 * y))",
    "**": "p = pow(x, y)",
}
DERIVATIVE: Mapping[str, str] = {
    "sigmoid": "d = y * (1 - y)",
    "tanh": "d = 1 - y * y",
    "relu": "d = where(y > 0, 1, 0 * y)",
    "swish": "s = 1 / (1 + exp(-x)) \n d = s + y * (1 - s)",
    "gelu": f"{_GATE}\n d = s + c * s * (1 - s) * 1.5957691216057308 * (1 + 0.134145 * c * c)",
    "softplus": "d = 1 / (1 + exp(-x))",
    "identity": "d = 1",
    "elu": "d = where(y > 0, 1, y + 1)",
    "softsign": "d = (1 - abs(y)) * (1 - abs(y))",
    "exp": "d = y",
    "log": "d = 1 / x",
    "sqrt": "d = 0.5 / y",
    "abs": "d = where(x > 0, 1, where(x < 0, -1, 0 * x))",
    "sin": "d = cos(x)",
    "cos": "d = -sin(x)",
    "max": "d = where(x > y, 1, where(x < y, 0, 0.5))",
    "min": "d = where(x < y, 1, where(x > y, 0, 0.5))",
}


def formula_of(kind: str) -> Formula:
    """The formula of a function, or of its derivative, ``f'``.

    Raises:
        SettingError: there is none yet.
    """
    texts = DERIVATIVE if kind.endswith("'") else FORWARD
    name = kind.rstrip("'")
    if name not in texts:
        raise SettingError(f"the engine torch has no formula of {name}: use another engine")
    return parse_formula(texts[name], f"the function {name}")
