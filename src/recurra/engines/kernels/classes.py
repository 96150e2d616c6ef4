"""The output layer with classes: ``p(character) = p(its class) p(character | its class)``.

Goodman 2001, with the characters of a class next to each other in the vocabulary. The layer has
V + C rows, those of the classes last; a row of the text needs the scores of C classes and of the
characters of one class, not of all V. Rows are sorted by the class of their target, so that each
class is a small output layer of its own; see :mod:`recurra.engines.kernels.output`.
"""

import math
from typing import Any

import numpy as np

from recurra.engines.kernels import output
from recurra.engines.kernels.elementwise import exp
from recurra.engines.kernels.jit import jit

_train, _losses, _log_probabilities = output.train, output.losses, output.log_probabilities


@jit
def _by_class(targets: Any, size: Any, classes: Any) -> Any:
    """Rows in the order of their targets' classes, and where each class begins among them."""
    starts = np.zeros(classes + 1, np.int64)
    for target in targets:
        starts[target // size + 1] += 1
    for c in range(classes):
        starts[c + 1] += starts[c]
    order, free = np.empty(len(targets), np.int64), starts.copy()
    for row in range(len(targets)):
        c = targets[row] // size
        order[free[c]] = row
        free[c] += 1
    return order, starts


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
    vocabulary: Any,
    size: Any,
) -> float:
    """The loss and the slopes of ``scale`` times it.

    Args:
        rows, weights, bias: (N, h), (V + C, h), (V + C,).
        targets: int32 (N,), below V.
        scale: factor of the slopes.
        d_rows, d_weights, d_bias: out, overwritten.
        vocabulary: V.
        size: characters in a class.
    """
    loss: float = _train(
        rows, weights[vocabulary:], bias[vocabulary:], (targets // size).astype(np.int32), scale,
        d_rows, d_weights[vocabulary:], d_bias[vocabulary:],
    )  # fmt: skip
    order, starts = _by_class(targets, size, len(weights) - vocabulary)
    sorted_rows, sorted_targets = rows[order], targets[order]
    d_sorted = np.empty_like(sorted_rows)
    for c in range(len(starts) - 1):
        low, high = c * size, min((c + 1) * size, vocabulary)
        a, b = starts[c], starts[c + 1]
        if a == b:
            d_weights[low:high] = 0.0
            d_bias[low:high] = 0.0
            continue
        loss += _train(
            sorted_rows[a:b], weights[low:high], bias[low:high],
            (sorted_targets[a:b] - low).astype(np.int32), scale,
            d_sorted[a:b], d_weights[low:high], d_bias[low:high],
        )  # fmt: skip
    for i in range(len(order)):
        for j in range(d_rows.shape[1]):
            d_rows[order[i], j] += d_sorted[i, j]
    return loss


@jit
def losses(rows: Any, weights: Any, bias: Any, targets: Any, vocabulary: Any, size: Any) -> Any:
    """``-log p`` of each target, (N,); see `train`."""
    result = _losses(
        rows, weights[vocabulary:], bias[vocabulary:], (targets // size).astype(np.int32)
    )
    order, starts = _by_class(targets, size, len(weights) - vocabulary)
    sorted_rows, sorted_targets = rows[order], targets[order]
    for c in range(len(starts) - 1):
        low, high = c * size, min((c + 1) * size, vocabulary)
        a, b = starts[c], starts[c + 1]
        if a < b:
            own = _losses(
                sorted_rows[a:b], weights[low:high], bias[low:high],
                (sorted_targets[a:b] - low).astype(np.int32),
            )  # fmt: skip
            for i in range(a, b):
                result[order[i]] += own[i - a]
    return result


@jit
def log_probabilities(rows: Any, weights: Any, bias: Any, vocabulary: Any, size: Any) -> Any:
    """``log p`` of every character, (N, V), for the few rows of one step of writing."""
    of_class = _log_probabilities(rows, weights[vocabulary:], bias[vocabulary:])
    result = _log_probabilities(rows, weights[:vocabulary], bias[:vocabulary])
    for i in range(len(rows)):
        for c in range(of_class.shape[1]):
            low, high = c * size, min((c + 1) * size, vocabulary)
            top, total = result[i, low:high].max(), 0.0
            for v in range(low, high):
                total += exp(result[i, v] - top)
            # p(v) = p(v | all) / p(class | all) * p(class)
            shift = of_class[i, c] - top - rows.dtype.type(math.log(total))
            for v in range(low, high):
                result[i, v] += shift
    return result
