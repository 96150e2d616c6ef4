"""Processes that work on a study; see `recurra.training.processes`."""

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

from recurra.errors import EquationError, SettingError, TextError
from recurra.text.corpus import Corpus
from recurra.training.processes import TrainingWorker, WorkerProcess, run_worker, supervise
from recurra.tuning.cluster import require_storage, supervise_with_dask
from recurra.tuning.cost import memory_limit, memory_needed
from recurra.tuning.optuna_storage import STORAGE
from recurra.tuning.schedule import Actions, Job, next_actions
from recurra.tuning.study import Study
from recurra.tuning.trial_runner import open_trainer, train_on
from recurra.tuning.trials import FINALIST, PRUNED, SKIPPED, WAITING, Trial

PAUSE = 0.2  # seconds between two looks at a study


@dataclass
class Worker(TrainingWorker):
    """Takes one trial after the other until nothing more is to come, or `stop` is called.

    Attributes:
        study: what to work on.
        characters: budget of the study: begin no trial after so many in all.
        memory: bytes that a trial may need; None: as many as the machine has.
        engine: the study's, on a device of its own; None: the study's.
    """

    study: Study
    characters: int | None = None
    memory: int | None = None
    engine: str | None = None

    def work(self) -> bool:
        """Work on the study; whether it is complete.

        Raises:
            RecurraError: texts or folders are not as they should be, or cannot be written.
        """
        study = self.study
        corpus = study.spec.text.load(study.folder)
        while not self.stopped.is_set():
            trials = study.trials()
            actions = next_actions(study.spec, trials)
            if actions.finished:
                return True
            if self._write_down(actions):
                continue
            if self.characters is not None and characters_used(trials) >= self.characters:
                return False
            if not any(self._try(corpus, trials, job) for job in actions.jobs):
                # Not all at the same moment.
                self.stopped.wait(PAUSE * random.uniform(0.5, 1.5))  # noqa: S311
        return False

    def _write_down(self, actions: Actions) -> bool:
        """Write down all that needs no training; whether there was any."""
        store = self.study.store
        for number, rung in actions.prune:
            store.trial(number)
            store.set_status(number, PRUNED, f"not among the best at {rung:,} characters")
        for number in actions.promote:
            store.set_status(number, WAITING, FINALIST)
        for number in actions.finalise:
            store.finalise(number, PRUNED)
            self.study.remove_checkpoints(number)
        return bool(actions.prune or actions.promote or actions.finalise)

    def _try(self, corpus: Corpus, trials: list[Trial], job: Job) -> bool:
        """Train a trial if nobody else does; whether it was done."""
        study, number = self.study, job.number
        if trials[number].setting is None:
            study.store.trial(number)
            study.store.set_setting(number, study.spec.suggest(trials, number))
            trials[number] = study.store.trial(number)
        with study.leases.hold(number, job.until) as trial:
            if trial is None:
                return False
            try:
                self._train(corpus, trials, trial, job.until)
            finally:
                self.trainer = None
        return True

    def _train(self, corpus: Corpus, trials: list[Trial], trial: Trial, until: int | None) -> None:
        study, store, number = self.study, self.study.store, trial.number
        assert trial.setting is not None
        losses = dict(trial.rungs)

        def ends() -> bool:
            """Whether the trial ends at the last rung that it has reached."""
            if trial.finalist or not losses:
                return False
            decision = study.spec.decide(trials, number, losses)
            if decision.notes:
                store.set_notes(number, decision.notes)
            if decision.prune:
                reason = f"worse than others at {max(losses):,} characters"
                store.set_status(number, PRUNED, reason)
            return decision.prune

        def ends_at(rung: int, loss: float) -> bool:
            store.report(number, rung, loss)
            losses[rung] = loss
            return ends()

        if ends():  # its process died just before this was written down
            return
        try:
            self._refuse_too_large(corpus, trial)
            self.trainer = open_trainer(
                study.spec, corpus, trial.setting, study.run_folder(number), self.engine
            )
        except (EquationError, SettingError, TextError, MemoryError) as error:
            reason = str(error) or "there is not enough memory"
            store.finalise(number, SKIPPED, reason=reason)
            return
        if self.stopped.is_set():
            return
        outcome = train_on(self.trainer, trial, study.spec, until, ends_at)
        if outcome.result:
            store.set_result(number, outcome.result)
        if outcome.state not in (WAITING, PRUNED):
            store.finalise(number, outcome.state, outcome.loss, outcome.reason)

    def _refuse_too_large(self, corpus: Corpus, trial: Trial) -> None:
        assert trial.setting is not None
        limit = self.memory or memory_limit()
        needed = memory_needed(self.study.spec, trial.setting, len(corpus.vocabulary))
        if limit is not None and needed > limit:
            raise SettingError(
                f"it needs about {needed / 2**30:,.1f} GiB of memory, and {limit / 2**30:,.1f} are "
                "there for one trial"
            )


def characters_used(trials: list[Trial]) -> int:
    """Characters that all trials have trained on."""
    return sum(trial.characters for trial in trials)


def search(
    study: Study,
    *,
    workers: int,
    minutes: float | None = None,
    characters: int | None = None,
    engines: Sequence[str] = (),
    pause: float = 0.5,
) -> Iterator[list[Trial]]:
    """Work on a study with so many processes; the trials as they stand, again and again.

    Leaving the iteration, also by Ctrl-C, lets every process save and end.

    Args:
        study: what to work on; it goes on where it was.
        workers: processes, one core each.
        minutes: begin nothing, and end what runs, after so many.
        characters: begin no trial after so many in all.
        engines: the study's on several devices, which the processes share in turn.
        pause: seconds between two looks.

    Raises:
        RecurraError: a process was refused something, and why.
    """
    limit = memory_limit()
    own_limit = None if limit is None else limit // workers
    spawns = [
        worker_command(study, characters, own_limit, engine)
        for engine in islice(cycle(engines or [None]), workers)
    ]
    # the first look opens, and if need be repairs, the journal before others do
    yield from supervise(study.folder, spawns, study.trials, end=_end(minutes), pause=pause)


def search_with_dask(
    study: Study,
    address: str,
    *,
    workers: int,
    minutes: float | None = None,
    characters: int | None = None,
    pause: float = 1.0,
) -> Iterator[list[Trial]]:
    """As `search`, with processes that a Dask cluster starts; see `supervise_with_dask`.

    Raises:
        SettingError: Dask is not installed, or the study is not in a database.
        RunError: the scheduler does not answer, or a worker was refused something.
    """
    require_storage(study.storage)
    yield from supervise_with_dask(
        address,
        worker_command(study, characters),
        study.trials,
        workers=workers,
        finished=lambda trials: next_actions(study.spec, trials).finished,
        wanted=lambda trials: characters is None or characters_used(trials) < characters,
        end=_end(minutes),
        pause=pause,
    )


def _end(minutes: float | None) -> float:
    return float("inf") if minutes is None else time.monotonic() + 60.0 * minutes


def worker_command(
    study: Study,
    characters: int | None = None,
    memory: int | None = None,
    engine: str | None = None,
) -> Callable[[], WorkerProcess]:
    """A function that starts a process for a study; budgets and engine are those of `Worker`."""
    given = ["-" if n is None else str(n) for n in (characters, memory, engine)]
    environment = {} if study.storage is None else {STORAGE: study.storage}
    arguments = [str(study.folder), *given]
    return partial(WorkerProcess.spawn, "recurra.tuning.workers", arguments, environment)


def main() -> None:
    """A worker process of `search`: its arguments are the folder, and budgets, engine or ``-``."""
    folder, characters, memory, engine = sys.argv[1:]

    run_worker(
        lambda: Worker(
            Study.open(folder),
            None if characters == "-" else int(characters),
            None if memory == "-" else int(memory),
            None if engine == "-" else engine,
        )
    )
