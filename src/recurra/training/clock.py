"""Wall-clock figures of a run."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Clock:
    """Wall-clock figures of a run over all its processes; they decide nothing but ``minutes``.

    The first step of a process may have to compile kernels and does not count as training.

    Args:
        now: seconds since some moment.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self.start({})

    def start(self, saved: Mapping[str, Any]) -> None:
        """Begin, or go on from what `saved` has returned."""
        now = self._now()
        self._begun: float = now - saved.get("seconds", 0.0)
        self._saved_at = now
        self._trained: float = saved.get("training_seconds", 0.0)
        self._characters: int = saved.get("training_characters", 0)
        self._mark = (self._trained, self._characters)
        self._warm = False
        self._paced_from: tuple[float, float] | None = None

    @contextlib.contextmanager
    def training(self, characters: int) -> Iterator[None]:
        """Time one training step of so many characters."""
        begin = self._now()
        yield
        if self._warm:
            self._trained += self._now() - begin
            self._characters += characters
        self._warm = True

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what is no part of the run, such as compiling its kernels."""
        begin = self._now()
        yield
        self._begun += self._now() - begin

    def note_used(self, used: float) -> None:
        """Take the pace from here on, if a process's first step has just used so much of a budget.

        That step loads kernels, which may take longer than a hundred others.
        """
        self._paced_from = self._paced_from or (self.seconds(), used)

    def seconds_left(self, used: float) -> float | None:
        """Until a budget is used up, of which so much is used; None if no pace is known yet."""
        seconds, before = self._paced_from or (0.0, used)
        if used <= before:
            return None
        return (self.seconds() - seconds) / (used - before) * max(0.0, 1.0 - used)

    def seconds(self) -> float:
        """Since the run began, without compilation and the time between its processes."""
        return self._now() - self._begun

    def speed(self) -> float:
        """Characters per second of training, all told; 0 if not known yet."""
        return self._characters / self._trained if self._trained else 0.0

    def recent_speed(self) -> float:
        """Characters per second of training since the last call."""
        seconds, characters = self._trained - self._mark[0], self._characters - self._mark[1]
        self._mark = (self._trained, self._characters)
        return characters / seconds if seconds else 0.0

    def since_save(self) -> float:
        """Seconds since the last `saved`."""
        return self._now() - self._saved_at

    def saved(self) -> dict[str, Any]:
        """The figures to be kept with a checkpoint that has just been saved."""
        self._saved_at = self._now()
        return {
            "seconds": self.seconds(),
            "training_seconds": self._trained,
            "training_characters": self._characters,
        }
