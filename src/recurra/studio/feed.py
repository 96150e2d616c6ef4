"""The records of runs as they are written, each read once: curves, samples, and how a run is."""

import math
from array import array
from collections import deque
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recurra.storage.runs import METRICS, Run
from recurra.studio.workspace import changed
from recurra.training.finished_run import FinishedRun
from recurra.training.records import Evaluation, Finished, Kept, Progress, Sample, records_from
from recurra.training.stopping import DIVERGED

State = Literal["running", "done", "diverged", "stopped", "killed", "damaged"]
Quantity = Literal["train", "held_out", "gradient_norm", "rate", "speed"]
Across = Literal["steps", "characters", "seconds"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
ACROSS: tuple[Across, ...] = get_args(Across)
SAMPLES = 30  # the latest are kept
KEPT = 64  # runs whose records are in memory
OF_PROGRESS: dict[Quantity, str] = {
    "train": "smooth_nats_per_char",
    "gradient_norm": "gradient_norm",
    "rate": "rate",
    "speed": "chars_per_second",
}

Array = NDArray[np.float64]


class Feed:
    """One run and its records so far.

    Attributes:
        opened: the run; what was asked for never changes.
        samples: the latest texts that it wrote.
        progress, finished: the latest record of each; None without one. A run that goes on after
            its end has not finished.
        best: the lowest held-out loss; None without one.
    """

    def __init__(self, folder: Path) -> None:
        self.opened = FinishedRun(Run.open(folder))
        self._lock = Lock()
        self._clear()

    def _clear(self) -> None:
        self._end, self._last = 0, b""
        self._points = {quantity: array("d") for quantity in QUANTITIES}
        self.samples: deque[Sample] = deque(maxlen=SAMPLES)
        self.progress: Progress | None = None
        self.finished: Finished | None = None
        self.best: float | None = None

    def update(self) -> None:
        """Read what was written since the last time.

        Raises:
            RunError: it cannot be read.
        """
        with self._lock:
            if not self._as_it_was():  # it was resumed from before its end
                self._clear()
            recipe = self.opened.config.recipe
            seconds = self.progress.seconds if self.progress else 0.0
            per_step = recipe.batch * recipe.seq_len
            for length, record in records_from(self.opened.run, per_step, self._end, seconds):
                self._take(record)
                self._end += length
            self._last = self._tail()

    @property
    def outcome(self) -> State:
        """How the run is when nobody trains it."""
        if self.finished is not None:
            return "diverged" if self.finished.stopped_by == DIVERGED else "done"
        return "killed" if self.opened.run.signed else "stopped"

    def curve(self, quantity: Quantity, across: Across) -> tuple[Array, Array]:
        """A quantity along the way, where it was finite: x and y, ``(n,)`` each."""
        with self._lock:
            rows = np.array(self._points[quantity]).reshape(-1, 4)
        return rows[:, ACROSS.index(across)], rows[:, 3]

    def _take(self, record: Kept) -> None:
        match record:
            case Progress(step=step, characters=characters, seconds=seconds):
                self.progress, self.finished = record, None
                for quantity, name in OF_PROGRESS.items():
                    self._add(quantity, step, characters, seconds, getattr(record, name))
            case Evaluation(step=step, nats_per_char=nats):
                self._add("held_out", step, record.characters or 0, record.seconds or 0.0, nats)
                if record.best and math.isfinite(nats):
                    self.best = nats
            case Sample():
                self.samples.append(record)
            case Finished():
                self.finished = record

    def _add(
        self, quantity: Quantity, step: int, characters: int, seconds: float, y: float | None
    ) -> None:
        if y is not None and math.isfinite(y):
            self._points[quantity].extend((step, characters, seconds, y))

    def _as_it_was(self) -> bool:
        return self._end == 0 or self._tail() == self._last

    def _tail(self) -> bytes:
        """The last bytes that were read, as the file has them now."""
        try:
            with (self.opened.run.folder / METRICS).open("rb") as file:
                file.seek(max(0, self._end - 200))
                return file.read(min(200, self._end))
        except OSError:
            return b""


class Feeds:
    """The feeds of those runs that were looked at last."""

    def __init__(self) -> None:
        # by the time of its configuration, too: another run may have its name by now
        self._opened = lru_cache(KEPT)(lambda folder, begun: Feed(folder))

    def of(self, folder: Path) -> Feed:
        """The feed of a run, up to date.

        Raises:
            RunError: it is no run, or damaged.
        """
        feed = self._opened(folder, changed(folder / "config.json"))
        feed.update()
        return feed
