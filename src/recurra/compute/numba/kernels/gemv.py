"""A matrix times one vector: what counts is to read the matrix once, in order, at full speed."""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import overload

from recurra.compute.numba.kernels.jit import INLINED, symbol
from recurra.compute.numba.kernels.tile import LONE_VECTORS, VECTOR_BYTES, tile


def _gemv(
    m: Any, k: Any, matrix_pointer: Any, x_pointer: Any, i: Any, out_pointer: Any, o: Any, add: Any
) -> None:
    """Four rows pass together, so that their sums do not wait for each other."""
    matrix, x, out = (
        carray(matrix_pointer, (m * k,)), carray(x_pointer, (1,)), carray(out_pointer, (1,)),
    )  # fmt: skip
    zero, x_start, start = out.dtype.type(0), i * k, o * m
    whole = m // 4 * 4
    for j in range(0, whole, 4):
        a = b = c = d = zero
        first, second, third, fourth = j * k, (j + 1) * k, (j + 2) * k, (j + 3) * k
        for h in range(k):
            factor = x[np.uintp(x_start + h)]
            a += matrix[np.uintp(first + h)] * factor
            b += matrix[np.uintp(second + h)] * factor
            c += matrix[np.uintp(third + h)] * factor
            d += matrix[np.uintp(fourth + h)] * factor
        at = start + j
        out[at] = a + (out[at] if add else zero)
        out[at + 1] = b + (out[at + 1] if add else zero)
        out[at + 2] = c + (out[at + 2] if add else zero)
        out[at + 3] = d + (out[at + 3] if add else zero)
    for j in range(whole, m):
        a = zero
        for h in range(k):
            a += matrix[np.uintp(j * k + h)] * x[np.uintp(x_start + h)]
        out[start + j] = a + (out[start + j] if add else zero)


def _gemv_transposed(
    k: Any, m: Any, matrix_pointer: Any, x_pointer: Any, i: Any, out_pointer: Any, o: Any, add: Any
) -> None:
    # every second row of x begins at the matrix's end: what the row before has read last is still
    # in the first-level cache
    matrix, x, out = (
        carray(matrix_pointer, (1,)), carray(x_pointer, (1,)), carray(out_pointer, (1,)),
    )  # fmt: skip
    width = LONE_VECTORS * VECTOR_BYTES // out.itemsize
    first, step = (k - 1, -1) if i % 2 else (0, 1)
    for j in range(0, m, width):
        out_part, x_part = (out, o * m + j, m), (x, i * k + first, k, step)
        tile(1, min(width, m - j), k, *out_part, *x_part, matrix, first * m + j, step * m, add, -1)


def _signature(number: Any) -> Any:
    index, pointer = types.intp, types.CPointer(number)
    return types.void(index, index, pointer, pointer, index, pointer, index, types.boolean)


_gemv_32 = symbol("recurra_gemv_32", _gemv, _signature(types.float32))
_gemv_64 = symbol("recurra_gemv_64", _gemv, _signature(types.float64))
_transposed_32 = symbol("recurra_gemv_t_32", _gemv_transposed, _signature(types.float32))
_transposed_64 = symbol("recurra_gemv_t_64", _gemv_transposed, _signature(types.float64))


def gemv(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o] (+)= matrix @ x[i]``, for kernels; uncompiled, the formula.

    Args:
        matrix: (m, k).
        x, i: (rows, k), and which row.
        out, o: (rows, m), and which row.
        add: add to the row, or overwrite it.
    """
    out[o] = matrix @ x[i] + (out[o] if add else 0)


def gemv_transposed(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o] (+)= matrix.T @ x[i]``, for kernels; uncompiled, the formula.

    Args:
        matrix: (k, m), with a vector's numbers in a row at least, unless there are `tile.MASKS`.
        x, i: (rows, k), and which row.
        out, o: (rows, m), and which row.
        add: add to the row, or overwrite it.
    """
    out[o] = x[i] @ matrix + (out[o] if add else 0)


@overload(gemv, jit_options=INLINED)
def _gemv_overload(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> Any:
    return _call(_gemv_32() if out.dtype == types.float32 else _gemv_64())


@overload(gemv_transposed, jit_options=INLINED)
def _gemv_transposed_overload(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> Any:
    return _call(_transposed_32() if out.dtype == types.float32 else _transposed_64())


def _call(compiled: Any) -> Any:
    def call(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> None:
        rows, columns = matrix.shape
        compiled(rows, columns, matrix.ctypes, x.ctypes, i, out.ctypes, o, add)

    return call
