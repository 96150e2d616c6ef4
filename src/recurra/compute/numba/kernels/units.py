"""Products and row sums of one thread's own units, where several threads share every vector.

Part ``part`` of ``parts`` owns whole vectors' widths of the columns of every array, the same ones
of all arrays of one width. Each function does what its namesake in
`recurra.compute.numba.kernels.products` does, to these columns of the result; no matrix is
block-diagonal. Rows of a matrix belong to the units that it leads to.
"""

from typing import Any

import numpy as np

from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.jit import inlined, jit
from recurra.compute.numba.kernels.products import add_at, is_long
from recurra.compute.numba.kernels.tile import VECTOR_BYTES
from recurra.compute.numba.kernels.transpose import transpose_part

__all__ = [
    "own_add_at",
    "own_add_dropped",
    "own_add_rows",
    "own_clear",
    "own_columns",
    "own_drop",
    "own_outer",
    "own_step_times_transposed",
    "own_times",
    "own_times_looked_up",
    "own_times_looked_up_backward",
    "own_times_transposed",
    "own_transpose",
]


@inlined
def own_columns(array: Any, part: Any, parts: Any) -> Any:
    """A part's columns, first and end, unsigned: indices below 0 would have to be looked for."""
    columns, lanes = array.shape[array.ndim - 1], VECTOR_BYTES // array.itemsize
    vectors = (columns + lanes - 1) // lanes
    first, end = vectors * part // parts * lanes, vectors * (part + 1) // parts * lanes
    return np.uintp(min(columns, first)), np.uintp(min(columns, end))


@inlined
def _columns(array: Any, part: Any, parts: Any) -> Any:
    """The first of a part's columns, and how many there are."""
    first, end = own_columns(array, part, parts)
    return np.intp(first), np.intp(end) - np.intp(first)


@jit
def own_transpose(matrix: Any, copy: Any, batch: Any, part: Any, parts: Any) -> None:
    """``copy = matrix.T``; an empty copy is not wanted."""
    if copy.size > 0:
        first, count = _columns(copy, part, parts)
        columns, width = matrix.shape[1], copy.shape[1]
        transpose_part(count, columns, matrix, first * columns, columns, copy, first, width)


@jit
def own_times(
    a: Any, i: Any, rows: Any, matrix: Any, out: Any, o: Any, add: Any, part: Any, parts: Any
) -> None:
    """``out[o:] (+)= a[i:] @ matrix``."""
    (k, n), (first, count) = matrix.shape, _columns(out, part, parts)
    # other cores have just written half of it: fetched in one go, not number by number
    step = k + VECTOR_BYTES // a.itemsize
    left = np.empty(rows * step, a.dtype)
    for row in range(rows):
        for j in range(k):
            left[np.uintp(row * step + j)] = a[i + row, j]
    gemm(rows, count, k, out, o * n + first, n, left, 0, step, 1, matrix, first, n, 1, add)


@jit
def own_times_transposed(
    a: Any, i: Any, rows: Any, matrix: Any, out: Any, o: Any, add: Any, part: Any, parts: Any
) -> None:
    """``out[o:] (+)= a[i:] @ matrix.T``."""
    (n, k), (first, count) = matrix.shape, _columns(out, part, parts)
    gemm(rows, count, k, out, o * n + first, n, a, i * k, k, 1, matrix, first * k, 1, k, add)


@jit
def own_step_times_transposed(
    a: Any, i: Any, rows: Any, matrix: Any, copy: Any, out: Any, o: Any, add: Any,
    part: Any, parts: Any,
) -> None:  # fmt: skip
    """``out[o:] (+)= a[i:] @ matrix.T`` for one time step; ``copy`` is ``matrix.T``, or empty."""
    if copy.size > 0:
        own_times(a, i, rows, copy, out, o, add, part, parts)
    else:
        own_times_transposed(a, i, rows, matrix, out, o, add, part, parts)


@jit
def own_times_looked_up(
    a: Any, i: Any, rows: Any, matrix: Any, out: Any, add: Any,
    table: Any, inputs: Any, scale: Any, part: Any, parts: Any,
) -> None:  # fmt: skip
    """``out (+)= a[i:] @ matrix.T`` of rows that were looked up, ``a[i:] = table[inputs]``."""
    if is_long(table, rows, scale):
        own_times_transposed(a, i, rows, matrix, out, 0, add, part, parts)
        return
    products = np.empty((table.shape[0], out.shape[1]), out.dtype)
    own_times_transposed(table, 0, table.shape[0], matrix, products, 0, False, part, parts)
    first, end = own_columns(out, part, parts)
    for row in range(rows):
        c = inputs[row]
        for j in range(first, end):
            before = out[row, j] if add else out.dtype.type(0)
            out[row, j] = before + products[c, j]


@jit
def own_times_looked_up_backward(
    d: Any, a: Any, d_a: Any, i: Any, rows: Any, matrix: Any, d_matrix: Any, add: Any,
    table: Any, d_table: Any, inputs: Any, scale: Any, part: Any, parts: Any,
) -> None:  # fmt: skip
    """The gradient of `own_times_looked_up`: rows of the matrix, columns of the table."""
    if is_long(table, rows, scale):
        own_outer(d, 0, a, i, rows, d_matrix, add, part, parts)
        own_times(d, 0, rows, matrix, d_a, i, True, part, parts)
        return
    d_products = np.zeros((table.shape[0], d.shape[1]), d.dtype)
    add_at(d, inputs, d_products)
    own_outer(d_products, 0, table, 0, table.shape[0], d_matrix, add, part, parts)
    own_times(d_products, 0, table.shape[0], matrix, d_table, 0, True, part, parts)


@jit
def own_outer(
    a: Any, i: Any, b: Any, j: Any, rows: Any, out: Any, add: Any, part: Any, parts: Any
) -> None:
    """``out (+)= a[i:].T @ b[j:]``, the rows that the units of ``a`` own."""
    m, n = out.shape
    first, count = _columns(a, part, parts)
    gemm(count, n, rows, out, first * n, n, a, i * m + first, 1, m, b, j * n, n, 1, add)


@jit
def own_add_rows(a: Any, rows: Any, out: Any, part: Any, parts: Any) -> None:
    """``out += a[:rows].sum(0)``: the gradient of a bias."""
    first, end = own_columns(a, part, parts)
    for i in range(rows):
        for j in range(first, end):
            out[j] += a[i, j]


@jit
def own_add_at(a: Any, inputs: Any, out: Any, part: Any, parts: Any) -> None:
    """``out[inputs] += a``, row by row: the gradient of looked-up rows."""
    first, end = own_columns(a, part, parts)
    for i in range(inputs.size):
        c = inputs[i]
        for j in range(first, end):
            out[c, j] += a[i, j]


@jit
def own_clear(a: Any, part: Any, parts: Any) -> None:
    """``a[:] = 0``."""
    first, end = own_columns(a, part, parts)
    rows = a.reshape((-1, a.shape[a.ndim - 1]))
    for i in range(len(rows)):
        for j in range(first, end):
            rows[i, j] = 0.0


@jit
def own_drop(a: Any, mask: Any, scale: Any, out: Any, part: Any, parts: Any) -> None:
    """``out = a * mask * scale``; scale 0 is no dropout, and ``out`` is ``a``."""
    if scale > 0.0:
        factor = a.dtype.type(scale)
        first, end = own_columns(a, part, parts)
        for i in range(a.shape[0]):
            for j in range(first, end):
                out[i, j] = a[i, j] * (mask[i, j] * factor)


@jit
def own_add_dropped(a: Any, mask: Any, scale: Any, out: Any, part: Any, parts: Any) -> None:
    """``out += a * mask * scale``, the gradient of `drop`."""
    if scale > 0.0:
        factor = a.dtype.type(scale)
        first, end = own_columns(a, part, parts)
        for i in range(a.shape[0]):
            for j in range(first, end):
                out[i, j] += a[i, j] * (mask[i, j] * factor)
