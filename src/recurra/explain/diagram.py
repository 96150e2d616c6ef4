"""Network -> SVG: the network unrolled over time steps, for slides and pages.

Circles in columns, a column a time step, a row a vector, the character at the bottom and the output
at the top. Black arrows stay within a step, blue ones come from the step before, purple ones from
further back. What enters from before and leaves to later fades out at both sides, where dots say
that there are more steps.
"""

from collections.abc import Iterable, Iterator
from html import escape
from math import hypot

from recurra.explain.arrows import LONGEST, MARGIN, Point, Route, Router
from recurra.explain.graph import TIMES, Mark, make_graph
from recurra.explain.labels import label_of, place_labels
from recurra.explain.layout import RADIUS, make_layout
from recurra.explain.names import Symbol
from recurra.lang.network import Network
from recurra.view import palette

CORNER, BEND = 8.0, 30.0  # radii: of lines between columns, of arrows within a step
FADE, SHEETS = 54.0, 18


def draw(network: Network, steps: int = 3) -> str:
    """A network unrolled over time steps, as SVG (text of one self-contained element).

    Args:
        network: what to draw.
        steps: columns, the middle one for step t.
    """
    graph, columns = make_graph(network), range(steps)
    router = Router(make_layout(graph))
    left, top, right, bottom = router.box(columns)
    x, y, width, height = left - MARGIN, top - 14.0, right - left + 2 * MARGIN, bottom - top + 28.0
    routes = router.routes(range(steps + LONGEST))
    shown = [r for r in routes if r.column in columns or r.column - r.arrow.lag in columns]
    shown = [r for r in shown if r.arrow.lag <= LONGEST or r.column in columns]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{_n(x)} {_n(y)} {_n(width)} '
        f'{_n(height)}" width="{_n(width)}" height="{_n(height)}" role="img" '
        f'font-family="{palette.SERIF}" font-style="italic">',
        f"<title>{escape(network.name)}</title>",
        f'<rect {_frame(x, y, width, height)} fill="#fff"/>',
        '<g fill="none" stroke-width="1.5">',
        *_lines(shown, columns),
        "</g>",
        *_fading(x, y, width, height),
        *(_dots(middle, top + RADIUS) for middle in (left - MARGIN / 2, right + MARGIN / 2)),
    ]
    for name, middle, radius in router.circles(columns):
        column = round((middle[0] - router.layout.x[name]) / router.pitch)
        if name in graph.operators:
            parts.append(_operator(graph.operators[name], middle, radius))
        else:
            ends = {graph.vectors[0]: palette.CHARACTER, graph.vectors[-1]: palette.OUTPUT}
            fill = ends.get(name, palette.VECTOR)
            parts.append(_vector(graph.symbols[name], column - steps // 2, middle, fill))
    for route, middle in place_labels(router, columns):
        colour = palette.LAGS[min(route.arrow.lag, LONGEST)]
        parts.append(_label(label_of(route.arrow, graph.symbols), middle, colour))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _frame(x: float, y: float, width: float, height: float) -> str:
    return f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'


def _fading(x: float, y: float, width: float, height: float) -> Iterator[str]:
    """White that grows towards both sides, over arrows that come from and go to other steps.

    Sheets of white over one another, each wider than the one before, so that the sum is a ramp. A
    gradient would have an id, and a page with several diagrams would have it several times.
    """
    for sheet in range(SHEETS):
        wide = FADE * (sheet + 1) / SHEETS
        shape = f"h{_n(wide)}v{_n(height)}h{_n(-wide)}z"
        path = f"M{_n(x)} {_n(y)}{shape}M{_n(x + width - wide)} {_n(y)}{shape}"
        yield f'<path d="{path}" fill="#fff" opacity="{1 / (sheet + 1.5):.3f}"/>'


def _dots(x: float, y: float) -> str:
    path = "".join(f"M{_n(x + shift)} {_n(y)}h0" for shift in (-8, 0, 8))
    return f'<path d="{path}" stroke="{palette.INK}" stroke-width="3.5" stroke-linecap="round"/>'


def _lines(routes: Iterable[Route], columns: range) -> Iterator[str]:
    """Arrows with rounded corners; where they cross those of other nodes, with a white seam."""
    bundles: dict[tuple[int, str, int], list[Route]] = {}
    for route in routes:
        arrow = route.arrow
        bundles.setdefault((-arrow.lag, arrow.source, route.column), []).append(route)
    for (lag, _, _), bundle in sorted(bundles.items()):
        path, colour = "".join(map(_path, bundle)), palette.LAGS[min(-lag, LONGEST)]
        yield f'<path d="{path}" stroke="#fff" stroke-width="5"/>'
        yield f'<path d="{path}" stroke="{colour}"/>'
        for route in bundle:
            if route.column in columns:
                yield _arrowhead(route.points[-2:], colour)


def _arrowhead(line: tuple[Point, ...], colour: str) -> str:
    (x0, y0), (x, y) = line
    length = hypot(x - x0, y - y0) or 1.0
    dx, dy = (x - x0) / length, (y - y0) / length
    back = x - 9.5 * dx, y - 9.5 * dy
    corners = ((x, y), (back[0] - 4 * dy, back[1] + 4 * dx), (back[0] + 4 * dy, back[1] - 4 * dx))
    points = " ".join(f"{_n(a)},{_n(b)}" for a, b in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'


def _path(route: Route) -> str:
    points = route.points
    radius = CORNER if route.arrow.lag else BEND
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{_n(start[0])} {_n(start[1])}")
        parts.append(f"Q{_n(corner[0])} {_n(corner[1])} {_n(end[0])} {_n(end[1])}")
    parts.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(parts)


def _towards(corner: Point, other: Point, radius: float) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = hypot(dx, dy) or 1.0
    fraction = min(radius, length / 2) / length
    return corner[0] + fraction * dx, corner[1] + fraction * dy


def _vector(symbol: Symbol, time: int, middle: Point, fill: str) -> str:
    letter, below = symbol
    when = "t" if not time else f"t{'−' if time < 0 else '+'}{abs(time)}"
    mark = Mark(letter, f"{below},{when}" if below else when)
    return (
        f'<circle cx="{_n(middle[0])}" cy="{_n(middle[1])}" r="{_n(RADIUS)}" fill="{fill}" '
        f'stroke="{palette.INK}" stroke-width="1.4"/>{_label((mark,), middle, palette.INK)}'
    )


def _operator(sign: str, middle: Point, radius: float) -> str:
    x, y = middle
    inner = _label((Mark(sign),), middle, palette.INK)
    if sign == TIMES:
        inner = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2" fill="{palette.INK}"/>'
    return (
        f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{palette.OPERATOR}" '
        f'stroke="{palette.INK}" stroke-width="1.1"/>{inner}'
    )


def _label(marks: Iterable[Mark], middle: Point, colour: str) -> str:
    spans = []
    for mark in marks:
        upright = "" if mark.letter.isalpha() and len(mark.letter) == 1 else ' font-style="normal"'
        spans.append(f"<tspan{upright}>{escape(mark.letter)}</tspan>")
        for text, shift in ((mark.above, -6), (mark.below, 4)):
            if text:
                spans.append(f'<tspan dy="{shift}" font-size="11">{escape(text)}</tspan>')
                spans.append(f'<tspan dy="{-shift}">\u200b</tspan>')
    return (
        f'<text x="{_n(middle[0])}" y="{_n(middle[1] + 5)}" text-anchor="middle" font-size="17" '
        f'fill="{colour}" stroke="#fff" stroke-width="2.4" paint-order="stroke">'
        f"{''.join(spans)}</text>"
    )
