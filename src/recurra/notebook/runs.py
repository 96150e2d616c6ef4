"""Card of a run: equations, curves and figures."""

import math

from recurra.notebook.cards import card
from recurra.storage.runs import Run
from recurra.training.finished_run import FinishedRun
from recurra.training.records import Evaluation, Progress
from recurra.view import table
from recurra.view.equations import typeset
from recurra.view.figures import Curve, curves

# What is told of a recipe, and of a finished run.
SETTINGS = ("hidden", "batch", "seq_len", "optimizer", "lr", "seed")
FIGURES = ("parameters", "steps", "train_nats_per_char", "val_nats_per_char", "val_bits_per_char")


def show_run(run: Run) -> str:
    """Show a run, which may still be training, or not have begun."""
    opened = FinishedRun(run)
    config, finished = opened.config, opened.finished
    facts = {field: getattr(config.recipe, field) for field in SETTINGS}
    if finished is not None:
        facts |= {field: getattr(finished, field) for field in FIGURES}
    train = [(p.step, p.smooth_nats_per_char) for p in opened.records_of(Progress)]
    held_out = [(e.step, e.nats_per_char) for e in opened.records_of(Evaluation)]
    lines = []
    for colour, (label, points) in enumerate({"train": train, "held-out": held_out}.items()):
        points = [point for point in points if math.isfinite(point[1])]
        if points:
            x, y = zip(*points, strict=True)
            lines.append(Curve(x, y, colour, label))
    return card(
        f"{config.network} · {run.folder.name}",
        [
            typeset(run.equations),
            table([field.replace("_per_", "/") for field in facts], [list(facts.values())]),
            curves(lines, "steps", "nats per character"),
        ],
    )
