"""Leases: which process trains which trial, or run of a comparison, and whether it is still alive.

On one machine the sign of life is a lock on a file, which the system itself ends with the process,
however that dies: nobody waits for a missed heartbeat, and nobody alive is taken for dead. Between
machines it is Optuna's heartbeat in the database; the lock, in a folder that all share, then
decides between two who find the same trial dead at the same moment.
"""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from recurra.storage.locks import claim
from recurra.tuning.optuna_storage import HEARTBEAT
from recurra.tuning.trial_store import TrialStore
from recurra.tuning.trials import FAILED, RUNNING, Trial

MAX_CRASHES = 10  # so many in a row without a new checkpoint, and a trial is given up


class Leases:
    """The trials that this process holds.

    Args:
        store: of the trials.
        folder: for the lock files.
        runs: the folder of the trials' runs; None: no trial is given up, however often it crashes.
    """

    def __init__(self, store: TrialStore, folder: Path, runs: Path | None) -> None:
        self.store, self.folder, self.runs = store, folder, runs

    @contextlib.contextmanager
    def hold(self, number: int, until: int | None = None) -> Iterator[Trial | None]:
        """Start a trial, or go on with one that waits or whose process has died.

        Returns:
            The trial as it is now, for as long as the block runs; None if another process has it,
            or has done what was to do.

        Raises:
            RunError: the lock cannot be made.
        """
        with claim(self.folder / f"{number:05}.lock") as claimed:
            trial = self._start(number, until) if claimed else None
            if trial is None:
                yield None
                return
            released = threading.Event()
            if self.store.storage.has_heartbeats:
                threading.Thread(
                    target=self._record_heartbeats, args=(number, released), daemon=True
                ).start()
            try:
                yield trial
            finally:
                released.set()
                self.store.pause(number)

    def _start(self, number: int, until: int | None) -> Trial | None:
        trial = self.store.trial(number)
        if trial.finished or until in trial.rungs:
            return None
        if trial.state == RUNNING:
            if self.store.storage.has_heartbeats and not self.store.storage.is_stale(number):
                return None
            if self.runs is not None and self._count_crash(trial, self.runs) >= MAX_CRASHES:
                self.store.finalise(
                    number,
                    FAILED,
                    reason=f"its process died {MAX_CRASHES} times in a row before it had saved "
                    "anything new: most likely there is not enough memory",
                )
                return None
            self.store.pause(number)
        if self.store.storage.has_heartbeats:
            # The first beat comes before the start: a process that dies in between is found.
            self.store.storage.record_heartbeat(number, patient=True)
        return trial if self.store.start(number) else None

    def _count_crash(self, trial: Trial, runs: Path) -> int:
        path = runs / f"{trial.number:05}" / "last.safetensors"
        saved = path.stat().st_mtime_ns if path.exists() else 0
        count, before = trial.crashes
        count = count + 1 if saved == before else 1
        self.store.set_crashes(trial.number, count, saved)
        return count

    def _record_heartbeats(self, number: int, released: threading.Event) -> None:
        while not released.wait(HEARTBEAT):
            self.store.storage.record_heartbeat(number, patient=False)
