"""Charts as SVG that stands inside a page or alone: curves, estimates with intervals, bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from recurra.view import palette
from recurra.view.axes import (
    EDGE,
    LEFT,
    TOP,
    WIDTH,
    Scale,
    fitted,
    frame_x,
    frame_y,
    height_below,
    svg,
    text_at,
    text_width,
)
from recurra.view.numbers import number, tick
from recurra.view.tables import csv_text
from recurra.view.thinning import thin

LINE = 15  # between two labels
_SMALL = f'fill="{palette.SOFT}" font-size="11"'


@dataclass(frozen=True)
class Curve:
    """A line through points; one without a label is drawn thin, as one of several.

    Attributes:
        x, y: finite numbers, x rising; as many as there are, a figure thins them.
        colour: number of a colour of the palette.
        label: at its end.
        dots: pale dots in place of the line.
    """

    x: ArrayLike
    y: ArrayLike
    colour: int = 0
    label: str = ""
    dots: bool = False


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval, and the values that it is the mean of."""

    label: str
    mean: float
    low: float
    high: float
    colour: int = 0
    values: Sequence[float] = ()


def curves(
    lines: Sequence[Curve],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    marks: bool = False,
    above: str = "",
    height: int = 228,
) -> str:
    """A chart of curves; nothing to see gives an empty text.

    Args:
        lines: drawn in this order, each label in its line's colour.
        x_label, y_label: of the axes.
        log_x: a logarithmic x axis.
        marks: a dot at every point: for a few measurements.
        above: what is said, with ``{highest}``, where the y axis ends below the highest few of all
            points, because the others would have less than a third of it: a loss falls so fast at
            first that nothing else could be told apart. Empty: the axis is whole.
        height: of the drawing above its axis.
    """
    lines = [replace(line, label=fitted(line.label)) for line in lines]
    right = 16 + max((text_width(line.label) for line in lines), default=0)
    paths = [thin(line.x, line.y, WIDTH - LEFT - right) for line in lines]
    shown = sorted(float(y) for _, path in paths for y in path)
    if not shown:
        return ""
    highest = shown[-1]
    top = shown[int(0.94 * len(shown))]
    if not above or highest - shown[0] < 3.0 * (top - shown[0]):
        top = highest
    ends = [float(x) for path, _ in paths for x in path]
    padded = marks or any(line.dots for line in lines)
    across = Scale(ends, LEFT, WIDTH - right, log=log_x, padded=padded)
    up = Scale([shown[0], top], height, TOP)
    parts = [frame_y(up, WIDTH - right, y_label), frame_x(across, height, x_label)]
    if highest > up.high:
        told = above.replace("{highest}", tick(float(f"{highest:.3g}")))
        parts.append(text_at(WIDTH - right, TOP - 3, told, "end", style=_SMALL))
    box = (LEFT, TOP - 4, WIDTH - LEFT - right + 4, height - TOP + 4)
    # an svg within the svg cuts off what is outside of it
    parts.append(
        '<svg x="{0}" y="{1}" width="{2}" height="{3}" viewBox="{0} {1} {2} {3}">'.format(*box)
    )
    labels = []
    for line, (xs, ys) in zip(lines, paths, strict=True):
        colour = palette.series(line.colour)
        places = [(across(x), up(y)) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
        if not line.dots:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            style = 'stroke-width="2.2"' if line.label else 'stroke-width="1" opacity="0.35"'
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" {style} '
                'stroke-linejoin="round"/>'
            )
        if line.dots or marks or len(places) == 1:
            size = 'r="3" opacity="0.4"' if line.dots else 'r="3.5"'
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" {size} fill="{colour}"/>' for x, y in places
            ]
        if line.label and places:
            labels.append((min(max(places[-1][1], TOP), height), line.label, colour))
    parts.append("</svg>")
    parts += _end_labels(labels, height, WIDTH - right + 6)
    return svg(parts, height + height_below(across), f"{y_label}, {x_label}")


def intervals(estimates: Sequence[Estimate], x_label: str, *, zero: bool = False) -> str:
    """One row for each estimate: its values as small dots, its mean and its interval.

    Args:
        estimates: an infinite interval is not drawn.
        x_label: of the axis.
        zero: with a line at 0, as for differences.
    """
    numbers = [n for e in estimates for n in (e.mean, e.low, e.high, *e.values) if math.isfinite(n)]
    if not numbers:
        return ""
    row = 46
    base = TOP + row * len(estimates)
    across = Scale([*numbers, 0.0] if zero else numbers, EDGE, WIDTH - EDGE)
    parts = [frame_x(across, base, x_label)]
    if zero:
        x = across(0.0)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{base}" '
            f'stroke="{palette.INK}" stroke-dasharray="3 3"/>'
        )
    for i, estimate in enumerate(estimates):
        y = TOP + row * i + 32
        colour = palette.series(estimate.colour)
        parts.append(text_at(EDGE, y - 16, estimate.label, "start", style=_bold(colour)))
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            parts.append(
                f'<line x1="{across(estimate.low):.1f}" x2="{across(estimate.high):.1f}" '
                f'y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2.5" stroke-linecap="round"/>'
            )
        dots = [(value, 3.5, colour, palette.GROUND, 1.0) for value in estimate.values]
        dots.append((estimate.mean, 5.5, palette.GROUND, colour, 2.5))
        parts += [
            f'<circle cx="{across(value):.1f}" cy="{y}" r="{radius}" fill="{fill}" '
            f'stroke="{edge}" stroke-width="{width}"/>'
            for value, radius, fill, edge, width in dots
            if math.isfinite(value)
        ]
    return svg(parts, base + height_below(across), x_label)


def points(lines: Sequence[Curve]) -> str:
    """The points of curves as CSV: the number of the colour, the label, x and y."""
    rows = (
        (line.colour, line.label, x, y)
        for line in lines
        for x, y in zip(np.asarray(line.x).tolist(), np.asarray(line.y).tolist(), strict=True)
    )
    return csv_text(("colour", "label", "x", "y"), rows)


def bounds(estimates: Sequence[Estimate]) -> str:
    """Intervals as CSV: the label, the mean, both ends, and the values."""
    rows = (
        (
            one.label,
            one.mean,
            one.low,
            one.high,
            " ".join(str(float(value)) for value in one.values),
        )
        for one in estimates
    )
    return csv_text(("label", "mean", "low", "high", "values"), rows)


def bars(shares: Sequence[tuple[str, float]], x_label: str) -> str:
    """One bar for each share of a whole, with its number."""
    if not shares:
        return ""
    row = 28
    base = TOP + row * len(shares)
    shares = [(fitted(name), share) for name, share in shares]
    left = EDGE + 8 + max(text_width(name) for name, _ in shares)
    across = Scale([0.0, 1.0], left, WIDTH - EDGE - 12, padded=False)
    parts = [frame_x(across, base, x_label)]
    for i, (name, share) in enumerate(shares):
        y = TOP + row * i
        end = across(min(max(share, 0.0), 1.0))
        parts.append(text_at(left - 8, y + 17, name, "end"))
        parts.append(
            f'<rect x="{left}" y="{y + 4}" width="{end - left:.1f}" height="{row - 10}" '
            f'fill="{palette.series(0)}"><title>{escape(name)}: {number(share)}</title></rect>'
        )
        anchor, x = ("end", end - 6) if share > 0.8 else ("start", end + 6)
        ink = f'fill="{palette.GROUND if share > 0.8 else palette.INK}" font-size="12"'
        parts.append(text_at(x, y + 17, f"{share:.2f}", anchor, style=ink))
    return svg(parts, base + height_below(across), x_label)


def _end_labels(labels: list[tuple[float, str, str]], height: int, x: int) -> list[str]:
    """Labels at the ends of curves, moved apart where they would overlap."""
    labels = sorted(labels)
    places: list[float] = []
    for y, _, _ in labels:
        places.append(max(y, places[-1] + LINE) if places else y)
    overflow = max(0.0, places[-1] - (height)) if places else 0.0
    for i in reversed(range(len(places))):
        limit = places[i + 1] - LINE if i + 1 < len(places) else places[i] - overflow
        places[i] = min(places[i], limit)
    return [
        text_at(x, place + 4, text, "start", style=_bold(colour))
        for place, (_, text, colour) in zip(places, labels, strict=True)
    ]


def _bold(colour: str) -> str:
    return f'fill="{colour}" font-weight="600"'
