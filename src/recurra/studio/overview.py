"""All that the folder holds: runs in a table, searches and comparisons; kept up to date."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from recurra.comparison.character_losses import FILE as TESTED
from recurra.errors import RecurraError
from recurra.storage.runs import METRICS
from recurra.studio.feed import Feed, Feeds, State
from recurra.studio.jobs import Jobs
from recurra.studio.workspace import Entry, Workspace, changed
from recurra.tuning.schedule import next_actions
from recurra.view import numbers
from recurra.view.tables import Column, Table
from recurra.view.text import visible

FRESH = 0.4  # seconds in which many pages get the same look
RARELY = 1.5  # seconds from one look at searches and comparisons to the next
PATIENCE = 0.5  # seconds of reading in one look; what is not read by then is in a later one


@dataclass(frozen=True)
class Row:
    """A run, as far as it has come; None is what is not known yet.

    Attributes:
        changed: when a file of it was last written, in seconds of the clock.
        message: the sentence of what is damaged, or of a divergence with its cure.
        reason: why it ended.
        others: see `recurra.training.records`; ``held_out`` is the best so far.
    """

    id: str
    label: str
    state: State
    changed: float
    message: str = ""
    reason: str | None = None
    network: str | None = None
    text: str | None = None
    hidden: str | None = None
    parameters: int | None = None
    recipe: str | None = None
    steps: int | None = None
    fraction: float | None = None
    seconds_left: float | None = None
    train: float | None = None
    held_out: float | None = None
    seconds: float | None = None
    speed: float | None = None


RUNS = Table[Row](
    Column("label", "run", lambda row: row.label),
    Column("state", "state", lambda row: row.state),
    Column("network", "network", lambda row: row.network),
    Column("text", "text", lambda row: row.text),
    Column("hidden", "hidden", lambda row: row.hidden),
    Column("parameters", "parameters", lambda row: row.parameters),
    Column("recipe", "recipe", lambda row: row.recipe),
    Column("steps", "steps", lambda row: row.steps),
    Column("train", "train", lambda row: row.train, numbers.loss),
    Column("held_out", "validation", lambda row: row.held_out, numbers.loss),
    Column("seconds", "duration", lambda row: row.seconds, numbers.duration),
    Column("speed", "speed", lambda row: row.speed, numbers.whole),
)


class Overview:
    """The runs of a workspace; one that has not changed is not read again."""

    def __init__(self, workspace: Workspace, feeds: Feeds, jobs: Jobs) -> None:
        self._workspace, self._feeds, self._jobs = workspace, feeds, jobs
        self._rows: dict[Path, tuple[tuple[int, ...], Row]] = {}
        self._looked: tuple[float, dict[str, Any]] = (0.0, {})
        self._known_others, self._looked_at_others = dict[str, Any](), -RARELY
        self._complete = dict[Path, tuple[int, bool]]()  # searches, and when that was so
        self._lock = Lock()

    def look(self) -> dict[str, Any]:
        """The folder now: its entries, and the trainings that have no run yet or failed."""
        with self._lock:
            if time.monotonic() - self._looked[0] > FRESH:
                self._looked = (time.monotonic(), self._look())
            return self._looked[1]

    def _look(self) -> dict[str, Any]:
        entries = self._workspace.entries()
        end = time.monotonic() + PATIENCE
        found = [self._row(entry, end) for entry in entries if entry.kind == "run"]
        rows = [row for row in found if row is not None]
        self._rows = {e.path: self._rows[e.path] for e in entries if e.path in self._rows}
        cells = RUNS.show(rows).rows
        return {
            "runs": {
                row.id: {**vars(row), "cells": list(texts)}
                for row, texts in zip(rows, cells, strict=True)
            },
            "others": self._others(entries, end),
            "beginning": [visible(job.folder.name) for job in self._jobs.beginning()],
            "failed": [
                {"run": visible(job.folder.name), "begun": job.begun, "message": job.failure}
                for job in self._jobs.failed()
            ],
        }

    def _row(self, entry: Entry, end: float) -> Row | None:
        signature = _signature(entry.path)
        when = max(signature) / 1e9
        known, row = self._rows.get(entry.path, (None, None))
        try:
            if known != signature and time.monotonic() < end:
                feed = self._feeds.of(entry.path)
                row = row_of(entry, feed, when)
                self._rows[entry.path] = (signature, row)
        except RecurraError as error:
            return Row(entry.id, entry.label, "damaged", when, visible(str(error)))
        if row is None:
            return None
        at_work = self._jobs.process(entry) is not None
        return replace(row, state="running") if at_work else row

    def _others(self, entries: list[Entry], end: float) -> dict[str, Any]:
        """Searches and comparisons, with when they changed; looked at less often."""
        if time.monotonic() - self._looked_at_others > RARELY:
            others = [entry for entry in entries if entry.kind != "run"]
            found = {entry.id: self._other(entry, end) for entry in others}
            self._known_others = {id: one for id, one in found.items() if one is not None}
            self._looked_at_others = time.monotonic()
        return self._known_others

    def _other(self, entry: Entry, end: float) -> dict[str, Any] | None:
        tried, tested = changed(entry.path / "journal.log"), changed(entry.path / TESTED)
        running, complete = self._jobs.process(entry) is not None, bool(tested)
        if tried and not (running or tested):
            if self._complete.get(entry.path, (0, False))[0] != tried:
                if time.monotonic() > end:
                    return None  # in a later look
                self._complete[entry.path] = tried, _is_complete(entry.path)
            complete = self._complete[entry.path][1]
        state = "running" if running else "done" if complete else "stopped"
        when = max(tried, tested, *(changed(run / METRICS) for run in entry.runs())) / 1e9
        return {"kind": entry.kind, "label": entry.label, "state": state, "changed": when}


def row_of(entry: Entry, feed: Feed, when: float) -> Row:
    """The row of a run that nobody trains, as far as its feed has read.

    Args:
        entry: of the run.
        feed: its records.
        when: it was last written.
    """
    config, progress, finished = feed.opened.config, feed.progress, feed.finished
    held_out = finished.val_nats_per_char if finished else None
    return Row(
        entry.id,
        entry.label,
        feed.outcome,
        when,
        message=finished.message if finished and feed.outcome == "diverged" else "",
        reason=finished.stopped_by if finished else None,
        network=config.network,
        text=visible(", ".join(Path(source).stem for source in config.text.sources)),
        hidden=numbers.setting(config.recipe.hidden),
        parameters=feed.opened.shapes.count,
        recipe=config.recipe.name,
        steps=finished.steps if finished else progress.step if progress else 0,
        fraction=progress.fraction if progress and not finished else None,
        seconds_left=progress.seconds_left if progress and not finished else None,
        train=progress.smooth_nats_per_char if progress else None,
        held_out=feed.best if held_out is None else held_out,
        seconds=finished.seconds if finished else progress.seconds if progress else None,
        speed=progress.chars_per_second if progress else None,
    )


def _is_complete(folder: Path) -> bool:
    """Whether a search whose trials are in its folder has nothing more to do."""
    from recurra.tuning.study import Study  # with Optuna: not before there is a search

    try:
        study = Study.open(folder)
        return next_actions(study.spec, study.trials()).finished
    except RecurraError:  # it is damaged, or its trials are in a database
        return False


def _signature(folder: Path) -> tuple[int, ...]:
    """When the files of a run were last written."""
    files = ("config.json", "last.safetensors", METRICS, ".lock")
    return tuple(changed(folder / name) for name in files)
