"""Figures as SVG that stands inside a page: curves, and estimates with their intervals.

Drawn for a column of 460 units, so that their letters can still be read on a phone. Words are those
of the caller, and of the page's own fonts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from recurra.view import escape

# Okabe & Ito (2008): told apart by everyone, on paper too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b07d00", "#56b4e9", "#333333")

WIDTH = 460
LEFT, TOP, BOTTOM, EDGE = 58, 12, 42, 8
LINE = 15  # between two labels
GREY = "#8a8f98"


@dataclass(frozen=True)
class Curve:
    """A line through points; one without a label is drawn thin, as one of several.

    Attributes:
        x, y: finite numbers, x rising.
        colour: number of one of `COLOURS`.
        label: at its end.
    """

    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    label: str = ""


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
    height: int = 270,
) -> str:
    """A chart of curves; nothing to see gives an empty text.

    The y axis ends below the highest few of all points: a loss falls so fast at first that nothing
    else could be told apart.

    Args:
        lines: drawn in this order, each label in its line's colour.
        x_label, y_label: of the axes.
        log_x: a logarithmic x axis.
        marks: a dot at every point, and all of the y axis: for a few measurements.
        height: of the drawing.
    """
    points = [(x, y) for line in lines for x, y in zip(line.x, line.y, strict=True)]
    if not points:
        return ""
    right = 16 + max(_width(line.label) for line in lines)
    across = _Scale([x for x, _ in points], LEFT, WIDTH - right, log=log_x, padded=marks)
    shown = sorted(y for _, y in points)
    top = shown[min(len(shown) - 1, int(0.94 * len(shown)))]
    up = _Scale([shown[0], shown[-1] if marks else top], height - BOTTOM, TOP)
    parts = [_frame_y(up, y_label, right), _frame_x(across, height, x_label, LEFT, right)]
    box = (LEFT, TOP - 4, WIDTH - LEFT - right + 4, height - BOTTOM - TOP + 4)
    # an svg within the svg cuts off what is outside of it
    parts.append(
        '<svg x="{0}" y="{1}" width="{2}" height="{3}" viewBox="{0} {1} {2} {3}">'.format(*box)
    )
    labels = []
    for line in lines:
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(line.x, line.y, strict=True))
        colour = COLOURS[line.colour % len(COLOURS)]
        style = 'stroke-width="2.2"' if line.label else 'stroke-width="1" opacity="0.35"'
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" {style} '
            'stroke-linejoin="round"/>'
        )
        if marks:
            parts += [
                f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>'
                for x, y in zip(line.x, line.y, strict=True)
            ]
        if line.label and line.y:
            labels.append((min(max(up(line.y[-1]), TOP), height - BOTTOM), line.label, colour))
    parts.append("</svg>")
    parts += _end_labels(labels, height, WIDTH - right + 6)
    return svg(parts, height, f"{y_label}, {x_label}")


def intervals(estimates: Sequence[Estimate], x_label: str, *, zero: bool = False) -> str:
    """One row for each estimate: its values as small dots, its mean and its interval.

    Args:
        estimates: an infinite interval is not drawn.
        x_label: of the axis.
        zero: with a line at 0, as for differences.
    """
    if not estimates:
        return ""
    numbers = [n for e in estimates for n in (e.mean, e.low, e.high, *e.values) if math.isfinite(n)]
    if not numbers:
        return ""
    row = 46
    height = TOP + row * len(estimates) + BOTTOM
    across = _Scale([*numbers, 0.0] if zero else numbers, EDGE, WIDTH - EDGE)
    parts = [_frame_x(across, height, x_label, EDGE, EDGE)]
    if zero:
        x = across(0.0)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}" '
            'stroke="#333" stroke-dasharray="3 3"/>'
        )
    for i, estimate in enumerate(estimates):
        y = TOP + row * i + 32
        colour = COLOURS[estimate.colour % len(COLOURS)]
        parts.append(
            f'<text x="{EDGE}" y="{y - 16}" fill="{colour}" font-weight="600">'
            f"{escape(estimate.label)}</text>"
        )
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            parts.append(
                f'<line x1="{across(estimate.low):.1f}" x2="{across(estimate.high):.1f}" '
                f'y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2.5" stroke-linecap="round"/>'
            )
        dots = [(value, 3.5, colour, "#fff", 1.0) for value in estimate.values]
        dots.append((estimate.mean, 5.5, "#fff", colour, 2.5))
        parts += [
            f'<circle cx="{across(value):.1f}" cy="{y}" r="{radius}" fill="{fill}" '
            f'stroke="{edge}" stroke-width="{width}"/>'
            for value, radius, fill, edge, width in dots
            if math.isfinite(value)
        ]
    return svg(parts, height, x_label)


class _Scale:
    """Numbers -> places on an axis, with ticks at round numbers."""

    def __init__(
        self,
        numbers: Sequence[float],
        start: float,
        end: float,
        *,
        log: bool = False,
        padded: bool = True,
    ) -> None:
        low, high = min(numbers), max(numbers)
        self.log = log and low > 0
        if self.log:
            low, high = math.log10(low), math.log10(high)
        pad = 0.06 * (high - low) if high > low else 0.05 * abs(high) or 1.0
        if padded or high == low:
            low, high = low - pad, high + pad
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, number: float) -> float:
        value = math.log10(number) if self.log else number
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Three to nine round numbers; on an axis of powers as many as there are."""
        if self.log:
            exponents = range(math.floor(self.low), math.ceil(self.high) + 1)
            steps = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
            every = [step * 10.0**e for e in exponents for step in steps]
            return [t for t in every if self.low - 1e-9 <= math.log10(t) <= self.high + 1e-9]
        raw = (self.high - self.low) / 8
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _frame_x(scale: _Scale, height: int, label: str, left: int, right: int) -> str:
    base = height - BOTTOM
    parts = [f'<line x1="{left}" x2="{WIDTH - right}" y1="{base}" y2="{base}" stroke="{GREY}"/>']
    for tick in scale.ticks():
        x = scale(tick)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}" stroke="{GREY}"/>'
            f'<text x="{x:.1f}" y="{base + 17}" text-anchor="middle" class="tick">'
            f"{_short(tick)}</text>"
        )
    middle = (left + WIDTH - right) / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{height - 6}" text-anchor="middle" class="axis">'
        f"{escape(label)}</text>"
    )
    return "".join(parts)


def _frame_y(scale: _Scale, label: str, right: int) -> str:
    parts = []
    for tick in scale.ticks():
        y = scale(tick)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e6ea"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" class="tick">'
            f"{_short(tick)}</text>"
        )
    middle = (scale.start + scale.end) / 2
    parts.append(
        f'<text transform="translate(11 {middle:.1f}) rotate(-90)" text-anchor="middle" '
        f'class="axis">{escape(label)}</text>'
    )
    return "".join(parts)


def _end_labels(labels: list[tuple[float, str, str]], height: int, x: int) -> list[str]:
    """Labels at the ends of curves, moved apart where they would overlap."""
    labels = sorted(labels)
    places: list[float] = []
    for y, _, _ in labels:
        places.append(max(y, places[-1] + LINE) if places else y)
    overflow = max(0.0, places[-1] - (height - BOTTOM)) if places else 0.0
    for i in reversed(range(len(places))):
        limit = places[i + 1] - LINE if i + 1 < len(places) else places[i] - overflow
        places[i] = min(places[i], limit)
    return [
        f'<text x="{x}" y="{place + 4:.1f}" fill="{colour}" font-weight="600">{escape(text)}</text>'
        for place, (_, text, colour) in zip(places, labels, strict=True)
    ]


def _width(text: str) -> int:
    """About how wide a bold text is; a Chinese character is as wide as high."""
    return sum(13 if east_asian_width(c) in "WF" else 8 for c in text)


def _short(number: float) -> str:
    """``2500000`` -> ``2.5M``; ``-0.02`` -> ``−0.02``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{unit}".replace("-", "−")
    return f"{round(number, 10):g}".replace("-", "−")


def svg(parts: Sequence[str], height: int, label: str) -> str:
    """The drawing that these parts make, as high as said; the label is for those who hear it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'role="img" aria-label="{escape(label)}" '
        'xmlns="http://www.w3.org/2000/svg" font-size="13" fill="currentColor" '
        'style="max-width:100%;height:auto;font-family:inherit">'
        f"{''.join(parts)}</svg>"
    )
