"""Card of a run: equations, curves and figures, from its plain records."""

from recurra.notebook.cards import card
from recurra.storage.runs import Run
from recurra.view import table
from recurra.view.equations import typeset
from recurra.view.figures import Curve, curves

# What is told of a recipe, and of a finished run.
SETTINGS = ("hidden", "batch", "seq_len", "optimizer", "lr", "seed")
FIGURES = ("parameters", "steps", "train_nats_per_char", "val_nats_per_char", "val_bits_per_char")
CURVES = (
    (0, "train", "progress", "smooth_nats_per_char"),
    (1, "held-out", "evaluation", "nats_per_char"),
)


def show_run(run: Run) -> str:
    """Show a run, which may still be training, or not have begun."""
    config, metrics = run.config, run.metrics()
    recipe = config.get("recipe", {})
    facts = {field: recipe[field] for field in SETTINGS if field in recipe}
    finished = [record for record in metrics if record.get("kind") == "finished"]
    if finished:
        facts |= {field: finished[-1][field] for field in FIGURES}
    lines = []
    for colour, label, kind, field in CURVES:
        points = [
            (record["step"], record[field])
            for record in metrics
            if record.get("kind") == kind and record.get(field) is not None
        ]
        if points:
            x, y = zip(*points, strict=True)
            lines.append(Curve(x, y, colour, label))
    return card(
        f"{config.get('network', '')} · {run.folder.name}",
        [
            typeset(run.equations),
            table([field.replace("_per_", "/") for field in facts], [list(facts.values())]),
            curves(lines, "steps", "nats per character"),
        ],
    )
