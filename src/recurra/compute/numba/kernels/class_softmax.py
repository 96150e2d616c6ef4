"""The output layer with a shortlist: frequent characters at once, all others by way of a class.

The first S characters of the vocabulary and C classes of the others share one softmax, the *head*;
the characters of a class have one of their own (Goodman 2001, Schwenk 2007, Grave et al. 2017):

    p(v) = head(v)                            v on the shortlist,
    p(v) = head(class of v) * p(v | class)    else.

The layer has V + C rows, those of the classes last. A row of the text needs S + C scores and, if
its target is not on the shortlist, those of one class, not all V. The rows of such targets are
sorted by class, so that each class is a small output layer; see
`recurra.compute.numba.kernels.softmax`.
"""

import math
from typing import Any

import numpy as np

from recurra.compute.numba.kernels import softmax as output
from recurra.compute.numba.kernels.elementwise import exp
from recurra.compute.numba.kernels.jit import jit

_train, _losses, _log_probabilities = output.train, output.losses, output.log_probabilities


@jit
def _bounds(c: Any, vocabulary: Any, shortlist: Any, size: Any) -> Any:
    """The first character of class c, and the first behind it."""
    low = shortlist + c * size
    return low, min(low + size, vocabulary)


@jit
def _place(score: Any, vocabulary: Any, shortlist: Any) -> Any:
    """The row of the layer that has a score of the head."""
    return score if score < shortlist else score - shortlist + vocabulary


@jit
def _head(weights: Any, bias: Any, targets: Any, vocabulary: Any, shortlist: Any, size: Any) -> Any:
    """Weights and biases of the head, and which of its scores each row's target has."""
    # loops: NumPy's way to join and assign arrays takes seconds to compile, for its error messages
    count = shortlist + len(weights) - vocabulary
    own = np.empty((count, weights.shape[1]), weights.dtype)
    own_bias = np.empty(count, bias.dtype)
    for score in range(count):
        place = _place(score, vocabulary, shortlist)
        own_bias[score] = bias[place]
        for j in range(weights.shape[1]):
            own[score, j] = weights[place, j]
    among = targets.copy()
    for row in range(len(targets)):
        if targets[row] >= shortlist:
            among[row] = shortlist + (targets[row] - shortlist) // size
    return own, own_bias, among


@jit
def _by_class(among: Any, shortlist: Any, classes: Any) -> Any:
    """The rows whose target is in a class, sorted by it, and where among them each class begins."""
    starts = np.zeros(classes + 1, np.int64)
    for score in among:
        if score >= shortlist:
            starts[score - shortlist + 1] += 1
    for c in range(classes):
        starts[c + 1] += starts[c]
    order, free = np.empty(starts[-1], np.int64), starts.copy()
    for row in range(len(among)):
        if among[row] >= shortlist:
            c = among[row] - shortlist
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
    shortlist: Any,
    size: Any,
) -> float:
    """The loss and the gradients of ``scale`` times it.

    Args:
        rows, weights, bias: (N, h), (V + C, h), (V + C,).
        targets: int32 (N,), below V.
        scale: factor of the gradients.
        d_rows, d_weights, d_bias: out, overwritten.
        vocabulary: V.
        shortlist: S.
        size: characters in a class.
    """
    own, own_bias, among = _head(weights, bias, targets, vocabulary, shortlist, size)
    d_own, d_own_bias = np.empty_like(own), np.empty_like(own_bias)
    loss: float = _train(rows, own, own_bias, among, scale, d_rows, d_own, d_own_bias)
    for score in range(len(d_own)):
        place = _place(score, vocabulary, shortlist)
        d_bias[place] = d_own_bias[score]
        for j in range(d_own.shape[1]):
            d_weights[place, j] = d_own[score, j]
    order, starts = _by_class(among, shortlist, len(weights) - vocabulary)
    sorted_rows, sorted_targets = rows[order], targets[order]
    d_sorted = np.empty_like(sorted_rows)
    for c in range(len(starts) - 1):
        low, high = _bounds(c, vocabulary, shortlist, size)
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
def losses(
    rows: Any,
    weights: Any,
    bias: Any,
    targets: Any,
    vocabulary: Any,
    shortlist: Any,
    size: Any,
) -> Any:
    """``-log p`` of each target, (N,); see `train`."""
    own, own_bias, among = _head(weights, bias, targets, vocabulary, shortlist, size)
    result = _losses(rows, own, own_bias, among)
    order, starts = _by_class(among, shortlist, len(weights) - vocabulary)
    sorted_rows, sorted_targets = rows[order], targets[order]
    for c in range(len(starts) - 1):
        low, high = _bounds(c, vocabulary, shortlist, size)
        a, b = starts[c], starts[c + 1]
        if a < b:
            within = _losses(
                sorted_rows[a:b], weights[low:high], bias[low:high],
                (sorted_targets[a:b] - low).astype(np.int32),
            )  # fmt: skip
            for i in range(a, b):
                result[order[i]] += within[i - a]
    return result


@jit
def _log_total(scores: Any) -> Any:
    """``log sum exp(scores)``."""
    top, total = scores.max(), 0.0
    for score in scores:
        total += exp(score - top)
    return top + scores.dtype.type(math.log(total))


@jit
def log_probabilities(
    rows: Any, weights: Any, bias: Any, vocabulary: Any, shortlist: Any, size: Any
) -> Any:
    """``log p`` of every character, (N, V), for the few rows of one step of writing."""
    # scores of all, shifted by one number, which changes no softmax
    scores = _log_probabilities(rows, weights, bias)
    result = np.empty((len(rows), vocabulary), rows.dtype)
    of_head = np.empty(shortlist + len(bias) - vocabulary, rows.dtype)
    for i in range(len(rows)):
        z = scores[i]
        for score in range(len(of_head)):
            of_head[score] = z[_place(score, vocabulary, shortlist)]
        head = _log_total(of_head)
        for v in range(shortlist):
            result[i, v] = z[v] - head
        for c in range(len(z) - vocabulary):
            low, high = _bounds(c, vocabulary, shortlist, size)
            of_class = z[vocabulary + c] - head - _log_total(z[low:high])
            for v in range(low, high):
                result[i, v] = z[v] + of_class
    return result
