"""Processes that train the runs of a comparison; see `recurra.training.processes`.

What has finished, the folder tells. Who trains a run now, a lock on a file tells, which ends with
the process, however that dies; between machines a lease in a database: `recurra.tuning.leases`.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.comparison.runner import all_runs, is_ready, open_trainer, unfinished_runs
from recurra.errors import RunError
from recurra.storage.locks import claim
from recurra.text.corpus import Corpus
from recurra.text.sources import Source
from recurra.training.processes import TrainingWorker, WorkerProcess, run_worker, supervise

if TYPE_CHECKING:
    from recurra.tuning.leases import Leases  # with Optuna, which takes a second

# Seconds between two looks at what others have trained: each reads the records of open runs.
PAUSE = 2.0


@dataclass
class Worker(TrainingWorker):
    """Trains one run after the other until none is left, or `stop` is called.

    Attributes:
        comparison: opened.
        sources, fetch: as for `train_with_workers`.
    """

    comparison: Comparison
    sources: Sequence[Source] | None = None
    fetch: bool = False

    @cached_property
    def leases(self) -> "Leases | None":
        """Who trains which run, by number; None: only on this machine."""
        comparison = self.comparison
        if comparison.storage is None:
            return None
        from recurra.tuning.leases import Leases
        from recurra.tuning.optuna_storage import full_address
        from recurra.tuning.space import Space
        from recurra.tuning.trial_store import TrialStore

        address = full_address(comparison.folder, comparison.storage, None)
        name = f"comparison-{comparison.seal[:16]}"
        store = TrialStore(comparison.folder, name, Space({}), address)
        return Leases(store, comparison.folder / "claims", None)

    def work(self) -> bool:
        """Train; whether all runs have finished.

        Raises:
            RecurraError: a run or a text is not as it should be, or a search found no rate.
        """
        comparison = self.comparison
        corpus = comparison.text.load(comparison.folder, self.sources, fetch=self.fetch)
        while not self.stopped.is_set():
            pending = unfinished_runs(comparison)
            if not pending:
                return True
            ready = (planned for planned in pending if is_ready(comparison, planned))
            if not any(self._try(planned, corpus) for planned in ready):
                self.stopped.wait(PAUSE)
        return False

    def _try(self, planned: PlannedRun, corpus: Corpus) -> bool:
        """Train a run if nobody else does; whether it was done."""
        with self._hold(all_runs(self.comparison).index(planned)) as held:
            if not held or planned.outcome() is not None:
                return False
            self.trainer = open_trainer(self.comparison, planned, corpus)
            if not self.stopped.is_set():
                for _ in self.trainer.records():
                    pass
            self.trainer = None
        return True

    def _hold(self, number: int) -> AbstractContextManager[object]:
        if self.leases is not None:
            return self.leases.hold(number)
        return claim(self.comparison.folder / "claims" / f"{number:05}.lock")


def train_with_workers(
    comparison: Comparison,
    workers: int,
    sources: Sequence[Source] | None = None,
    *,
    fetch: bool = False,
    storage: str | None = None,
    dask: str | None = None,
    pause: float = PAUSE,
) -> Iterator[list[PlannedRun]]:
    """Train what is missing with so many processes; the runs that have just finished.

    Who trains which run changes no byte of it. Leaving the iteration, also by Ctrl-C, lets every
    process save and end.

    Args:
        comparison: opened.
        workers: processes, each with the comparison's number of threads; fewer where a budget is
            minutes, see `recurra.comparison.budgets.fair_workers`.
        sources: where its texts are now, if they were moved.
        fetch: download texts that the comparison has at an address.
        storage: address of the comparison's database, if it has one; default: the environment's
            ``RECURRA_STORAGE``.
        dask: address of a Dask cluster that starts the processes, see
            `recurra.tuning.cluster.supervise_with_dask`; None: they are on this machine.
        pause: seconds between two looks.

    Raises:
        SettingError: the database is not named, or Dask is not installed.
        RunError: a process was refused something, and why.
    """
    pending = unfinished_runs(comparison)
    paths = None if sources is None else [str(source) for source in sources]
    arguments = [str(comparison.folder), json.dumps([paths, fetch])]
    environment: dict[str, str] = {}
    if comparison.storage is not None and pending:
        from recurra.tuning.optuna_storage import STORAGE, full_address

        address = full_address(comparison.folder, comparison.storage, storage)
        assert address is not None
        environment[STORAGE] = address
    spawn = partial(WorkerProcess.spawn, "recurra.comparison.workers", arguments, environment)
    count = min(comparison.fair_workers(workers), len(pending))
    status = partial(unfinished_runs, comparison)
    if dask is None:
        states = supervise(comparison.folder, [spawn] * count, status, pause=pause)
    else:
        from recurra.tuning.cluster import require_storage, supervise_with_dask

        require_storage(comparison.storage)
        states = supervise_with_dask(
            dask, spawn, status, workers=count, finished=lambda left: not left, pause=pause
        )
    for now in states:
        yield [planned for planned in pending if planned not in now]
        pending = now
    if pending:
        raise RunError(f"{comparison.folder}: the workers ended early: go on with --resume")


def main() -> None:
    """A worker process: its arguments are the folder, and sources and `fetch` as JSON."""
    folder, given = sys.argv[1:]
    sources, fetch = json.loads(given)
    run_worker(lambda: Worker(Comparison.open(folder), sources, fetch))
