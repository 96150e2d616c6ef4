"""A table of losses as a map in colours, SVG that stands inside a page."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from recurra.view import DASH, escape, number
from recurra.view.figures import WIDTH, svg

BEST, WORST = np.array((8, 64, 129)), np.array((240, 246, 251))  # of colours: red, green, blue
HIGH = 0.9  # losses above this quantile share the palest colour: a few of them are far away
CELL, EDGE, AXIS = 24, 8, 34
WIDE = 36  # a cell as wide as this has room for its loss


def heat_map(
    rows: Sequence[object],
    columns: Sequence[object],
    losses: ArrayLike,
    row_label: str,
    column_label: str,
    label: str,
) -> str:
    """A map of losses, the lowest the darkest; the first row lies at the bottom.

    Args:
        rows, columns: values along the sides.
        losses: (rows, columns), NaN where nothing is known, infinite where training diverged.
        row_label, column_label: what the sides are.
        label: what the losses are.

    Returns:
        SVG; an empty text where no loss is finite.
    """
    table = np.asarray(losses, np.float64)
    finite = table[np.isfinite(table)]
    if finite.size == 0:
        return ""
    low, high = float(finite.min()), float(np.quantile(finite, HIGH))
    row_names, column_names = [[_name(value) for value in side] for side in (rows, columns)]
    left = AXIS + 7 * max(map(len, row_names))
    wide = (WIDTH - left - EDGE) / len(columns)
    turned = 7 * max(map(len, column_names)) > wide - 4
    base = EDGE + CELL * len(rows)
    below = 7 * max(map(len, column_names)) + 10 if turned else 22
    parts = []
    for (row, column), loss in np.ndenumerate(table):
        if math.isnan(loss):
            continue
        x, y = left + wide * column, base - CELL * (row + 1)
        dark = 1.0 - min(1.0, (loss - low) / (high - low)) if high > low else 1.0
        red, green, blue = np.rint(WORST + dark * (BEST - WORST)).astype(int).tolist()
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{wide - 1:.1f}" height="{CELL - 1}" '
            f'fill="rgb({red},{green},{blue})"><title>{escape(row_names[row])}, '
            f"{escape(column_names[column])}: {number(float(loss))}</title></rect>"
        )
        if wide >= WIDE:
            ink = "#fff" if dark > 0.5 else "#1c2128"
            text = f"{loss:.2f}" if math.isfinite(loss) else DASH
            parts.append(_text(x + wide / 2, y + 16, text, f'fill="{ink}" font-size="11"'))
    for row, name in enumerate(row_names):
        y = base - CELL * row - CELL / 2 + 4
        parts.append(_text(left - 6, y, name, 'class="tick"', "end"))
    for column, name in enumerate(column_names):
        x = left + wide * (column + 0.5)
        if turned:
            place = f'class="tick" transform="rotate(-90 {x + 4:.1f} {base + 6})"'
            parts.append(_text(x + 4, base + 6, name, place, "end"))
        else:
            parts.append(_text(x, base + 16, name, 'class="tick"'))
    height = base + below + 20
    middle = (EDGE + base) / 2
    turn = f'class="axis" transform="rotate(-90 12 {middle:.1f})"'
    parts.append(_text(12, middle, row_label, turn))
    parts.append(_text(left + (WIDTH - left) / 2, height - 6, column_label, 'class="axis"'))
    return svg(parts, height, label)


def _text(x: float, y: float, text: str, style: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(text)}</text>'


def _name(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
