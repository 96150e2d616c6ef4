"""A matrix times one vector: all that counts is to read the matrix once, in order, at full speed.

Several rows pass together, so that their sums, or the reads of the result, do not wait for each
other.
"""

from typing import Any

from recurra.engines.kernels.jit import jit


@jit
def gemv(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o] (+)= matrix @ x[i]``.

    Args:
        matrix: (m, k).
        x, i: (rows, k), and which row.
        out, o: (rows, m), and which row.
        add: add to the row, or overwrite it.
    """
    whole = matrix.shape[0] // 4 * 4
    zero = out.dtype.type(0)
    for j in range(0, whole, 4):
        a = b = c = d = zero
        for h in range(matrix.shape[1]):
            a += matrix[j, h] * x[i, h]
            b += matrix[j + 1, h] * x[i, h]
            c += matrix[j + 2, h] * x[i, h]
            d += matrix[j + 3, h] * x[i, h]
        out[o, j] = a + (out[o, j] if add else zero)
        out[o, j + 1] = b + (out[o, j + 1] if add else zero)
        out[o, j + 2] = c + (out[o, j + 2] if add else zero)
        out[o, j + 3] = d + (out[o, j + 3] if add else zero)
    for j in range(whole, matrix.shape[0]):
        a = zero
        for h in range(matrix.shape[1]):
            a += matrix[j, h] * x[i, h]
        out[o, j] = a + (out[o, j] if add else zero)


@jit
def gemv_transposed(matrix: Any, x: Any, i: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o] (+)= matrix.T @ x[i]``.

    Args:
        matrix: (k, m).
        x, i: (rows, k), and which row.
        out, o: (rows, m), and which row.
        add: add to the row, or overwrite it.
    """
    if not add:
        for j in range(matrix.shape[1]):
            out[o, j] = 0.0
    whole = matrix.shape[0] // 8 * 8
    for h in range(0, whole, 8):
        a, b, c, d = x[i, h], x[i, h + 1], x[i, h + 2], x[i, h + 3]
        e, f, g, k = x[i, h + 4], x[i, h + 5], x[i, h + 6], x[i, h + 7]
        for j in range(matrix.shape[1]):
            left = (a * matrix[h, j] + b * matrix[h + 1, j]) + (
                c * matrix[h + 2, j] + d * matrix[h + 3, j]
            )
            right = (e * matrix[h + 4, j] + f * matrix[h + 5, j]) + (
                g * matrix[h + 6, j] + k * matrix[h + 7, j]
            )
            out[o, j] += left + right
    for h in range(whole, matrix.shape[0]):
        for j in range(matrix.shape[1]):
            out[o, j] += x[i, h] * matrix[h, j]
