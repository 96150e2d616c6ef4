"""The output layer: logits, softmax, loss and their slopes, never more than a few rows at once.

``z = rows @ weights.T + bias`` with hidden rows (N, h), weights (V, h), bias (V,). Scores are kept
vocabulary first, ``(V, width)`` for a strip of rows: then the softmax of many rows is one vector
operation after another, and all three products read the weights as they are stored,

    z.T = weights @ rows.T,    d weights = d z.T @ rows,    d rows = (d z.T).T @ weights.

The vocabulary passes in blocks that stay in cache, twice. The first pass leaves ``exp(z - peak)``
with the peak of each block and their sums, the second makes slopes of them: softmax with partial
maxima (Milakov & Gimelshein 2018). Threads can share a vocabulary: each passes over its part
``[low, high)``, and between the passes the tops and totals of all parts are merged.
"""

import math
from typing import Any

import numpy as np

from recurra.compute.numba.kernels.barrier import take_number, wait_for
from recurra.compute.numba.kernels.elementwise import exp
from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.gemv import gemv
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.optimizers import adagrad
from recurra.compute.numba.kernels.transpose import turn

# Rows of the vocabulary in a block, rows of the text in a strip, numbers in a vector.
BLOCK, STRIP, LANES = 128, 128, 16


@jit
def first_pass(
    rows: Any,
    start: Any,
    count: Any,
    weights: Any,
    bias: Any,
    targets: Any,
    low: Any,
    high: Any,
    scores: Any,
    peaks: Any,
    sums: Any,
    hits: Any,
) -> None:
    """Scores of the rows ``start`` to ``start + count`` over the vocabulary ``[low, high)``.

    Args:
        rows, weights, bias: the layer, see above.
        start, count: which rows, at most `STRIP`.
        targets: int32 (N,), the character to be predicted by each row.
        low, high: which part of the vocabulary.
        scores: out (V, width), ``exp(z.T - peak)``; width is count rounded up to `LANES`.
        peaks, sums: out (V / `BLOCK` rounded up, width), for each block the maximum of z and the
            sum of scores.
        hits: out (width,), z of the target where that lies in this part.
    """
    width, size = scores.shape[1], weights.shape[1]
    turned = np.empty(size * width, rows.dtype)
    turn(count, size, rows, start * size, size, turned, 0, width)
    for v0 in range(low, high, BLOCK):
        v1, block = min(v0 + BLOCK, high), v0 // BLOCK
        a, b = (weights, v0 * size, size, 1), (turned, 0, width, 1)
        gemm(v1 - v0, count, size, scores, v0 * width, width, *a, *b, False)
        for r in range(width):
            peaks[block, r] = -np.inf
            sums[block, r] = 0.0
        for v in range(v0, v1):
            for r in range(width):
                z = scores[v, r] + bias[v]
                scores[v, r] = z
                peaks[block, r] = z if z > peaks[block, r] else peaks[block, r]
        for r in range(count):
            if v0 <= targets[start + r] < v1:
                hits[r] = scores[targets[start + r], r]
        for v in range(v0, v1):
            for r in range(width):
                e = exp(scores[v, r] - peaks[block, r])
                scores[v, r] = e
                sums[block, r] += e


@jit
def merge(peaks: Any, sums: Any, top: Any, total: Any) -> None:
    """Over parts of a vocabulary: ``top = max z`` and ``total = sum exp(z - top)``.

    Args:
        peaks, sums: (parts, width), maximum of z and sum of ``exp(z - maximum)`` of each part.
        top, total: out (width,).
    """
    for r in range(top.size):
        top[r] = -np.inf
        total[r] = 0.0
    for part in range(peaks.shape[0]):
        for r in range(top.size):
            top[r] = peaks[part, r] if peaks[part, r] > top[r] else top[r]
    for part in range(peaks.shape[0]):
        for r in range(top.size):
            total[r] += sums[part, r] * exp(peaks[part, r] - top[r])


@jit
def _slopes(
    v0: Any, v1: Any, scores: Any, peaks: Any, top: Any, total: Any, scale: Any,
    start: Any, count: Any, targets: Any, factor: Any, d_bias: Any, add: Any,
) -> None:  # fmt: skip
    """``scores = scale (softmax - onehot)`` for one block, and their sums over the rows."""
    width = scores.shape[1]
    real = scores.dtype.type
    for r in range(count):
        factor[r] = exp(peaks[v0 // BLOCK, r] - top[r]) * (real(scale) / total[r])
    factor[count:] = 0.0  # what fills the vectors up
    for v in range(v0, v1):
        slope = real(0)
        for r in range(width):
            e = scores[v, r] * factor[r]
            scores[v, r] = e
            slope += e
        d_bias[v] = d_bias[v] + slope if add else slope
    for r in range(count):
        if v0 <= targets[start + r] < v1:
            scores[targets[start + r], r] -= real(scale)
            d_bias[targets[start + r]] -= real(scale)


@jit
def second_pass(
    rows: Any,
    start: Any,
    count: Any,
    weights: Any,
    targets: Any,
    scale: Any,
    low: Any,
    high: Any,
    scores: Any,
    peaks: Any,
    top: Any,
    total: Any,
    d_rows: Any,
    d_weights: Any,
    d_bias: Any,
    add: Any,
) -> None:
    """Slopes from what the first pass left; see there for the arguments they share.

    Args:
        scale: factor of the loss.
        top, total: (width,), merged over the whole vocabulary.
        d_rows: (N, h); rows ``start`` to ``start + count`` are overwritten with this part's share.
        d_weights, d_bias: (V, h), (V,): rows ``low`` to ``high``.
        add: add to ``d_weights`` and ``d_bias``, or overwrite them.
    """
    width, size = scores.shape[1], weights.shape[1]
    factor = np.empty(width, scores.dtype)
    for v0 in range(low, high, BLOCK):
        v1 = min(v0 + BLOCK, high)
        _slopes(
            v0, v1, scores, peaks, top, total, scale, start, count, targets, factor, d_bias, add
        )
        at = v0 * width
        c, a, b = (
            (d_weights, v0 * size, size),
            (scores, at, width, 1),
            (rows, start * size, size, 1),
        )
        gemm(v1 - v0, size, count, *c, *a, *b, add)
        c, a, b = (
            (d_rows, start * size, size),
            (scores, at, 1, width),
            (weights, v0 * size, size, 1),
        )
        more = v0 > low
        gemm(count, size, v1 - v0, *c, *a, *b, more)


@jit
def slopes_pass(
    start: Any,
    count: Any,
    weights: Any,
    targets: Any,
    scale: Any,
    low: Any,
    high: Any,
    scores: Any,
    peaks: Any,
    top: Any,
    total: Any,
    d_rows: Any,
    d_bias: Any,
) -> None:
    """The part of the second pass that the hidden rows wait for: all but the weights' gradient.

    ``scores`` become the slopes of the logits, for `update_adagrad`.
    """
    width, size = scores.shape[1], weights.shape[1]
    factor = np.empty(width, scores.dtype)
    for v0 in range(low, high, BLOCK):
        v1, at, more = min(v0 + BLOCK, high), v0 * width, v0 > low
        _slopes(
            v0, v1, scores, peaks, top, total, scale, start, count, targets, factor, d_bias, False
        )
        c, a, b = (
            (d_rows, start * size, size),
            (scores, at, 1, width),
            (weights, v0 * size, size, 1),
        )
        gemm(count, size, v1 - v0, *c, *a, *b, more)


@jit
def update_adagrad(
    rows: Any,
    start: Any,
    count: Any,
    weights: Any,
    bias: Any,
    scores: Any,
    d_bias: Any,
    weights_accumulator: Any,
    bias_accumulator: Any,
    rate: Any,
    limit: Any,
    decay: Any,
    eps_inside: Any,
    eps_outside: Any,
    turn: Any,
) -> None:
    """The weights' gradient and Adagrad's step, block by block, while each block is in cache.

    Args:
        weights, bias: updated in place.
        scores, d_bias: slopes of the logits, and of the bias, from `slopes_pass`.
        weights_accumulator, bias_accumulator: (V, h), (V,), Adagrad's memory.
        rate, limit, decay, eps_inside, eps_outside: see :func:`update.adagrad`; ``decay`` is for
            the weights alone.
        turn: zero, int64 (1,); threads that call with the same one share the blocks.
    """
    width, (vocabulary, size) = scores.shape[1], weights.shape
    d_weights = np.empty(BLOCK * size, scores.dtype)
    flat, flat_accumulator = weights.reshape(-1), weights_accumulator.reshape(-1)
    v0 = take_number(turn) * BLOCK
    while v0 < vocabulary:
        v1 = min(v0 + BLOCK, vocabulary)
        c, a = (d_weights, 0, size), (scores, v0 * width, width, 1)
        gemm(v1 - v0, size, count, *c, *a, rows, start * size, size, 1, False)
        adagrad(
            flat[v0 * size : v1 * size], d_weights[: (v1 - v0) * size],
            flat_accumulator[v0 * size : v1 * size],
            rate, limit, 1.0, decay, eps_inside, eps_outside,
        )  # fmt: skip
        adagrad(
            bias[v0:v1], d_bias[v0:v1], bias_accumulator[v0:v1],
            rate, limit, 1.0, 0.0, eps_inside, eps_outside,
        )  # fmt: skip
        v0 = take_number(turn) * BLOCK


@jit
def loss_of(top: Any, total: Any, hits: Any, count: Any) -> float:
    """``sum of -log p`` of the targets of ``count`` rows, after `merge`."""
    loss = 0.0
    for r in range(count):
        loss += top[r] + math.log(np.float64(total[r])) - hits[r]
    return loss


@jit
def train_part(
    rows: Any,
    count: Any,
    weights: Any,
    bias: Any,
    targets: Any,
    scale: Any,
    low: Any,
    high: Any,
    scores: Any,
    peaks: Any,
    sums: Any,
    hits: Any,
    d_rows: Any,
    d_bias: Any,
    gate: Any,
    threads: Any,
) -> float:
    """Both passes over one thread's part of the vocabulary, but for the weights' gradient.

    Threads meet between the passes and at the end.

    Args:
        gate: zero, int64 (1,); see :mod:`recurra.compute.numba.kernels.barrier`.
        threads: how many parts there are; see the passes for all else.

    Returns:
        The loss of all parts.
    """
    width = scores.shape[1]
    first_pass(rows, 0, count, weights, bias, targets, low, high, scores, peaks, sums, hits)
    top, total = np.empty(width, rows.dtype), np.empty(width, rows.dtype)
    wait_for(gate, threads)
    merge(peaks, sums, top, total)
    slopes_pass(
        0, count, weights, targets, scale, low, high, scores, peaks, top, total, d_rows, d_bias
    )
    loss: float = loss_of(top, total, hits, count)
    wait_for(gate, 2 * threads)
    return loss


@jit
def train(
    rows: Any,
    weights: Any,
    bias: Any,
    targets: Any,
    scale: Any,
    d_rows: Any,
    d_weights: Any,
    d_bias: Any,
) -> float:
    """The loss, ``-log p`` of the targets summed, and the slopes of ``scale`` times it.

    Args:
        rows, weights, bias: (N, h), (V, h), (V,).
        targets: int32 (N,).
        scale: factor of the slopes.
        d_rows, d_weights, d_bias: out, overwritten.
    """
    size, vocabulary = len(rows), len(weights)
    parts = (vocabulary + BLOCK - 1) // BLOCK
    strips = max(1, (size + STRIP - 1) // STRIP)
    width = ((size + strips - 1) // strips + LANES - 1) // LANES * LANES
    scores = np.zeros((vocabulary, width), rows.dtype)
    peaks, sums = np.empty((parts, width), rows.dtype), np.empty((parts, width), rows.dtype)
    top, total = np.empty(width, rows.dtype), np.empty(width, rows.dtype)
    hits = np.empty(width, rows.dtype)
    loss = 0.0
    for strip in range(strips):
        start = size * strip // strips
        count = size * (strip + 1) // strips - start
        first_pass(
            rows, start, count, weights, bias, targets, 0, vocabulary, scores, peaks, sums, hits
        )
        merge(peaks, sums, top, total)
        loss += loss_of(top, total, hits, count)
        second_pass(
            rows, start, count, weights, targets, scale, 0, vocabulary, scores, peaks, top, total,
            d_rows, d_weights, d_bias, strip > 0,
        )  # fmt: skip
    return loss


@jit
def losses(rows: Any, weights: Any, bias: Any, targets: Any) -> Any:
    """``-log p`` of each target, (N,); see `train`."""
    result = np.empty(len(rows), rows.dtype)
    vocabulary = len(weights)
    parts = (vocabulary + BLOCK - 1) // BLOCK
    width = (min(STRIP, len(rows)) + LANES - 1) // LANES * LANES
    # one block of scores is enough, if every block is the first of its own vocabulary
    scores = np.zeros((BLOCK, width), rows.dtype)
    peaks, sums = np.empty((parts, width), rows.dtype), np.empty((parts, width), rows.dtype)
    top, total = np.empty(width, rows.dtype), np.empty(width, rows.dtype)
    hits = np.empty(width, rows.dtype)
    for start in range(0, len(rows), STRIP):
        count = min(STRIP, len(rows) - start)
        for part in range(parts):
            v0 = part * BLOCK
            v1 = min(v0 + BLOCK, vocabulary)
            first_pass(
                rows, start, count, weights[v0:v1], bias[v0:v1], targets - v0, 0, v1 - v0,
                scores, peaks[part : part + 1], sums[part : part + 1], hits,
            )  # fmt: skip
        merge(peaks, sums, top, total)
        for r in range(count):
            result[start + r] = top[r] + math.log(np.float64(total[r])) - hits[r]
    return result


@jit
def log_probabilities(rows: Any, weights: Any, bias: Any) -> Any:
    """``log p`` of every character, (N, V), for the few rows of one step of writing."""
    result = np.empty((len(rows), len(weights)), rows.dtype)
    for i in range(len(rows)):
        gemv(weights, rows, i, result, i, False)
        top, total = rows.dtype.type(-np.inf), 0.0
        for v in range(len(weights)):
            z = result[i, v] + bias[v]
            result[i, v] = z
            top = z if z > top else top
        for v in range(len(weights)):
            total += exp(result[i, v] - top)
        top += rows.dtype.type(math.log(total))
        for v in range(len(weights)):
            result[i, v] -= top
    return result
