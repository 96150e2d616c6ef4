"""Card of a run: equations, curves and figures, from its plain records."""

from dataclasses import fields
from typing import Any

from recurra.explain.notation import typeset
from recurra.lang.parser import parse
from recurra.notebook.cards import card, paragraph
from recurra.storage.runs import Run
from recurra.training.records import Finished
from recurra.training.tables import FINISHED
from recurra.view import numbers
from recurra.view.charts import Curve, curves
from recurra.view.tables import html
from recurra.view.words import Words

# What is told of a recipe.
SETTINGS = ("hidden", "batch", "seq_len", "optimizer", "lr", "seed")
CURVES = (
    (0, "train", "progress", "smooth_nats_per_char"),
    (1, "validation", "evaluation", "nats_per_char"),
)


def show_run(run: Run) -> str:
    """Show a run, which may still be training, or not have begun."""
    config, metrics, words = run.config, run.metrics(), Words()
    recipe = config.get("recipe", {})
    settings = (f"{name} {numbers.setting(recipe[name])}" for name in SETTINGS if name in recipe)
    finished = [record for record in metrics if record.get("kind") == "finished"]
    lines = []
    for colour, label, kind, field in CURVES:
        points = [
            (record["step"], record[field])
            for record in metrics
            if record.get("kind") == kind and record.get(field) is not None
        ]
        if points:
            x, y = zip(*points, strict=True)
            lines.append(Curve(x, y, colour, words(label)))
    return card(
        f"{config.get('network', '')} · {run.folder.name}",
        [
            typeset(parse(run.equations)),
            paragraph(", ".join(settings)),
            html(FINISHED.show(map(_finished, finished[-1:]))) if finished else "",
            curves(lines, words("steps"), words("nats axis")),
        ],
    )


def _finished(record: dict[str, Any]) -> Finished:
    return Finished(**{field.name: record[field.name] for field in fields(Finished)})
