"""Which process trains which trial, and whether it is still alive.

On one machine the sign of life is a lock on a file, which the system itself ends with the process,
however that dies: nobody waits for a missed heartbeat, and nobody alive is taken for dead. Between
machines it is Optuna's heartbeat in the database; the lock, in a folder that all share, then
decides between two who find the same trial dead at the same moment.
"""

import threading
from pathlib import Path
from typing import BinaryIO

from recurra.tuning.journal import try_lock
from recurra.tuning.trial_store import HEARTBEAT, Ledger
from recurra.tuning.trials import FAILED, RUNNING, Trial

DEATHS = 10  # so many in a row without a new checkpoint, and a trial is given up


class Claims:
    """The trials that this process holds.

    Args:
        ledger: of the study.
        folder: for the lock files.
        runs: the folder of the trials' runs.
    """

    def __init__(self, ledger: Ledger, folder: Path, runs: Path) -> None:
        self.ledger, self.folder, self.runs = ledger, folder, runs
        self._held: dict[int, tuple[BinaryIO, threading.Event]] = {}

    def take(self, number: int, until: int | None) -> Trial | None:
        """Begin a trial, or go on with one that waits or whose process has died.

        Returns:
            The trial as it is now; None if another process has it, or has done what was to do.
        """
        self.folder.mkdir(exist_ok=True)
        file = (self.folder / f"{number:05}.lock").open("ab")
        trial = self._begin(number, until) if try_lock(file) else None
        if trial is None:
            file.close()
            return None
        done = threading.Event()
        self._held[number] = file, done
        if self.ledger.beats:
            threading.Thread(target=self._beat_on, args=(number, done), daemon=True).start()
        return trial

    def drop(self, number: int) -> None:
        """Hold a trial no longer: others may go on with it."""
        file, done = self._held.pop(number)
        done.set()
        try:
            self.ledger.pause(number)
        finally:
            file.close()

    def _begin(self, number: int, until: int | None) -> Trial | None:
        trial = self.ledger.trial(number)
        if trial.over or until in trial.rungs:
            return None
        if trial.state == RUNNING:
            if self.ledger.beats and not self.ledger.is_dead(number):
                return None
            if self._count_death(trial) >= DEATHS:
                self.ledger.settle(
                    number,
                    FAILED,
                    reason=f"its process died {DEATHS} times in a row before it had saved anything "
                    "new: most likely there is not enough memory",
                )
                return None
            self.ledger.pause(number)
        if self.ledger.beats:
            # The first beat comes before the claim: a process that dies in between is found.
            self.ledger.beat(number)
        return trial if self.ledger.begin(number) else None

    def _count_death(self, trial: Trial) -> int:
        path = self.runs / f"{trial.number:05}" / "last.safetensors"
        mark = path.stat().st_mtime_ns if path.exists() else 0
        count, before = trial.deaths
        count = count + 1 if mark == before else 1
        self.ledger.note(trial.number, deaths=[count, mark])
        return count

    def _beat_on(self, number: int, done: threading.Event) -> None:
        while not done.wait(HEARTBEAT):
            self.ledger.beat(number, patient=False)
