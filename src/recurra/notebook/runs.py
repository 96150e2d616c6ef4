"""Card of a run: equations, curves and figures."""

from recurra.explain.notation import typeset
from recurra.notebook.cards import card, paragraph
from recurra.storage.runs import Run
from recurra.training.finished_run import FinishedRun
from recurra.training.tables import FINISHED
from recurra.view import numbers
from recurra.view.charts import Curve, curves
from recurra.view.tables import html
from recurra.view.words import Words

# What is told of a recipe.
SETTINGS = ("hidden", "batch", "seq_len", "optimizer", "lr", "seed")


def show_run(run: Run) -> str:
    """Show a run, which may still be training, or not have begun."""
    opened, words = FinishedRun(run), Words()
    recipe, finished = opened.recipe, opened.finished
    settings = (f"{name} {numbers.setting(getattr(recipe, name))}" for name in SETTINGS)
    losses = enumerate([("train", opened.train), ("validation", opened.held_out)])
    lines = [
        Curve(loss.steps, loss.nats, colour, words(label))
        for colour, (label, loss) in losses
        if len(loss.nats)
    ]
    return card(
        f"{opened.config.network} · {run.folder.name}",
        [
            typeset(opened.network),
            paragraph(", ".join(settings)),
            html(FINISHED.show([finished])) if finished else "",
            curves(lines, words("steps"), words("nats axis"), above=words("points above")),
        ],
    )
