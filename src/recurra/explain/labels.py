"""Where the labels of a diagram's arrows stand: away from circles, lines and other labels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

from recurra.explain.arrows import LONGEST, MARGIN, Box, Point, Route, Router
from recurra.explain.graph import Arrow, Mark, label_width

HEIGHT = 15.0
CLEAR = 7.0  # how far a label would like to be from other arrows


def place_labels(router: Router, columns: range) -> list[tuple[Route, Point]]:
    """The middle of every label, away from circles, lines and other labels.

    An arrow's label stands at the same place in every column.
    """
    column = columns.start + 1
    around = range(column - LONGEST, column + LONGEST + 1)
    lines = [(r.arrow, line) for r in router.routes(around) for line in pairwise(r.points)]
    circles = [(middle, radius) for _, middle, radius in router.circles(around)]
    taken: list[Box] = []
    found: list[tuple[Route, Point]] = []
    for arrow in router.graph.arrows:
        marks = label_of(arrow, router.graph.symbols)
        if not marks:
            continue
        width, route = label_width(marks), router.route(arrow, column)
        region = _grown(_bounds(route.points[-2:]), width + HEIGHT)
        near = _Near(
            [box for box in taken if _overlap(box, region)],
            [c for c in circles if _touches(region, *c)],
            [(a == arrow, line) for a, line in lines if _overlap(_bounds(line), region)],
        )
        left, _, right, _ = router.box(range(1))
        begin = column * router.pitch
        edges = begin + left - MARGIN + 4.0, begin + right + MARGIN - 4.0
        places = list(_candidates(route.points, width))
        place = min(places, key=lambda p: p[0] + near.badness(_box(p[1], width), edges))[1]
        for other in around:
            shift = (other - column) * router.pitch
            taken.append(_box((place[0] + shift, place[1]), width))
            if other in columns:
                found.append((router.route(arrow, other), (place[0] + shift, place[1])))
    return found


@dataclass(frozen=True)
class _Near:
    """Surroundings of a label's arrow: other labels, circles, lines (own ones marked)."""

    labels: list[Box]
    circles: list[tuple[Point, float]]
    lines: list[tuple[bool, tuple[Point, Point]]]

    def badness(self, box: Box, edges: tuple[float, float]) -> float:
        """How much a label at this place would overlap, or leave the picture at a side."""
        wide = _grown(box, CLEAR)
        return (
            60.0 * (box[0] < edges[0] or edges[1] < box[2])
            + 90.0 * sum(_overlap(box, label) for label in self.labels)
            + 30.0 * sum(_touches(box, *circle) for circle in self.circles)
            + 20.0 * sum(_cuts(box, line) for _, line in self.lines)
            + 1.0 * sum(_cuts(wide, line) for own, line in self.lines if not own)
        )


def label_of(arrow: Arrow, symbols: dict[str, tuple[str, str]]) -> tuple[Mark, ...]:
    """An arrow's label; one from far away names where it comes from, too."""
    if arrow.lag <= LONGEST:
        return arrow.label
    letter, below = symbols[arrow.source]
    time = f"t−{arrow.lag}"
    return (*arrow.label, Mark(letter, f"{below},{time}" if below else time))


def _candidates(points: tuple[Point, ...], width: float) -> Iterator[tuple[float, Point]]:
    """Places beside the last part of an arrow, with how far from ideal each is."""
    (x0, y0), (x1, y1) = points[-2:]
    length = hypot(x1 - x0, y1 - y0) or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    for fraction in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82):
        for side in (-1.0, 1.0):
            for extra in (0.0, 6.0, 28.0):  # the last: beside other labels of the same line
                away = abs(dy) * width / 2 + abs(dx) * HEIGHT / 2 + 3.5 + extra
                x = x0 + fraction * (x1 - x0) - side * -dy * away
                y = y0 + fraction * (y1 - y0) - side * dx * away
                yield 6.0 * abs(fraction - 0.5) + 0.3 * extra + (side < 0) * 0.5, (x, y)


def _box(middle: Point, width: float) -> Box:
    x, y = middle
    return x - width / 2, y - HEIGHT / 2, x + width / 2, y + HEIGHT / 2


def _bounds(points: Iterable[Point]) -> Box:
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _touches(box: Box, middle: Point, radius: float) -> bool:
    x = min(max(middle[0], box[0]), box[2])
    y = min(max(middle[1], box[1]), box[3])
    return hypot(x - middle[0], y - middle[1]) < radius + 2.0


def _cuts(box: Box, line: tuple[Point, Point]) -> bool:
    """Whether a line runs through a box (Liang & Barsky 1984)."""
    (x0, y0), (x1, y1) = line
    enter, leave = 0.0, 1.0
    for start, move, low, high in ((x0, x1 - x0, box[0], box[2]), (y0, y1 - y0, box[1], box[3])):
        if not move:
            if not low < start < high:
                return False
            continue
        one, other = sorted(((low - start) / move, (high - start) / move))
        enter, leave = max(enter, one), min(leave, other)
    return enter < leave
