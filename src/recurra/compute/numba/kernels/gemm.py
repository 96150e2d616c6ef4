"""Matrix products of any size: the tiles of `recurra.compute.numba.kernels.tile`, block by block.

Faster here than a general BLAS: a matrix that meets few rows is multiplied where it lies, not
copied first, and the tile is as wide as the processor allows. The result does not depend on
threads or on the machine's BLAS.
"""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import overload

from recurra.compute.numba.kernels.jit import INLINED, inlined, symbol
from recurra.compute.numba.kernels.tile import (
    CACHE_LINE,
    FETCHED,
    LONE_VECTORS,
    MASKS,
    ROWS,
    VECTOR_BYTES,
    VECTORS,
    tile,
)
from recurra.compute.numba.kernels.transpose import transpose_part

# So many rows of B, one panel wide, stay in the second-level cache while the rows of A pass. Where
# few rows meet a B that is larger than that cache, so many stay in the first-level cache: they come
# from afar once only.
DEPTH, SHALLOW, LARGE = 256, 64, 2**19
# So many rows of A are many. Of many, so many at a time are copied, so that they stay in cache.
MANY, HEIGHT = 96, 256
# An operand is copied when many rows of A pass and its own rows lie so many panels apart, or it is
# stored column by column: then its cache lines would push each other out.
APART = 8


def _gemm(
    rows: Any,
    columns: Any,
    depth: Any,
    c_pointer: Any,
    c_start: Any,
    c_row: Any,
    a_pointer: Any,
    a_start: Any,
    a_row: Any,
    a_column: Any,
    b_pointer: Any,
    b_start: Any,
    b_row: Any,
    b_column: Any,
    add: Any,
) -> None:
    c, a, b = carray(c_pointer, (1,)), carray(a_pointer, (1,)), carray(b_pointer, (1,))
    lanes = VECTOR_BYTES // c.itemsize
    vectors = (columns + lanes - 1) // lanes
    most = VECTORS if rows > 1 else LONE_VECTORS
    panels = (vectors + most - 1) // most
    width = most * lanes
    many, far = rows >= MANY, APART * width
    from_afar = not many and depth * columns * c.itemsize >= LARGE
    most_deep = SHALLOW if from_afar else DEPTH
    narrow = not MASKS and b_row < lanes  # `tile` would read beyond it
    b_copied = b_column != 1 or (many and b_row > far) or narrow
    panel = np.empty(min(depth, most_deep) * width, c.dtype) if b_copied else b
    # a copy of A is read once for every panel; its rows end a vector later than they have to, so
    # that they share no place in cache
    a_copied = many and panels >= 4 and (a_column != 1 or a_row > far)
    tall, left_row = min(rows, HEIGHT) if a_copied else max(1, rows), HEIGHT + lanes
    left = np.empty(min(depth, most_deep) * left_row, c.dtype) if a_copied else a
    if depth <= 0 and not add:
        for i in range(rows):
            for j in range(columns):
                c[c_start + i * c_row + j] = 0.0
    for k in range(0, depth, most_deep):
        deep, more = min(most_deep, depth - k), add or k > 0
        for top in range(0, rows, tall):
            high = min(tall, rows - top)
            a_part = (a, a_start + top * a_row + k * a_column, a_row, a_column)
            if a_copied:
                _copy(a, a_part[1], a_column, a_row, deep, high, left, left_row)
                a_part = (left, 0, 1, left_row)
            for p in range(panels):
                # vectors and rows are dealt out evenly: 5 vectors are 3 + 2, not 4 + 1
                j = vectors * p // panels * lanes
                wide = min(vectors * (p + 1) // panels * lanes, columns) - j
                prefetch = -1
                if from_afar and not b_copied:  # the next panel, or the first of the next rows
                    last = p + 1 == panels
                    prefetch = b_start + ((k + deep) * b_row if last else k * b_row + j + wide)
                b_part = (b, b_start + k * b_row + j * b_column, b_row)
                if b_copied:
                    _copy(b, b_part[1], b_row, b_column, deep, wide, panel, width)
                    b_part = (panel, 0, width)
                c_part = (c, c_start + top * c_row + j, c_row)
                _tiles(high, wide, deep, c_part, a_part, b_part, more, prefetch)


@inlined
def _tiles(
    rows: Any, wide: Any, deep: Any, c_part: Any, a_part: Any, b_part: Any, add: Any, prefetch: Any
) -> None:
    """All rows times one panel, while that at ``prefetch`` is fetched, half by half; -1: none."""
    (c, c_start, c_row), (a, a_start, a_row, a_column) = c_part, a_part
    chunks, i = (rows + ROWS - 1) // ROWS, 0
    half = FETCHED * CACHE_LINE // c.itemsize
    for chunk in range(chunks):
        high = rows * (chunk + 1) // chunks - i
        fetched = -1 if prefetch < 0 else prefetch + chunk % 2 * half
        tile(
            *(high, wide, deep, c, c_start + i * c_row, c_row),
            *(a, a_start + i * a_row, a_row, a_column, *b_part, add, fetched),
        )
        i += high


@inlined
def _copy(
    b: Any, start: Any, row: Any, column: Any, deep: Any, wide: Any, panel: Any, step: Any
) -> None:
    """A part of a matrix, row by row; it may be stored column by column."""
    if row == 1:
        transpose_part(wide, deep, b, start, column, panel, 0, step)
        return
    for k in range(deep):
        for j in range(wide):
            panel[np.uintp(k * step + j)] = b[np.uintp(start + k * row + j)]


def _signature(number: Any) -> Any:
    index, pointer = types.intp, types.CPointer(number)
    c, a, b = (pointer, *[index] * 2), (pointer, *[index] * 3), (pointer, *[index] * 3)
    return types.void(*[index] * 3, *c, *a, *b, types.boolean)


_gemm_32 = symbol("recurra_gemm_32", _gemm, _signature(types.float32))
_gemm_64 = symbol("recurra_gemm_64", _gemm, _signature(types.float64))


def gemm(
    rows: Any, columns: Any, depth: Any, c: Any, c_start: Any, c_row: Any,
    a: Any, a_start: Any, a_row: Any, a_column: Any,
    b: Any, b_start: Any, b_row: Any, b_column: Any, add: Any,
) -> None:  # fmt: skip
    """``C (+)= A @ B`` between parts of arrays, for kernels; uncompiled, the formula.

    Args:
        rows, columns, depth: C is (rows, columns), A (rows, depth), B (depth, columns).
        c, a, b: C-contiguous arrays of one type, float32 or float64.
        c_start, a_start, b_start: where each part begins, counted in numbers.
        c_row, a_row, b_row: the distance of two rows.
        a_column, b_column: the distance of two columns, for a transposed operand; in C it is 1,
            and in B either that or the distance of two rows.
        add: add to C, or overwrite it.
    """

    def part(array: Any, start: int, shape: tuple[int, int], steps: tuple[int, int]) -> Any:
        strides = (steps[0] * array.itemsize, steps[1] * array.itemsize)
        return np.lib.stride_tricks.as_strided(array.reshape(-1)[start:], shape, strides)

    product = part(a, a_start, (rows, depth), (a_row, a_column)) @ part(
        b, b_start, (depth, columns), (b_row, b_column)
    )
    result = part(c, c_start, (rows, columns), (c_row, 1))
    result[:] = result + product if add else product


@overload(gemm, jit_options=INLINED)
def _gemm_overload(
    rows: Any, columns: Any, depth: Any, c: Any, c_start: Any, c_row: Any,
    a: Any, a_start: Any, a_row: Any, a_column: Any,
    b: Any, b_start: Any, b_row: Any, b_column: Any, add: Any,
) -> Any:  # fmt: skip
    compiled = _gemm_32() if c.dtype == types.float32 else _gemm_64()

    def call(
        rows: Any, columns: Any, depth: Any, c: Any, c_start: Any, c_row: Any,
        a: Any, a_start: Any, a_row: Any, a_column: Any,
        b: Any, b_start: Any, b_row: Any, b_column: Any, add: Any,
    ) -> None:  # fmt: skip
        compiled(
            rows, columns, depth, c.ctypes, c_start, c_row, a.ctypes, a_start, a_row, a_column,
            b.ctypes, b_start, b_row, b_column, add,
        )  # fmt: skip

    return call
