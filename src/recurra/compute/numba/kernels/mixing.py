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
# Characters of a word, and of what stands between two words, that are looked at.
WORD, GAP = 32, 8
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
def _hash(found: Any, text: Any, first: Any, end: Any) -> Any:
    for j in range(first, end):
        found = (found ^ np.uint64(text[j] + 1)) * _PRIME
    return found


@inlined
def _word(text: Any, end: Any, is_word: Any) -> Any:
    """Where the word that ends there begins."""
    first = end
    while first > 0 and end - first < WORD and is_word[text[first - 1]]:
        first -= 1
    return first


@inlined
def _context(text: Any, t: Any, kind: Any, is_word: Any) -> Any:
    """A number for what stands before t; see `recurra.models.mixture.CONTEXTS`."""
    characters, skipped, word = kind
    end = t - skipped
    found = _PRIME  # no character can make it 0
    if word >= 0:
        first = _word(text, t, is_word)
        found, end = _hash(found, text, first, t) * _PRIME, first
        for _ in range(word):
            end = first
            while end > 0 and first - end < GAP and not is_word[text[end - 1]]:
                end -= 1
            first = _word(text, end, is_word)
        if word:
            found, end = _hash(found, text, first, end) * _PRIME, first
    return _hash(found, text, max(0, end - characters), end)


@inlined
def _key(context: Any, node: Any) -> Any:
    key = context + np.uint64(node + 1) * _GOLDEN
    key = (key ^ (key >> np.uint64(29))) * _MIXED
    return key ^ (key >> np.uint64(32))


@inlined
def _place(marks: Any, counts: Any, key: Any) -> Any:
    """Where a table counts the decisions of a key; if nowhere, where the rarest could make room."""
    mark, mask = np.uint32(key >> np.uint64(32)), len(marks) - 1
    rarest, fewest = np.int64(0), np.int64(1000)
    for probe in range(PROBES):
        i = (np.int64(key & np.uint64(0x7FFFFFFF)) + probe) & mask
        total = np.int64(counts[i, 0]) + np.int64(counts[i, 1])
        if marks[i] == mark and total > 0:
            return i
        if total < fewest:
            rarest, fewest = i, total
    return rarest


@inlined
def _counted(place: Any, key: Any, marks: Any, counts: Any, maps: Any) -> Any:
    """The inputs of a context at its place, and 1 if it is known; else zeros."""
    a, b = counts[place, 0], counts[place, 1]
    if marks[place] != np.uint32(key >> np.uint64(32)) or a + b == 0:
        return 0.0, 0.0, 0
    # the logit of the certain is far out: beside it, a measure with an end
    return _logit(maps[a, b], COUNTS), 4.0 * maps[a, b] - 2.0, 1


@inlined
def _expected(sums: Any, low: Any, middle: Any, high: Any) -> Any:
    """The input of a network, from the sums of its probabilities."""
    whole = sums[high] - sums[low]
    return _logit((sums[high] - sums[middle]) / whole if whole > 1e-12 else 0.5, NETWORKS)


@inlined
def _dots(x: Any, length: Any, branch: Any, before: Any) -> Any:
    """The dot products of the inputs with the weights of three mixers."""
    one, two, three = 0.0, 0.0, 0.0
    for i in range(len(x)):
        one += length[i] * x[i]
        two += branch[i] * x[i]
        three += before[i] * x[i]
    return one, two, three


@inlined
def _mixture(dots: Any) -> Any:
    p = _logistic((dots[0] + dots[1] + dots[2]) / 3.0)
    return min(max(p, MIXTURE), 1.0 - MIXTURE)


@jit
def mix(
    text: Any,
    begin: int,
    nodes: Any,
    kinds: Any,
    is_word: Any,
    cumulative: Any,
    marks: Any,
    counts: Any,
    maps: Any,
    uses: Any,
    by_length: Any,
    by_node: Any,
    by_last: Any,
    clock: Any,
    losses: Any,
) -> None:
    """Predict characters of a text one by one, and learn from each.

    Args:
        text: characters ``(n,)``; those before ``begin`` are context only.
        begin: the first character to predict.
        nodes: ``(N, 5)``: low, middle and high character of a decision, the nodes of both answers;
            below 0: a character.
        kinds: ``(C, 3)``, the contexts; see `recurra.models.mixture.CONTEXTS`.
        is_word: ``(V,)``, whether a character is part of a word.
        cumulative: ``(K, m, V + 1)``, sums of each network's probabilities; none: m is 0.
        marks, counts: ``(C, S)`` and ``(C, S, 2)``, the tables; S is a power of 2.
        maps, uses: ``(C, LIMIT + 1, LIMIT + 1)``, what followed such counts, and how often.
        by_length, by_node, by_last: ``(C + 1, I)``, ``(N, I)`` and ``(V, I)``, weights of three
            mixers, I = 2 C + K + 1; they have a set for each number of contexts that are known, for
            each node, and for each last character.
        clock: ``(1,)``, characters predicted so far.
        losses: ``(m,)`` for -ln p.
    """
    contexts, networks = len(kinds), len(cumulative)
    inputs = 2 * contexts + networks + 1
    x, places = np.zeros(inputs), np.zeros(contexts, np.int64)
    x[inputs - 1] = 0.3
    hashes = np.zeros(contexts, np.uint64)
    for m in range(len(losses)):
        t = begin + m
        rate = max(LAST_RATE, FIRST_RATE / (1.0 + clock[0] * 1e-4))
        clock[0] += 1
        for c in range(contexts):
            hashes[c] = _context(text, t, kinds[c], is_word)
        last = text[t - 1]
        # of a single character nothing is left to decide
        node, loss = 0 if len(nodes) else -1, 0.0
        while node >= 0:
            low, middle, high, first, second = nodes[node]
            bit = 1 if text[t] >= middle else 0
            known = 0
            for c in range(contexts):
                key = _key(hashes[c], node)
                places[c] = place = _place(marks[c], counts[c], key)
                entry = _counted(place, key, marks[c], counts[c], maps[c])
                x[c], x[contexts + c] = entry[0], entry[1]
                known += entry[2]
                if not entry[2]:
                    marks[c, place] = np.uint32(key >> np.uint64(32))
                    counts[c, place, 0] = counts[c, place, 1] = 0
            for k in range(networks):
                if cumulative.shape[1] > 0:
                    x[2 * contexts + k] = _expected(cumulative[k, m], low, middle, high)
            dots = _dots(x, by_length[known], by_node[node], by_last[last])
            p = _mixture(dots)
            loss -= np.log(p if bit else 1.0 - p)
            # each mixer learns as if it were alone
            length = rate * (bit - _logistic(dots[0]))
            branch = rate * (bit - _logistic(dots[1]))
            before = rate * (bit - _logistic(dots[2]))
            for i in range(inputs):
                by_length[known, i] += length * x[i]
                by_node[node, i] += branch * x[i]
                by_last[last, i] += before * x[i]
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


@jit
def predict(
    text: Any,
    nodes: Any,
    kinds: Any,
    is_word: Any,
    cumulative: Any,
    marks: Any,
    counts: Any,
    maps: Any,
    by_length: Any,
    by_node: Any,
    by_last: Any,
    p: Any,
) -> None:
    """The probabilities of all characters after a text; nothing is learned. See `mix`.

    Args:
        text: characters ``(n,)``, at least one.
        cumulative: ``(K, V + 1)``, sums of each network's probabilities.
        p: ``(V,)`` for the probabilities.
    """
    contexts, networks, t = len(kinds), len(cumulative), len(text)
    x, hashes = np.zeros(2 * contexts + networks + 1), np.zeros(contexts, np.uint64)
    x[len(x) - 1] = 0.3
    for c in range(contexts):
        hashes[c] = _context(text, t, kinds[c], is_word)
    reached = np.ones(len(nodes))
    p[:] = 1.0
    for node in range(len(nodes)):  # each comes after the one that leads to it
        low, middle, high, first, second = nodes[node]
        known = 0
        for c in range(contexts):
            key = _key(hashes[c], node)
            place = _place(marks[c], counts[c], key)
            entry = _counted(place, key, marks[c], counts[c], maps[c])
            x[c], x[contexts + c] = entry[0], entry[1]
            known += entry[2]
        for k in range(networks):
            x[2 * contexts + k] = _expected(cumulative[k], low, middle, high)
        yes = _mixture(_dots(x, by_length[known], by_node[node], by_last[text[t - 1]]))
        for answer, chance in ((first, 1.0 - yes), (second, yes)):
            if answer < 0:
                p[-1 - answer] = reached[node] * chance
            else:
                reached[answer] = reached[node] * chance
