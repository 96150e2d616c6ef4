"""Losses by two settings: a map of few values, points where there are many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from recurra.view import numbers, palette
from recurra.view.axes import (
    EDGE,
    TICK,
    TOP,
    WIDTH,
    Scale,
    Steps,
    frame_x,
    frame_y,
    height_below,
    svg,
    text_at,
    text_width,
)

HIGH = 0.9  # losses above this quantile share the palest colour: a few of them are far away
CELL, WIDE, FEW = 24, 44, 8
PLOT = 200  # height of an axis of numbers


@dataclass(frozen=True)
class Setting:
    """A setting along one side.

    Attributes:
        name: what it is.
        values: of every loss.
        continuous: whether they are any numbers of a range.
        log: whether numbers are spread by their logarithm.
    """

    name: str
    values: Sequence[bool | int | float | str]
    continuous: bool = False
    log: bool = False

    @cached_property
    def distinct(self) -> list[bool | int | float | str]:
        """Every value once, numbers sorted."""
        return sorted(set(self.values), key=lambda v: (isinstance(v, str), v))

    @cached_property
    def stepped(self) -> bool:
        """Whether each value has a place of its own: they are few, or no numbers."""
        few = len(self.distinct) <= FEW and not self.continuous
        return few or any(isinstance(value, str) for value in self.values)

    def scale(self, start: float, end: float) -> Scale:
        """Its axis."""
        if self.stepped:
            return Steps([numbers.setting(value) for value in self.distinct], start, end)
        return Scale([float(value) for value in self.values], start, end, log=self.log)

    def place(self, value: bool | int | float | str) -> float:
        """Of a value, as its axis takes it."""
        return float(self.distinct.index(value) if self.stepped else value)


def heat_map(x: Setting, y: Setting, losses: Sequence[float], label: str) -> str:
    """The losses at their settings, the lowest the darkest.

    A cell where both settings have few values, the lowest loss of each pair of them; else a point
    for every loss. Of infinite losses, where training diverged, there is a pale outline.

    Args:
        x, y: a value for every loss.
        losses: not NaN.
        label: what the losses are.

    Returns:
        SVG; an empty text where no loss is finite.
    """
    finite = sorted(loss for loss in losses if math.isfinite(loss))
    if not finite:
        return ""
    low, high = finite[0], finite[math.ceil(HIGH * len(finite)) - 1]
    names = [text_width(text, TICK) for _, text in y.scale(0, 1).ticks()]
    left = max(names) + 36
    base = TOP + (CELL * len(y.distinct) if y.stepped and x.stepped else PLOT)
    across, up = x.scale(left, WIDTH - EDGE), y.scale(base, TOP)
    parts = [frame_y(up, WIDTH - EDGE, y.name, left), frame_x(across, base, x.name)]
    lowest: dict[tuple[float, float], tuple[float, str]] = {}
    for one, other, loss in sorted(
        zip(x.values, y.values, losses, strict=True), key=lambda row: -row[2]
    ):
        title = f"{numbers.setting(other)}, {numbers.setting(one)}: {numbers.loss(loss)}"
        place = across(x.place(one)), up(y.place(other))
        dark = 1.0 - min(1.0, (loss - low) / (high - low)) if high > low else float(loss <= low)
        if x.stepped and y.stepped:
            lowest[place] = dark, title
        else:
            parts.append(_point(*place, dark, title, math.isfinite(loss)))
    wide = (WIDTH - EDGE - left) / max(1, len(x.distinct))
    for (column, row), (dark, title) in lowest.items():
        parts.append(_cell(column - wide / 2, row - CELL / 2, wide, dark, title))
    return svg(parts, base + height_below(across), label)


def _cell(x: float, y: float, wide: float, dark: float, title: str) -> str:
    drawn = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 1:.1f}" height="{CELL - 1}" '
        f'fill="{palette.blend(dark)}"><title>{escape(title)}</title></rect>'
    )
    if wide < WIDE:
        return drawn
    ink = palette.GROUND if dark > 0.5 else palette.INK
    text = title.rpartition(" ")[2]
    return drawn + text_at(x + wide / 2, y + 16, text, style=f'fill="{ink}" font-size="11"')


def _point(x: float, y: float, dark: float, title: str, finite: bool) -> str:
    fill, edge = (palette.blend(dark), palette.INK) if finite else ("none", palette.SOFT)
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{fill}" stroke="{edge}" '
        f'stroke-width="0.7"><title>{escape(title)}</title></circle>'
    )
