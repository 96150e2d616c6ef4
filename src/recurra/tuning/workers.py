"""Processes that work on a study, all alike: none of them leads, and any of them may be killed.

On one machine there is one process a core, with one thread each (one BLAS thread, too): training
shares nothing, so nothing else is as fast. The parent only watches; it holds the other end of
every process's standard input, and when that closes, however the parent died, they save and end.
"""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Self

from recurra.errors import EquationError, RecurraError, RunError, SettingError, TextError
from recurra.text.corpus import Corpus
from recurra.training.trainer import Trainer
from recurra.tuning.cost import REFUSED, memory_limit, memory_needed
from recurra.tuning.schedule import Actions, Job, next_actions
from recurra.tuning.study import STORAGE, Study
from recurra.tuning.trial_runner import open_trainer, train_on
from recurra.tuning.trials import FINALIST, PRUNED, SKIPPED, WAITING, Trial

PAUSE = 0.2  # seconds between two looks at a study
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
MAX_CRASHES = 20  # so many in a row while no trial gets any further, and something is wrong


@dataclass
class Worker:
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
    _stopped: threading.Event = field(default_factory=threading.Event)
    _trainer: Trainer | None = None

    def stop(self) -> None:
        """Save the present trial after its present step, and end."""
        self._stopped.set()
        if self._trainer is not None:
            self._trainer.stop()

    def work(self) -> bool:
        """Work on the study; whether it is complete.

        Raises:
            RecurraError: texts or folders are not as they should be, or cannot be written.
        """
        study = self.study
        corpus = study.spec.text.load(study.folder)
        while not self._stopped.is_set():
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
                self._stopped.wait(PAUSE * random.uniform(0.5, 1.5))  # noqa: S311
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
        trial = study.leases.acquire(number, job.until)
        if trial is None:
            return False
        try:
            self._train(corpus, trials, trial, job.until)
        finally:
            self._trainer = None
            study.leases.release(number)
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
            self._trainer = open_trainer(
                study.spec, corpus, trial.setting, study.run_folder(number), self.engine
            )
        except (EquationError, SettingError, TextError, MemoryError) as error:
            reason = str(error) or "there is not enough memory"
            store.finalise(number, SKIPPED, reason=reason)
            return
        if self._stopped.is_set():
            return
        outcome = train_on(self._trainer, trial, study.spec, until, ends_at)
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
    end = time.monotonic() + 60.0 * minutes if minutes is not None else float("inf")
    limit = memory_limit()
    share = None if limit is None else limit // workers
    trials = study.trials()  # opens, and if need be repairs, the journal before others do
    yield trials
    crashes = 0
    of_worker = islice(cycle(engines or [None]), workers)
    children = [WorkerProcess.spawn(study, characters, share, engine) for engine in of_worker]
    try:
        while children:
            if time.monotonic() > end:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                children[0].process.wait(pause)
            for child in [child for child in children if child.process.poll() is not None]:
                children.remove(child)
                code, message = child.wait()
                if code > 0:
                    raise RunError(message or f"a worker ended with exit code {code}")
                if code < 0:  # killed: another one takes its place
                    crashes += 1
                    if crashes > MAX_CRASHES:
                        raise RunError(
                            f"the workers of {study.folder} were killed {crashes} times without "
                            f"getting any further, the last one by signal {-code} {message}".strip()
                        )
                    children.append(WorkerProcess.spawn(study, characters, share, child.engine))
            trials, before = study.trials(), trials
            crashes = crashes if trials == before else 0
            yield trials
    finally:
        for child in children:
            child.ask_to_stop()
        try:
            for child in children:
                child.process.wait()
        finally:  # a second Ctrl-C does not wait
            for child in children:
                child.process.kill()
                child.wait()


@dataclass(frozen=True)
class WorkerProcess:
    """A worker process; it saves and ends when its standard input is closed."""

    process: "subprocess.Popen[bytes]"
    engine: str | None

    @classmethod
    def spawn(
        cls,
        study: Study,
        characters: int | None,
        memory: int | None,
        engine: str | None = None,
    ) -> Self:
        """Start one; budgets and engine are those of `Worker`."""
        environment = {**os.environ, **ONE_THREAD}
        if study.storage is not None:
            environment[STORAGE] = study.storage
        given = ["-" if n is None else str(n) for n in (characters, memory, engine)]
        program = "from recurra.tuning.workers import main; main()"
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-P", "-c", program, str(study.folder), *given],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            # Ctrl-C is for the parent, which lets them end in order.
            process_group=None if sys.platform == "win32" else 0,
        )
        return cls(process, engine)

    def ask_to_stop(self) -> None:
        """Ask it to save and end."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def wait(self) -> tuple[int, str]:
        """Wait until it has ended: its exit code, or minus its signal, and its last words.

        Of what Python says of a fault only the last line, without the traceback.
        """
        assert self.process.stderr is not None
        self.ask_to_stop()
        with self.process.stderr as stream:
            words = stream.read().decode(errors="replace").strip()
        code = self.process.wait()
        return code, words if code == REFUSED else words[words.rfind("\n") + 1 :]


def main() -> None:
    """A worker process of `search`: its arguments are the folder, and budgets, engine or ``-``."""
    folder, characters, memory, engine = sys.argv[1:]
    worker = None
    try:
        study = Study.open(folder)
        worker = Worker(
            study,
            None if characters == "-" else int(characters),
            None if memory == "-" else int(memory),
            None if engine == "-" else engine,
        )
        threading.Thread(target=_stop_with_parent, args=(worker,), daemon=True).start()
        worker.work()
    except RecurraError as error:
        sys.stderr.write(str(error))
        sys.exit(REFUSED)


def _stop_with_parent(worker: Worker) -> None:
    # Not by way of sys.stdin, whose lock the interpreter wants when it ends.
    while os.read(0, 1024):
        pass
    worker.stop()
