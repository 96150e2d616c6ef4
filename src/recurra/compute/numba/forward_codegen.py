"""Source of the function that computes the vectors of a block."""

from recurra.compute.numba.blocks import is_pass, looked_up_from, loop_matrices
from recurra.compute.numba.emitter import Emitter, split_heads, times_heads
from recurra.compute.numba.pass_codegen import add_forward_pass
from recurra.compute.numba.source import Key, Kind
from recurra.compute.plan import Block, Plan, Stage, Sum


class ForwardEmitter(Emitter):
    """The function that computes the vectors of a block; see `Emitter`."""

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
        if is_pass(block):
            add_forward_pass(self, block)
            self.fresh |= {stage.vector for stage in block.stages}
        elif block.recurrent:
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
            self.meet(term.vector)
            if table := looked_up_from(self.plan, term):
                text = self.array("parameter", table), "inputs", "dropout_scale"
                self.call("times_looked_up", operand, start, "rows", matrix, out, str(i > 0), *text)
            else:
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
            rows = f"{split_heads(vector, n)}, {times_heads(at, n)}, {times_heads(count, n)}"
            match stage.row_function:
                case "norm":
                    inv_std = self.array("inv_std", stage.vector)
                    self.line(f"normalise({rows}, {inv_std}, {times_heads(start, n)})")
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
