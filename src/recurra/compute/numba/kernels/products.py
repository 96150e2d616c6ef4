"""Products and row sums as generated kernels need them: parts of arrays are rows from a start.

Vectors and sums of all time steps are two-dimensional arrays, C-contiguous; ``a, i`` stands for
the rows of ``a`` from row i on. A matrix is stored (out, in), so ``a @ matrix.T`` goes forward
and ``a @ matrix`` backward.
"""

from typing import Any

from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.gemv import gemv, gemv_transposed
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.transpose import transpose_part

__all__ = [
    "add_at",
    "add_dropped",
    "add_rows",
    "drop",
    "outer",
    "step_times_transposed",
    "times",
    "times_transposed",
    "transpose",
]


@jit
def transpose(matrix: Any, copy: Any, batch: Any) -> None:
    """``copy = matrix.T``; an empty copy is not wanted."""
    if copy.size > 0:
        rows, columns = matrix.shape
        transpose_part(rows, columns, matrix, 0, columns, copy, 0, rows)


@jit
def times(a: Any, i: Any, rows: Any, matrix: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o:] (+)= a[i:] @ matrix``."""
    k, n = matrix.shape
    if rows == 1:
        gemv_transposed(matrix, a, i, out, o, add)
    else:
        gemm(rows, n, k, out, o * n, n, a, i * k, k, 1, matrix, 0, n, 1, add)


@jit
def times_transposed(a: Any, i: Any, rows: Any, matrix: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o:] (+)= a[i:] @ matrix.T``."""
    n, k = matrix.shape
    if rows == 1:
        gemv(matrix, a, i, out, o, add)
    else:
        gemm(rows, n, k, out, o * n, n, a, i * k, k, 1, matrix, 0, 1, k, add)


@jit
def outer(a: Any, i: Any, b: Any, j: Any, rows: Any, out: Any, add: Any) -> None:
    """``out (+)= a[i:].T @ b[j:]``: the gradient of a matrix over all rows."""
    m, n = out.shape
    gemm(m, n, rows, out, 0, n, a, i * m, 1, m, b, j * n, n, 1, add)


@jit
def step_times_transposed(
    a: Any, i: Any, rows: Any, matrix: Any, copy: Any, out: Any, o: Any, add: Any
) -> None:
    """``out[o:] (+)= a[i:] @ matrix.T`` for one time step; ``copy`` is ``matrix.T``, or empty."""
    if copy.size > 0:
        times(a, i, rows, copy, out, o, add)
        return
    for row in range(rows):
        gemv(matrix, a, i + row, out, o + row, add)


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
