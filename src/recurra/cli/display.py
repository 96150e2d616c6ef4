"""Training as it goes: plain lines, and on a terminal a display below them that stays in place."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from recurra.cli.streams import Stream
from recurra.training.live import LiveTraining
from recurra.training.records import (
    Compiling,
    Evaluating,
    Evaluation,
    Lost,
    Notice,
    Progress,
    Record,
    Sample,
)
from recurra.training.signals import stop_on_signals
from recurra.training.trainer import Trainer
from recurra.view.numbers import duration, loss, whole
from recurra.view.text import visible

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType

TimeLeft = Callable[[Progress], float | None]
# Seconds between two lines where no held-out loss calls for one.
PAUSE = 10.0
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-:=+*#"
WAITING = "reading the first characters ..."


@contextlib.contextmanager
def follow(
    trainer: Trainer, console: "Console", in_all: TimeLeft | None = None
) -> Iterator[Callable[[Record], None]]:
    """Show a training's records; a signal, or a reader who has gone, lets it save and end.

    Args:
        trainer: its records are shown.
        console: where.
        in_all: the seconds left of all runs, where this is one of several.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(stop_on_signals(trainer.stop))
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, Stream):
                stack.enter_context(stream.outlive(trainer.stop))
        yield stack.enter_context(display(console, in_all))


@contextlib.contextmanager
def display(
    console: "Console", in_all: TimeLeft | None = None
) -> Iterator[Callable[[Record], None]]:
    """Show the records that are passed to what this yields."""
    if not console.is_interactive or console.quiet:
        yield Lines(console, in_all).show
        return
    from rich.live import Live

    dashboard = Dashboard(console, in_all)
    with Live(
        get_renderable=dashboard.render,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield dashboard.show


def reading_lines(console: "Console") -> Callable[[str], None]:
    """Show, every few seconds, how much of the texts has been downloaded, read or evaluated."""
    printed = time.monotonic()

    def show(progress: str) -> None:
        nonlocal printed
        if time.monotonic() - printed > PAUSE:
            console.print(progress)
            printed = time.monotonic()

    return show


class Lines:
    """A line at every held-out loss, or every few seconds; a sample now and then."""

    def __init__(self, console: "Console", in_all: TimeLeft | None = None) -> None:
        self.console, self.live, self.in_all = console, LiveTraining(), in_all
        self._printed = time.monotonic()
        self._due: Progress | None = None

    def show(self, record: Record) -> None:
        """Take in one record."""
        self.live.take(record)
        self.tell(record)

    def tell(self, record: Record) -> None:
        """Print what a record has to say."""
        match record:
            case Compiling():
                if not record.seconds or time.monotonic() - self._printed > PAUSE:
                    self._printed = time.monotonic()
                    self.console.print(compiling(record))
            case Evaluating():
                if time.monotonic() - self._printed > PAUSE:
                    self._printed = time.monotonic()
                    self.console.print(str(record))
            case Lost() | Notice():
                self.console.print(record.message)
            case Progress():
                # one record late: a held-out loss of the same step has a line for both
                if self._due:
                    self._print_line(self._due.step, self._due)
                self._due = record if time.monotonic() - self._printed > PAUSE else None
            case Evaluation():
                best = " (best)" if record.best else ""
                held_out = f"held-out {nats_and_bits(record.nats_per_char)}{best}"
                self._print_line(record.step, self.live.progress, held_out)
            case Sample():
                for line in record.text.splitlines():
                    self.console.print(f"    | {line}")

    def budget(self, progress: Progress) -> str:
        """How much of the budget is used, and how long the rest takes; nothing without a budget."""
        if progress.fraction is None or progress.seconds_left is None:
            return ""
        text = f"{progress.fraction:4.0%}, {duration(progress.seconds_left)} left"
        seconds = self.in_all(progress) if self.in_all else None
        return text if seconds is None else f"{text}, {duration(seconds)} in all"

    def _print_line(self, step: int, p: Progress | None, event: str = "") -> None:
        parts = [f"step {step:,}"]
        if p:
            parts += [self.budget(p), speed(p), f"train {loss(p.smooth_nats_per_char)} nats"]
        self.console.print("  ".join(part for part in [*parts, event] if part))
        self._printed, self._due = time.monotonic(), None


class Dashboard(Lines):
    """The figures, the curve and the latest sample, drawn again and again in one place."""

    def tell(self, record: Record) -> None:
        """Print a line that stays above the figures."""
        if isinstance(record, Lost | Notice | Evaluation):
            super().tell(record)

    def render(self) -> "Group":
        """The text that the terminal shows now."""
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        from recurra.cli.console import Wrapped, fits

        live, p = self.live, self.live.progress
        if p is None:
            waiting = compiling(live.compiling) if live.compiling else WAITING
            return Wrapped(Text(waiting))
        words = self.budget(p), f"step {p.step:,}", speed(p), f"{duration(p.seconds)} so far"
        figures = [("train", nats_and_bits(p.smooth_nats_per_char), self._curve())]
        if live.evaluation:
            held_out = nats_and_bits(live.evaluation.nats_per_char)
            figures.append(("held-out", held_out, f"at step {live.evaluation.step:,}"))
        head, body = Table.grid(padding=(0, 2)), Table.grid(padding=(0, 2))
        head.add_row(*[] if p.fraction is None else [ProgressBar(1.0, p.fraction, 30)], *words)
        for row in figures:
            body.add_row(*row)
        parts: list[RenderableType] = [Text(), head, body]
        if not (fits(self.console, head) and fits(self.console, body)):
            parts = [Text("  ".join(row)) for row in [words, *(row[:2] for row in figures)]]
        if live.evaluating:
            parts.append(Text(str(live.evaluating)))
        if live.sample:
            text = Text(visible(live.sample.text), overflow="fold")
            parts.append(Panel(text, title=f"written after step {live.sample.step:,}", height=8))
        return Wrapped(*parts)

    def _curve(self) -> str:
        curve, width = self.live.curve, max(10, self.console.width - 40)
        return sparkline(curve, min(curve), max(curve), width, self.console.options.ascii_only)


def compiling(record: Compiling) -> str:
    """Line that says how long compiling has taken so far."""
    so_far = "some seconds"
    if record.kernel:
        so_far = f"{record.kernel}, {duration(record.seconds)} so far"
    return f"compiling the kernels of {record.network}, once: {so_far} ..."


def nats_and_bits(nats_per_char: float) -> str:
    """A loss per character in both units."""
    return f"{loss(nats_per_char)} nats {loss(nats_per_char / math.log(2.0))} bits"


def speed(progress: Progress) -> str:
    """Characters per second."""
    return f"{whole(progress.chars_per_second)} chars/s"


def sparkline(
    values: Sequence[float], low: float, high: float, width: int, ascii_only: bool
) -> str:
    """A curve as one row of at most ``width`` blocks between two bounds."""
    blocks = ASCII_BLOCKS if ascii_only else BLOCKS
    columns = min(width, len(values))
    shown = (values[(i + 1) * len(values) // columns - 1] for i in range(columns))
    levels = ((value - low) / ((high - low) or 1.0) for value in shown)
    return "".join(blocks[round(min(max(level, 0.0), 1.0) * 7)] for level in levels)
