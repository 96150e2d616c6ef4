"""A search as it goes: plain lines, and on a terminal a table that stays in place."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import recurra
from recurra.cli.display import PAUSE, nats_and_bits, sparkline
from recurra.cli.output import print_json, shown_path
from recurra.tuning.live import LiveSearch
from recurra.view import numbers

if TYPE_CHECKING:
    from rich.console import Console, Group

Trials = list[recurra.Trial]
ROWS = 12  # trials shown at a time


@contextlib.contextmanager
def board(console: "Console", study: "recurra.Study") -> Iterator[Callable[[Trials], None]]:
    """Show the trials that are passed to what this yields."""
    lines = Lines(console, study)
    if not console.is_interactive or console.quiet:
        yield lines.show
        return
    from rich.live import Live

    table = Board(console, study)
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show(trials: Trials) -> None:
            table.show(trials)
            live.update(table.render(), refresh=True)

        yield show


class Lines:
    """A line for every trial that is over, and now and then one about all of them."""

    def __init__(self, console: "Console", study: "recurra.Study") -> None:
        self.console, self.study, self.live = console, study, LiveSearch(study.spec)
        self._begun = self._printed = time.monotonic()

    def show(self, trials: Trials) -> None:
        """Take in all trials as they stand."""
        first = not self.live.trials
        news = self.live.take(trials, time.monotonic() - self._begun)
        if first and any(trial.finished for trial in trials):
            self.console.print(f"going on: {self.summary()}")
        for trial in news:
            loss = "" if trial.loss is None else f" {nats_and_bits(trial.loss)}"
            reason = "" if trial.loss is not None else f": {trial.reason}"
            self.console.print(
                f"trial {trial.number} {setting(trial)}: {trial.state}{loss}{reason}"
            )
        if news or time.monotonic() - self._printed > PAUSE:
            self.console.print(f"  {self.summary()}")
            self._printed = time.monotonic()

    def summary(self) -> str:
        """How many are where, the best so far, and the time left."""
        live = self.live
        parts = [f"{count:,} {state}" for state, count in live.counts.items()]
        if live.best_loss is not None:
            parts.append(f"best {numbers.loss(live.best_loss)} nats")
        if live.seconds_left is not None:
            parts.append(f"at most about {numbers.duration(live.seconds_left)} left")
        return ", ".join(parts)


class Board(Lines):
    """The running trials and the best, drawn again and again in one place."""

    def show(self, trials: Trials) -> None:
        """Take in all trials as they stand."""
        self.live.take(trials, time.monotonic() - self._begun)

    def render(self) -> "Group":
        """The text that the terminal shows now."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        from recurra.cli.console import Wrapped, fits

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for name in ("trial", "state", "setting", "characters", "nats/char", "training loss"):
            table.add_column(name, no_wrap=True)
        for trial in self.live.leaders(ROWS):
            curve = self.study.curve(trial.number)
            line = sparkline(
                curve or [0.0], min(curve, default=0), max(curve, default=0), 24,
                self.console.options.ascii_only,
            )  # fmt: skip
            loss = trial.best_known
            table.add_row(
                str(trial.number),
                trial.state,
                setting(trial),
                f"{trial.characters:,}",
                numbers.loss(loss),
                line if curve else "",
            )
        summary = f"{self.summary()}, {numbers.duration(self.live.seconds)}"
        if fits(self.console, table):
            return Wrapped(table, summary)
        cells = zip(*(column.cells for column in table.columns[:5]), strict=True)
        return Wrapped(*(Text(" ".join(map(str, row))) for row in cells), summary)


def setting(trial: recurra.Trial) -> str:
    """The values of a trial, short."""
    items = (trial.setting or {}).items()
    return " ".join(f"{name}={numbers.setting(value)}" for name, value in items)


def show_winner(console: "Console", study: "recurra.Study", json: bool) -> None:
    """The best trial, and what to do with it."""
    from recurra.tuning.study import rows

    winner = study.winner()
    (row,) = rows(study, [winner])
    if json:
        print_json({"study": str(study.folder), "winner": row})
    loss, sample = nats_and_bits(row["nats_per_char"]), str(row["sample"] or "").strip()
    console.print(f"Best: trial {winner.number}, {setting(winner)}: held-out {loss}")
    if row["min_smooth_loss"] is not None:
        console.print(
            "Lowest smoothed loss of a sequence, summed: "
            f"{numbers.summed(row['min_smooth_loss'])}, at step "
            f"{row['min_smooth_loss_step']:,}{'; it wrote:' if sample else ''}"
        )
    for line in sample.splitlines()[:6]:
        console.print(f"    | {line}")
    folder = shown_path(study.folder)
    console.print(f"Next: recurra trials {folder} --figures svg; recurra train --from {folder}")
