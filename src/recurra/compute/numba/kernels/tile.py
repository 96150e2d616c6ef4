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


def block_size(triple: str, features: str) -> tuple[int, int, int, int]:
    """Bytes of a vector, rows and vectors of the largest block, vectors of a single row.

    Sums, one row of vectors and a broadcast number share 32 registers, on x86 without AVX-512 16.
    Where a product is not fused with its addition it takes one more, and a sum goes through memory:
    smaller blocks were slower.

    Args:
        triple: LLVM's name of the target.
        features: those of its processor, as LLVM writes them.
    """
    if "+avx512f" in features:
        return 64, 6, 4, 8
    if not triple.startswith("x86"):
        return 16, 6, 4, 8
    return (32 if "+avx2" in features else 16), 4, 3, 6


VECTOR_BYTES, ROWS, VECTORS, LONE_VECTORS = block_size(
    llvmlite.binding.get_process_triple(), _FEATURES
)
# Elsewhere a mask takes one of few registers, or is a branch for every number: a last vector that
# is not whole goes through a buffer.
MASKS = VECTOR_BYTES == 64

CACHE_LINE = 64
# Half of the cache lines in a panel's row, for two blocks of rows fetch a panel.
FETCHED = -(-VECTORS * VECTOR_BYTES // CACHE_LINE // 2)
# Blocks of fewer vectors have no time to fetch in.
WORTH_FETCHING = 12

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
    prefetch: Any,
) -> Any:
    """``C (+)= A @ B`` for 1 to `ROWS` rows, 1 to `VECTORS` vectors of columns and depth >= 1.

    A single row may have up to `LONE_VECTORS` vectors.

    C, A and B are parts of flat arrays: where they start, the distance of their rows (and, for A,
    of its columns). The columns of C and B are contiguous. Nothing outside of C and A is read, nor
    beyond the rows of B, which without `MASKS` are at least a vector apart. While a large block is
    computed, `FETCHED` cache lines of each row that begins at ``prefetch`` in B are fetched into
    cache, if it is not negative; they need not exist.
    """
    index = types.intp
    parts = (c, *[index] * 2, a, *[index] * 3, b, *[index] * 2)
    arguments = (*[index] * 3, *parts, types.boolean, index)

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
        (self.b, b_start, self.b_row, self.add, prefetch) = values[10:]
        self.prefetch = builder.gep(self.b, [prefetch])
        self.fetches = builder.icmp_signed(">=", prefetch, _I64(0))
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
        if not MASKS:
            self._fill_buffers(b.mul(b.sub(vectors, _I64(1)), _I64(self.lanes)))
        end = b.append_basic_block("tile.end")
        case = b.switch(b.add(b.mul(vectors, _I64(16)), self.rows), end)
        for r in range(1, ROWS + 1):
            for v in range(1, (VECTORS if r > 1 else LONE_VECTORS) + 1):
                block = b.append_basic_block(f"tile.{r}x{v}")
                case.add_case(_I64(v * 16 + r), block)
                b.position_at_end(block)
                if r * v >= WORTH_FETCHING:
                    with b.if_else(self.fetches) as (then, otherwise):
                        with then:
                            self._block(r, v, fetches=True)
                        with otherwise:
                            self._block(r, v)
                else:
                    self._block(r, v)
                b.branch(end)
        b.position_at_end(end)
        if not MASKS:
            with b.if_then(self.partial), cgutils.for_range(b, self.rows) as row:
                value = self._load(self._at(self.c_buffer, b.mul(row.index, _I64(self.lanes))))
                self._store(value, self._c_end(row.index), True)

    def _fill_buffers(self, start: Any) -> None:
        """Copy the last vectors of C's rows, and of B's last row in memory, if they are not whole.

        A load from another row of B runs into the next one in memory, and nothing comes of it.
        """
        b, left, self.start = self.builder, self.builder.sub(self.columns, start), start
        self.mask, self.partial = self._first(left), b.icmp_signed("<", left, _I64(self.lanes))
        self.b_buffer = cgutils.alloca_once(b, self.b.type.pointee, _I64(self.lanes))
        self.c_buffer = cgutils.alloca_once(b, self.c.type.pointee, _I64(ROWS * self.lanes))
        upwards, end = b.icmp_signed(">=", self.b_row, _I64(0)), b.sub(self.depth, _I64(1))
        last = b.select(upwards, end, _I64(0))
        self.buffered = b.select(self.partial, last, _I64(-1))
        with b.if_then(self.partial):
            place = self._at(self.b, b.mul(last, self.b_row), start)
            self._store(self._load(place, True), self.b_buffer)
            with b.if_then(self.add), cgutils.for_range(b, self.rows) as row:
                value = self._load(self._c_end(row.index), True)
                self._store(value, self._at(self.c_buffer, b.mul(row.index, _I64(self.lanes))))

    def _c_end(self, row: Any) -> Any:
        """Where the last vector of a row of C is."""
        return self._at(self.c, self.builder.mul(row, self.c_row), self.start)

    def _first(self, count: Any) -> Any:
        """A mask of so many numbers of a vector."""
        lanes = ir.Constant(self.lane, list(range(self.lanes)))
        every = self._splat(self.builder.trunc(count, _I32), self.lane)
        return self.builder.icmp_signed("<", lanes, every)

    def _block(self, rows: int, vectors: int, fetches: bool = False) -> None:
        b = self.builder
        if MASKS:
            self.mask = self._first(b.sub(self.columns, _I64((vectors - 1) * self.lanes)))
        places = [
            self._at(self.c, b.mul(self.c_row, _I64(r)), _I64(v * self.lanes))
            for r in range(rows)
            for v in range(vectors)
        ]
        last = [i % vectors == vectors - 1 for i in range(len(places))]
        if not MASKS:
            for r in range(rows):
                at, buffer = (r + 1) * vectors - 1, self._at(self.c_buffer, _I64(r * self.lanes))
                places[at] = b.select(self.partial, buffer, places[at])
        sums = [
            b.select(self.add, self._load(place, MASKS and is_last), self.zero)
            for place, is_last in zip(places, last, strict=True)
        ]
        a_rows = [self._at(self.a, b.mul(self.a_row, _I64(r))) for r in range(rows)]
        sums = self._loop(a_rows, sums, vectors, fetches)
        for place, is_last, value in zip(places, last, sums, strict=True):
            self._store(value, place, MASKS and is_last)

    def _loop(self, a_rows: Any, sums: Any, vectors: int, fetches: bool) -> Any:
        b = self.builder
        before = b.block
        head, body, after = (b.append_basic_block(f"tile.{n}") for n in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        k = b.phi(_I64)
        totals = [b.phi(self.vector) for _ in sums]
        b.cbranch(b.icmp_signed("<", k, self.depth), body, after)
        b.position_at_end(body)
        added = self._step(k, a_rows, totals, vectors, fetches)
        for phi, start, following in zip(
            [k, *totals], [_I64(0), *sums], [b.add(k, _I64(1)), *added], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(following, b.block)
        back = b.branch(head)
        if not MASKS:  # where LLVM would do four steps at once, the sums do not stay in registers
            loop = b.module.add_metadata([])
            loop.operands = loop, b.module.add_metadata(["llvm.loop.unroll.disable"])
            back.set_metadata("llvm.loop", loop)
        b.position_at_end(after)
        return totals

    def _step(self, k: Any, a_rows: Any, sums: Any, vectors: int, fetches: bool) -> list[Any]:
        """``sums[r, v] + A[r, k] B[k, v]``."""
        b = self.builder
        b_row = self._at(self.b, b.mul(k, self.b_row))
        column = b.mul(k, self.a_column)
        operands = []
        for v in range(vectors):
            place, is_last = self._at(b_row, _I64(v * self.lanes)), v == vectors - 1
            if is_last and not MASKS:
                buffered = b.icmp_signed("==", k, self.buffered)
                place = b.select(buffered, self.b_buffer, place)
            operands.append(self._load(place, MASKS and is_last))
        if fetches:
            self._fetch(self._at(self.prefetch, b.mul(k, self.b_row)))
        fused = self._function("llvm.fmuladd", self.vector, [self.vector] * 3)
        added = []
        for r, row in enumerate(a_rows):
            factor = self._splat(b.load(self._at(row, column)), self.vector)
            for v, operand in enumerate(operands):
                added.append(b.call(fused, [factor, operand, sums[r * vectors + v]]))
        return added

    def _fetch(self, row: Any) -> None:
        pointer, b = self.b.type, self.builder
        kind = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
        fetch = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
        read, closest, data = _I32(0), _I32(3), _I32(1)
        for line in range(FETCHED):
            place = self._at(row, _I64(line * CACHE_LINE // self.bytes))
            b.call(fetch, [place, read, closest, data])

    def _at(self, pointer: Any, *distances: Any) -> Any:
        for distance in distances:
            pointer = self.builder.gep(pointer, [distance])
        return pointer

    def _splat(self, value: Any, vector: Any) -> Any:
        b, undefined = self.builder, ir.Constant(vector, ir.Undefined)
        first = b.insert_element(undefined, value, _I32(0))
        return b.shuffle_vector(first, undefined, ir.Constant(self.lane, [0] * self.lanes))

    def _load(self, pointer: Any, masked: bool = False) -> Any:
        b, vector = self.builder, self.vector
        place = b.bitcast(pointer, vector.as_pointer())
        if not masked:
            value = b.load(place)
            value.align = self.bytes
            return value
        types_ = [place.type, _I32, self.mask_type, vector]
        load = self._function("llvm.masked.load", vector, types_, ".p0")
        return b.call(load, [place, _I32(self.bytes), self.mask, self.zero])

    def _store(self, value: Any, pointer: Any, masked: bool = False) -> None:
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
