"""Formulas as Python: what the targets NumPy, PyTorch and JAX share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from recurra.errors import SettingError
from recurra.explain import formulas
from recurra.explain.formulas import Formula, is_number, walk
from recurra.export.names import GLOBALS, Names
from recurra.export.steps import Steps
from recurra.lang.functions import PAIRS
from recurra.lang.syntax import ROW_FUNCTIONS

# How tightly an expression binds; a power binds more tightly than a sign.
# Python takes @ and * from left to right, so a matrix product beside * has parentheses of its own.
SUM, PRODUCT, TERM, SIGN, POWER, ATOM = range(6)


@dataclass(frozen=True)
class Row:
    """A function in a library.

    Attributes:
        value: name of the function; "" is none.
        definitions: of functions that it calls.
    """

    value: str
    definitions: tuple[str, ...] = ()


class PythonText(ABC):
    """Writes the formulas of one network.

    Attributes:
        rows: function -> how the library writes it.
        definitions: of the functions that the formulas written so far call, in order.
        block_product: the definitions for a function of this name, of matrices of blocks.
        of_parts: text of a function ``{f}`` of each of ``{n}`` parts.

    Args:
        steps: the network's.
        names: gives identifiers.
    """

    rows: Mapping[str, Row]
    block_product: tuple[str, ...]
    of_parts: str

    def __init__(self, steps: Steps, names: Names) -> None:
        self.steps = steps
        network = steps.network
        self.definitions: dict[str, None] = {}
        self.parameters = {name: names.take(name) for name in network.parameters}
        self.constants = {name: names.take(name, GLOBALS) for name in network.constants}
        quantities = [step.quantity for step in steps.forward]
        self.quantities = {q: names.take(q) for q in quantities if "." not in q}
        self.quantities |= {q: names.take(inner_name(q)) for q in quantities if "." in q}

    def constant_lines(self) -> list[str]:
        """``name = number`` of every choice that the formulas read."""
        nodes = (node for step in self.steps.forward for node in walk(step.formula))
        read = {node.name for node in nodes if isinstance(node, formulas.Constant)}
        values = self.steps.network.constants
        return [f"{self.constants[n]} = {value!r}" for n, value in values.items() if n in read]

    @abstractmethod
    def at(self, quantity: str, lag: int) -> str:
        """A quantity at a time."""

    @abstractmethod
    def product(self, product: formulas.MatrixVector) -> tuple[str, int]:
        """A matrix times a vector, and how tightly that binds."""

    def text(self, formula: Formula, level: int = SUM) -> str:
        """A formula, in parentheses if it binds less tightly than ``level``."""
        text, own = self.bound(formula)
        return f"({text})" if own < level else text

    def side(self, formula: Formula, axes: str) -> str:
        """One side of a dyad, with its axes; nothing for a vector of ones."""
        return "" if is_number(formula) else f"{self.text(formula, ATOM)}{axes}"

    def dyad(self, left: Formula, column: str, right: Formula, row: str) -> str:
        """A column times a row, given how their axes are written; a side of ones is left out."""
        return " * ".join(filter(None, (self.side(left, column), self.side(right, row))))

    def bound(self, formula: Formula) -> tuple[str, int]:
        """A formula, and how tightly its text binds.

        Raises:
            SettingError: this target cannot write it.
        """
        match formula:
            case formulas.Constant(value, name):
                whole = value.is_integer() and abs(value) < 1e15
                text = self.constants[name] if name else repr(int(value) if whole else value)
                return text, ATOM if name or value >= 0 else SIGN
            case formulas.Value(quantity, lag):
                return self.at(quantity, lag), ATOM
            case formulas.Parameter(name):
                return self.parameters[name], ATOM
            case formulas.Sum(terms):
                return self._sum(terms), SUM
            case formulas.Negative(argument):
                text, own = self.bound(argument)
                return (f"-{text}", SIGN) if own > SIGN else (f"-({text})", SIGN)
            case formulas.Hadamard(left, right):
                return f"{self.text(left, TERM)} * {self.text(right, TERM)}", TERM
            case formulas.Quotient(left, right):
                return f"{self.text(left, TERM)} / {self.text(right, SIGN)}", TERM
            case formulas.MatrixVector(matrix, transposed, operand) if (
                matrix in self.steps.network.blocks
            ):
                return self.of_blocks(self.parameters[matrix], transposed, operand)
            case formulas.MatrixVector():
                return self.product(formula)
            case formulas.Apply(function, argument, heads) if heads:
                one, z = self.row(function).value, self.text(argument, ATOM)
                return self.of_parts.format(f=one, z=z, n=heads), ATOM
            case formulas.Apply(function, argument):
                name = self.row(function).value
                return (f"{name}({self.text(argument)})", ATOM) if name else self.bound(argument)
            case formulas.Extreme(function, left, right):
                pair = f"{self.text(left)}, {self.text(right)}"
                return f"{self.row(function).value}({pair})", ATOM
            case formulas.Power(base, exponent):
                return f"{self.text(base, ATOM)} ** {self.text(exponent, ATOM)}", POWER
        raise SettingError("this target cannot write this formula yet: export to another one")

    def of_blocks(self, matrix: str, transposed: bool, operand: Formula) -> tuple[str, int]:
        """A matrix of blocks times a vector, and how tightly that binds."""
        self.definitions |= dict.fromkeys(self.block_product)
        blocks = matrix + ".swapaxes(-1, -2)" * transposed  # which every version of NumPy knows
        return f"block_product({blocks}, {self.text(operand)})", ATOM

    def row(self, function: str) -> Row:
        """How the library writes a function; its definitions become part of the program."""
        own = function in (*ROW_FUNCTIONS, *PAIRS)
        name = function if own else self.steps.network.function(function)
        if name not in self.rows:
            raise SettingError(f"this target cannot write {name} yet: export to another one")
        row = self.rows[name]
        self.definitions |= dict.fromkeys(row.definitions)
        return row

    def _sum(self, terms: tuple[Formula, ...]) -> str:
        text = self.text(terms[0], PRODUCT)
        for term in terms[1:]:
            sign, part = "+", term
            if isinstance(term, formulas.Negative):
                sign, part = "-", term.argument
            text += f" {sign} {self.text(part, PRODUCT)}"
        return text


def inner_name(quantity: str) -> str:
    """``a.1 -> a_in``, ``a.2 -> a_in2``."""
    vector, _, number = quantity.partition(".")
    return f"{vector}_in{'' if number == '1' else number}"
