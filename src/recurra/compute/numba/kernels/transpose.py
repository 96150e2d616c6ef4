"""Transposed copies, a square of one vector's width at a time, in registers."""

from typing import Any

from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from recurra.compute.numba.kernels.jit import INLINED, symbol
from recurra.compute.numba.kernels.tile import VECTOR_BYTES

_I1, _I32, _I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


@intrinsic
def _transpose_square(
    typing_context: Any,
    rows: Any,
    columns: Any,
    a: Any,
    a_start: Any,
    a_row: Any,
    out: Any,
    out_start: Any,
    out_row: Any,
) -> Any:
    """``out = a.T`` for at most as many rows and columns as a vector has numbers."""
    index = types.intp
    part_a, part_out = (a, index, index), (out, index, index)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows, columns, a, a_start, a_row, out, out_start, out_row = values
        number, bits = (
            context.get_value_type(signature.args[2].dtype),
            signature.args[2].dtype.bitwidth,
        )
        lanes = VECTOR_BYTES * 8 // bits
        vector, mask = ir.VectorType(number, lanes), ir.VectorType(_I1, lanes)
        lane = ir.VectorType(_I32, lanes)
        suffix, align = f"v{lanes}f{bits}.p0", _I32(bits // 8)
        pointer = vector.as_pointer()
        zero = ir.Constant(vector, [0.0] * lanes)

        def declared(name: str, returned: Any, *arguments: Any) -> Any:
            function = ir.FunctionType(returned, arguments)
            return cgutils.get_or_insert_function(builder.module, function, f"{name}.{suffix}")

        load = declared("llvm.masked.load", vector, pointer, _I32, mask, vector)
        store = declared("llvm.masked.store", ir.VoidType(), vector, pointer, _I32, mask)

        def place(array: Any, kind: Any, start: Any, step: Any, row: int) -> Any:
            data = context.make_array(kind)(context, builder, array).data
            at = builder.gep(data, [builder.add(start, builder.mul(step, _I64(row)))])
            return builder.bitcast(at, pointer)

        def below(count: Any) -> Any:
            """A mask of the first ``count`` lanes."""
            undefined = ir.Constant(lane, ir.Undefined)
            first = builder.insert_element(undefined, builder.trunc(count, _I32), _I32(0))
            every = builder.shuffle_vector(first, undefined, ir.Constant(lane, [0] * lanes))
            return builder.icmp_signed("<", ir.Constant(lane, list(range(lanes))), every)

        def transposed(masked: bool) -> None:
            in_row, in_column = (below(columns), below(rows)) if masked else (None, None)
            none = ir.Constant(mask, [0] * lanes)
            vectors = []
            for i in range(lanes):
                at = place(a, signature.args[2], a_start, a_row, i)
                if masked:
                    present = builder.icmp_signed("<", _I64(i), rows)
                    wanted = builder.select(present, in_row, none)
                    vectors.append(builder.call(load, [at, align, wanted, zero]))
                else:
                    value = builder.load(at)
                    value.align = bits // 8
                    vectors.append(value)
            # perfect shuffles: after log2(lanes) rounds row i lane j has come to row j lane i
            half = lanes // 2
            low = ir.Constant(lane, [i // 2 + lanes * (i % 2) for i in range(lanes)])
            high = ir.Constant(lane, [half + i // 2 + lanes * (i % 2) for i in range(lanes)])
            for _ in range(lanes.bit_length() - 1):
                pairs = [(vectors[i], vectors[i + half]) for i in range(half)]
                vectors = [builder.shuffle_vector(x, y, m) for x, y in pairs for m in (low, high)]
            for j, value in enumerate(vectors):
                at = place(out, signature.args[5], out_start, out_row, j)
                if masked:
                    present = builder.icmp_signed("<", _I64(j), columns)
                    wanted = builder.select(present, in_column, none)
                    builder.call(store, [value, at, align, wanted])
                else:
                    builder.store(value, at).align = bits // 8

        full = builder.and_(
            builder.icmp_signed("==", rows, _I64(lanes)),
            builder.icmp_signed("==", columns, _I64(lanes)),
        )
        with builder.if_else(full) as (whole, part):
            with whole:
                transposed(masked=False)
            with part:
                transposed(masked=True)
        return context.get_dummy_value()

    return types.void(index, index, *part_a, *part_out), generate


def _transpose_part(
    rows: Any,
    columns: Any,
    a_pointer: Any,
    a_start: Any,
    a_row: Any,
    out_pointer: Any,
    out_start: Any,
    out_row: Any,
) -> None:
    a, out = carray(a_pointer, (1,)), carray(out_pointer, (1,))
    lanes = VECTOR_BYTES // a.itemsize
    for i in range(0, rows, lanes):
        for j in range(0, columns, lanes):
            from_, to = a_start + i * a_row + j, out_start + j * out_row + i
            high, wide = min(lanes, rows - i), min(lanes, columns - j)
            _transpose_square(high, wide, a, from_, a_row, out, to, out_row)


def _signature(number: Any) -> Any:
    index, pointer = types.intp, types.CPointer(number)
    return types.void(index, index, pointer, index, index, pointer, index, index)


_transpose_32 = symbol("recurra_transpose_32", _transpose_part, _signature(types.float32))
_transpose_64 = symbol("recurra_transpose_64", _transpose_part, _signature(types.float64))


def transpose_part(
    rows: Any,
    columns: Any,
    a: Any,
    a_start: Any,
    a_row: Any,
    out: Any,
    out_start: Any,
    out_row: Any,
) -> None:
    """``out = a.T`` between parts of arrays, for kernels; uncompiled, the formula.

    Args:
        rows, columns: of ``a``.
        a, out: C-contiguous arrays of one type, float32 or float64.
        a_start, out_start: where each part begins, counted in numbers.
        a_row, out_row: the distance of two rows.
    """
    for i in range(rows):
        for j in range(columns):
            out.reshape(-1)[out_start + j * out_row + i] = a.reshape(-1)[a_start + i * a_row + j]


@overload(transpose_part, jit_options=INLINED)
def _transpose_overload(
    rows: Any,
    columns: Any,
    a: Any,
    a_start: Any,
    a_row: Any,
    out: Any,
    out_start: Any,
    out_row: Any,
) -> Any:
    compiled = _transpose_32() if a.dtype == types.float32 else _transpose_64()

    def call(
        rows: Any, columns: Any, a: Any, a_start: Any, a_row: Any,
        out: Any, out_start: Any, out_row: Any,
    ) -> None:  # fmt: skip
        compiled(rows, columns, a.ctypes, a_start, a_row, out.ctypes, out_start, out_row)

    return call
