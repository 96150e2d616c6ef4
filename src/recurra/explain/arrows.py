"""The ways of the arrows through a diagram of several time steps.

Arrows within a step run straight from row to row. So do arrows from the step before, if nothing
stands between; the others leave their node to the right, follow a line between the columns, and
come in from the left or from below. Coordinates are x to the right and y downwards, as in SVG.

A bus is the line that all arrows from one node at one lag share. Its trunk is vertical, between two
columns; its lanes are horizontal, each below a row that it leads to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import hypot

from recurra.explain.graph import Arrow, label_width
from recurra.explain.layout import RADIUS, Layout

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom

LONGEST = 2  # an arrow over more steps is drawn as one that comes from outside
GAP = 62.0  # between rows
LANE = 13.0  # between parallel lines
ENTRY = 32.0  # from such a line up to the node above, with room for a label
STUB = 46.0
MARGIN = 82.0  # left and right of the circles


@dataclass(frozen=True)
class Route:
    """One arrow drawn: its points, the first and last on the rims of its nodes."""

    arrow: Arrow
    column: int
    points: tuple[Point, ...]


class Router:
    """Finds the ways of all arrows of a layout, column after column."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.graph = layout, layout.graph
        arrows = self.graph.arrows
        self.far = [a for a in arrows if a.lag > LONGEST]
        # decided in a grid as wide as without any bus
        self.pitch = layout.right - layout.left + 90.0
        self.lanes: dict[int, list[tuple[str, int]]] = {}
        self.buses: list[tuple[str, int]] = []
        self.y = self._rows({})
        timed = [a for a in arrows if 1 <= a.lag <= LONGEST]
        self.straight = {a for a in timed if self._is_clear(a)}
        bent = [a for a in timed if a not in self.straight]
        self.buses = list(dict.fromkeys((a.source, a.lag) for a in bent))
        self.from_left = {a for a in bent if self._may_enter_left(a, bent)}
        for arrow in bent:
            if arrow not in self.from_left:
                row = self.lanes.setdefault(layout.row(arrow.target), [])
                if (arrow.source, arrow.lag) not in row:
                    row.append((arrow.source, arrow.lag))
        self.y = self._rows({row: sum(lag for _, lag in bs) for row, bs in self.lanes.items()})
        self.pitch = layout.right - layout.left + 84.0 + LANE * len(self.buses)
        # wide labels beside the ways up stand between the columns, from both sides
        self.pitch += max([0.0, *(label_width(a.label) - 30.0 for a in bent)])

    def _rows(self, lanes: dict[int, int]) -> list[float]:
        """The y of every row, the output's first from above, counted from the character's at 0."""
        y, heights = 0.0, []
        for number in range(len(self.layout.rows)):
            radius = self._height(number)
            if number:
                space = GAP if radius == RADIUS else 0.7 * GAP
                lines = lanes.get(number, 0)
                y -= space + (lines > 0) * 0.9 * ENTRY + LANE * lines + radius
            heights.append(y)
            y -= radius
        return heights

    def centre(self, name: str, column: int) -> Point:
        """The middle of a node."""
        return self.layout.x[name] + column * self.pitch, self.y[self.layout.row(name)]

    def circles(self, columns: Iterable[int]) -> Iterator[tuple[str, Point, float]]:
        """Every node of some columns: name, middle, radius."""
        for column in columns:
            for name in self.graph.nodes:
                yield name, self.centre(name, column), self.layout.radius(name)

    # -- which way

    def _is_clear(self, arrow: Arrow) -> bool:
        """Whether a straight line is short and meets nothing on its way."""
        rows = self.layout.row(arrow.source), self.layout.row(arrow.target)
        last, first = self._nodes(rows[0])[-1], self._nodes(rows[1])[0]
        outside = arrow.source == last and arrow.target == first
        if abs(rows[0] - rows[1]) > 1 or arrow.lag > 1 or not outside:
            return False
        start, end = self.centre(arrow.source, -1), self.centre(arrow.target, 0)
        ends = (arrow.source, start), (arrow.target, end)
        return all(
            distance(middle, start, end) > radius + 8.0
            for name, middle, radius in self.circles((-1, 0))
            if (name, middle) not in ends
        )

    def _may_enter_left(self, arrow: Arrow, bent: list[Arrow]) -> bool:
        row = self.layout.row(arrow.target)
        x = self.layout.x
        others = [n for n in self.layout.rows[row] if x[n] < x[arrow.target]]
        bus = [a for a in bent if (a.source, a.lag) == (arrow.source, arrow.lag)]
        alone = sum(self.layout.row(a.target) == row for a in bus) == 1
        taken = any(a.target == arrow.target for a in self.straight)
        first = next(a for a in bent if a.target == arrow.target) == arrow
        return not others and alone and not taken and first and arrow.lag == 1

    # -- the ways

    def route(self, arrow: Arrow, column: int) -> Route:
        """An arrow into a column."""
        if arrow in self.far:
            x, y = self.centre(arrow.target, column)
            points = [(x - STUB - RADIUS, y + STUB), (x, y)]
        elif not arrow.lag:
            way = self.layout.ways[arrow.source, arrow.target]
            points = [self.centre(n, column) for n in (arrow.source, *way, arrow.target)]
        elif arrow in self.straight:
            points = [self.centre(arrow.source, column - 1), self.centre(arrow.target, column)]
        else:
            return Route(arrow, column, self._bus(arrow, column))
        points[0] = self._rim(arrow.source, points[0], points[1])
        points[-1] = self._rim(arrow.target, points[-1], points[-2])
        return Route(arrow, column, tuple(points))

    def _rim(self, name: str, middle: Point, towards: Point) -> Point:
        dx, dy = towards[0] - middle[0], towards[1] - middle[1]
        fraction = self.layout.radius(name) / hypot(dx, dy)
        return middle[0] + fraction * dx, middle[1] + fraction * dy

    def _bus(self, arrow: Arrow, column: int) -> tuple[Point, ...]:
        """To the right, along a line between the columns, then in from the left or from below."""
        bus = arrow.source, arrow.lag
        right = (column - arrow.lag) * self.pitch + self.layout.right
        trunk = right + 20.0 + LANE * self.buses.index(bus)
        out = self._out(bus, column - arrow.lag, trunk)
        x, y = self.centre(arrow.target, column)
        radius = self.layout.radius(arrow.target)
        if arrow in self.from_left:
            return *out, (trunk, y), (x - radius, y)
        row = self.layout.row(arrow.target)
        lanes = self.lanes[row]
        below = sum(lag for _, lag in lanes[: lanes.index(bus)]) + column % arrow.lag
        lane = self.y[row] + self._height(row) + ENTRY + LANE * below
        aside = min(0.5 * radius + 4.0 * lanes.index(bus), 0.9 * radius)
        up = x + self._side(arrow.target) * aside, y + (radius**2 - aside**2) ** 0.5
        return *out, (trunk, lane), (up[0], lane), up

    def _out(self, bus: tuple[str, int], column: int, trunk: float) -> tuple[Point, ...]:
        """From a node to the line between the columns: below or above what stands in between."""
        x, y = self.centre(bus[0], column)
        radius, row = self.layout.radius(bus[0]), self.layout.row(bus[0])
        turn = self._turn(bus)
        away = (radius**2 - turn**2) ** 0.5
        if any(self.layout.x[name] + column * self.pitch > x for name in self._nodes(row)):
            over = self.y[row] - self._height(row) - 9.0
            return (x + turn, y - away), (x + turn, over), (trunk, over)
        return (x + away, y + turn), (trunk, y + turn)

    def _nodes(self, row: int) -> list[str]:
        return [name for name in self.layout.rows[row] if self.layout.radius(name)]

    def _height(self, row: int) -> float:
        return max(map(self.layout.radius, self.layout.rows[row]))

    def _turn(self, bus: tuple[str, int]) -> float:
        """How far below its node's middle a bus leaves: apart from other arrows to the right."""
        own = [b for b in self.buses if b[0] == bus[0]]
        offset = self.layout.radius(bus[0]) * (own.index(bus) + 1) / (len(own) + 1)
        rows = [self.layout.row(a.target) for a in self.straight if a.source == bus[0]]
        down = any(row < self.layout.row(bus[0]) for row in rows)
        return -offset if down else offset

    def _side(self, target: str) -> int:
        """On which side arrows from below leave room: 1 if those within the step come from left."""
        arrows = [a for a in self.graph.arrows if a.target == target and not a.lag]
        way = [(a.source, *self.layout.ways[a.source, target])[-1] for a in arrows]
        x = self.layout.x
        return 1 if sum(x[name] - x[target] for name in way) < -1.0 else -1

    def box(self, columns: range) -> Box:
        """Extent of a diagram of some columns, from the first circle to the last."""
        top, bottom = self.y[-1] - RADIUS, self.y[0] + RADIUS
        return self.layout.left, top, self.layout.right + (len(columns) - 1) * self.pitch, bottom

    # -- all of them

    def routes(self, columns: Iterable[int]) -> list[Route]:
        """All arrows into some columns."""
        return [self.route(arrow, c) for c in columns for arrow in self.graph.arrows]


def distance(point: Point, start: Point, end: Point) -> float:
    """From a point to the nearest of a line from start to end."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    fraction = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / (dx * dx + dy * dy)
    fraction = min(max(fraction, 0.0), 1.0)
    return hypot(point[0] - start[0] - fraction * dx, point[1] - start[1] - fraction * dy)
