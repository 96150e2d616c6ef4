"""Formulas as NumPy, with those of the backward pass: vectors are columns, one for each stream."""

from dataclasses import dataclass

from recurra.explain import formulas
from recurra.explain.formulas import Formula, is_number
from recurra.export.names import Names
from recurra.export.python_formulas import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    TERM,
    PythonText,
    Row,
    inner_name,
)
from recurra.export.steps import Steps, is_fixed, reads_character
from recurra.lang import syntax
from recurra.lang.syntax import NORM, SOFTMAX


@dataclass(frozen=True)
class NumpyRow(Row):
    """A function with its derivative.

    Attributes:
        derivative: f'(z) with ``{z}`` or the value ``{y}``.
        level: how tightly the derivative binds.
    """

    derivative: str = ""
    level: int = ATOM


_SIGMOID = """\
def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))
"""
_SWISH = """\
def swish(z):
    return z * sigmoid(z)


def swish_derivative(z):
    s = sigmoid(z)
    return s + z * s * (1 - s)
"""
_GELU = """\
def gelu(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def gelu_derivative(z):
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


def norm_derivative(z, d):
    y = norm(z)
    return (d - d.mean(0) - y * (y * d).mean(0)) / np.sqrt(z.var(0) + 1e-5)
"""

_OF_PARTS = """\
def of_parts(function, n, *vectors):
    parts = zip(*(np.split(vector, n) for vector in vectors), strict=True)
    return np.concatenate([function(*part) for part in parts])
"""
_SUM_OF_PART = """\
def repeated_sum(z):
    return np.broadcast_to(z.sum(0), z.shape)
"""
_MEAN_OF_PART = """\
def repeated_mean(z):
    return np.broadcast_to(z.mean(0), z.shape)
"""
_SOFTMAX = """\
def softmax(z):
    y = np.exp(z - z.max(0))
    return y / y.sum(0)


def softmax_derivative(z, d):
    y = softmax(z)
    return y * (d - (y * d).sum(0))
"""
_PARTS = """\
def parts(z, n):
    return z.reshape(n, -1, z.shape[1])
"""
_BLOCK_PRODUCT = """\
def block_product(blocks, z):
    return np.concatenate(blocks @ parts(z, len(blocks)))
"""
_BLOCK_OUTER = """\
def block_outer(left, right, n):
    return np.concatenate(parts(left, n) @ parts(right, n).swapaxes(1, 2))
"""

ROWS = {
    "tanh": NumpyRow("np.tanh", (), "1 - {y}**2", SUM),
    "sigmoid": NumpyRow("sigmoid", (_SIGMOID,), "{y} * (1 - {y})", TERM),
    "relu": NumpyRow("relu", (_RELU,), "({y} > 0)"),
    "swish": NumpyRow("swish", (_SIGMOID, _SWISH), "swish_derivative({z})"),
    "gelu": NumpyRow("gelu", (_GELU,), "gelu_derivative({z})"),
    "softplus": NumpyRow("softplus", (_SIGMOID, _SOFTPLUS), "sigmoid({z})"),
    "identity": NumpyRow("", (), "1"),
    "elu": NumpyRow("elu", (_ELU,), "np.where({y} > 0, 1, {y} + 1)"),
    "softsign": NumpyRow("softsign", (_SOFTSIGN,), "(1 - np.abs({y}))**2"),
    "exp": NumpyRow("np.exp", (), "{y}"),
    "log": NumpyRow("np.log", (), "1 / {z}", TERM),
    "sqrt": NumpyRow("np.sqrt", (), "0.5 / {y}", TERM),
    "abs": NumpyRow("np.abs", (), "np.sign({z})"),
    "sin": NumpyRow("np.sin", (), "np.cos({z})"),
    "cos": NumpyRow("np.cos", (), "-np.sin({z})", SIGN),
    NORM: NumpyRow("norm", (_NORM,), "norm_derivative({z}, {d})"),
    SOFTMAX: NumpyRow("softmax", (_SOFTMAX,), "softmax_derivative({z}, {d})"),
    syntax.SUM: NumpyRow("repeated_sum", (_SUM_OF_PART,)),
    syntax.MEAN: NumpyRow("repeated_mean", (_MEAN_OF_PART,)),
    "max": NumpyRow("np.maximum"),
    "min": NumpyRow("np.minimum"),
}
RESERVED = (
    "np",
    "norm_derivative",
    "of_parts",
    "softmax_derivative",
    "swish_derivative",
    "gelu_derivative",
    "block_product",
    "block_outer",
    "parts",
    *(row.value for row in ROWS.values()),
)


class NumpyText(PythonText):
    """Writes the formulas of one network, forward and backward; see `PythonText`."""

    rows, block_product = ROWS, (_PARTS, _BLOCK_PRODUCT)
    of_parts = "of_parts({f}, {n}, {z})"

    def __init__(self, steps: Steps, names: Names) -> None:
        super().__init__(steps, names)
        self.deltas = {
            q: names.take(f"d{self.quantities.get(q, inner_name(q))}") for q in steps.deltas
        }
        self.masks = [names.take(f"mask{i}") for i in range(1, len(steps.rates) + 1)]
        self.time = names.take("t")
        self.character = names.take("x")

    def moment(self, name: str, lag: int) -> str:
        """A named series at a time."""
        moved = f" - {lag}" if lag > 0 else f" + {-lag}" if lag else ""
        return f"{name}[{self.time}{moved}]"

    def at(self, quantity: str, lag: int) -> str:
        """A quantity at a time."""
        return self.moment(self.quantities[quantity], lag)

    def bound(self, formula: Formula) -> tuple[str, int]:
        """A formula, and how tightly its text binds; see `PythonText.bound`."""
        match self.steps.as_matrices(formula):
            case formulas.Delta(quantity, lag):
                return self.moment(self.deltas[quantity], lag), ATOM
            case formulas.Mask(number, lag):
                return self.moment(self.masks[number - 1], lag), ATOM
            case formulas.Outer(left, right):
                return "{} @ {}.T".format(*self._sides_of_outer(left, right)), PRODUCT
            case formulas.Derivative(function, argument):
                return self._derivative(function, argument)
            case formulas.Larger(left, right):
                return f"np.heaviside({self.text(left)} - {self.text(right, PRODUCT)}, 0.5)", ATOM
            case formulas.BlockNumbers(vector):
                return f"{self.text(vector, ATOM)}[:, None, None]", ATOM
            case formulas.Dyad(left, right, blocks):
                sides = self._column(left, blocks), self._row(right, blocks)
                return " * ".join(filter(None, sides)), TERM
            case formulas.MemoryVector(matrix, transposed, operand, blocks):
                side = (self._column if transposed else self._row)(operand, blocks)
                whole = f"({self.text(matrix, TERM)} * {side})" if side else self.text(matrix, ATOM)
                if blocks:
                    return f"np.concatenate({whole}.sum({1 if transposed else 2}))", ATOM
                return f"{whole}.sum({0 if transposed else 1})", ATOM
            case formulas.BlockTotals(argument):
                return f"{self.text(argument, ATOM)}.sum((1, 2))", ATOM
            case formulas.Total(argument, mean):
                inner = self.text(argument, ATOM)
                if self.steps.is_matrix(argument):
                    axes = (0, 1, 2) if self.steps.blocks(argument) else (0, 1)
                    return f"{inner}.sum({axes})[None]", ATOM
                return f"{inner}.{'mean' if mean else 'sum'}(0, keepdims=True)", ATOM
            case formulas.Broadcast(number, like, mean):
                one, size = self.text(number, TERM), self.text(like)
                each = f"{one} / len({size})" if mean else one
                return f"np.zeros_like({size}) + {each}", SUM
            case formulas.Join(vectors):
                return f"np.concatenate([{', '.join(map(self.text, vectors))}])", ATOM
            case formulas.Part(vector, before, own):
                start = " + ".join(f"len({self.text(one)})" for one in before)
                end = f"{start} + len({self.text(own)})" if start else f"len({self.text(own)})"
                return f"{self.text(vector, ATOM)}[{start}:{end}]", ATOM
            case formulas.Apply(_, _, heads) if heads:
                self.definitions[_OF_PARTS] = None
                return super().bound(formula)
            case formulas.RowDerivative(function, argument, vector, heads):
                row, z, d = self._numpy_row(function), self.text(argument), self.text(vector)
                if not heads:
                    return row.derivative.format(z=z, d=d), row.level
                self.definitions[_OF_PARTS] = None
                return f"of_parts({function}_derivative, {heads}, {z}, {d})", ATOM
            case same:
                return super().bound(same)

    def _column(self, vector: Formula, blocks: int) -> str:
        """A vector as a column beside a matrix over time; nothing for a vector of ones."""
        return self._side(vector, blocks, "[:, None]", "[:, :, None]")

    def _row(self, vector: Formula, blocks: int) -> str:
        return self._side(vector, blocks, "[None]", "[:, None]")

    def _side(self, vector: Formula, blocks: int, whole: str, each: str) -> str:
        if not blocks or is_number(vector):
            return self.side(vector, whole)
        self.definitions[_PARTS] = None
        return f"parts({self.text(vector)}, {blocks}){each}"

    def product(self, product: formulas.MatrixVector) -> tuple[str, int]:
        """A matrix times a vector; times a character it is a column."""
        matrix, operand = self.parameters[product.matrix], product.operand
        if isinstance(operand, formulas.Value) and reads_character(operand):
            column = self.moment(self.character, operand.lag)
            return (
                f"{matrix}[{column}].T" if product.transposed else f"{matrix}[:, {column}]"
            ), ATOM
        return f"{matrix}{'.T' * product.transposed} @ {self.text(operand, SIGN)}", PRODUCT

    def block_outer(self, left: Formula, right: Formula, count: int) -> str:
        """The blocks of a matrix, column times row."""
        self.definitions |= dict.fromkeys((_PARTS, _BLOCK_OUTER))
        return "block_outer({}, {}, {})".format(*self._sides_of_outer(left, right), count)

    def _sides_of_outer(self, left: Formula, right: Formula) -> tuple[str, str]:
        columns, rows = self.text(left, ATOM), self.text(right, ATOM)
        if is_fixed(right):  # one column for all streams
            columns = f"{columns}.sum(1, keepdims=True)"
        elif is_fixed(left):
            rows = f"{rows}.sum(1, keepdims=True)"
        return columns, rows

    def _numpy_row(self, function: str) -> NumpyRow:
        row = self.row(function)
        assert isinstance(row, NumpyRow)
        return row

    def _derivative(self, function: str, argument: Formula) -> tuple[str, int]:
        row = self._numpy_row(function)
        value = self.steps.value_of(function, argument) or formulas.Apply(function, argument)
        y = self.text(value, ATOM) if "{y}" in row.derivative else ""
        level = POWER if row.level == TERM else SUM
        z = self.text(argument, level) if "{z}" in row.derivative else ""
        return row.derivative.format(z=z, y=y), row.level
