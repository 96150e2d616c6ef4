"""Gradients on their way to the optimiser: clipped, added up, measured.

Where rows are looked up, gradients of a (V, n) matrix are zeros but for the rows that occur. Arrays
are flat views unless told otherwise.
"""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from recurra.compute.numba.kernels.jit import inlined, jit


@inlined
def clipped(g: Any, limit: Any) -> Any:
    """``g`` cut to [-limit, limit]; NaN stays NaN, since it fails comparisons."""
    g = limit if g > limit else g
    return -limit if g < -limit else g


@intrinsic
def _pointer(typing_context: Any, address: Any, like: Any) -> Any:
    """An address as a pointer to numbers of the type of ``like``."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(like.dtype)(types.int64, like), generate


@inlined
def array_at(address: Any, size: Any, like: Any) -> Any:
    """The ``size`` numbers at an address, as an array of the type of ``like``."""
    return carray(_pointer(address, like), (size,))


@jit
def add_gradients(total: Any, other: Any, limit: float) -> None:
    """``total += other``, then clip by value."""
    limit = total.dtype.type(limit)
    for i in range(total.size):
        total[i] = clipped(total[i] + other[i], limit)


@jit
def squares(g: Any, limit: float) -> float:
    """The sum of squares of ``g`` clipped by value, in float64."""
    limit = g.dtype.type(limit)
    total = 0.0
    for i in range(g.size):
        value = np.float64(clipped(g[i], limit))
        total += value * value
    return total


@jit
def distinct(inputs: Any, marked: Any, rows: Any, count: int) -> int:
    """Append to ``rows[:count]`` the characters of a text not yet ``marked``; the new count."""
    for i in range(inputs.size):
        c = inputs[i]
        if marked[c] == 0:
            marked[c] = 1
            rows[count] = c
            count += 1
    return count


@jit
def merge_rows(total: Any, other: Any, inputs: Any) -> None:
    """``total += other; other = 0`` in the rows of two (V, n) gradients that occur in a text."""
    for i in range(inputs.size):
        a, b = total[inputs[i]], other[inputs[i]]
        for j in range(a.size):
            a[j] += b[j]
            b[j] = 0.0


@jit
def clear_rows(g: Any, inputs: Any) -> None:
    """``g[inputs] = 0`` in a (V, n) gradient."""
    for i in range(inputs.size):
        row = g[inputs[i]]
        for j in range(row.size):
            row[j] = 0.0


@jit
def squares_rows(g: Any, rows: Any, limit: float) -> float:
    """`squares` over some rows of a (V, n) gradient."""
    total = 0.0
    for i in range(rows.size):
        total += squares(g[rows[i]], limit)
    return total
