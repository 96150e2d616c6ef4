"""Formulas of a derivation as `recurra check` reads them: ``delta(b[t]) * f2'(bar(b[t]))``."""

from recurra.errors import SettingError
from recurra.explain import formulas
from recurra.explain.formulas import Formula, parts
from recurra.export.names import Names
from recurra.export.python_formulas import ATOM, PRODUCT, SIGN, PythonText, Row
from recurra.export.steps import Steps
from recurra.lang.syntax import MEAN, SUM


class TypedText(PythonText):
    """Writes the formulas of one network under the names of its equations."""

    of_parts = "{f}({z}, {n})"

    def __init__(self, steps: Steps) -> None:
        super().__init__(steps, Names(()))
        self.parameters = {name: name for name in self.parameters}
        self.constants = {name: name for name in self.constants}

    def at(self, quantity: str, lag: int) -> str:
        """A quantity at a time."""
        vector, _, number = quantity.partition(".")
        text = f"{vector}[t{f'{-lag:+}' if lag else ''}]"
        if not number:
            return text
        return f"bar({text})" if number == "1" else f"bar({text}, {number})"

    def product(self, product: formulas.MatrixVector) -> tuple[str, int]:
        """A matrix times a vector."""
        mark = ".T" * product.transposed
        return f"{product.matrix}{mark} @ {self.text(product.operand, SIGN)}", PRODUCT

    def row(self, function: str) -> Row:
        """A function, under the name that it has in the equations."""
        return Row(function)

    def bound(self, formula: Formula) -> tuple[str, int]:
        """A formula, and how tightly its text binds; see `PythonText.bound`."""
        match formula:
            case formulas.Delta(quantity, lag):
                return f"delta({self.at(quantity, lag)})", ATOM
            case formulas.MatrixVector():
                return self.product(formula)
            case formulas.Mask(number, lag):
                return self.at(f"mask{number}", lag), ATOM
            case formulas.Total(argument, mean):
                return f"{MEAN if mean else SUM}({self.text(argument)})", ATOM
            case formulas.Larger(left, right):
                return f"({self.text(left)} > {self.text(right)})", ATOM
            case formulas.Outer(left, right) | formulas.Dyad(left, right):
                return f"outer({self.text(left)}, {self.text(right)})", ATOM
            case formulas.MemoryVector(matrix, transposed, operand):
                whole = self.text(matrix, ATOM) + ".T" * transposed
                return f"{whole} @ {self.text(operand, SIGN)}", PRODUCT
            case formulas.BlockTotals(argument):
                return f"{SUM}_block({self.text(argument)})", ATOM
            case formulas.Derivative(function, argument):
                return f"{function}'({self.text(argument)})", ATOM
            case formulas.RowDerivative(function, argument, vector, heads):
                second = f", {heads}" if heads else ""
                derivative = f"{function}'({self.text(argument)}{second})"
                return f"{derivative} @ {self.text(vector, SIGN)}", PRODUCT
        try:
            return super().bound(formula)
        except SettingError:  # it is a comment, which says as well as it can
            inner = ", ".join(map(self.text, parts(formula)))
            return f"{type(formula).__name__.lower()}({inner})", ATOM
