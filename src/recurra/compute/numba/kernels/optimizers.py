"""Optimiser steps in one pass over memory; the readable form is :mod:`recurra.compute.optimizers`.

All arrays are one-dimensional views, whole or a thread's part. Gradients are clipped by value,
then scaled by ``factor`` (that is how clipping by norm arrives here), both while they are read.
"""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from recurra.compute.numba.kernels.jit import inlined, jit


@inlined
def _clipped(g: Any, limit: Any) -> Any:
    # comparisons that NaN fails: NaN stays NaN
    g = limit if g > limit else g
    return -limit if g < -limit else g


@jit
def add_gradients(total: Any, other: Any, limit: float) -> None:
    """``total += other``, then clip by value."""
    limit = total.dtype.type(limit)
    for i in range(total.size):
        total[i] = _clipped(total[i] + other[i], limit)


@jit
def squares(g: Any, limit: float) -> float:
    """The sum of squares of ``g`` clipped by value, in float64."""
    limit = g.dtype.type(limit)
    total = 0.0
    for i in range(g.size):
        value = np.float64(_clipped(g[i], limit))
        total += value * value
    return total


@jit
def adagrad(
    p: Any,
    g: Any,
    accumulator: Any,
    rate: float,
    limit: float,
    factor: float,
    decay: float,
    eps_inside: float,
    eps_outside: float,
) -> None:
    """``accumulator += g**2; p -= rate g / sqrt(accumulator)`` (Duchi et al. 2011)."""
    real = p.dtype.type
    rate, limit, factor, decay = real(rate), real(limit), real(factor), real(decay)
    inside, outside = real(eps_inside), real(eps_outside)
    for i in range(g.size):
        x = _clipped(g[i], limit) * factor + decay * p[i]
        s = accumulator[i] + x * x
        accumulator[i] = s
        p[i] -= rate * x / (np.sqrt(s + inside) + outside)


@intrinsic
def _pointer(typing_context: Any, address: Any, like: Any) -> Any:
    """An address as a pointer to numbers of the type of ``like``."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(like.dtype)(types.int64, like), generate


@jit
def adagrad_all(
    parts: Any,
    like: Any,
    rate: float,
    limit: float,
    factor: float,
    decay: float,
    eps_inside: float,
    eps_outside: float,
) -> None:
    """`adagrad` on many arrays in one call, since small ones are done before a call is made.

    Args:
        parts: int64 (n, 5): size, whether ``decay`` acts, addresses of p, g and accumulator.
        like: any array of their type.
    """
    for i in range(len(parts)):
        size = parts[i, 0]
        adagrad(
            carray(_pointer(parts[i, 2], like), (size,)),
            carray(_pointer(parts[i, 3], like), (size,)),
            carray(_pointer(parts[i, 4], like), (size,)),
            rate, limit, factor, decay * parts[i, 1], eps_inside, eps_outside,
        )  # fmt: skip


@jit
def sgd(
    p: Any,
    g: Any,
    momentum: Any,
    rate: float,
    limit: float,
    factor: float,
    decay: float,
    beta: float,
) -> None:
    """``m = beta m + g; p -= rate m``; without momentum (an empty array) ``p -= rate g``."""
    real = p.dtype.type
    rate, limit, factor = real(rate), real(limit), real(factor)
    decay, beta = real(decay), real(beta)
    if momentum.size == 0:
        for i in range(g.size):
            p[i] -= rate * (_clipped(g[i], limit) * factor + decay * p[i])
    else:
        for i in range(g.size):
            m = beta * momentum[i] + (_clipped(g[i], limit) * factor + decay * p[i])
            momentum[i] = m
            p[i] -= rate * m


@jit
def rmsprop(
    p: Any,
    g: Any,
    v: Any,
    momentum: Any,
    rate: float,
    limit: float,
    factor: float,
    decay: float,
    beta: float,
    momentum_beta: float,
    eps_inside: float,
    eps_outside: float,
) -> None:
    """``v = beta v + (1 - beta) g**2; d = g / sqrt(v)`` (Hinton 2012), then as `sgd` with d.

    An empty ``momentum`` means none.
    """
    real = p.dtype.type
    kept = real(momentum_beta)
    rate, limit, factor, decay = real(rate), real(limit), real(factor), real(decay)
    beta, rest = real(beta), real(1.0 - beta)
    inside, outside = real(eps_inside), real(eps_outside)
    for i in range(g.size):
        x = _clipped(g[i], limit) * factor + decay * p[i]
        s = beta * v[i] + rest * (x * x)
        v[i] = s
        d = x / (np.sqrt(s + inside) + outside)
        if momentum.size > 0:
            d += kept * momentum[i]
            momentum[i] = d
        p[i] -= rate * d


@jit
def adam(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    rate: float,
    limit: float,
    factor: float,
    decay: float,
    shrink: float,
    beta1: float,
    beta2: float,
    unbias1: float,
    unbias2: float,
    eps_inside: float,
    eps_outside: float,
) -> None:
    """Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019).

    ``m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g**2;``
    ``p = shrink p - rate (unbias1 m) / sqrt(unbias2 v)`` with ``unbias = 1 / (1 - beta**count)``.
    """
    real = p.dtype.type
    rate, limit, factor = real(rate), real(limit), real(factor)
    decay, shrink = real(decay), real(shrink)
    b1, rest1, b2, rest2 = real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2)
    unbias1, unbias2 = real(unbias1), real(unbias2)
    inside, outside = real(eps_inside), real(eps_outside)
    for i in range(g.size):
        x = _clipped(g[i], limit) * factor + decay * p[i]
        mean = b1 * m[i] + rest1 * x
        square = b2 * v[i] + rest2 * (x * x)
        m[i] = mean
        v[i] = square
        step = rate * (unbias1 * mean) / (np.sqrt(unbias2 * square + inside) + outside)
        p[i] = shrink * p[i] - step


@jit
def touched_rows(inputs: Any, seen: Any, rows: Any, count: int) -> int:
    """Append to ``rows[:count]`` the characters of ``inputs`` not yet ``seen``; the new count."""
    for i in range(inputs.size):
        c = inputs[i]
        if seen[c] == 0:
            seen[c] = 1
            rows[count] = c
            count += 1
    return count


@jit
def merge_rows(total: Any, other: Any, inputs: Any) -> None:
    """``total += other; other = 0`` in the rows of two (V, n) gradients that a text touched."""
    for i in range(inputs.size):
        a, b = total[inputs[i]], other[inputs[i]]
        for j in range(a.size):
            a[j] += b[j]
            b[j] = 0.0


@jit
def squares_rows(g: Any, rows: Any, limit: float) -> float:
    """`squares` over some rows of a (V, n) gradient."""
    total = 0.0
    for i in range(rows.size):
        total += squares(g[rows[i]], limit)
    return total


@jit
def adagrad_rows(
    p: Any,
    g: Any,
    accumulator: Any,
    rows: Any,
    rate: float,
    limit: float,
    factor: float,
    eps_inside: float,
    eps_outside: float,
) -> None:
    """`adagrad` in some rows of a (V, n) parameter, whose gradients are zeros again after."""
    for i in range(rows.size):
        c = rows[i]
        adagrad(p[c], g[c], accumulator[c], rate, limit, factor, 0.0, eps_inside, eps_outside)
        g[c, :] = 0.0


@jit
def sgd_rows(p: Any, g: Any, rows: Any, rate: float, limit: float, factor: float) -> None:
    """`sgd` without momentum in some rows, whose gradients are zeros again after."""
    none = np.empty(0, p.dtype)
    for i in range(rows.size):
        c = rows[i]
        sgd(p[c], g[c], none, rate, limit, factor, 0.0, 0.0)
        g[c, :] = 0.0
