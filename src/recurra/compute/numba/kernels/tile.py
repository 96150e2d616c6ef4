"""The innermost block of every matrix product: a few rows times a few vectors, in registers.

Written in LLVM's own terms, since no loop optimiser keeps two dozen sums in as many registers on
its own. The width of a vector and the size of the block follow the processor; the code is correct
on every processor that LLVM knows.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

_FEATURES = config.CPU_FEATURES
if _FEATURES is None:
    _FEATURES = llvmlite.binding.get_host_cpu_features().flatten()
_WIDE, _MIDDLE = "+avx512f" in _FEATURES, "+avx2" in _FEATURES

VECTOR_BYTES = 64 if _WIDE else 32 if _MIDDLE else 16
# Sums, one row of vectors and a broadcast number share 32 registers, or 16.
ROWS, VECTORS = (4, 3) if "+sse2" in _FEATURES and not _WIDE else (6, 4)
# A single row has registers for more, and reads a matrix in longer pieces.
LONE_VECTORS = 2 * VECTORS
# Elsewhere a masked load is a branch for every number, so only the last one is masked.
_MASKED_LOADS = _WIDE or _MIDDLE

_I32, _I64 = ir.IntType(32), ir.IntType(64)


@intrinsic
def tile(
    typing_context: Any,
    rows: Any,
    columns: Any,
    depth: Any,
    c: Any,
    c_start: Any,
    c_row: Any,
    a: Any,
    a_start: Any,
    a_row: Any,
    a_column: Any,
    b: Any,
    b_start: Any,
    b_row: Any,
    add: Any,
) -> Any:
    """``C (+)= A @ B`` for 1 to `ROWS` rows, 1 to `VECTORS` vectors of columns and depth >= 1.

    A single row may have up to `LONE_VECTORS` vectors.

    C, A and B are parts of flat arrays: where they start, the distance of their rows (and, for A,
    of its columns). The columns of C and B are contiguous. Nothing outside of the parts is read.
    """
    index = types.intp
    arguments = (*[index] * 3, c, *[index] * 2, a, *[index] * 3, b, *[index] * 2, types.boolean)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        values = list(values)
        for at in (3, 6, 10):
            array = context.make_array(signature.args[at])(context, builder, values[at])
            values[at] = array.data
        number = context.get_value_type(c.dtype)
        _Tile(builder, number, c.dtype.bitwidth, values).emit()
        return context.get_dummy_value()

    return types.void(*arguments), generate


class _Tile:
    """Emits the code of `tile`: one loop over the depth for every number of rows and vectors."""

    def __init__(self, builder: Any, number: Any, bits: int, values: Any) -> None:
        self.builder = builder
        (self.rows, self.columns, self.depth, self.c, c_start, self.c_row) = values[:6]
        (self.a, a_start, self.a_row, self.a_column) = values[6:10]
        (self.b, b_start, self.b_row, self.add) = values[10:]
        self.c, self.a, self.b = (
            builder.gep(pointer, [start])
            for pointer, start in ((self.c, c_start), (self.a, a_start), (self.b, b_start))
        )
        self.lanes, self.bytes = VECTOR_BYTES * 8 // bits, bits // 8
        self.vector = ir.VectorType(number, self.lanes)
        self.lane = ir.VectorType(_I32, self.lanes)
        self.mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self.suffix = f"v{self.lanes}f{bits}"
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)

    def emit(self) -> None:
        b = self.builder
        vectors = b.udiv(b.add(self.columns, _I64(self.lanes - 1)), _I64(self.lanes))
        end = b.append_basic_block("tile.end")
        case = b.switch(b.add(b.mul(vectors, _I64(16)), self.rows), end)
        for r in range(1, ROWS + 1):
            for v in range(1, (VECTORS if r > 1 else LONE_VECTORS) + 1):
                block = b.append_basic_block(f"tile.{r}x{v}")
                case.add_case(_I64(v * 16 + r), block)
                b.position_at_end(block)
                self._block(r, v)
                b.branch(end)
        b.position_at_end(end)

    def _block(self, rows: int, vectors: int) -> None:
        b = self.builder
        left = b.trunc(b.sub(self.columns, _I64((vectors - 1) * self.lanes)), _I32)
        lanes = ir.Constant(self.lane, list(range(self.lanes)))
        self.mask = b.icmp_signed("<", lanes, self._splat(left, self.lane))
        places = [
            self._at(self.c, b.mul(self.c_row, _I64(r)), _I64(v * self.lanes))
            for r in range(rows)
            for v in range(vectors)
        ]
        last = [i % vectors == vectors - 1 for i in range(len(places))]
        sums = [
            b.select(self.add, self._load(place, masked), self.zero)
            for place, masked in zip(places, last, strict=True)
        ]
        a_rows = [self._at(self.a, b.mul(self.a_row, _I64(r))) for r in range(rows)]
        if _MASKED_LOADS:
            sums = self._loop(a_rows, sums, vectors)
        else:  # a load may then run into the next row, so the last row is apart
            sums = self._loop(a_rows, sums, vectors, apart=1)
        for place, masked, value in zip(places, last, sums, strict=True):
            self._store(value, place, masked)

    def _loop(self, a_rows: Any, sums: Any, vectors: int, apart: int = 0) -> Any:
        b = self.builder
        count = b.sub(self.depth, _I64(apart))
        before = b.block
        head, body, after = (b.append_basic_block(f"tile.{n}") for n in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        k = b.phi(_I64)
        totals = [b.phi(self.vector) for _ in sums]
        b.cbranch(b.icmp_signed("<", k, count), body, after)
        b.position_at_end(body)
        added = self._step(k, a_rows, totals, vectors, masked=not apart)
        for phi, start, following in zip(
            [k, *totals], [_I64(0), *sums], [b.add(k, _I64(1)), *added], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(following, b.block)
        b.branch(head)
        b.position_at_end(after)
        return self._step(k, a_rows, totals, vectors, masked=True) if apart else totals

    def _step(self, k: Any, a_rows: Any, sums: Any, vectors: int, masked: bool) -> list[Any]:
        """``sums[r, v] + A[r, k] B[k, v]``."""
        b = self.builder
        b_row = self._at(self.b, b.mul(k, self.b_row))
        column = b.mul(k, self.a_column)
        operands = [
            self._load(self._at(b_row, _I64(v * self.lanes)), masked and v == vectors - 1)
            for v in range(vectors)
        ]
        fused = self._function("llvm.fmuladd", self.vector, [self.vector] * 3)
        added = []
        for r, row in enumerate(a_rows):
            factor = self._splat(b.load(self._at(row, column)), self.vector)
            for v, operand in enumerate(operands):
                added.append(b.call(fused, [factor, operand, sums[r * vectors + v]]))
        return added

    def _at(self, pointer: Any, *distances: Any) -> Any:
        for distance in distances:
            pointer = self.builder.gep(pointer, [distance])
        return pointer

    def _splat(self, value: Any, vector: Any) -> Any:
        b, undefined = self.builder, ir.Constant(vector, ir.Undefined)
        first = b.insert_element(undefined, value, _I32(0))
        return b.shuffle_vector(first, undefined, ir.Constant(self.lane, [0] * self.lanes))

    def _load(self, pointer: Any, masked: bool) -> Any:
        b, vector = self.builder, self.vector
        place = b.bitcast(pointer, vector.as_pointer())
        if not masked:
            value = b.load(place)
            value.align = self.bytes
            return value
        types_ = [place.type, _I32, self.mask_type, vector]
        load = self._function("llvm.masked.load", vector, types_, ".p0")
        return b.call(load, [place, _I32(self.bytes), self.mask, self.zero])

    def _store(self, value: Any, pointer: Any, masked: bool) -> None:
        b = self.builder
        place = b.bitcast(pointer, self.vector.as_pointer())
        if not masked:
            b.store(value, place).align = self.bytes
            return
        types_ = [self.vector, place.type, _I32, self.mask_type]
        store = self._function("llvm.masked.store", ir.VoidType(), types_, ".p0")
        b.call(store, [value, place, _I32(self.bytes), self.mask])

    def _function(self, name: str, returned: Any, arguments: list[Any], suffix: str = "") -> Any:
        return cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(returned, arguments),
            f"{name}.{self.suffix}{suffix}",
        )
