"""Source of the function that computes the gradients of a block, from those of its vectors."""

from collections.abc import Iterable

from recurra.compute.autodiff import ParameterValue, Read, SumValue
from recurra.compute.numba.blocks import is_pass, local_gradients, looked_up_from
from recurra.compute.numba.emitter import Emitter, split_heads, times_heads
from recurra.compute.numba.pass_codegen import add_backward_pass
from recurra.compute.numba.source import Key, Kind
from recurra.compute.plan import Block, Plan, Stage, Sum, Term
from recurra.lang.syntax import TOTALS


class BackwardEmitter(Emitter):
    """The function that computes the gradients of a block; see `Emitter`."""

    def __init__(
        self, plan: Plan, dtype: str, number: int, block: Block, begun: set[Key], by_units: bool
    ) -> None:
        super().__init__(plan, dtype, number, block, begun, by_units)
        self.local, self.passes = local_gradients(plan), is_pass(block)
        self.margins: list[str] = []
        first, self.lines = self.lines, []
        for stage in block.stages:
            if stage.vector in plan.dropped:
                kinds: tuple[Kind, ...] = ("d_dropped", "mask", "d_vector")
                sent, mask, d_vector = (self.array(kind, stage.vector) for kind in kinds)
                self.call("add_dropped", sent, mask, "dropout_scale", d_vector)
        if self.passes:
            add_backward_pass(self, block, self.local, self._begins)
            self.fresh |= {total.name for stage in block.stages for total in stage.sums}
        elif block.recurrent:
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
        for rows in self.margins:
            self._fill_zeros(rows)
        touched, biases = list(self.arguments), set(self.plan.network.biases)
        for kind, name in touched:
            if kind == "gradient" and name in biases:
                self._zero(kind, name)
        vectors = (name for kind, name in touched if kind in ("d_vector", "d_dropped"))
        for vector in dict.fromkeys(vectors):
            if vector in self.plan.dropped:
                kinds: list[Kind] = ["d_dropped", "d_vector"]  # with dropout two arrays
                first, other = kinds[:: -1 if ("d_vector", vector) in self.begun else 1]
                self._zero(first, vector)
                if (other, vector) not in self.begun:
                    with self.indented("if dropout_scale > 0.0:"):
                        self._zero(other, vector)
            elif vector not in self.local:
                self._zero("d_vector", vector)

    def _zero(self, kind: Kind, name: str) -> None:
        if (kind, name) not in self.begun:
            self.begun.add((kind, name))
            self._fill_zeros(self.array(kind, name))

    def _fill_zeros(self, rows: str) -> None:
        if self.by_units:
            self.call("clear", rows)
        else:
            self.line(f"{rows}[:] = 0.0")

    def _begins(self, read: Read) -> bool:
        """Whether a pass is the first to add to a vector's gradient: it need not add to zeros."""
        vector, margin = read.vector, self.plan.lags[read.vector] - read.lag
        if not self.begun.isdisjoint({("d_vector", vector), ("d_dropped", vector)}):
            return False
        self.begun.add(("d_vector", vector))
        array = self.array("d_vector", vector)
        if margin:
            self.margins.append(f"{array}[: {margin} * batch]")
        if read.lag:
            self.margins.append(f"{array}[{self.row(vector, read.lag, 'rows')} :]")
        return True

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
        rows = f"{split_heads(d_vector, n)}, {times_heads(own, n)}, {times_heads(count, n)}"
        if stage.parts:
            self._part(stage, rows, start, written)
            return
        if stage.row_function in ("norm", "softmax"):
            value, at = self.array("vector", stage.vector), self.row(stage.vector, 0, start)
            y = f"{split_heads(value, n)}, {times_heads(at, n)}"
            if stage.row_function == "norm":
                inv_std = self.array("inv_std", stage.vector)
                self.line(f"normalise_backward({rows}, {y}, {inv_std}, {times_heads(start, n)})")
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
        if not self.passes:
            for matrix in total.lookups:
                self.call("add_at", d_sum, "inputs", self.array("gradient", matrix))
            for bias in total.biases:
                self.call("add_rows", d_sum, "rows", self.array("gradient", bias))
        for term in total.terms:
            self._product(d_sum, total, term)

    def _product(self, d_sum: str, total: Sum, term: Term) -> None:
        operand = self.dropped(term.vector) if term.hoisted else self.array("vector", term.vector)
        row = self.row(term.vector, term.lag, "0")
        gradient = self.array("gradient", term.matrix)
        add = ("gradient", term.matrix) in self.begun
        self.begun.add(("gradient", term.matrix))
        if table := looked_up_from(self.plan, term):
            text = self.array("parameter", table), self.array("gradient", table), "inputs"
            operands = operand, self.array("d_dropped", term.vector), row, "rows"
            matrices = self.array("parameter", term.matrix), gradient, str(add)
            self.meet(total.name)
            self.call(
                "times_looked_up_backward", d_sum, *operands, *matrices, *text, "dropout_scale"
            )
            return
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
