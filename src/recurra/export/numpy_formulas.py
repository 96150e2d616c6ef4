"""Formulas as NumPy: vectors are columns, one for each stream of text."""

from dataclasses import dataclass

from recurra.explain.formulas import (
    Apply,
    Constant,
    Delta,
    Extreme,
    Formula,
    Hadamard,
    Join,
    Larger,
    Mask,
    MatrixVector,
    Negative,
    Outer,
    Parameter,
    Part,
    Power,
    Quotient,
    RowSlope,
    Slope,
    Spread,
    Sum,
    Total,
    Value,
)
from recurra.export.names import Names
from recurra.export.steps import Steps, is_fixed, reads_character
from recurra.lang.syntax import NORM, SOFTMAX

# How tightly an expression binds; a power binds more tightly than a sign.
# Python takes @ and * from left to right, so a matrix product beside * has parentheses of its own.
_SUM, _PRODUCT, _TERM, _SIGN, _POWER, _ATOM = range(6)


@dataclass(frozen=True)
class Row:
    """An element-wise function in NumPy.

    Attributes:
        value: name of the function; "" is none.
        slope: f'(z) with ``{z}`` or the value ``{y}``.
        level: how tightly the slope binds.
        definitions: of functions that the two call.
    """

    value: str
    slope: str
    level: int
    definitions: tuple[str, ...] = ()


_SIGMOID = """\
def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))
"""
_SWISH = """\
def swish(z):
    return z * sigmoid(z)


def swish_slope(z):
    s = sigmoid(z)
    return s + z * s * (1 - s)
"""
_GELU = """\
def gelu(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def gelu_slope(z):
    y = np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))
    inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    return 0.5 * (1 + y) + 0.5 * z * (1 - y**2) * inner
"""
_RELU = """\
def relu(z):
    return np.maximum(z, 0)
"""
_SOFTPLUS = """\
def softplus(z):
    return np.logaddexp(0, z)
"""
_ELU = """\
def elu(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
"""
_SOFTSIGN = """\
def softsign(z):
    return z / (1 + np.abs(z))
"""
_NORM = """\
def norm(z):
    return (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)


def norm_slope(z, d):
    y = norm(z)
    return (d - d.mean(0) - y * (y * d).mean(0)) / np.sqrt(z.var(0) + 1e-5)
"""

_SOFTMAX = """\
def softmax(z):
    y = np.exp(z - z.max(0))
    return y / y.sum(0)


def softmax_slope(z, d):
    y = softmax(z)
    return y * (d - (y * d).sum(0))
"""

ROWS = {
    "tanh": Row("np.tanh", "1 - {y}**2", _SUM),
    "sigmoid": Row("sigmoid", "{y} * (1 - {y})", _TERM, (_SIGMOID,)),
    "relu": Row("relu", "({y} > 0)", _ATOM, (_RELU,)),
    "swish": Row("swish", "swish_slope({z})", _ATOM, (_SIGMOID, _SWISH)),
    "gelu": Row("gelu", "gelu_slope({z})", _ATOM, (_GELU,)),
    "softplus": Row("softplus", "sigmoid({z})", _ATOM, (_SIGMOID, _SOFTPLUS)),
    "identity": Row("", "1", _ATOM),
    "elu": Row("elu", "np.where({y} > 0, 1, {y} + 1)", _ATOM, (_ELU,)),
    "softsign": Row("softsign", "(1 - np.abs({y}))**2", _ATOM, (_SOFTSIGN,)),
    "exp": Row("np.exp", "{y}", _ATOM),
    "log": Row("np.log", "1 / {z}", _TERM),
    "sqrt": Row("np.sqrt", "0.5 / {y}", _TERM),
    "abs": Row("np.abs", "np.sign({z})", _ATOM),
    "sin": Row("np.sin", "np.cos({z})", _ATOM),
    "cos": Row("np.cos", "-np.sin({z})", _SIGN),
    NORM: Row("norm", "norm_slope({z}, {d})", _ATOM, (_NORM,)),
    SOFTMAX: Row("softmax", "softmax_slope({z}, {d})", _ATOM, (_SOFTMAX,)),
}
RESERVED = (
    "np",
    "norm_slope",
    "softmax_slope",
    "swish_slope",
    "gelu_slope",
    *(row.value for row in ROWS.values()),
)


class NumpyText:
    """Writes the formulas of one network.

    Attributes:
        definitions: of the functions that the formulas written so far call, in order.

    Args:
        steps: the network's.
        names: gives identifiers.
    """

    def __init__(self, steps: Steps, names: Names) -> None:
        self.steps = steps
        network = steps.network
        self.definitions: dict[str, None] = {}
        self.parameters = {name: names.take(name) for name in network.parameters}
        self.constants = {name: names.take(name) for name in network.constants}
        quantities = [step.quantity for step in steps.forward]
        self.quantities = {q: names.take(q) for q in quantities if "." not in q}
        self.quantities |= {q: names.take(_inner(q)) for q in quantities if "." in q}
        self.deltas = {q: names.take(f"d{self.quantities.get(q, _inner(q))}") for q in steps.deltas}
        self.masks = [names.take(f"mask{i}") for i in range(1, len(steps.rates) + 1)]
        self.time = names.take("t")
        self.character = names.take("x")

    def at(self, name: str, lag: int) -> str:
        """A quantity at a time."""
        moved = f" - {lag}" if lag > 0 else f" + {-lag}" if lag else ""
        return f"{name}[{self.time}{moved}]"

    def text(self, formula: Formula, level: int = _SUM) -> str:
        """A formula, in parentheses if it binds less tightly than ``level``."""
        text, own = self._bound(formula)
        return f"({text})" if own < level else text

    def _bound(self, formula: Formula) -> tuple[str, int]:
        match formula:
            case Constant(value, name):
                whole = value.is_integer() and abs(value) < 1e15
                text = self.constants[name] if name else repr(int(value) if whole else value)
                return text, _ATOM if name or value >= 0 else _SIGN
            case Value(quantity, lag):
                return self.at(self.quantities[quantity], lag), _ATOM
            case Delta(quantity, lag):
                return self.at(self.deltas[quantity], lag), _ATOM
            case Mask(number, lag):
                return self.at(self.masks[number - 1], lag), _ATOM
            case Parameter(name):
                return self.parameters[name], _ATOM
            case Sum(terms):
                return self._sum(terms), _SUM
            case Negative(argument):
                text, own = self._bound(argument)
                return (f"-{text}", _SIGN) if own >= _SIGN else (f"-({text})", _SIGN)
            case Hadamard(left, right):
                return f"{self.text(left, _TERM)} * {self.text(right, _TERM)}", _TERM
            case Quotient(left, right):
                return f"{self.text(left, _TERM)} / {self.text(right, _SIGN)}", _TERM
            case MatrixVector(matrix, transposed, operand):
                return self._product(self.parameters[matrix], transposed, operand)
            case Outer(left, right):
                return self._outer(left, right), _PRODUCT
            case Apply(function, argument):
                row = self._row(function)
                return f"{row.value}({self.text(argument)})", _ATOM
            case Extreme(function, left, right):
                name = {"max": "np.maximum", "min": "np.minimum"}[function]
                return f"{name}({self.text(left)}, {self.text(right)})", _ATOM
            case Larger(left, right):
                return f"np.heaviside({self.text(left)} - {self.text(right, _PRODUCT)}, 0.5)", _ATOM
            case Power(base, exponent):
                return f"{self.text(base, _ATOM)} ** {self.text(exponent, _ATOM)}", _POWER
            case Slope(function, argument):
                return self._slope(function, argument)
            case Total(argument, mean):
                inner = self.text(argument, _ATOM)
                return f"{inner}.{'mean' if mean else 'sum'}(0, keepdims=True)", _ATOM
            case Spread(number, like, mean):
                one, size = self.text(number, _TERM), self.text(like)
                each = f"{one} / len({size})" if mean else one
                return f"np.zeros_like({size}) + {each}", _SUM
            case Join(vectors):
                return f"np.concatenate([{', '.join(map(self.text, vectors))}])", _ATOM
            case Part(vector, before, own):
                start = " + ".join(f"len({self.text(one)})" for one in before)
                end = f"{start} + len({self.text(own)})" if start else f"len({self.text(own)})"
                return f"{self.text(vector, _ATOM)}[{start}:{end}]", _ATOM
            case RowSlope(function, argument, vector):
                row = self._row(function)
                return row.slope.format(z=self.text(argument), d=self.text(vector)), row.level
        raise AssertionError(formula)

    def _sum(self, terms: tuple[Formula, ...]) -> str:
        text = self.text(terms[0], _PRODUCT)
        for term in terms[1:]:
            match term:
                case Negative(argument):
                    text += f" - {self.text(argument, _PRODUCT)}"
                case _:
                    text += f" + {self.text(term, _PRODUCT)}"
        return text

    def _product(self, matrix: str, transposed: bool, operand: Formula) -> tuple[str, int]:
        if isinstance(operand, Value) and reads_character(operand):
            column = self.at(self.character, operand.lag)
            return (f"{matrix}[{column}].T" if transposed else f"{matrix}[:, {column}]"), _ATOM
        return f"{matrix}{'.T' * transposed} @ {self.text(operand, _SIGN)}", _PRODUCT

    def _outer(self, left: Formula, right: Formula) -> str:
        columns, rows = self.text(left, _ATOM), self.text(right, _ATOM)
        if is_fixed(right):  # one column for all streams
            columns = f"{columns}.sum(1, keepdims=True)"
        elif is_fixed(left):
            rows = f"{rows}.sum(1, keepdims=True)"
        return f"{columns} @ {rows}.T"

    def _row(self, function: str) -> Row:
        row = ROWS[self.steps.network.function(function)]
        self.definitions |= dict.fromkeys(row.definitions)
        return row

    def _slope(self, function: str, argument: Formula) -> tuple[str, int]:
        row = self._row(function)
        value = self.steps.value_of(function, argument) or Apply(function, argument)
        y = self.text(value, _ATOM) if "{y}" in row.slope else ""
        z = (
            self.text(argument, _POWER if row.level == _TERM else _SUM)
            if "{z}" in row.slope
            else ""
        )
        return row.slope.format(z=z, y=y), row.level


def _inner(quantity: str) -> str:
    """``a.1 -> a_in``, ``a.2 -> a_in2``."""
    vector, _, number = quantity.partition(".")
    return f"{vector}_in{'' if number == '1' else number}"
