"""Lines of a generated kernel function, and the arguments they need."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from recurra.compute.autodiff import (
    ARITHMETIC,
    Adjoint,
    Broadcast,
    Constant,
    MaskValue,
    Operation,
    ParameterValue,
    Read,
    Result,
    SumValue,
    Temporary,
    Value,
)
from recurra.compute.numba.source import FIXED, SHARED, Key, Kind
from recurra.compute.plan import Block, Plan, Stage

WORD = re.compile(r"\w+")
PASS = "pass"  # at the end of the name of a function


class Emitter:
    """Lines of the function for one block, and the arguments they turned out to need.

    Args:
        plan, dtype: see `generate_kernels`.
        number, block: which one.
        begun: arrays that an earlier function fills or begins to; what this one does is added.
        by_units: whether threads share the units; see `generate_kernels`.

    Attributes:
        known: values that are variables of the pass by now.
        fresh: what other threads may still be writing, by the plan's names: products that read it
            come after a meeting.
    """

    def __init__(
        self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key], by_units: bool
    ) -> None:
        self.plan, self.dtype, self.begun, self.by_units = plan, dtype, begun, by_units
        names = ", ".join(stage.vector for stage in block.stages)
        kind = "recurrent" if block.recurrent else "all time steps at once"
        self.title = f"    # block {number}: {names} ({kind})"
        self.arguments: dict[Key, str] = dict(FIXED)
        self.fresh: set[str] = set()
        self.lines: list[str] = []
        self.depth = 1
        self.ascii: dict[str, str] = {}
        self.known: dict[Value, str] = {}
        self.pass_lines: list[str] = []
        self.line("rows = inputs.size")
        if by_units:
            self.line("met = 0")

    def function(self, name: str) -> str:
        """The whole function as text."""
        arguments = [*(SHARED if self.by_units else ()), *self.arguments.values()]
        head = f"@jit\ndef {name}({', '.join(arguments)}):"
        text = "\n".join([head, self.title, *self.lines]) + "\n"
        if self.pass_lines:
            text = "\n".join(["@one_pass", *self.pass_lines, "\n", text])
        return text.replace(f" {PASS}(", f" {name}_{PASS}(")

    @property
    def body(self) -> list[str]:
        """All that makes it this function and no other."""
        return self.lines + self.pass_lines

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def indented(self, text: str) -> Iterator[None]:
        """Add a line whose block follows."""
        self.line(text)
        self.depth += 1
        yield
        self.depth -= 1

    def array(self, kind: Kind, name: str) -> str:
        """The argument that holds an array of the plan."""
        key: Key = (kind, name)
        if key not in self.arguments:
            self.arguments[key] = f"{kind}_{self._identifier(name)}"
        return self.arguments[key]

    def _identifier(self, name: str) -> str:
        # dotted and numbered names of the plan, and any alphabet, as ASCII; never two alike, since
        # no name in equations begins with a digit
        if name not in self.ascii:
            plain = name.replace(".", "__").replace(":", "_").replace("~", "_")
            if not plain.isascii() or plain in self.ascii.values():
                plain = f"{len(self.ascii)}_"
            self.ascii[name] = plain
        return self.ascii[name]

    def dropped(self, vector: str) -> str:
        """The argument that holds what products outside the block see of a vector."""
        return self.array("dropped", vector)

    def row(self, vector: str, lag: int, at: str = "row") -> str:
        """Text of the row of ``vector[t - lag]`` in its array, from the row of t in a sum."""
        margin = self.plan.lags[vector] - lag
        return f"{at} + {margin} * batch" if margin else at

    def call(self, name: str, *arguments: str) -> None:
        """Add the call of a kernel, or of its namesake for a thread's own columns."""
        own = SHARED[:2] if self.by_units else ()
        self.line(f"{'own_' if own else ''}{name}({', '.join([*arguments, *own])})")

    def step_product(
        self, operand: str, row: str, matrix: str, transposed: bool, *result: str
    ) -> None:
        """Add a product in the time loop; ``result`` is its array, row and whether it is added."""
        given = operand, row, "batch", self.array("parameter", matrix)
        if transposed:
            copy = self.array("transposed", matrix)
            self.call("step_times_transposed", *given, copy, *result)
        else:
            self.call("times", *given, *result)

    def meet(self, name: str) -> None:
        """Add a meeting of all threads before a product that reads what is fresh."""
        if self.by_units and name in self.fresh:
            self.line("met += parts")
            self.line("wait_for(gate, met)")
            self.fresh.clear()

    @contextmanager
    def rows(self, start: str, count: str, array: str) -> Iterator[None]:
        """Add a loop over rows of an array, of which a thread may own some columns only."""
        if self.by_units:
            self.line(f"first, end = own_columns({array}, part, parts)")
        with self.indented(f"for row in range({start}, {start} + {count}):"):
            yield

    def columns(self, count: str) -> str:
        """Text of the columns that a loop in `rows` passes through: so many, or a thread's own."""
        return f"range({'first, end' if self.by_units else count})"

    @contextmanager
    def one_pass(self, stages: tuple[Stage, ...], order: str) -> Iterator[None]:
        """Add the call of a function, and lines to it: a loop over rows and a thread's columns.

        No two of its arrays share memory, as those of the function around it may.
        """
        before, self.lines = self.lines, []
        # two loops: the rows of one time step never overlap with those of another, and that is all
        # that LLVM compares before it computes with vectors
        with (
            self.indented(f"for start in {order}:"),
            self.indented("for row in range(start, start + batch):"),
        ):
            if any(total.lookups for stage in stages for total in stage.sums):
                self.line("c = inputs[row]")
            with self.indented("for j in range(first, end):"):
                yield
        self.pass_lines, self.lines = self.lines, before
        words = set(WORD.findall("\n".join(self.pass_lines)))
        arguments = ["rows", *(name for name in self.arguments.values() if name in words)]
        self.pass_lines.insert(0, f"def {PASS}({', '.join(arguments)}, first, end):")
        vector = self.array("vector", stages[0].vector)
        if self.by_units:
            self.line(f"first, end = own_columns({vector}, part, parts)")
        columns = "first, end" if self.by_units else f"uintp(0), uintp({vector}.shape[1])"
        self.line(f"{PASS}({', '.join(arguments)}, {columns})")

    def program(self, operations: tuple[Operation, ...], stage: Stage, prefix: str) -> None:
        """Add the operations of an element-wise program."""
        for index, operation in enumerate(operations):
            values = [self.value(v, stage, prefix) for v in operation.arguments]
            self.line(f"{prefix}{index} = {_expression(operation.kind, values)}")

    def value(self, value: Value, stage: Stage, prefix: str) -> str:
        """Text of a value for one number of a row; of a matrix, that of row i and column j."""
        if value in self.known:
            return self.known[value]
        place = "base + j" if stage.matrix else "j"
        match value:
            case Temporary(index):
                return f"{prefix}{index}"
            case SumValue(name):
                return f"{self.array('sum', name)}[row, j]"
            case Read(vector, lag, broadcast):
                place = self.place(stage, broadcast) if broadcast else place
                return f"{self.array('vector', vector)}[{self.row(vector, lag)}, {place}]"
            case ParameterValue(name):
                return f"{self.array('parameter', name)}[j]"
            case MaskValue(name):
                return f"{self.array('edge_mask', name)}[row, {place}]"
            case Constant(number):
                return f"{self.dtype}({number!r})"
            case Result():
                return f"{self.array('vector', stage.vector)}[{self.row(stage.vector, 0)}, {place}]"
            case Adjoint():
                return "d_value"

    def width(self, stage: Stage) -> str:
        """Text of how many numbers a stage's program computes for a row."""
        if not stage.is_total:
            return f"{self.array('vector', stage.vector)}.shape[1]"
        match stage.across:
            case SumValue(name):
                return f"{self.array('sum', name)}.shape[1]"
            case Read(vector):
                return f"{self.array('vector', vector)}.shape[1]"
            case ParameterValue(name):
                return f"{self.array('parameter', name)}.size"

    @contextmanager
    def matrix_rows(self, stage: Stage) -> Iterator[str]:
        """Add a loop over the rows i of a matrix; gives the text of its number of columns.

        Of a matrix of blocks, ``first`` is where the columns of row i begin.
        """
        columns = self.array("columns", stage.matrix)
        with self.indented(
            f"for i in range(uintp({self.array('vector', stage.matrix)}.shape[1]) // {columns}):"
        ):
            self.line(f"base = i * {columns}")
            if stage.matrix in self.plan.network.blocks:
                self.line(f"block = i // {self.array('height', stage.matrix)}")
                self.line(f"first = block * {columns}")
            yield columns

    def own_place(self, stage: Stage) -> str:
        """Text of the place of a matrix's number, or of the sum of its row or column."""
        match stage.row_function:
            case "row sums":
                return "i"
            case "column sums":
                return self.place(stage, "columns")
        return "base + j"

    def place(self, stage: Stage, broadcast: Broadcast) -> str:
        """Text of the place in a vector of what the program of a stage reads of it."""
        match broadcast:
            case "rows":
                return "i"
            case "columns":
                return "first + j" if stage.matrix in self.plan.network.blocks else "j"
            case "blocks":
                return "block"
        return "0"

    def divided(self, stage: Stage) -> str:
        """Text that makes a mean of a sum."""
        return f" / {self.dtype}({self.width(stage)})" if stage.row_function == "mean" else ""


# Kernels of functions whose names mean something else in Python.
_KERNELS = {"max": "maximum", "min": "minimum", "abs": "absolute", "**": "power"}


def _expression(kind: str, values: list[str]) -> str:
    if kind in ARITHMETIC:
        return f"{values[0]} {kind} {values[1]}"
    if kind == "negative":
        return f"-{values[0]}"
    name = kind.removesuffix("'")
    suffix = "_derivative" if name != kind else ""
    return f"{_KERNELS.get(name, name)}{suffix}({', '.join(values)})"


def split_heads(array: str, heads: int) -> str:
    """Text of an array with a row for every head."""
    return f"{array}.reshape(-1, {array}.shape[1] // {heads})" if heads > 1 else array


def times_heads(row: str, heads: int) -> str:
    """Text of a row, or of a number of rows, in such an array."""
    return f"({row}) * {heads}" if heads > 1 else row
