"""Processes that train the runs of a comparison; see `recurra.training.processes`."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from recurra.comparison.comparison import Comparison, PlannedRun
from recurra.comparison.runner import is_ready, open_trainer, unfinished_runs
from recurra.errors import RunError
from recurra.storage.files import cannot_write, open_to_write
from recurra.storage.locks import try_lock
from recurra.text.corpus import Corpus
from recurra.text.sources import Source
from recurra.training.processes import TrainingWorker, WorkerProcess, run_worker, supervise

# Seconds between two looks at what others have trained: each reads the records of open runs.
PAUSE = 2.0


@dataclass
class Worker(TrainingWorker):
    """Trains one run after the other until none is left, or `stop` is called.

    A lock on a file says who trains a run, and ends with the process, however that dies.
    """

    comparison: Comparison
    sources: Sequence[Source] | None = None
    fetch: bool = False

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
        path = self.comparison.folder / "claims" / f"{planned.key.replace('/', '_')}.lock"
        try:
            path.parent.mkdir(exist_ok=True)
            lock = open_to_write(path)
        except OSError as error:
            raise cannot_write(path, error) from None
        with lock:
            if not try_lock(lock) or planned.outcome() is not None:
                return False
            self.trainer = open_trainer(self.comparison, planned, corpus)
            if not self.stopped.is_set():
                for _ in self.trainer.records():
                    pass
            self.trainer = None
        return True


def train_with_workers(
    comparison: Comparison,
    workers: int,
    sources: Sequence[Source] | None = None,
    *,
    fetch: bool = False,
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
        pause: seconds between two looks.

    Raises:
        RunError: a process was refused something, and why.
    """
    pending = unfinished_runs(comparison)
    paths = None if sources is None else [str(source) for source in sources]
    arguments = [str(comparison.folder), json.dumps([paths, fetch])]
    spawn = partial(WorkerProcess.spawn, "recurra.comparison.workers", arguments)
    count = min(comparison.fair_workers(workers), len(pending))
    status = partial(unfinished_runs, comparison)
    for now in supervise(comparison.folder, [spawn] * count, status, pause=pause):
        yield [planned for planned in pending if planned not in now]
        pending = now
    if pending:
        raise RunError(f"{comparison.folder}: the workers ended early: go on with --resume")


def main() -> None:
    """A worker process: its arguments are the folder, and sources and `fetch` as JSON."""
    folder, given = sys.argv[1:]
    sources, fetch = json.loads(given)
    run_worker(lambda: Worker(Comparison.open(folder), sources, fetch))
