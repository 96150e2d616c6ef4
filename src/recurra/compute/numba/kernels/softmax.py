"""The output layer: logits, softmax, loss and their gradients, never more than a few rows at once.

``z = rows @ weights.T + bias`` with hidden rows (N, h), weights (V, h), bias (V,). Scores are kept
vocabulary first, ``(V, width)`` for a strip of rows: then the softmax of many rows is one vector
operation after another, and all three products read the weights as they are stored,

    z.T = weights @ rows.T,    d weights = d z.T @ rows,    d rows = (d z.T).T @ weights.

The vocabulary passes in blocks that stay in cache, twice. The first pass leaves
``exp(z - row_max)`` with the maximum of each block and the sums, the second makes gradients of
them: softmax with partial maxima (Milakov & Gimelshein 2018). Threads can share a vocabulary: each
passes over its part ``[low, high)``, and between the passes all parts are merged.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from recurra.compute.numba.kernels.barrier import wait_for
from recurra.compute.numba.kernels.elementwise import exp
from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.gemv import gemv
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.transpose import transpose_part

# Rows of the vocabulary in a block, rows of the text in a strip, numbers in a vector.
BLOCK, STRIP, LANES = 128, 128, 16


class Strip(NamedTuple):
    """The hidden rows ``start`` to ``start + count``, at most `STRIP`, and what follows them.

    ``rows`` (N, h); ``targets`` int32 (N,), the character to be predicted by each row.
    """

    rows: Any
    targets: Any
    start: Any
    count: Any


class Layer(NamedTuple):
    """The part ``[low, high)`` of the vocabulary of a layer: ``weights`` (V, h), ``bias`` (V,)."""

    weights: Any
    bias: Any
    low: Any
    high: Any


class Scores(NamedTuple):
    """The scores of a strip, ``width`` being its rows rounded up to `LANES`.

    ``values`` (V, width), ``exp(z.T - row_max)`` and at last d loss / d z; ``row_max`` and ``sums``
    (V / `BLOCK` rounded up, width), of each block the maximum of z and the sum of values;
    ``target_logit`` (width,), z of the target; ``maximum`` and ``total`` (width,), ``max z`` and
    ``sum exp(z - maximum)`` over the whole vocabulary.
    """

    values: Any
    row_max: Any
    sums: Any
    target_logit: Any
    maximum: Any
    total: Any


class Gradients(NamedTuple):
    """Gradients of ``scale`` times the loss: ``rows`` (N, h), ``weights`` (V, h), ``bias`` (V,)."""

    scale: Any
    rows: Any
    weights: Any
    bias: Any


@jit
def first_pass(strip: Any, layer: Any, scores: Any) -> None:
    """Scores of a strip over a part of the vocabulary; all but their `merge`."""
    values, row_max, sums = scores.values, scores.row_max, scores.sums
    targets, start, count = strip.targets, strip.start, strip.count
    width, size = values.shape[1], layer.weights.shape[1]
    transposed = np.empty(size * width, strip.rows.dtype)
    transpose_part(count, size, strip.rows, start * size, size, transposed, 0, width)
    for v0 in range(layer.low, layer.high, BLOCK):
        v1, block = min(v0 + BLOCK, layer.high), v0 // BLOCK
        a, b = (layer.weights, v0 * size, size, 1), (transposed, 0, width, 1)
        gemm(v1 - v0, count, size, values, v0 * width, width, *a, *b, False)
        for r in range(width):
            row_max[block, r] = -np.inf
            sums[block, r] = 0.0
        for v in range(v0, v1):
            for r in range(width):
                z = values[v, r] + layer.bias[v]
                values[v, r] = z
                row_max[block, r] = z if z > row_max[block, r] else row_max[block, r]
        for r in range(count):
            if v0 <= targets[start + r] < v1:
                scores.target_logit[r] = values[targets[start + r], r]
        for v in range(v0, v1):
            for r in range(width):
                e = exp(values[v, r] - row_max[block, r])
                values[v, r] = e
                sums[block, r] += e


@jit
def merge(scores: Any) -> None:
    """Maximum and total over the parts of a vocabulary."""
    row_max, sums, maximum, total = scores.row_max, scores.sums, scores.maximum, scores.total
    for r in range(maximum.size):
        maximum[r] = -np.inf
        total[r] = 0.0
    for part in range(row_max.shape[0]):
        for r in range(maximum.size):
            maximum[r] = row_max[part, r] if row_max[part, r] > maximum[r] else maximum[r]
    for part in range(row_max.shape[0]):
        for r in range(maximum.size):
            total[r] += sums[part, r] * exp(row_max[part, r] - maximum[r])


@jit
def _logit_gradients(
    v0: Any, v1: Any, strip: Any, scores: Any, scale: Any, factor: Any, d_bias: Any, add: Any
) -> None:
    """``values = scale (softmax - onehot)`` for one block, and their sums over the rows."""
    values, targets, start, count = scores.values, strip.targets, strip.start, strip.count
    width = values.shape[1]
    real = values.dtype.type
    for r in range(count):
        relative = scores.row_max[v0 // BLOCK, r] - scores.maximum[r]
        factor[r] = exp(relative) * (real(scale) / scores.total[r])
    factor[count:] = 0.0  # what fills the vectors up
    for v in range(v0, v1):
        total = real(0)
        for r in range(width):
            e = values[v, r] * factor[r]
            values[v, r] = e
            total += e
        d_bias[v] = d_bias[v] + total if add else total
    for r in range(count):
        if v0 <= targets[start + r] < v1:
            values[targets[start + r], r] -= real(scale)
            d_bias[targets[start + r]] -= real(scale)


@jit
def second_pass(strip: Any, layer: Any, scores: Any, gradients: Any, add: Any) -> None:
    """Gradients from what the first pass and `merge` left.

    Those of the strip's rows are overwritten with this part's contribution; those of the layer's
    part are added to, or overwritten.
    """
    values, start, count = scores.values, strip.start, strip.count
    width, size = values.shape[1], layer.weights.shape[1]
    factor = np.empty(width, values.dtype)
    for v0 in range(layer.low, layer.high, BLOCK):
        v1, at, more = min(v0 + BLOCK, layer.high), v0 * width, v0 > layer.low
        _logit_gradients(v0, v1, strip, scores, gradients.scale, factor, gradients.bias, add)
        c, a = (gradients.weights, v0 * size, size), (values, at, width, 1)
        gemm(v1 - v0, size, count, *c, *a, strip.rows, start * size, size, 1, add)
        c, a = (gradients.rows, start * size, size), (values, at, 1, width)
        gemm(count, size, v1 - v0, *c, *a, layer.weights, v0 * size, size, 1, more)


@jit
def row_gradients_pass(
    strip: Any, layer: Any, scores: Any, scale: Any, d_rows: Any, d_bias: Any
) -> None:
    """The part of the second pass that the hidden rows wait for: all but the weights' gradient.

    The values become gradients of the logits, for the optimiser's `update_output`.
    """
    values, start, count = scores.values, strip.start, strip.count
    width, size = values.shape[1], layer.weights.shape[1]
    factor = np.empty(width, values.dtype)
    for v0 in range(layer.low, layer.high, BLOCK):
        v1, at, more = min(v0 + BLOCK, layer.high), v0 * width, v0 > layer.low
        _logit_gradients(v0, v1, strip, scores, scale, factor, d_bias, False)
        c, a = (d_rows, start * size, size), (values, at, 1, width)
        gemm(count, size, v1 - v0, *c, *a, layer.weights, v0 * size, size, 1, more)


@jit
def loss_of(scores: Any, count: Any) -> float:
    """``sum of -log p`` of the targets of ``count`` rows, after `merge`."""
    loss = 0.0
    for r in range(count):
        loss += scores.maximum[r] + math.log(np.float64(scores.total[r])) - scores.target_logit[r]
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
    values: Any,
    row_max: Any,
    sums: Any,
    target_logit: Any,
    d_rows: Any,
    d_bias: Any,
    gate: Any,
    threads: Any,
) -> float:
    """Both passes over one thread's part of the vocabulary, but for the weights' gradient.

    Threads meet between the passes and at the end. Arguments are flat since Python calls this.

    Args:
        rows, count, targets: see `Strip`.
        weights, bias, low, high: see `Layer`.
        scale: factor of the loss.
        values, row_max, sums, target_logit: see `Scores`; those of all threads.
        d_rows, d_bias: out, this part's contribution, and its rows.
        gate: zero, int64 (1,); see `recurra.compute.numba.kernels.barrier`.
        threads: how many parts there are.

    Returns:
        The loss of all parts.
    """
    width = values.shape[1]
    maximum, total = np.empty(width, rows.dtype), np.empty(width, rows.dtype)
    strip, layer = Strip(rows, targets, 0, count), Layer(weights, bias, low, high)
    scores = Scores(values, row_max, sums, target_logit, maximum, total)
    first_pass(strip, layer, scores)
    wait_for(gate, threads)
    merge(scores)
    row_gradients_pass(strip, layer, scores, scale, d_rows, d_bias)
    loss: float = loss_of(scores, count)
    wait_for(gate, 2 * threads)
    return loss


@jit
def _new_scores(vocabulary: Any, blocks: Any, width: Any, like: Any) -> Any:
    real = like.dtype
    return Scores(
        np.zeros((vocabulary, width), real),
        np.empty((blocks, width), real),
        np.empty((blocks, width), real),
        np.empty(width, real),
        np.empty(width, real),
        np.empty(width, real),
    )


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
    """The loss, ``-log p`` of the targets summed, and the gradients of ``scale`` times it.

    Args:
        rows, weights, bias: (N, h), (V, h), (V,).
        targets: int32 (N,).
        scale: factor of the gradients.
        d_rows, d_weights, d_bias: out, overwritten.
    """
    size, vocabulary = len(rows), len(weights)
    strips = max(1, (size + STRIP - 1) // STRIP)
    width = ((size + strips - 1) // strips + LANES - 1) // LANES * LANES
    layer = Layer(weights, bias, 0, vocabulary)
    scores = _new_scores(vocabulary, (vocabulary + BLOCK - 1) // BLOCK, width, rows)
    gradients = Gradients(scale, d_rows, d_weights, d_bias)
    loss = 0.0
    for number in range(strips):
        start = size * number // strips
        count = size * (number + 1) // strips - start
        strip = Strip(rows, targets, start, count)
        first_pass(strip, layer, scores)
        merge(scores)
        loss += loss_of(scores, count)
        second_pass(strip, layer, scores, gradients, number > 0)
    return loss


@jit
def losses(rows: Any, weights: Any, bias: Any, targets: Any) -> Any:
    """``-log p`` of each target, (N,); see `train`."""
    result = np.empty(len(rows), rows.dtype)
    vocabulary = len(weights)
    parts = (vocabulary + BLOCK - 1) // BLOCK
    width = (min(STRIP, len(rows)) + LANES - 1) // LANES * LANES
    # one block of values is enough, if every block is the first of its own vocabulary
    scores = _new_scores(min(BLOCK, vocabulary), parts, width, rows)
    own_targets = np.empty(len(rows), np.int32)  # of the type that training compiles for
    for start in range(0, len(rows), STRIP):
        count = min(STRIP, len(rows) - start)
        for part in range(parts):
            v0 = part * BLOCK
            v1 = min(v0 + BLOCK, vocabulary)
            block = Scores(
                scores.values,
                scores.row_max[part : part + 1],
                scores.sums[part : part + 1],
                scores.target_logit,
                scores.maximum,
                scores.total,
            )
            own = Layer(weights[v0:v1], bias[v0:v1], 0, v1 - v0)
            for row in range(start, start + count):
                own_targets[row] = targets[row] - v0
            first_pass(Strip(rows, own_targets, start, count), own, block)
        merge(scores)
        for r in range(count):
            log_total = scores.maximum[r] + math.log(np.float64(scores.total[r]))
            result[start + r] = log_total - scores.target_logit[r]
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
