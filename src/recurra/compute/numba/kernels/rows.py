"""Functions of whole rows, in place: softmax, sum and mean; parts of longer vectors."""

from typing import Any

import numpy as np

from recurra.compute.numba.kernels.elementwise import exp
from recurra.compute.numba.kernels.jit import jit

__all__ = ["put_columns", "softmax_rows", "softmax_rows_backward", "sum_rows", "take_columns"]


@jit
def softmax_rows(a: Any, i: Any, rows: Any) -> None:
    """``y = exp(z - max z) / sum exp(z - max z)`` in the rows of ``a`` from i on."""
    real = a.dtype.type
    n = a.shape[1]
    for row in range(i, i + rows):
        largest = a[row, 0]
        for j in range(n):
            largest = max(largest, a[row, j])
        total = real(0)
        for j in range(n):
            e = exp(a[row, j] - largest)
            a[row, j] = e
            total += e
        scale = real(1) / total
        for j in range(n):
            a[row, j] *= scale


@jit
def softmax_rows_backward(d: Any, i: Any, rows: Any, y: Any, k: Any) -> None:
    """``dz = y (dy - sum(y dy))`` in the rows of ``d`` from i on."""
    real = d.dtype.type
    n = d.shape[1]
    for row in range(rows):
        along = real(0)
        for j in range(n):
            along += d[i + row, j] * y[k + row, j]
        for j in range(n):
            d[i + row, j] = y[k + row, j] * (d[i + row, j] - along)


@jit
def sum_rows(a: Any, i: Any, rows: Any, mean: Any) -> None:
    """The sum or mean of each of the rows of ``a`` from i on, all over it; its own derivative."""
    real = a.dtype.type
    n = a.shape[1]
    for row in range(i, i + rows):
        total = real(0)
        for j in range(n):
            total += a[row, j]
        if mean:
            total /= real(n)
        for j in range(n):
            a[row, j] = total


@jit
def put_columns(a: Any, i: Any, rows: Any, out: Any, o: Any, place: Any) -> None:
    """``out[o:, place:] = a[i:]``."""
    for row in range(rows):
        for j in range(a.shape[1]):
            out[o + row, np.uintp(place + j)] = a[i + row, j]


@jit
def take_columns(a: Any, i: Any, rows: Any, place: Any, out: Any, o: Any, add: Any) -> None:
    """``out[o:] (+)= a[i:, place:]``, as many columns as ``out`` has."""
    for row in range(rows):
        for j in range(out.shape[1]):
            before = out[o + row, j] if add else a.dtype.type(0)
            out[o + row, j] = before + a[i + row, np.uintp(place + j)]
