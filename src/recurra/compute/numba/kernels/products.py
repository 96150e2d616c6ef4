"""Products and row sums as generated kernels need them: parts of arrays are rows from a start.

Vectors and sums of all time steps are two-dimensional arrays, C-contiguous; ``a, i`` stands for
the rows of ``a`` from row i on. A matrix is stored (out, in), so ``a @ matrix.T`` goes forward
and ``a @ matrix`` backward. A matrix with fewer columns than its operand has is block-diagonal: its
blocks lie one below the other, and each meets its own columns.
"""

from typing import Any

import numpy as np

from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.gemv import gemv, gemv_transposed
from recurra.compute.numba.kernels.jit import inlined, jit
from recurra.compute.numba.kernels.tile import MASKS, VECTOR_BYTES
from recurra.compute.numba.kernels.transpose import transpose_part

__all__ = [
    "add_at",
    "add_dropped",
    "add_rows",
    "drop",
    "outer",
    "step_times_transposed",
    "times",
    "times_looked_up",
    "times_looked_up_backward",
    "times_transposed",
    "transpose",
]


@jit
def transpose(matrix: Any, copy: Any, batch: Any) -> None:
    """``copy = matrix.T``, block by block; an empty copy is not wanted."""
    if copy.size > 0:
        columns, rows = matrix.shape[1], copy.shape[1]
        for start in range(0, matrix.size, rows * columns):
            transpose_part(rows, columns, matrix, start, columns, copy, start, rows)


@jit
def times(a: Any, i: Any, rows: Any, matrix: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o:] (+)= a[i:] @ matrix``."""
    n, width = matrix.shape[1], out.shape[1]
    blocks = width // n
    k = matrix.shape[0] // blocks
    for b in range(blocks):
        if rows == 1 and (MASKS or n * out.itemsize >= VECTOR_BYTES):
            block = matrix[b * k : (b + 1) * k]
            gemv_transposed(block, a, i * blocks + b, out, o * blocks + b, add)
        else:
            c, left = o * width + b * n, i * blocks * k + b * k
            gemm(rows, n, k, out, c, width, a, left, blocks * k, 1, matrix, b * k * n, n, 1, add)


@jit
def times_transposed(a: Any, i: Any, rows: Any, matrix: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o:] (+)= a[i:] @ matrix.T``."""
    k, width = matrix.shape[1], a.shape[1]
    blocks = width // k
    n = matrix.shape[0] // blocks
    for b in range(blocks):
        if rows == 1:
            gemv(matrix[b * n : (b + 1) * n], a, i * blocks + b, out, o * blocks + b, add)
        else:
            c, left = o * blocks * n + b * n, i * width + b * k
            gemm(rows, n, k, out, c, blocks * n, a, left, width, 1, matrix, b * n * k, 1, k, add)


@jit
def outer(a: Any, i: Any, b: Any, j: Any, rows: Any, out: Any, add: Any) -> None:
    """``out (+)= a[i:].T @ b[j:]``: the gradient of a matrix over all rows."""
    n, width = out.shape[1], b.shape[1]
    blocks = width // n
    m = out.shape[0] // blocks
    for block in range(blocks):
        left, right = i * blocks * m + block * m, j * width + block * n
        parts = (a, left, 1, blocks * m, b, right, width, 1)
        gemm(m, n, rows, out, block * m * n, n, *parts, add)


@jit
def times_looked_up(
    a: Any, i: Any, rows: Any, matrix: Any, out: Any, add: Any, table: Any, inputs: Any, scale: Any
) -> None:
    """``out (+)= a[i:] @ matrix.T`` of rows that were looked up, ``a[i:] = table[inputs]``.

    A table with fewer rows than the text is multiplied itself, and the products are looked up;
    unless each row has dropped something of its own, with a ``scale`` above 0.
    """
    if is_long(table, rows, scale):
        times_transposed(a, i, rows, matrix, out, 0, add)
        return
    products = np.empty((table.shape[0], out.shape[1]), out.dtype)
    times_transposed(table, 0, table.shape[0], matrix, products, 0, False)
    for row in range(rows):
        c = inputs[row]
        for j in range(out.shape[1]):
            before = out[row, j] if add else out.dtype.type(0)
            out[row, j] = before + products[c, j]


@jit
def times_looked_up_backward(
    d: Any, a: Any, d_a: Any, i: Any, rows: Any, matrix: Any, d_matrix: Any, add: Any,
    table: Any, d_table: Any, inputs: Any, scale: Any,
) -> None:  # fmt: skip
    """The gradient of `times_looked_up`, from that of its result."""
    if is_long(table, rows, scale):
        outer(d, 0, a, i, rows, d_matrix, add)
        times(d, 0, rows, matrix, d_a, i, True)
        return
    d_products = np.zeros((table.shape[0], d.shape[1]), d.dtype)
    add_at(d, inputs, d_products)
    outer(d_products, 0, table, 0, table.shape[0], d_matrix, add)
    times(d_products, 0, table.shape[0], matrix, d_table, 0, True)


@inlined
def is_long(table: Any, rows: Any, scale: Any) -> Any:
    """Whether products of the text's rows are fewer than those of the table's, or have to be."""
    return scale > 0.0 or 2 * table.shape[0] > rows


@jit
def step_times_transposed(
    a: Any, i: Any, rows: Any, matrix: Any, copy: Any, out: Any, o: Any, add: Any
) -> None:
    """``out[o:] (+)= a[i:] @ matrix.T`` for one time step; ``copy`` is ``matrix.T``, or empty."""
    if copy.size > 0:
        times(a, i, rows, copy, out, o, add)
        return
    for row in range(rows):
        times_transposed(a, i + row, 1, matrix, out, o + row, add)


@jit
def add_rows(a: Any, rows: Any, out: Any) -> None:
    """``out += a[:rows].sum(0)``: the gradient of a bias."""
    for i in range(rows):
        for j in range(out.shape[0]):
            out[j] += a[i, j]


@jit
def add_at(a: Any, inputs: Any, out: Any) -> None:
    """``out[inputs] += a``, row by row: the gradient of looked-up rows."""
    for i in range(inputs.size):
        c = inputs[i]
        for j in range(out.shape[1]):
            out[c, j] += a[i, j]


@jit
def drop(a: Any, mask: Any, scale: Any, out: Any) -> None:
    """``out = a * mask * scale``; scale 0 is no dropout, and ``out`` is ``a``."""
    if scale > 0.0:
        factor = a.dtype.type(scale)
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                out[i, j] = a[i, j] * (mask[i, j] * factor)


@jit
def add_dropped(a: Any, mask: Any, scale: Any, out: Any) -> None:
    """``out += a * mask * scale``, the gradient of `drop`."""
    if scale > 0.0:
        factor = a.dtype.type(scale)
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                out[i, j] += a[i, j] * (mask[i, j] * factor)
