"""Processes that share the work on a folder, all alike: none leads, and any of them may be killed.

Each has one thread (one BLAS thread, too): training shares nothing, so nothing else is as fast. The
parent only watches; it holds the other end of every process's standard input, and when that closes,
however the parent died, they save and end.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self, TypeVar

from recurra.errors import RecurraError, RunError

ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
MAX_CRASHES = 20  # so many in a row while nothing gets any further, and something is wrong
REFUSED = 2  # exit code of a process of ours that ended with a sentence

T = TypeVar("T")


@dataclass(frozen=True)
class WorkerProcess:
    """A worker process; it saves and ends when its standard input is closed."""

    process: "subprocess.Popen[bytes]"

    @classmethod
    def spawn(
        cls, module: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start one: the function ``main`` of a module, see `run_worker`.

        Args:
            module: its name.
            arguments: of the process.
            environment: variables besides this process's own.
        """
        program = f"from {module} import main; main()"
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-P", "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, **(environment or {})},
            # Ctrl-C is for the parent, which lets them end in order.
            process_group=None if sys.platform == "win32" else 0,
        )
        return cls(process)

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


class TrainingWorker(ABC):
    """Trains one run after the other until nothing is left, or it is asked to stop.

    Attributes:
        trainer: of the run that it trains now.
    """

    trainer: "Stoppable | None" = None

    @cached_property
    def stopped(self) -> threading.Event:
        """Set once it has to save and end."""
        return threading.Event()

    def stop(self) -> None:
        """Save the present run after its present step, and end."""
        self.stopped.set()
        if self.trainer is not None:
            self.trainer.stop()

    @abstractmethod
    def work(self) -> bool:
        """Work; whether nothing is left."""


class Stoppable(Protocol):
    """The part of a trainer that a worker uses."""

    def stop(self) -> None:
        """Save after the present step, and end."""


def run_worker(make: Callable[[], TrainingWorker]) -> None:
    """Be a worker process: work until that ends, or standard input does.

    Args:
        make: the worker. What it, or its work, is refused is the process's last sentence.
    """
    try:
        worker = make()
        threading.Thread(target=_stop_with_parent, args=(worker,), daemon=True).start()
        worker.work()
    except RecurraError as error:
        sys.stderr.write(str(error))
        sys.exit(REFUSED)


def _stop_with_parent(worker: TrainingWorker) -> None:
    # Not by way of sys.stdin, whose lock the interpreter wants when it ends.
    while os.read(0, 1024):
        pass
    worker.stop()


def supervise(
    folder: Path,
    spawns: Sequence[Callable[[], WorkerProcess]],
    status: Callable[[], T],
    *,
    end: float = float("inf"),
    pause: float = 0.5,
) -> Iterator[T]:
    """Let processes work until all have ended; how things stand, again and again.

    Leaving the iteration, also by Ctrl-C, lets every process save and end.

    Args:
        folder: what they work on, for messages.
        spawns: start a process each, and once more when it was killed.
        status: how things stand; what equals the last one is no progress.
        end: of all, on the monotonic clock.
        pause: seconds between two of them.

    Raises:
        RecurraError: a process was refused something, and why.
    """
    state, crashes = status(), 0
    yield state
    children = [(spawn, spawn()) for spawn in spawns]
    try:
        while children:
            if time.monotonic() > end:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                children[0][1].process.wait(pause)
            for spawn, child in [one for one in children if one[1].process.poll() is not None]:
                children.remove((spawn, child))
                code, message = child.wait()
                if code > 0:
                    raise RunError(message or f"a worker ended with exit code {code}")
                if code < 0:  # killed: another one takes its place
                    crashes += 1
                    if crashes > MAX_CRASHES:
                        raise RunError(
                            f"the workers of {folder} were killed {crashes} times without getting "
                            f"any further, the last one by signal {-code} {message}".strip()
                        )
                    children.append((spawn, spawn()))
            before, state = state, status()
            crashes = crashes if state == before else 0
            yield state
    finally:
        for _, child in children:
            child.ask_to_stop()
        try:
            for _, child in children:
                child.process.wait()
        finally:  # a second Ctrl-C does not wait
            for _, child in children:
                child.process.kill()
                child.wait()
