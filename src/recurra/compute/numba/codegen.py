"""Plan -> readable kernel source: a ``forward`` and a ``backward`` function for every block.

Nothing in the source depends on sizes, so a network is compiled once for all of them. Blocks that
differ in names alone, as layers do, share their functions. Arrays are two-dimensional: row ``t *
batch + r`` of a sum is time step t of stream r; a vector has ``lags`` more steps in front, the
carried past. Arguments are named after their `Kind` and their quantity.
"""

import re
from collections.abc import Iterable

from recurra.compute.autodiff import ParameterValue, Read, SumValue
from recurra.compute.numba.emitter import Emitter
from recurra.compute.numba.source import Call, Key, Kind, Source
from recurra.compute.numba.writing_codegen import writing_function
from recurra.compute.plan import Block, Plan, Stage, Sum, Term
from recurra.lang.syntax import TOTALS

# The equations are comments, and without those of the user: a text must not become code.
HEADER = '''"""Kernels generated from a plan by recurra/compute/numba/codegen.py."""

{equations}
from numpy import {dtype}, uintp

from recurra.compute.numba.kernels.sampling import carry, draw, log_probabilities, put
from recurra.compute.numba.kernels.elementwise import *  # noqa: F403
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.layernorm import *  # noqa: F403
from recurra.compute.numba.kernels.products import *  # noqa: F403
from recurra.compute.numba.kernels.rows import *  # noqa: F403
{units}

'''
# what kernels need besides when threads share the units
UNITS_HEADER = """from recurra.compute.numba.kernels.barrier import wait_for
from recurra.compute.numba.kernels.units import *  # noqa: F403
"""

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


def generate_kernels(plan: Plan, dtype: str = "float32", *, by_units: bool = False) -> Source:
    """The kernels of a plan for ``"float32"`` or ``"float64"``.

    Args:
        plan: what is computed.
        dtype: type of every array.
        by_units: several threads call each function at once, and share the units of every vector;
            see `can_share_units`. They meet where one reads what others have written.
    """
    functions, begun = _Functions(), _begun(plan)
    blocks = list(enumerate(plan.blocks, 1))
    forward = [
        functions.call("forward", _Forward(plan, dtype, *b, begun, by_units)) for b in blocks
    ]
    write, text = writing_function(plan, forward)
    if not by_units:  # one thread writes
        functions.texts.append(text)
    blocks.reverse()
    backward = [
        functions.call("backward", _Backward(plan, dtype, *b, begun, by_units)) for b in blocks
    ]
    lines = [line for line in plan.network.source.splitlines() if not line.startswith("#")]
    header = HEADER.format(
        equations="".join(f"# {line}\n" for line in lines),
        dtype=dtype,
        units=UNITS_HEADER if by_units else "",
    )
    return Source(header + "\n\n".join(functions.texts), tuple(forward), tuple(backward), write)


def can_share_units(plan: Plan) -> bool:
    """Whether units depend on one another through whole matrices alone, each used in one way."""
    sums = [total for total in plan.sums.values() if total is not plan.logits]
    terms = [term for total in sums for term in total.terms]
    looked_up = {matrix for total in sums for matrix in total.lookups}
    return (
        all(stage.is_pointwise for stage in plan.stages.values())
        and not plan.network.blocks
        and not any(term.transposed or term.matrix in looked_up for term in terms)
    )


def _split(array: str, heads: int) -> str:
    """Text of an array with a row for every head."""
    return f"{array}.reshape(-1, {array}.shape[1] // {heads})" if heads > 1 else array


def _times(row: str, heads: int) -> str:
    """Text of a row, or of a number of rows, in such an array."""
    return f"({row}) * {heads}" if heads > 1 else row


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

    def call(self, kind: str, block: "Emitter") -> Call:
        """The call of the function for a block: a new one, or one that differs in names alone."""
        places = {name: f"{place}_" for place, name in enumerate(block.arguments.values())}
        renamed = (_WORD.sub(lambda word: places.get(word[0], word[0]), x) for x in block.lines)
        lines = (kind, *renamed)
        if lines not in self._names:
            number = sum(known == kind for known, *_ in self._names) + 1
            self._names[lines] = name = f"{kind}_{number}" if number > 1 else kind
            self.texts.append(block.function(name))
        return Call(self._names[lines], tuple(block.arguments))


class _Forward(Emitter):
    def __init__(
        self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key], by_units: bool
    ) -> None:
        super().__init__(plan, dtype, number, block, begun, by_units)
        self.fresh = set(plan.stages)
        sums = [total for stage in block.stages for total in stage.sums]
        for matrix in loop_matrices(sums):
            if ("transposed", matrix) not in begun:
                begun.add(("transposed", matrix))
                stored, copy = self.array("parameter", matrix), self.array("transposed", matrix)
                self.call("transpose", stored, copy, "batch")
        for total in sums:
            self._hoisted(total)
        if block.recurrent:
            with self.indented("for start in range(0, rows, batch):"):
                self.fresh |= {stage.vector for stage in block.stages}
                self._stages(block, "start", "batch")
        else:
            self._stages(block, "0", "rows")
        for stage in block.stages:
            if stage.vector in plan.dropped:
                kinds: tuple[Kind, ...] = ("vector", "mask", "dropped")
                vector, mask, dropped = (self.array(kind, stage.vector) for kind in kinds)
                self.call("drop", vector, mask, "dropout_scale", dropped)

    def _hoisted(self, total: Sum) -> None:
        out = self.array("sum", total.name)
        for i, term in enumerate(t for t in total.terms if t.hoisted):
            call = "times" if term.transposed else "times_transposed"
            start = self.row(term.vector, term.lag, "0")
            operand, matrix = self.dropped(term.vector), self.array("parameter", term.matrix)
            if table := self.table(term):
                text = self.array("parameter", table), "inputs", "dropout_scale"
                self.call("times_looked_up", operand, "rows", matrix, out, str(i > 0), *text)
                continue
            self.meet(term.vector)
            self.call(call, operand, start, "rows", matrix, out, "0", str(i > 0))

    def _stages(self, block: Block, start: str, count: str) -> None:
        for stage in block.stages:
            for total in stage.sums:
                self._add_rows(total, start, count)
                self._loop_products(total, start)
            vector, at = self.array("vector", stage.vector), self.row(stage.vector, 0, start)
            self.fresh.add(stage.vector)
            if stage.parts:
                self._join(stage, vector, at, start, count)
                continue
            with self.rows(start, count, vector):
                if stage.matrix:
                    self._matrix(stage, vector)
                else:
                    self._row(stage, vector)
            n = stage.heads
            rows = f"{_split(vector, n)}, {_times(at, n)}, {_times(count, n)}"
            match stage.row_function:
                case "norm":
                    inv_std = self.array("inv_std", stage.vector)
                    self.line(f"normalise({rows}, {inv_std}, {_times(start, n)})")
                case "softmax":
                    self.line(f"softmax_rows({rows})")
                case "sum" | "mean" as name if n:
                    self.line(f"sum_rows({rows}, {name == 'mean'})")

    def _row(self, stage: Stage, vector: str) -> None:
        """One row of an element-wise program, or its total."""
        target = f"{vector}[{self.row(stage.vector, 0)}, {0 if stage.is_total else 'j'}]"
        if stage.is_total:
            self.line(f"total = {self.dtype}(0.0)")
        with self.indented(f"for j in {self.columns(self.width(stage))}:"):
            self.program(stage.element.forward, stage, "x")
            result = self.value(stage.element.value, stage, "x")
            self.line(f"total += {result}" if stage.is_total else f"{target} = {result}")
        if stage.is_total:
            self.line(f"{target} = total{self.divided(stage)}")

    def _matrix(self, stage: Stage, vector: str) -> None:
        """One row of the program of a matrix, or the sums of its rows or columns."""
        at = self.row(stage.vector, 0)
        place = self.own_place(stage)
        target, in_row = f"{vector}[{at}, {place}]", stage.row_function == "row sums"
        if stage.row_function == "column sums":
            self.line(f"{vector}[{at}, :] = {self.dtype}(0.0)")
        with self.matrix_rows(stage) as columns:
            if in_row:
                self.line(f"total = {self.dtype}(0.0)")
            with self.indented(f"for j in range({columns}):"):
                self.program(stage.element.forward, stage, "x")
                result = self.value(stage.element.value, stage, "x")
                adds = "+=" if stage.row_function else "="
                self.line(f"{'total' if in_row else target} {adds} {result}")
            if in_row:
                self.line(f"{target} = total")

    def _join(self, stage: Stage, vector: str, at: str, start: str, count: str) -> None:
        place = "0"
        for part in stage.parts:
            source, row = self.array("vector", part.vector), self.row(part.vector, part.lag, start)
            self.line(f"put_columns({source}, {row}, {count}, {vector}, {at}, {place})")
            place += f" + {source}.shape[1]"

    def _add_rows(self, total: Sum, start: str, count: str) -> None:
        """The sum's look-ups and biases, added to what is hoisted."""
        out = self.array("sum", total.name)
        parts = [f"{self.array('parameter', m)}[c, j]" for m in total.lookups]
        parts += [f"{self.array('parameter', b)}[j]" for b in total.biases]
        if not parts:
            return
        hoisted = any(term.hoisted for term in total.terms)
        with self.rows(start, count, out):
            if total.lookups:
                self.line("c = inputs[row]")
            with self.indented(f"for j in {self.columns(f'{out}.shape[1]')}:"):
                self.line(f"{out}[row, j] {'+=' if hoisted else '='} {' + '.join(parts)}")

    def _loop_products(self, total: Sum, start: str) -> None:
        out = self.array("sum", total.name)
        written = bool(total.lookups or total.biases) or any(t.hoisted for t in total.terms)
        for term in total.terms:
            if not term.hoisted:
                self.meet(term.vector)
                vector, row = (
                    self.array("vector", term.vector),
                    self.row(term.vector, term.lag, start),
                )
                result = out, start, str(written)
                self.step_product(vector, row, term.matrix, not term.transposed, *result)
                written = True


class _Backward(Emitter):
    def __init__(
        self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key], by_units: bool
    ) -> None:
        super().__init__(plan, dtype, number, block, begun, by_units)
        self.local = local_gradients(plan)
        first, self.lines = self.lines, []
        for stage in block.stages:
            if stage.vector in plan.dropped:
                kinds: tuple[Kind, ...] = ("d_dropped", "mask", "d_vector")
                sent, mask, d_vector = (self.array(kind, stage.vector) for kind in kinds)
                self.call("add_dropped", sent, mask, "dropout_scale", d_vector)
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
            array = self.array(kind, name)
            if self.by_units:
                self.call("clear", array)
            else:
                self.line(f"{array}[:] = 0.0")

    def _gradient_row(self, vector: str, lag: int, at: str) -> str:
        if vector in self.local:
            return "0" if at == "start" else "row - start"
        return self.row(vector, lag, at)

    def _stages(self, block: Block, start: str, count: str) -> None:
        written = set(self.plan.stages) - self.local
        # products of which nothing is read in this time step: one meeting for all
        last: list[tuple[Sum, Term]] = []
        for stage in reversed(block.stages):
            self._element(stage, start, count, written)
            self.fresh |= {total.name for total in stage.sums}
            for total in stage.sums:
                for term in total.terms:
                    if not term.hoisted and self.by_units and term.lag:
                        last.append((total, term))
                    elif not term.hoisted:
                        self._step_product(total, term, start, written)
        for total, term in last:
            self._step_product(total, term, start, written)

    def _element(self, stage: Stage, start: str, count: str, written: set[str]) -> None:
        d_vector = self.array("d_vector", stage.vector)
        own, n = self._gradient_row(stage.vector, 0, start), stage.heads
        rows = f"{_split(d_vector, n)}, {_times(own, n)}, {_times(count, n)}"
        if stage.parts:
            self._part(stage, rows, start, written)
            return
        if stage.row_function in ("norm", "softmax"):
            value, at = self.array("vector", stage.vector), self.row(stage.vector, 0, start)
            y = f"{_split(value, n)}, {_times(at, n)}"
            if stage.row_function == "norm":
                inv_std = self.array("inv_std", stage.vector)
                self.line(f"normalise_backward({rows}, {y}, {inv_std}, {_times(start, n)})")
            else:
                self.line(f"softmax_rows_backward({rows}, {y})")
        elif stage.row_function in TOTALS and n:
            self.line(f"sum_rows({rows}, {stage.row_function == 'mean'})")
        if stage.matrix:
            with self.indented(f"for row in range({start}, {start} + {count}):"):
                self._matrix(stage, d_vector, written)
            return
        with self.rows(start, count, d_vector):
            totals = self._totals([read for read in stage.reads if read.broadcast])
            at = self._gradient_row(stage.vector, 0, "row")
            if stage.is_total:
                self.line(f"d_value = {d_vector}[{at}, 0]{self.divided(stage)}")
            with self.indented(f"for j in {self.columns(self.width(stage))}:"):
                if not stage.is_total:
                    self.line(f"d_value = {d_vector}[{at}, j]")
                self.program(stage.element.backward, stage, "z")
                for leaf, adjoint in stage.element.adjoints:
                    value = self.value(adjoint, stage, "z")
                    match leaf:
                        case SumValue(name):
                            self.line(f"{self.array('sum', name)}[row, j] = {value}")
                        case ParameterValue(name):
                            self.line(f"{self.array('gradient', name)}[j] += {value}")
                        case Read(broadcast="all") as read:
                            self.line(f"{totals[read]} += {value}")
                        case Read(vector, lag):
                            target = self.array("d_vector", vector)
                            at = self._gradient_row(vector, lag, "row")
                            sign = "+=" if vector in written else "="
                            self.line(f"{target}[{at}, j] {sign} {value}")
                            written.add(vector)
            for read, total in totals.items():
                at = self._gradient_row(read.vector, read.lag, "row")
                sign = "+=" if read.vector in written else "="
                self.line(f"{self.array('d_vector', read.vector)}[{at}, 0] {sign} {total}")
        written |= {read.vector for read in totals}

    def _matrix(self, stage: Stage, d_vector: str, written: set[str]) -> None:
        """One row of the derivative of a matrix, or of the sums of its rows or columns."""
        place = self.own_place(stage)
        d_value = f"d_value = {d_vector}[{self._gradient_row(stage.vector, 0, 'row')}, {place}]"
        places = {read: self._d_place(read) for read in stage.reads}
        for read in stage.reads:
            if read.broadcast and read.vector not in written:  # what is added to begins with zeros
                self.line(f"{places[read]}, :] = {self.dtype}(0.0)")
                written.add(read.vector)
        totals = self._totals([read for read in stage.reads if read.broadcast == "all"])
        with self.matrix_rows(stage) as columns:
            in_row = [read for read in stage.reads if read.broadcast in ("rows", "blocks")]
            of_row = self._totals(in_row, "row_total")
            if place == "i":
                self.line(d_value)
            with self.indented(f"for j in range({columns}):"):
                if place != "i":
                    self.line(d_value)
                self.program(stage.element.backward, stage, "z")
                for leaf, adjoint in stage.element.adjoints:
                    assert isinstance(leaf, Read), leaf
                    value = self.value(adjoint, stage, "z")
                    if leaf in totals or leaf in of_row:
                        self.line(f"{(totals | of_row)[leaf]} += {value}")
                        continue
                    column = self.place(stage, "columns") if leaf.broadcast else "base + j"
                    sign = "+=" if leaf.vector in written else "="
                    self.line(f"{places[leaf]}, {column}] {sign} {value}")
                    written.add(leaf.vector)
            for read, total in of_row.items():
                self.line(f"{places[read]}, {self.place(stage, read.broadcast)}] += {total}")
        for read, total in totals.items():
            self.line(f"{places[read]}, 0] += {total}")

    def _d_place(self, read: Read) -> str:
        """Text of the derivative of what is read, up to its column."""
        at = self._gradient_row(read.vector, read.lag, "row")
        return f"{self.array('d_vector', read.vector)}[{at}"

    def _totals(self, reads: Iterable[Read], name: str = "total") -> dict[Read, str]:
        """Variables that collect the derivatives of what is read for several entries."""
        totals = {read: f"{name}{place}" for place, read in enumerate(reads)}
        for total in totals.values():
            self.line(f"{total} = {self.dtype}(0.0)")
        return totals

    def _part(self, stage: Stage, rows: str, start: str, written: set[str]) -> None:
        place = "0"
        for part in stage.parts:
            target = self.array("d_vector", part.vector)
            at = self._gradient_row(part.vector, part.lag, start)
            add = part.vector in written
            self.line(f"take_columns({rows}, {place}, {target}, {at}, {add})")
            written.add(part.vector)
            place += f" + {target}.shape[1]"

    def _step_product(self, total: Sum, term: Term, start: str, written: set[str]) -> None:
        self.meet(total.name)
        d_sum, target = self.array("sum", total.name), self.array("d_vector", term.vector)
        row, add = self._gradient_row(term.vector, term.lag, start), term.vector in written
        self.step_product(d_sum, start, term.matrix, term.transposed, target, row, str(add))
        written.add(term.vector)

    def _products(self, total: Sum) -> None:
        """From d loss / d sum, all steps: parameters, and operands of earlier blocks."""
        d_sum = self.array("sum", total.name)
        for matrix in total.lookups:
            self.call("add_at", d_sum, "inputs", self.array("gradient", matrix))
        for bias in total.biases:
            self.call("add_rows", d_sum, "rows", self.array("gradient", bias))
        for term in total.terms:
            operand = (
                self.dropped(term.vector) if term.hoisted else self.array("vector", term.vector)
            )
            row = self.row(term.vector, term.lag, "0")
            gradient = self.array("gradient", term.matrix)
            add = ("gradient", term.matrix) in self.begun
            self.begun.add(("gradient", term.matrix))
            if table := self.table(term):
                d_operand, matrix = (
                    self.array("d_dropped", term.vector),
                    self.array("parameter", term.matrix),
                )
                text = (
                    self.array("parameter", table),
                    self.array("gradient", table),
                    "inputs",
                    "dropout_scale",
                )
                self.call(
                    "times_looked_up_backward",
                    d_sum,
                    "rows",
                    operand,
                    d_operand,
                    matrix,
                    gradient,
                    str(add),
                    *text,
                )
                continue
            left, right = (d_sum, "0"), (operand, row)
            if term.transposed:
                left, right = right, left
            self.call("outer", *left, *right, "rows", gradient, str(add))
            if term.hoisted:
                call = "times_transposed" if term.transposed else "times"
                target, matrix = (
                    self.array("d_dropped", term.vector),
                    self.array("parameter", term.matrix),
                )
                self.meet(total.name)
                self.call(call, d_sum, "0", "rows", matrix, target, row, "True")
