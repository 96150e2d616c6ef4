"""Curves of runs over one another, as they are written."""

from typing import Literal, get_args

from recurra.studio.feed import Across, Feed, Quantity
from recurra.view.charts import Curve, curves
from recurra.view.words import Words

OVERLAID = 12  # runs in one chart
Shown = Quantity | Literal["loss"]
SHOWN: tuple[Shown, ...] = ("loss", *get_args(Quantity))
X_LABELS: dict[Across, str] = {
    "steps": "studio steps axis",
    "characters": "characters axis",
    "seconds": "seconds axis",
}
Y_LABELS: dict[Quantity, str] = {
    "train": "nats axis",
    "held_out": "nats axis",
    "gradient_norm": "gradient norm axis",
    "rate": "rate axis",
    "speed": "speed",
}


def draw_chart(runs: list[tuple[str, Feed]], x: Across, y: Shown, words: Words) -> str:
    """Curves of runs over one another; of "loss", that in training is pale where there are several.

    Args:
        runs: each with its label.
        x: of `ACROSS`.
        y: of `QUANTITIES`, or "loss": in training and held out.
        words: of the axes.
    """
    shown: list[Quantity] = ["train", "held_out"] if y == "loss" else [y]
    lines = []
    for number, (label, feed) in enumerate(runs):
        found = [(quantity, *feed.curve(quantity, x)) for quantity in shown]
        there = [one for one in found if len(one[1])]
        for place, (quantity, xs, ys) in enumerate(there):
            if len(runs) == 1 and len(shown) > 1:
                named = words("train" if quantity == "train" else "validation")
                lines.append(Curve(xs, ys, shown.index(quantity), named))
            else:
                lines.append(Curve(xs, ys, number, label if place == len(there) - 1 else ""))
    axes = words(X_LABELS[x]), words(Y_LABELS[shown[0]])
    above = "" if y in ("rate", "speed") else words("points above")
    return curves(lines, *axes, above=above)
