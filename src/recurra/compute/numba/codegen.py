"""Plan -> readable kernel source: a ``forward`` and a ``backward`` function for every block.

Nothing in the source depends on sizes, so a network is compiled once for all of them. Blocks that
differ in names alone, as layers do, share their functions. Arrays are two-dimensional: row ``t *
batch + r`` of a sum is time step t of stream r; a vector has ``lags`` more steps in front, the
carried past. Arguments are named after their `Kind` and their quantity.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from recurra.compute.autodiff import (
    ARITHMETIC,
    Adjoint,
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
from recurra.compute.numba.source import FIXED, Call, Key, Kind, Source
from recurra.compute.numba.writing_codegen import writing_function
from recurra.compute.plan import Block, Plan, Stage, Sum, Term

# The equations are comments, and without those of the user: a text must not become code.
HEADER = '''"""Kernels generated from a plan by recurra/compute/numba/codegen.py."""

{equations}
from numpy import {dtype}

from recurra.compute.numba.kernels.sampling import carry, draw, log_probabilities, put
from recurra.compute.numba.kernels.elementwise import *  # noqa: F403
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.layernorm import *  # noqa: F403
from recurra.compute.numba.kernels.products import *  # noqa: F403


'''


_WORD = re.compile(r"\w+")


def local_gradients(plan: Plan) -> set[str]:
    """Vectors whose gradient lives for one time step only: read at [t] in their own block alone."""
    outside = set(plan.dropped)
    for block in plan.blocks:
        own = {stage.vector for stage in block.stages}
        outside |= {r.vector for stage in block.stages for r in stage.reads} - own
    return {
        stage.vector
        for block in plan.blocks
        for stage in block.stages
        if block.recurrent and plan.lags[stage.vector] == 0 and stage.vector not in outside
    }


def loop_matrices(sums: Iterable[Sum]) -> tuple[str, ...]:
    """Matrices that time loops multiply with, in order."""
    terms = (t for s in sums for t in s.terms if not t.hoisted)
    return tuple(dict.fromkeys(t.matrix for t in terms))


def generate_kernels(plan: Plan, dtype: str = "float32") -> Source:
    """The kernels of a plan for ``"float32"`` or ``"float64"``."""
    functions, begun = _Functions(), _begun(plan)
    blocks = list(enumerate(plan.blocks, 1))
    forward = [functions.call("forward", _Forward(plan, dtype, *b, begun)) for b in blocks]
    write, text = writing_function(plan, forward)
    functions.texts.append(text)
    backward = [functions.call("backward", _Backward(plan, dtype, *b, begun)) for b in blocks[::-1]]
    lines = [line for line in plan.network.source.splitlines() if not line.startswith("#")]
    header = HEADER.format(equations="".join(f"# {line}\n" for line in lines), dtype=dtype)
    return Source(header + "\n\n".join(functions.texts), tuple(forward), tuple(backward), write)


def _begun(plan: Plan) -> set[Key]:
    """Gradients that something else has begun: the output layer, or zeros for look-ups."""
    names = {m for total in plan.sums.values() for m in total.lookups}
    names |= {*plan.logits.biases, *(term.matrix for term in plan.logits.terms)}
    output: set[Key] = {("d_dropped", term.vector) for term in plan.logits.terms}
    return output | {("gradient", name) for name in names}


class _Functions:
    """The functions of a source, and the names of those with given lines."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._names: dict[tuple[str, ...], str] = {}

    def call(self, kind: str, block: "_Emitter") -> Call:
        """The call of the function for a block: a new one, or one that differs in names alone."""
        places = {name: f"{place}_" for place, name in enumerate(block.arguments.values())}
        renamed = (_WORD.sub(lambda word: places.get(word[0], word[0]), x) for x in block.lines)
        lines = (kind, *renamed)
        if lines not in self._names:
            number = sum(known == kind for known, *_ in self._names) + 1
            self._names[lines] = name = f"{kind}_{number}" if number > 1 else kind
            self.texts.append(block.function(name))
        return Call(self._names[lines], tuple(block.arguments))


class _Emitter:
    """Lines of the function for one block, and the arguments they turned out to need.

    Args:
        plan, dtype: see `generate_kernels`.
        number, block: which one.
        begun: arrays that an earlier function fills or begins to; what this one does is added.
    """

    def __init__(self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key]) -> None:
        self.plan, self.dtype, self.begun = plan, dtype, begun
        names = ", ".join(stage.vector for stage in block.stages)
        kind = "recurrent" if block.recurrent else "all time steps at once"
        self.title = f"    # block {number}: {names} ({kind})"
        self.arguments: dict[Key, str] = dict(FIXED)
        self.lines: list[str] = []
        self.depth = 1
        self.ascii: dict[str, str] = {}
        self.line("rows = inputs.size")

    def function(self, name: str) -> str:
        """The whole function as text."""
        head = f"@jit\ndef {name}({', '.join(self.arguments.values())}):"
        return "\n".join([head, self.title, *self.lines]) + "\n"

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def indented(self, text: str) -> Iterator[None]:
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
        return self.array("dropped", vector)

    def row(self, vector: str, lag: int, at: str = "row") -> str:
        """Text of the row of ``vector[t - lag]`` in its array, from the row of t in a sum."""
        ahead = self.plan.lags[vector] - lag
        return f"{at} + {ahead} * batch" if ahead else at

    def step_product(self, matrix: str, rows: str, transposed: bool) -> str:
        """Text of a product in the time loop, up to its matrix."""
        stored = self.array("parameter", matrix)
        if not transposed:
            return f"times({rows}, batch, {stored}"
        return f"step_times_transposed({rows}, batch, {stored}, {self.array('transposed', matrix)}"

    def program(self, operations: tuple[Operation, ...], stage: Stage, prefix: str) -> None:
        for index, operation in enumerate(operations):
            values = [self.value(v, stage, prefix) for v in operation.arguments]
            self.line(f"{prefix}{index} = {_expression(operation.kind, values)}")

    def value(self, value: Value, stage: Stage, prefix: str) -> str:
        match value:
            case Temporary(index):
                return f"{prefix}{index}"
            case SumValue(name):
                return f"{self.array('sum', name)}[row, j]"
            case Read(vector, lag):
                return f"{self.array('vector', vector)}[{self.row(vector, lag)}, j]"
            case ParameterValue(name):
                return f"{self.array('parameter', name)}[j]"
            case MaskValue(name):
                return f"{self.array('edge_mask', name)}[row, j]"
            case Constant(number):
                return f"{self.dtype}({number!r})"
            case Result():
                return f"{self.array('vector', stage.vector)}[{self.row(stage.vector, 0)}, j]"
            case Adjoint():
                return "d_value"


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


class _Forward(_Emitter):
    def __init__(self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key]) -> None:
        super().__init__(plan, dtype, number, block, begun)
        sums = [total for stage in block.stages for total in stage.sums]
        for matrix in loop_matrices(sums):
            if ("transposed", matrix) not in begun:
                begun.add(("transposed", matrix))
                stored, copy = self.array("parameter", matrix), self.array("transposed", matrix)
                self.line(f"transpose({stored}, {copy}, batch)")
        for total in sums:
            self._hoisted(total)
        if block.recurrent:
            with self.indented("for start in range(0, rows, batch):"):
                self._stages(block, "start", "batch")
        else:
            self._stages(block, "0", "rows")
        for stage in block.stages:
            if stage.vector in plan.dropped:
                kinds: tuple[Kind, ...] = ("vector", "mask", "dropped")
                vector, mask, dropped = (self.array(kind, stage.vector) for kind in kinds)
                self.line(f"drop({vector}, {mask}, dropout_scale, {dropped})")

    def _hoisted(self, total: Sum) -> None:
        out = self.array("sum", total.name)
        for i, term in enumerate(t for t in total.terms if t.hoisted):
            call = "times" if term.transposed else "times_transposed"
            start = self.row(term.vector, term.lag, "0")
            operand, matrix = self.dropped(term.vector), self.array("parameter", term.matrix)
            self.line(f"{call}({operand}, {start}, rows, {matrix}, {out}, 0, {i > 0})")

    def _stages(self, block: Block, start: str, count: str) -> None:
        for stage in block.stages:
            for total in stage.sums:
                self._add_rows(total, start, count)
                self._loop_products(total, start)
            vector = self.array("vector", stage.vector)
            with self.indented(f"for row in range({start}, {start} + {count}):"):  # noqa: SIM117
                with self.indented(f"for j in range({vector}.shape[1]):"):
                    self.program(stage.element.forward, stage, "x")
                    result = self.value(stage.element.value, stage, "x")
                    target = f"{vector}[{self.row(stage.vector, 0)}, j]"
                    self.line(f"{target} = {result}")
            if stage.normalised:
                inv_std, at = self.array("inv_std", stage.vector), self.row(stage.vector, 0, start)
                self.line(f"normalise({vector}, {at}, {count}, {inv_std}, {start})")

    def _add_rows(self, total: Sum, start: str, count: str) -> None:
        """The sum's look-ups and biases, added to what is hoisted."""
        out = self.array("sum", total.name)
        parts = [f"{self.array('parameter', m)}[c, j]" for m in total.lookups]
        parts += [f"{self.array('parameter', b)}[j]" for b in total.biases]
        if not parts:
            return
        hoisted = any(term.hoisted for term in total.terms)
        with self.indented(f"for row in range({start}, {start} + {count}):"):
            if total.lookups:
                self.line("c = inputs[row]")
            with self.indented(f"for j in range({out}.shape[1]):"):
                self.line(f"{out}[row, j] {'+=' if hoisted else '='} {' + '.join(parts)}")

    def _loop_products(self, total: Sum, start: str) -> None:
        out = self.array("sum", total.name)
        written = bool(total.lookups or total.biases) or any(t.hoisted for t in total.terms)
        for term in total.terms:
            if not term.hoisted:
                rows = (
                    f"{self.array('vector', term.vector)}, {self.row(term.vector, term.lag, start)}"
                )
                call = self.step_product(term.matrix, rows, not term.transposed)
                self.line(f"{call}, {out}, {start}, {written})")
                written = True


class _Backward(_Emitter):
    def __init__(self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key]) -> None:
        super().__init__(plan, dtype, number, block, begun)
        self.local = local_gradients(plan)
        first, self.lines = self.lines, []
        for stage in block.stages:
            if stage.vector in plan.dropped:
                kinds: tuple[Kind, ...] = ("d_dropped", "mask", "d_vector")
                sent, mask, d_vector = (self.array(kind, stage.vector) for kind in kinds)
                self.line(f"add_dropped({sent}, {mask}, dropout_scale, {d_vector})")
        if block.recurrent:
            with self.indented("for start in range(rows - batch, -1, -batch):"):
                self._stages(block, "start", "batch")
        else:
            self._stages(block, "0", "rows")
        for stage in block.stages:
            for total in stage.sums:
                self._products(total)
        rest, self.lines = self.lines, first
        self._clear()
        self.lines += rest

    def _clear(self) -> None:
        """Zeros wherever this block is the first to add; ``d_vector`` may be ``d_dropped``."""
        touched, biases = list(self.arguments), set(self.plan.network.biases)
        for kind, name in touched:
            if kind == "gradient" and name in biases:
                self._zero(kind, name)
        vectors = (name for kind, name in touched if kind in ("d_vector", "d_dropped"))
        for vector in dict.fromkeys(vectors):
            if vector in self.plan.dropped:
                self._zero("d_dropped", vector)
                if ("d_vector", vector) not in self.begun:
                    with self.indented("if dropout_scale > 0.0:"):
                        self._zero("d_vector", vector)
            elif vector not in self.local:
                self._zero("d_vector", vector)

    def _zero(self, kind: Kind, name: str) -> None:
        if (kind, name) not in self.begun:
            self.begun.add((kind, name))
            self.line(f"{self.array(kind, name)}[:] = 0.0")

    def _gradient_row(self, vector: str, lag: int, at: str) -> str:
        if vector in self.local:
            return "0" if at == "start" else "row - start"
        return self.row(vector, lag, at)

    def _stages(self, block: Block, start: str, count: str) -> None:
        written = set(self.plan.stages) - self.local
        for stage in reversed(block.stages):
            self._element(stage, start, count, written)
            for total in stage.sums:
                for term in total.terms:
                    if not term.hoisted:
                        self._step_product(total, term, start, written)

    def _element(self, stage: Stage, start: str, count: str, written: set[str]) -> None:
        d_vector = self.array("d_vector", stage.vector)
        if stage.normalised:
            value, inv_std = self.array("vector", stage.vector), self.array("inv_std", stage.vector)
            rows = f"{d_vector}, {self._gradient_row(stage.vector, 0, start)}, {count}"
            at = self.row(stage.vector, 0, start)
            self.line(f"normalise_backward({rows}, {value}, {at}, {inv_std}, {start})")
        with self.indented(f"for row in range({start}, {start} + {count}):"):  # noqa: SIM117
            with self.indented(f"for j in range({d_vector}.shape[1]):"):
                at = self._gradient_row(stage.vector, 0, "row")
                self.line(f"d_value = {d_vector}[{at}, j]")
                self.program(stage.element.backward, stage, "z")
                for leaf, adjoint in stage.element.adjoints:
                    value = self.value(adjoint, stage, "z")
                    match leaf:
                        case SumValue(name):
                            self.line(f"{self.array('sum', name)}[row, j] = {value}")
                        case ParameterValue(name):
                            self.line(f"{self.array('gradient', name)}[j] += {value}")
                        case Read(vector, lag):
                            target = self.array("d_vector", vector)
                            at = self._gradient_row(vector, lag, "row")
                            sign = "+=" if vector in written else "="
                            self.line(f"{target}[{at}, j] {sign} {value}")
                            written.add(vector)

    def _step_product(self, total: Sum, term: Term, start: str, written: set[str]) -> None:
        rows, target = (
            f"{self.array('sum', total.name)}, {start}",
            self.array("d_vector", term.vector),
        )
        row, add = self._gradient_row(term.vector, term.lag, start), term.vector in written
        call = self.step_product(term.matrix, rows, term.transposed)
        self.line(f"{call}, {target}, {row}, {add})")
        written.add(term.vector)

    def _products(self, total: Sum) -> None:
        """From d loss / d sum, all steps: parameters, and operands of earlier blocks."""
        d_sum = self.array("sum", total.name)
        for matrix in total.lookups:
            self.line(f"add_at({d_sum}, inputs, {self.array('gradient', matrix)})")
        for bias in total.biases:
            self.line(f"add_rows({d_sum}, rows, {self.array('gradient', bias)})")
        for term in total.terms:
            operand = (
                self.dropped(term.vector) if term.hoisted else self.array("vector", term.vector)
            )
            row = self.row(term.vector, term.lag, "0")
            gradient = self.array("gradient", term.matrix)
            add = ("gradient", term.matrix) in self.begun
            self.begun.add(("gradient", term.matrix))
            left, right = (d_sum, "0"), (operand, row)
            if term.transposed:
                left, right = right, left
            self.line(
                f"outer({left[0]}, {left[1]}, {right[0]}, {right[1]}, rows, {gradient}, {add})"
            )
            if term.hoisted:
                call = "times_transposed" if term.transposed else "times"
                target, matrix = (
                    self.array("d_dropped", term.vector),
                    self.array("parameter", term.matrix),
                )
                self.line(f"{call}({d_sum}, 0, rows, {matrix}, {target}, {row}, True)")
