"""The tree of an equation's right side: its nodes, how to walk them and how to print them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

CHARACTER = "x"
NORM = "norm"
SOFTMAX = "softmax"
SUM, MEAN, DOT = "sum", "mean", "dot"
CONCAT, OUTER = "concat", "outer"
DROPOUT = "dropout"

TOTALS = (SUM, MEAN)  # of a vector's numbers, which make one number
ROW_FUNCTIONS = (NORM, SOFTMAX, *TOTALS)  # of a whole vector, not number by number


@dataclass(frozen=True)
class Place:
    """Where in the text something stands: line from 1, column from 0."""

    line: int
    column: int


@dataclass(frozen=True)
class Number:
    """A constant, or a named constant (``name`` set) whose value is a choice of the network."""

    value: float
    name: str = ""


@dataclass(frozen=True)
class Vector:
    """A vector read at ``[t - lag]``; the name ``x`` is the character there."""

    name: str
    lag: int
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Bias:
    """A parameter vector, named bare."""

    name: str
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Product:
    """``matrix @ operand``, or ``matrix.T @ operand``."""

    matrix: str
    transposed: bool
    operand: "Expression"
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Call:
    """An element-wise function by its own name or that of a choice; or one of a whole vector.

    With ``heads``, as in ``norm(z, 4)``, it is one of each of so many equal parts of the vector,
    and as long: ``sum(z, 4)`` repeats the sum of a part all over that part.
    """

    function: str
    argument: "Expression"
    place: Place = field(compare=False)
    heads: Number | None = None

    @property
    def parts(self) -> int:
        """How many parts of the vector it takes, each by itself; 0: all of it."""
        return 0 if self.heads is None else int(self.heads.value)

    @property
    def is_number(self) -> bool:
        """Whether it makes one number of a vector."""
        return self.function in TOTALS and not self.parts


@dataclass(frozen=True)
class Binary:
    """Element-wise: the operator is ``+ - * /``, ``max``, ``min``, or ``**`` with a number."""

    operator: str
    left: "Expression"
    right: "Expression"
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Dropout:
    """``dropout(argument)`` at the recipe's rate, or ``dropout(argument, rate)`` at its own."""

    argument: "Expression"
    rate: float | None
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Concat:
    """``concat(a, b, ...)``: vectors one behind the other."""

    parts: "tuple[Expression, ...]"
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Outer:
    """``outer(left, right)``: column times row, a matrix; ``1`` stands for a vector of ones."""

    left: "Expression"
    right: "Expression"
    place: Place = field(compare=False)


@dataclass(frozen=True)
class MemoryProduct:
    """``memory @ operand``, or ``memory.T @ operand``: of a matrix that changes over time."""

    memory: Vector
    transposed: bool
    operand: "Expression"
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Negative:
    """``-argument``."""

    argument: "Expression"
    place: Place = field(compare=False)


Expression = (
    Number
    | Vector
    | Bias
    | Product
    | MemoryProduct
    | Call
    | Concat
    | Outer
    | Dropout
    | Binary
    | Negative
)


class Notation:
    """How the signs of an expression are written: here as in the equation language itself.

    Others, such as HTML and LaTeX, override what they write differently.
    """

    minus, plus, divide = "-", " + ", " / "
    product, transposed = " @ ", ".T"
    times, scaled = " * ", " * "  # between vectors; with a number on one side

    def number(self, value: float) -> str:
        """A constant."""
        return repr(int(value) if value.is_integer() and abs(value) < 1e15 else value)

    def name(self, name: str) -> str:
        """A parameter, or a choice that stands for a number."""
        return name

    def vector(self, name: str, lag: int) -> str:
        """A vector some steps ago."""
        return f"{name}[t-{lag}]" if lag else f"{name}[t]"

    def function(self, name: str) -> str:
        """A function, or a choice that stands for one."""
        return name

    def power(self, base: str, exponent: str) -> str:
        """A power; the base has its parentheses."""
        return f"{base} ** {exponent}"


TEXT = Notation()


def show(expression: Expression, level: int = 0, signs: Notation = TEXT) -> str:
    """An expression in a notation, with only the parentheses it needs.

    Args:
        expression: what to show.
        level: how tightly its surroundings bind: 0 sum, 1 ``@``, 2 ``* /``, 3 sign, power,
            4 a name.
        signs: the notation.
    """
    match expression:
        case Number(value, name):
            text = signs.name(name) if name else signs.number(value)
            own = 4 if name or value >= 0 else 3
        case Vector(name, lag):
            text, own = signs.vector(name, lag), 4
        case Bias(name):
            text, own = signs.name(name), 4
        case Call(function, argument, _, heads):
            second = "" if heads is None else f", {show(heads, 0, signs)}"
            text, own = f"{signs.function(function)}({show(argument, 0, signs)}{second})", 4
        case Concat(inner):
            listed = ", ".join(show(part, 0, signs) for part in inner)
            text, own = f"{signs.function(CONCAT)}({listed})", 4
        case Outer(left, right):
            pair = ", ".join(show(side, 0, signs) for side in (left, right))
            text, own = f"{signs.function(OUTER)}({pair})", 4
        case MemoryProduct(Vector(name, lag), transposed, operand):
            factor = f"{signs.vector(name, lag)}{signs.transposed if transposed else ''}"
            text, own = f"{factor}{signs.product}{show(operand, 3, signs)}", 1
        case Dropout(argument, rate):
            second = "" if rate is None else f", {signs.number(rate)}"
            text, own = f"{signs.function(DROPOUT)}({show(argument, 0, signs)}{second})", 4
        case Negative(argument):
            text, own = f"{signs.minus}{show(argument, 4, signs)}", 3
        case Product(matrix, transposed, operand):
            factor = f"{signs.name(matrix)}{signs.transposed if transposed else ''}"
            text, own = f"{factor}{signs.product}{show(operand, 3, signs)}", 1
        case Binary("max" | "min" as name, left, right):
            pair = ", ".join(show(side, 0, signs) for side in (left, right))
            text, own = f"{signs.function(name)}({pair})", 4
        case Binary("**", left, right):
            text, own = signs.power(show(left, 4, signs), show(right, 3, signs)), 3
        case Binary(operator, left, right):
            own = 0 if operator in "+-" else 2
            times = signs.scaled if is_number(left) or is_number(right) else signs.times
            sign = {"+": signs.plus, "-": f" {signs.minus} ", "*": times, "/": signs.divide}
            text = f"{show(left, own, signs)}{sign[operator]}{show(right, own + 1, signs)}"
    return f"({text})" if own < level else text


def is_number(expression: Expression) -> bool:
    """Whether an expression is the same for every entry and time step."""
    return not any(isinstance(node, Vector | Bias | Product) for node in walk(expression))


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct parts of an expression."""
    match expression:
        case Call(_, argument, _, heads) if heads is not None:
            return (argument, heads)
        case Call(_, argument) | Dropout(argument) | Negative(argument):
            return (argument,)
        case Product(_, _, operand):
            return (operand,)
        case MemoryProduct(memory, _, operand):
            return (memory, operand)
        case Concat(inner):
            return inner
        case Binary(_, left, right) | Outer(left, right):
            return (left, right)
    return ()


def rewrite(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """An expression with every node changed, parts before wholes."""
    match expression:
        case Call(_, argument) | Dropout(argument) | Negative(argument):
            expression = replace(expression, argument=rewrite(argument, change))
        case Product(_, _, operand) | MemoryProduct(_, _, operand):
            expression = replace(expression, operand=rewrite(operand, change))
        case Concat(inner):
            expression = replace(expression, parts=tuple(rewrite(one, change) for one in inner))
        case Binary(_, left, right) | Outer(left, right):
            left, right = rewrite(left, change), rewrite(right, change)
            expression = replace(expression, left=left, right=right)
    return change(expression)


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node of an expression, parents first, left to right."""
    nodes = [expression]
    while nodes:
        node = nodes.pop()
        yield node
        nodes.extend(reversed(children(node)))
