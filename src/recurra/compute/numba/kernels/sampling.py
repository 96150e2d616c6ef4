"""Writing: the draw of the next character, and what passes from one character to the next.

`recurra.compute.sampling.Sampling` is the same draw in NumPy.
"""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import overload

from recurra.compute.numba.kernels import class_softmax, softmax
from recurra.compute.numba.kernels.elementwise import exp
from recurra.compute.numba.kernels.jit import INLINED, inlined, jit, symbol

# --------------------------------------------------------------------------------------- the draw


@inlined
def _before(p: Any, a: Any, b: Any) -> Any:
    """Whether a character is likelier than another, or as likely and earlier."""
    return p[a] > p[b] or (p[a] == p[b] and a < b)


@inlined
def _sink(p: Any, heap: Any, i: Any, size: Any) -> None:
    """Let the root of a part of a heap sink to its place; the likeliest rises."""
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and _before(p, heap[child + 1], heap[child]):
            child += 1
        if _before(p, heap[i], heap[child]):
            break
        heap[i], heap[child] = heap[child], heap[i]
        i = child


@inlined
def _keep_likeliest(p: Any, top_k: Any, top_p: Any, total: Any) -> Any:
    """Set all but the likeliest to zero; the sum of those that stay."""
    heap, all_of = np.empty(p.size, np.int64), np.empty(p.size, np.float64)
    for v in range(p.size):
        heap[v], all_of[v] = v, p[v]
    for i in range(p.size // 2 - 1, -1, -1):
        _sink(all_of, heap, i, p.size)
    count, kept, enough = (min(top_k, p.size) if top_k > 0 else p.size), 0.0, np.inf
    if top_p > 0.0 and top_k == 0:
        enough = top_p * total
    elif top_p > 0.0:
        enough = top_p * _sum_of_likeliest(all_of, heap, count)
    for v in range(p.size):
        p[v] = 0.0
    for size in range(p.size, p.size - count, -1):
        if kept >= enough:
            break
        p[heap[0]] = all_of[heap[0]]
        kept += p[heap[0]]
        heap[0] = heap[size - 1]
        _sink(all_of, heap, 0, size - 1)
    return kept


@inlined
def _sum_of_likeliest(p: Any, heap: Any, count: Any) -> Any:
    rest, total = heap.copy(), 0.0
    for size in range(p.size, p.size - count, -1):
        total += p[rest[0]]
        rest[0] = rest[size - 1]
        _sink(p, rest, 0, size - 1)
    return total


def _draw(pointer: Any, count: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
    log_p, top = carray(pointer, (count,)), 0
    for v in range(count):
        if not np.isfinite(log_p[v]):
            return -1
        top = v if log_p[v] > log_p[top] else top
    if temperature == 0.0:
        return top
    p, highest, total = np.empty(count, np.float64), np.float64(log_p[top]), 0.0
    for v in range(count):
        p[v] = exp((np.float64(log_p[v]) - highest) / temperature)
        total += p[v]
    if top_k > 0 or top_p > 0.0:
        total = _keep_likeliest(p, top_k, top_p, total)
    number, cumulative, drawn = uniform * total, 0.0, top
    for v in range(count):
        if p[v] > 0.0:
            drawn = v
            cumulative += p[v]
            if cumulative > number:
                break
    return drawn


def _signature(number: Any) -> Any:
    index, double = types.intp, types.float64
    return index(types.CPointer(number), index, double, double, index, double)


_draw_32 = symbol("recurra_draw_32", _draw, _signature(types.float32))
_draw_64 = symbol("recurra_draw_64", _draw, _signature(types.float64))


def draw(log_p: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
    """The character that a number of [0, 1) picks; -1 if there is no finite distribution.

    Args:
        log_p: log probabilities (V,).
        uniform: float64.
        temperature: float64; 0 takes the likeliest.
        top_k, top_p: int64, float64; 0 for all.
    """
    raise NotImplementedError


@overload(draw, jit_options=INLINED)
def _draw_overload(log_p: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
    compiled: Any = _draw_32() if log_p.dtype == types.float32 else _draw_64()

    def call(log_p: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
        return compiled(log_p.ctypes, log_p.size, uniform, temperature, top_k, top_p)

    return call


# ------------------------------------------------------------------------- from step to step


def log_probabilities(hidden: Any, weights: Any, bias: Any, sizes: Any) -> Any:
    """``log p`` of every character, (N, V), for kernels; ``sizes`` of the classes, or ()."""
    kernels: Any = class_softmax if sizes else softmax
    return kernels.log_probabilities(hidden, weights, bias, *sizes)


@overload(log_probabilities, jit_options=INLINED)
def _log_probabilities_overload(hidden: Any, weights: Any, bias: Any, sizes: Any) -> Any:
    plain, of_classes = softmax.log_probabilities, class_softmax.log_probabilities

    def without(hidden: Any, weights: Any, bias: Any, sizes: Any) -> Any:
        return plain(hidden, weights, bias)

    def with_classes(hidden: Any, weights: Any, bias: Any, sizes: Any) -> Any:
        return of_classes(hidden, weights, bias, *sizes)

    return with_classes if len(sizes) else without


@jit
def put(vector: Any, row: Any, hidden: Any, start: Any) -> Any:
    """Copy a row into the operand of the output layer, from a column on; the column after it."""
    for j in range(vector.shape[1]):
        hidden[0, start + j] = vector[row, j]
    return start + vector.shape[1]


@jit
def carry(vector: Any, lags: Any) -> None:
    """Move the rows of one stream on by a time step."""
    for row in range(lags):
        for j in range(vector.shape[1]):
            vector[row, j] = vector[row + 1, j]
