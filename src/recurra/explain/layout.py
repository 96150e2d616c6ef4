"""Where the nodes of one time step stand: rows from the character up to the output.

A node's row is one above the highest that it reads today (operators stand just below what they lead
to); an arrow over several rows keeps a free place in those between. Orders within rows are chosen
for few crossings; then every node moves towards its neighbours (Sugiyama, Tagawa & Toda 1981).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from graphlib import TopologicalSorter
from itertools import combinations, pairwise, permutations
from operator import itemgetter, mul

import numpy as np

from recurra.explain.graph import Arrow, Graph, label_width

RADIUS, OPERATOR_RADIUS = 21.0, 10.0
_HALF_WIDTH = {RADIUS: 36.0, OPERATOR_RADIUS: 28.0, 0.0: 16.0}
_STARTS, _SWEEPS = 12, 4  # of the search for orders
_MOVES = 41  # the last one is upwards
_MOST_PERMUTED = 5  # beyond, a row is sorted instead of trying every order

Row = tuple[str, ...]
Lines = list[tuple[str, str]]  # between neighbouring rows: (low, high)


@dataclass(frozen=True)
class Layout:
    """One time step, laid out.

    Attributes:
        graph: what is laid out.
        rows: node names by row, from left to right; ``source|row`` keeps a place for an arrow.
        x: name -> place, the middle of the column at 0.
        ways: (source, target) at lag 0 -> the free places that the arrow runs through.
    """

    graph: Graph
    rows: tuple[tuple[str, ...], ...]
    x: dict[str, float]
    ways: dict[tuple[str, str], tuple[str, ...]]

    def row(self, name: str) -> int:
        """The row of a node, the character's is 0."""
        return self._numbers[name]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: i for i, row in enumerate(self.rows) for name in row}

    def radius(self, name: str) -> float:
        """The radius of a node; a free place has none."""
        return radius(self.graph, name)

    @cached_property
    def left(self) -> float:
        """The left edge of the widest row."""
        return min(self.x[name] - self.radius(name) for name in self.x)

    @cached_property
    def right(self) -> float:
        """The right edge of the widest row."""
        return max(self.x[name] + self.radius(name) for name in self.x)


def radius(graph: Graph, name: str) -> float:
    """The radius of a node; a free place has none."""
    if name in graph.vectors:
        return RADIUS
    return OPERATOR_RADIUS if name in graph.operators else 0.0


def make_layout(graph: Graph) -> Layout:
    """Lay out one time step."""
    today = [arrow for arrow in graph.arrows if not arrow.lag]
    number = _rows(graph, today)
    rows: list[list[str]] = [[] for _ in range(max(number.values()) + 1)]
    for name in sorted(number, key=list(number).index):
        rows[number[name]].append(name)
    ways: dict[tuple[str, str], tuple[str, ...]] = {}
    lines: dict[tuple[str, str], None] = {}
    for arrow in today:
        between = range(number[arrow.source] + 1, number[arrow.target])
        way = tuple(f"{arrow.source}|{row}" for row in between)
        for row, place in zip(between, way, strict=True):
            if place not in rows[row]:
                rows[row].append(place)
        ways[arrow.source, arrow.target] = way
        lines |= dict.fromkeys(pairwise((arrow.source, *way, arrow.target)))
    # what reads the past would like to be left, most of all if its arrow can be straight
    wishes = dict.fromkeys(number, 0.0)
    for arrow in graph.arrows:
        if arrow.lag:
            near = abs(number[arrow.source] - number[arrow.target]) <= 1
            wishes[arrow.target] -= 3.0 if near and arrow.lag == 1 else 1.0
            wishes[arrow.source] += 1.0
    best = _orders(rows, list(lines), wishes)
    return Layout(graph, tuple(best), _places(graph, best, list(lines)), ways)


def _rows(graph: Graph, today: list[Arrow]) -> dict[str, int]:
    below: dict[str, list[str]] = {name: [] for name in graph.nodes}
    above: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for arrow in today:
        below[arrow.target].append(arrow.source)
        above[arrow.source].append(arrow.target)
    order = list(TopologicalSorter(below).static_order())
    number: dict[str, int] = {}
    for name in order:
        number[name] = max((number[n] + 1 for n in below[name]), default=name != graph.vectors[0])
    output = graph.vectors[-1]
    number[output] = max(number.values()) + (list(number.values()).count(max(number.values())) > 1)
    for name in reversed(order):
        if name in graph.operators:
            number[name] = min(number[n] for n in above[name]) - 1
    return number


def _orders(rows: list[list[str]], lines: Lines, wishes: dict[str, float]) -> list[Row]:
    """The rows in the best orders that sweeps from several random starts find."""
    # the sweeps ask for the same rows between the same neighbours again and again
    ordered = cache(partial(_ordered, lines, wishes))
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_STARTS):
        order = [tuple(row[i] for i in rng.permutation(len(row))) for row in rows]
        for sweep in range(_SWEEPS):
            for row in range(len(rows))[:: -1 if sweep % 2 else 1]:
                below, above = order[max(row - 1, 0) : row], order[row + 1 : row + 2]
                order[row] = ordered(tuple(below), order[row], tuple(above))
        found.append((_cost(order, lines, wishes), order))
    return min(found, key=itemgetter(0))[1]


def _cost(rows: Sequence[Row], lines: Lines, wishes: dict[str, float]) -> tuple[float, float]:
    """The crossings of lines between rows, then how badly the wishes are met."""
    at = {name: i for row in rows for i, name in enumerate(row)}
    crossings = 0
    for lower in rows:
        between = [(at[a], at[b]) for a, b in lines if a in lower and b in at]
        crossings += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(between, 2))
    return crossings, -sum(wishes.get(name, 0.0) * i for name, i in at.items())


def _ordered(
    lines: Lines, wishes: dict[str, float], below: tuple[Row, ...], row: Row, above: tuple[Row, ...]
) -> Row:
    """One row in the order that is best for its neighbours."""
    lines = [line for line in lines if line[0] in row or line[1] in row]
    if len(row) <= _MOST_PERMUTED:
        return min(permutations(row), key=lambda o: _cost([*below, o, *above], lines, wishes))
    at = {name: i / len(r) for r in (*below, *above) for i, name in enumerate(r)}
    near = {
        name: [at[n] for line in lines if name in line for n in line if n in at] for name in row
    }
    return tuple(sorted(row, key=lambda name: sum(near[name]) / max(len(near[name]), 1)))


def _places(graph: Graph, rows: list[Row], lines: Lines) -> dict[str, float]:
    neighbours: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for low, high in lines:
        neighbours[low].append(high)
        neighbours[high].append(low)
    half = {name: _HALF_WIDTH[radius(graph, name)] for name in neighbours}
    for arrow in graph.arrows:  # what comes from before has its label beside the way up
        if arrow.lag:
            half[arrow.target] = max(half[arrow.target], label_width(arrow.label) / 2 + 6.0)
    x = dict.fromkeys(neighbours, 0.0)
    for sweep in range(_MOVES):
        for row in rows[:: -1 if sweep % 2 else 1]:
            wanted = [_middle(name, neighbours[name], x) for name in row]
            x |= zip(row, _apart(wanted, [half[name] for name in row]), strict=True)
    middle = (min(x.values()) + max(x.values())) / 2
    return {name: value - middle for name, value in x.items()}


def _middle(name: str, neighbours: list[str], x: dict[str, float]) -> float:
    """Where a node would like to be; long arrows would like to be straight."""
    weights = [1.0 + 3.0 * ("|" in name) + 3.0 * ("|" in other) for other in neighbours]
    places = [x[other] for other in neighbours]
    total: float = sum(map(mul, weights, places))
    return total / (sum(weights) or 1.0)


def _apart(wanted: Iterable[float], half: Sequence[float]) -> list[float]:
    """Places nearest to those wanted (least squares) that keep their distances.

    Pools neighbours that would overlap (isotonic regression on places minus distances).
    """
    offsets = [0.0]
    for left, right in pairwise(half):
        offsets.append(offsets[-1] + left + right)
    pools: list[list[float]] = []
    for value in (w - o for w, o in zip(wanted, offsets, strict=True)):
        pools.append([value])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    flat = [_mean(pool) for pool in pools for _ in pool]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
