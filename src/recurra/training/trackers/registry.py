"""Trackers by name."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from recurra.errors import SettingError
from recurra.training.records import Record
from recurra.training.trackers.base import Training


def open_tracker(
    log: str | None, trainer: Training
) -> contextlib.AbstractContextManager[Callable[[Record], object]]:
    """Open what takes the records of a training, as a context; without a name nothing does.

    Args:
        log: "csv": a table in the run folder; "tensorboard": event files there; else a folder
            for event files, in which every run has one of its own.
        trainer: the training.

    Raises:
        SettingError: a package is not installed, or the training keeps nothing.
        RunError: a file cannot be written.
    """
    if log is None:
        return contextlib.nullcontext(lambda record: None)
    if trainer.run is None:
        raise SettingError("a training without a run folder keeps no log: name a folder for it")
    if log == "csv":
        from recurra.training.trackers.table import CurveTable

        return CurveTable(trainer.run, trainer.recipe.batch * trainer.recipe.seq_len)
    from recurra.training.trackers.tensorboard import EventFiles

    own = trainer.run.folder / "tensorboard"
    return EventFiles(trainer, own if log == "tensorboard" else Path(log) / trainer.run.folder.name)
