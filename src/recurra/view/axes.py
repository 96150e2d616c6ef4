"""Axes of a figure, and the frame that they stand in.

Drawn for a column of 460 units, so that their letters can still be read on a phone. Words are those
of the caller.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from recurra.view import palette
from recurra.view.numbers import tick

WIDTH = 460
LEFT, TOP, BOTTOM, EDGE = 58, 12, 42, 8
TICK = 7  # width of a letter at an axis


@dataclass(frozen=True)
class Figure:
    """A drawing with the sentence below it.

    Attributes:
        name: for a file.
        svg: empty where there is nothing to see.
        data: its numbers as CSV, where they are points or intervals.
    """

    name: str
    svg: str
    caption: str
    data: str = ""


class Scale:
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
        """The place of a number."""
        value = math.log10(number) if self.log else number
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Three to nine round numbers, with their texts."""
        if self.log:
            stride = max(1, round((self.high - self.low) / 8))
            exponents = range(math.floor(self.low), math.ceil(self.high) + 1, stride)
            steps = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
            every = [step * 10.0**e for e in exponents for step in steps]
            found = [t for t in every if self.low - 1e-9 <= math.log10(t) <= self.high + 1e-9]
        else:
            raw = (self.high - self.low) / 8
            power = 10.0 ** math.floor(math.log10(raw))
            step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
            first = math.ceil(self.low / step - 1e-9)
            found = [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]
        return [(number, tick(number)) for number in found]


class Steps(Scale):
    """Values that are no numbers, or few of them: one after the other, at equal distances."""

    def __init__(self, names: Sequence[str], start: float, end: float) -> None:
        super().__init__([-0.5, len(names) - 0.5], start, end, padded=False)
        self.names = names

    def ticks(self) -> list[tuple[float, str]]:
        """Every value."""
        return [(float(place), name) for place, name in enumerate(self.names)]


def frame_x(scale: Scale, base: float, label: str) -> str:
    """The axis at the bottom; ticks that would touch one another are rotated."""
    left, right = scale.start, scale.end
    ticks, rotated = scale.ticks(), _rotates_ticks(scale)
    parts = [_line(left, right, base, base, palette.SOFT)]
    for value, text in ticks:
        x = scale(value)
        parts.append(_line(x, x, base, base + 4, palette.SOFT))
        if rotated:
            parts.append(text_at(x + 4, base + 8, text, "end", rotated=True))
        else:
            parts.append(text_at(x, base + 17, text))
    return "".join([*parts, text_at((left + right) / 2, base + height_below(scale) - 6, label)])


def height_below(scale: Scale) -> int:
    """How much room the axis at the bottom takes."""
    if not _rotates_ticks(scale):
        return BOTTOM
    return 30 + max(text_width(text, TICK) for _, text in scale.ticks())


def _rotates_ticks(scale: Scale) -> bool:
    widths = (text_width(text, TICK) + 6 for _, text in scale.ticks())
    return sum(widths) > scale.end - scale.start


def frame_y(scale: Scale, right: float, label: str, left: float = LEFT) -> str:
    """The axis at the left, with a line through the figure for every tick."""
    parts = []
    for value, text in scale.ticks():
        y = scale(value)
        parts.append(_line(left, right, y, y, palette.RULE))
        parts.append(text_at(left - 6, y + 4, text, "end"))
    return "".join([*parts, text_at(11, (scale.start + scale.end) / 2, label, rotated=True)])


def text_at(
    x: float, y: float, text: str, anchor: str = "middle", *, rotated: bool = False, style: str = ""
) -> str:
    """A text of an axis, or one of a style of its own; rotated, it reads upwards."""
    rotation = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if rotated else ""
    style = style or f'fill="{palette.SOFT}" font-size="12"'
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place} {style}{rotation}>{escape(text)}</text>"


def _line(x1: float, x2: float, y1: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def text_width(text: str, letter: int = 8) -> int:
    """About how wide a text is; a Chinese character is as wide as high."""
    return sum(13 if east_asian_width(c) in "WF" else letter for c in text)


def fitted(text: str) -> str:
    """The text, or its beginning and end where it would take more than half of a figure."""
    short, kept = text, min(len(text), WIDTH)
    while text_width(short) > WIDTH // 2:
        kept -= 1
        short = f"{text[: kept // 2]}…{text[len(text) - (kept + 1) // 2 :]}"
    return short


def svg(parts: Sequence[str], height: float, label: str) -> str:
    """The drawing that these parts make, as high as said; the label is for those who hear it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'role="img" aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg" '
        f'font-size="13" fill="{palette.INK}" font-family="{palette.SANS}" '
        'style="max-width:100%;height:auto">'
        f"{''.join(parts)}</svg>"
    )
