"""A training in a notebook: a bar, the curve and the latest sample, in one place."""

import time
from collections.abc import Callable
from html import escape

from recurra.notebook.cards import card
from recurra.training.live import LiveTraining
from recurra.training.records import Finished, Record
from recurra.view.charts import Curve, curves
from recurra.view.words import Words

PAUSE = 0.5  # seconds between two pictures


def live_report() -> Callable[[Record], None]:
    """Make a ``report`` for `recurra.train` that draws the training below the cell.

    Raises:
        ImportError: IPython is not there.
    """
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)  # type: ignore[no-untyped-call]
    live, held_out = LiveTraining(), list[tuple[int, float]]()
    drawn = 0.0

    def report(record: Record) -> None:
        nonlocal drawn
        live.take(record)
        if live.evaluation and (not held_out or held_out[-1][0] < live.evaluation.step):
            held_out.append((live.evaluation.step, live.evaluation.nats_per_char))
        if isinstance(record, Finished) or time.monotonic() - drawn > PAUSE:
            drawn = time.monotonic()
            picture = HTML(_picture(live, held_out, record))  # type: ignore[no-untyped-call]
            handle.update(picture)

    return report


def _picture(live: LiveTraining, held_out: list[tuple[int, float]], record: Record) -> str:
    words, progress = Words(), live.progress
    done = (progress.fraction if progress else 0.0) or 0.0
    bar = f'<progress max="1" value="{min(done, 1.0):.4f}" style="width:100%"></progress>'
    lines = [Curve(*live.path, 0, words("train"))] if live.curve else []
    if held_out:
        x, y = zip(*held_out, strict=True)
        lines.append(Curve(x, y, 1, words("validation")))
    told = record if isinstance(record, Finished) or progress is None else progress
    sample = f"<pre>{escape(live.sample.text)}</pre>" if live.sample else ""
    axes = words("steps"), words("nats axis")
    return card(str(told), [bar, curves(lines, *axes, above=words("points above")), sample])
