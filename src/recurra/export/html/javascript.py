"""One time step of a network as JavaScript, generated from its formulas."""

from collections.abc import Sequence
from math import prod

from recurra.errors import SettingError
from recurra.explain import formulas
from recurra.explain.derivation import kind_of_formula
from recurra.explain.formulas import Formula, is_number
from recurra.export.names import Names
from recurra.export.steps import Steps, reads_character
from recurra.lang.kinds import Kind
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import MEAN, NORM, ROW_FUNCTIONS, SOFTMAX, SUM

_WORDS = """
arguments await boolean break byte case catch char class const continue debugger default
delete do double else enum eval export extends false final finally float for function goto if
implements import in Infinity instanceof int interface let long NaN native new null of package
private protected public return short static super switch synchronized this throw throws transient
true try typeof undefined var void volatile while with yield async get set globalThis Math
Float64Array ofParts normalise softmax repeatedSum repeatedMean multiply multiplyTransposed
multiplyBlocks logSoftmax logProbabilities
"""
# How tightly an expression binds.
_SUM, _TERM, _SIGN, _ATOM = range(4)

FUNCTIONS = {
    "tanh": "Math.tanh",
    "sigmoid": "(z) => 1 / (1 + Math.exp(-z))",
    "relu": "(z) => Math.max(z, 0)",
    "swish": "(z) => z / (1 + Math.exp(-z))",
    "gelu": "(z) => z / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)))",
    "softplus": "(z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))",
    "identity": "(z) => z",
    "elu": "(z) => (z > 0 ? z : Math.expm1(z))",
    **{name: f"Math.{name}" for name in ("exp", "log", "sqrt", "abs", "sin", "cos")},
    "softsign": "(z) => z / (1 + Math.abs(z))",
}
_OF_ROWS = {NORM: "normalise", SOFTMAX: "softmax", SUM: "repeatedSum", MEAN: "repeatedMean"}


class StepFunction:
    """Writes ``read(p, state, x)``: log-probabilities after one more character, and the state.

    Vectors are arrays. What makes an entry from the same entries of others is one loop; a product
    or a normalisation is a call before it.

    Args:
        steps: the network's.
        shapes: its sizes.
    """

    def __init__(self, steps: Steps, shapes: Shapes) -> None:
        self.steps, self.shapes, self.network = steps, shapes, steps.network
        self.names = Names([*_WORDS.split(), *FUNCTIONS])
        self.p, self.state, self.x, self.i = map(self.names.take, ("p", "state", "x", "i"))
        self.parameters = {name: self.names.take(name) for name in self.network.parameters}
        self.vectors = {
            (quantity, lag): self.names.take(_plain(quantity) + (f"_{lag}" if lag else ""))
            for quantity in (step.quantity for step in steps.inference)
            for lag in range(steps.lags.get(quantity, 0) + 1)
        }
        self.functions: dict[str, str] = {}
        self.lines: list[str] = []
        self.known: dict[Formula, str] = {}  # vectors that the lines have computed
        self.grid: tuple[int, ...] = ()  # sides of the matrix whose entry is being written

    def text(self) -> str:
        """The functions ``start()`` and ``read(p, state, x)``."""
        steps, lags = self.steps, self.steps.lags
        for step in steps.inference:
            self._vector(step.formula, self.vectors[step.quantity, 0], step.quantity)
        past = [
            f"  const [{', '.join(self.vectors[q, k] for k in range(1, lag + 1))}] "
            f"= {self.state}[{n}];"
            for n, (q, lag) in enumerate(lags.items())
        ]
        after = [
            f"[{', '.join(self.vectors[q, k] for k in range(lag))}]" for q, lag in lags.items()
        ]
        zeros = [
            f"[{', '.join([f'new Float64Array({self.shapes.vectors[q]})'] * lag)}]"
            for q, lag in lags.items()
        ]
        logits = self.vectors[steps.inference[-1].quantity, 0]
        listed = self.shapes.shortlist
        if listed < self.shapes.vocabulary:
            log_p = f"logProbabilities({logits}, {self.shapes.vocabulary}, {listed})"
        else:
            log_p = f"logSoftmax({logits})"
        arguments = f"{self.p}, {self.state}, {self.x}"
        return "\n".join(
            [
                *(f"const {name} = {value};" for name, value in self.functions.items()),
                "",
                f"const start = () => [{', '.join(zeros)}];",
                "",
                f"function read({arguments}) {{",
                f"  const [{', '.join(self.parameters.values())}] = {self.p};",
                *past,
                *self.lines,
                f"  return [{log_p}, [{', '.join(after)}]];",
                "}",
            ]
        )

    def _vector(self, formula: Formula, name: str = "", quantity: str = "") -> str:
        """The array that holds a formula, computed first if need be."""
        if not name:
            match formula:
                case formulas.Value(of, lag):
                    return self.vectors[of, lag]
                case formulas.Parameter(of):
                    return self.parameters[of]
            if formula in self.known:
                return self.known[formula]
            name = self.names.take(f"v{len(self.known) + 1}")
        match formula:
            case formulas.MatrixVector(matrix, transposed, operand) if not reads_character(operand):
                sides, blocks = self.shapes.block(matrix), self.shapes.blocks.get(matrix, 0)
                flipped = (matrix in self.shapes.transposed) != transposed
                value = self._product(self.parameters[matrix], sides, operand, flipped, blocks)
            case formulas.MemoryVector(matrix, transposed, operand, blocks):
                *_, rows, columns = self.steps.sides(matrix, self.shapes)
                memory, sides = self._vector(matrix), (rows, columns)
                value = self._product(memory, sides, operand, transposed, blocks)
            case formulas.Apply(function, argument, heads) if function in ROW_FUNCTIONS:
                one, z = _OF_ROWS[function], self._vector(argument)
                value = f"ofParts({one}, {z}, {heads})" if heads else f"{one}({z})"
            case formulas.Total(argument, mean):
                vector = self._vector(argument)
                value = f"{vector}.reduce((sum, one) => sum + one, 0)"
                value = f"Float64Array.of({value}{f' / {vector}.length' if mean else ''})"
            case formulas.Join(vectors):
                inner = ", ".join(f"...{self._vector(one)}" for one in vectors)
                value = f"Float64Array.of({inner})"
            case _:
                whole = formulas.Value(quantity, 0) if quantity else formula
                size = self.steps.size(whole, self.shapes)
                around, self.grid = self.grid, self.steps.sides(whole, self.shapes)
                entry = self._entry(formula)[0]
                self.grid = around  # that of the loop in which this one is needed
                self.lines.append(f"  const {name} = new Float64Array({size});")
                loop = f"for (let {self.i} = 0; {self.i} < {size}; {self.i}++)"
                self.lines.append(f"  {loop} {name}[{self.i}] = {entry};")
                value = ""
        if value:
            self.lines.append(f"  const {name} = {value};")
        self.known[formula] = name
        return name

    def _product(
        self, matrix: str, sides: Sequence[int], operand: Formula, transposed: bool, blocks: int
    ) -> str:
        """``matrix @ operand`` or ``matrix.T @ operand``, each block of the matrix row by row."""
        function, size = ("multiplyTransposed", sides[1]) if transposed else ("multiply", sides[0])
        arguments = f"{matrix}, {self._vector(operand)}, {size}"
        if blocks:
            return f"multiplyBlocks({function}, {arguments}, {blocks})"
        return f"{function}({arguments})"

    def _entry(self, formula: Formula) -> tuple[str, int]:
        """Entry i of a formula, and how tightly it binds."""
        match self.steps.as_matrices(formula):
            case formulas.Constant(value):
                return repr(value), _ATOM if value >= 0 else _SIGN
            case (
                formulas.Value()
                | formulas.Parameter()
                | formulas.Total()
                | formulas.Join() as vector
            ):
                kinds = self.steps.derivation.kinds
                place = "0" if kind_of_formula(vector, kinds) == Kind.NUMBER else self.i
                return f"{self._vector(vector)}[{place}]", _ATOM
            case formulas.MatrixVector(matrix, _, operand) if reads_character(operand):
                size = self.shapes.parameters[matrix][1]  # a character is a row as stored
                return f"{self.parameters[matrix]}[{self.x} * {size} + {self.i}]", _ATOM
            case formulas.MatrixVector() | formulas.MemoryVector():
                return f"{self._vector(formula)}[{self.i}]", _ATOM
            case formulas.BlockNumbers(vector):
                block = f"Math.floor({self.i} / {prod(self.grid[1:])})"
                return f"{self._vector(vector)}[{block}]", _ATOM
            case formulas.Dyad(left, right, blocks):
                *_, rows, columns = self.grid
                column = f"{self.i} % {columns}"
                if blocks:
                    column += f" + {columns} * Math.floor({self.i} / {rows * columns})"
                places = ((left, f"Math.floor({self.i} / {columns})"), (right, column))
                sides = [f"{self._vector(s)}[{i}]" for s, i in places if not is_number(s)]
                return " * ".join(sides), _TERM
            case formulas.Sum(terms):
                text = self._within(terms[0], _SUM)
                for term in terms[1:]:
                    sign, part = "+", term
                    if isinstance(term, formulas.Negative):
                        sign, part = "-", term.argument
                    text += f" {sign} {self._within(part, _TERM)}"
                return text, _SUM
            case formulas.Negative(argument):
                return f"-{self._within(argument, _ATOM)}", _SIGN
            case formulas.Hadamard(left, right):
                return f"{self._within(left, _TERM)} * {self._within(right, _SIGN)}", _TERM
            case formulas.Quotient(left, right):
                return f"{self._within(left, _TERM)} / {self._within(right, _SIGN)}", _TERM
            case formulas.Apply(function) if function in ROW_FUNCTIONS:
                return f"{self._vector(formula)}[{self.i}]", _ATOM
            case formulas.Apply(function, argument):
                return f"{self._function(function)}({self._entry(argument)[0]})", _ATOM
            case formulas.Extreme(function, left, right):
                pair = f"{self._entry(left)[0]}, {self._entry(right)[0]}"
                return f"Math.{function}({pair})", _ATOM
            case formulas.Power(base, exponent):
                pair = f"{self._entry(base)[0]}, {self._entry(exponent)[0]}"
                return f"Math.pow({pair})", _ATOM
        raise SettingError("a page cannot compute this formula yet: export to numpy")

    def _within(self, formula: Formula, level: int) -> str:
        text, own = self._entry(formula)
        return f"({text})" if own < level else text

    def _function(self, function: str) -> str:
        name = self.network.function(function)
        if name not in FUNCTIONS:
            raise SettingError(f"a page cannot compute {name} yet: export to numpy")
        if name not in self.functions:
            self.functions[name] = FUNCTIONS[name]
        return name


def _plain(quantity: str) -> str:
    """``a.1 -> a_in1``."""
    return quantity.replace(".", "_in")
