"""The runs of a folder, with their settings and losses."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from recurra.errors import RunError, SettingError
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import Recipe
from recurra.view import numbers
from recurra.view.tables import Column, Table

DEPTH = 5  # folders below the named one in which runs are looked for


@dataclass(frozen=True)
class RunSummary:
    """A run, as far as it went.

    Attributes:
        run: its folder, as seen from the one that was named.
        network: its name; None if the run cannot be read.
        recipe: how it was trained.
        texts: names of the files.
        parameters, steps, characters, seconds: None while it has not finished.
        train, held_out: losses in nats per character; the held-out one of its best checkpoint.
        ended: the budget or stop rule that ended it; "running" for one that has not finished.
        problem: why it cannot be read.
    """

    run: str
    network: str | None = None
    recipe: Recipe | None = None
    texts: tuple[str, ...] = ()
    parameters: int | None = None
    steps: int | None = None
    characters: int | None = None
    seconds: float | None = None
    train: float | None = None
    held_out: float | None = None
    ended: str | None = None
    problem: str | None = None


def list_runs(
    folder: str | Path, sort: str = "held_out", reverse: bool = False
) -> list[RunSummary]:
    """The runs of a folder and of the folders in it.

    Args:
        folder: where to look; a run itself is one, too.
        sort: the column to sort by; rows without a value come last.
        reverse: the largest first.

    Raises:
        RunError: it is no folder.
        SettingError: no such column.
    """
    if not os.path.isdir(folder):
        raise RunError(f"{folder} is no folder: name one that holds runs")
    columns = {column.key: column for column in RUN_LIST.columns}
    if sort not in columns:
        raise SettingError(f"no column {sort}: sort by one of {', '.join(columns)}")
    found = [_summary(path, Path(folder)) for path in sorted(_runs(Path(folder), DEPTH))]
    value = columns[sort].value
    known = [row for row in found if value(row) is not None]
    try:
        known.sort(key=value, reverse=reverse)
    except TypeError:  # values of several kinds, as a setting has them
        known.sort(key=lambda row: str(value(row)), reverse=reverse)
    return known + [row for row in found if value(row) is None]


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "config.json").is_file():
        yield folder
    elif depth:
        try:
            with os.scandir(folder) as entries:
                below = [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
        except OSError:  # it may not be read
            return
        for path in below:
            if not path.name.startswith("."):
                yield from _runs(path, depth - 1)


def _summary(path: Path, top: Path) -> RunSummary:
    name = "." if path == top else path.relative_to(top).as_posix()
    try:
        run = FinishedRun.open(path)
        config, finished = run.config, run.finished
    except (RunError, SettingError) as error:
        return RunSummary(name, problem=str(error))
    known: dict[str, Any] = {
        "held_out": run.held_out_loss,
        "ended": "running" if run.run.has_metrics else None,
    }
    if len(run.train.nats):
        known |= {"train": float(run.train.nats[-1]), "steps": int(run.train.steps[-1])}
    if finished is not None:
        known |= {
            "parameters": finished.parameters,
            "steps": finished.steps,
            "characters": finished.characters,
            "seconds": finished.seconds,
            "train": finished.train_nats_per_char,
            "ended": finished.stopped_by,
        }
    texts = tuple(os.path.basename(source) for source in config.text.sources)
    return RunSummary(name, config.network, run.recipe, texts, **known)


def _setting(name: str) -> Column[RunSummary]:
    shown = {"hidden": "hidden", "lr": "rate", "batch": "batch", "seq_len": "sequence"}
    return Column(
        name,
        shown.get(name, name),
        lambda row: row.recipe and asdict(row.recipe)[name],
        numbers.setting,
        hidden=name not in shown,
    )


RUN_LIST = Table[RunSummary](
    Column("run", "run", lambda row: row.run),
    Column("network", "network", lambda row: row.network),
    Column("texts", "texts", lambda row: ", ".join(row.texts) or None, hidden=True),
    Column("parameters", "parameters", lambda row: row.parameters),
    *(_setting(field.name) for field in fields(Recipe) if field.name != "steps"),
    Column("steps", "steps", lambda row: row.steps),
    Column("characters", "characters", lambda row: row.characters, hidden=True),
    Column("seconds", "duration", lambda row: row.seconds, numbers.duration),
    Column("train", "train nats", lambda row: row.train, numbers.loss),
    Column("held_out", "held-out nats", lambda row: row.held_out, numbers.loss),
    Column("ended", "ended by", lambda row: row.ended),
    Column("problem", "problem", lambda row: row.problem, optional=True),
)
