"""Logistic mixing of predictions, and counts of contexts, decision by decision (Mahoney 2005).

A character is a path of yes-no decisions through a tree over the vocabulary. At each of them every
context says what followed it before, and every network what it expects; a mixer weighs their
logits. After the decision, counts and weights learn from it.
"""

from typing import Any

import numpy as np

from recurra.compute.numba.kernels.jit import inlined, jit

# Counts of one context end here.
LIMIT = 40
# Places of a table that are tried for a context.
PROBES = 4
# The mixer's learning rate falls from the first to the last.
FIRST_RATE, LAST_RATE = 0.02, 0.002
# No more certain than this: of counts, of networks, of the mixture.
COUNTS, NETWORKS, MIXTURE = 1.0 / 4096.0, 1e-5, 1e-6
# Characters of a word that are looked at.
WORD = 32
_PRIME = np.uint64(1099511628211)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIXED = np.uint64(0xBF58476D1CE4E5B9)


@inlined
def _logit(p: Any, certain: Any) -> Any:
    p = min(max(p, certain), 1.0 - certain)
    return np.log(p / (1.0 - p))


@inlined
def _logistic(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-min(max(x, -30.0), 30.0)))


@inlined
def _context(text: Any, t: Any, order: Any, is_word: Any) -> Any:
    """A number for the characters before t: so many, or those of the word if the order is -1."""
    first = max(0, t - order)
    if order < 0:
        first = t
        while first > 0 and t - first < WORD and is_word[text[first - 1]]:
            first -= 1
    found = np.uint64(order + 2)
    for j in range(first, t):
        found = (found ^ np.uint64(text[j] + 1)) * _PRIME
    return found


@inlined
def _place(marks: Any, counts: Any, context: Any, node: Any) -> Any:
    """Where a table counts the decisions of a node in a context; a rare one makes room."""
    key = context + np.uint64(node + 1) * _GOLDEN
    key = (key ^ (key >> np.uint64(29))) * _MIXED
    key ^= key >> np.uint64(32)
    mark, mask = np.uint32(key >> np.uint64(32)), len(marks) - 1
    rarest, fewest = np.int64(0), np.int64(1000)
    for probe in range(PROBES):
        i = (np.int64(key & np.uint64(0x7FFFFFFF)) + probe) & mask
        total = np.int64(counts[i, 0]) + np.int64(counts[i, 1])
        if marks[i] == mark and total > 0:
            return i
        if total < fewest:
            rarest, fewest = i, total
    marks[rarest] = mark
    counts[rarest, 0] = counts[rarest, 1] = 0
    return rarest


@jit
def mix(
    text: Any,
    begin: int,
    nodes: Any,
    orders: Any,
    is_word: Any,
    cumulative: Any,
    marks: Any,
    counts: Any,
    maps: Any,
    uses: Any,
    by_length: Any,
    by_node: Any,
    clock: Any,
    losses: Any,
) -> None:
    """Predict characters of a text one by one, and learn from each.

    Args:
        text: characters ``(n,)``; those before ``begin`` are context only.
        begin: the first character to predict.
        nodes: ``(N, 5)``: low, middle and high character of a decision, the nodes of both answers;
            below 0: a character.
        orders: ``(C,)``, characters of each context; -1: those of the word.
        is_word: ``(V,)``, whether a character is part of a word.
        cumulative: ``(K, m, V + 1)``, sums of each network's probabilities; none: m is 0.
        marks, counts: ``(C, S)`` and ``(C, S, 2)``, the tables; S is a power of 2.
        maps, uses: ``(C, LIMIT + 1, LIMIT + 1)``, what followed such counts, and how often.
        by_length, by_node: ``(C + 1, I)`` and ``(N, I)``, weights of two mixers, I = C + K + 1; one
            has a set for each number of contexts that are known, the other for each node.
        clock: ``(1,)``, characters predicted so far.
        losses: ``(m,)`` for -ln p.
    """
    contexts, networks = len(orders), len(cumulative)
    inputs = contexts + networks + 1
    x, places = np.zeros(inputs), np.zeros(contexts, np.int64)
    x[inputs - 1] = 0.3
    hashes = np.zeros(contexts, np.uint64)
    for m in range(len(losses)):
        t = begin + m
        rate = max(LAST_RATE, FIRST_RATE / (1.0 + clock[0] * 1e-4))
        clock[0] += 1
        for c in range(contexts):
            hashes[c] = _context(text, t, orders[c], is_word)
        # of a single character nothing is left to decide
        node, loss = 0 if len(nodes) else -1, 0.0
        while node >= 0:
            low, middle, high, first, second = nodes[node]
            bit = 1 if text[t] >= middle else 0
            known = 0
            for c in range(contexts):
                place = _place(marks[c], counts[c], hashes[c], node)
                places[c], x[c] = place, 0.0
                a, b = counts[c, place, 0], counts[c, place, 1]
                if a + b > 0:
                    known += 1
                    x[c] = _logit(maps[c, a, b], COUNTS)
            for k in range(networks):
                if cumulative.shape[1] > 0:
                    sums = cumulative[k, m]
                    whole = sums[high] - sums[low]
                    p = (sums[high] - sums[middle]) / whole if whole > 1e-12 else 0.5
                    x[contexts + k] = _logit(p, NETWORKS)
            one, other = 0.0, 0.0
            for i in range(inputs):
                one += by_length[known, i] * x[i]
                other += by_node[node, i] * x[i]
            p = min(max(_logistic(0.5 * (one + other)), MIXTURE), 1.0 - MIXTURE)
            loss -= np.log(p if bit else 1.0 - p)
            # each mixer learns as if it were alone
            one, other = rate * (bit - _logistic(one)), rate * (bit - _logistic(other))
            for i in range(inputs):
                by_length[known, i] += one * x[i]
                by_node[node, i] += other * x[i]
            for c in range(contexts):
                count = counts[c, places[c]]
                a, b = count[0], count[1]
                if a + b > 0:
                    maps[c, a, b] += (bit - maps[c, a, b]) / (uses[c, a, b] + 1.5)
                    uses[c, a, b] = min(1023.0, uses[c, a, b] + 1.0)
                # what did not happen counts less from now on
                count[bit] = min(LIMIT, count[bit] + 1)
                if count[1 - bit] > 2:
                    count[1 - bit] = count[1 - bit] // 2 + 1
            node = second if bit else first
        losses[m] = loss
