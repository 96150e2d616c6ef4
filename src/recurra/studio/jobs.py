"""Trainings as processes of their own: the same as `recurra train`, in a new session.

They need no server: it may end, and be killed. What there is to know about one stands in its run
folder, and whether it is at work, in the folder's lock. So a training that was begun in a terminal,
or by a server before this one, is seen and stopped like any other. Only what fails before there is
a folder is remembered here.
"""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO

from recurra.errors import RunError
from recurra.storage.files import safe_name
from recurra.storage.runs import Run
from recurra.studio.workspace import Workspace
from recurra.view.text import visible

MOST = 4  # trainings that this server begins and that go on at once
REMEMBERED = 20  # that failed
LONGEST = 4000  # characters of what a process says when it fails
PRIVATE = ("RECURRA_TOKEN",)  # environment that only the server needs


@dataclass(frozen=True)
class Job:
    """A training that this server began.

    Attributes:
        run: its folder, which may not be there yet.
        command: the words after ``recurra``.
        begun: seconds of the clock.
        process: at work, or what is left of it.
        errors: what it says when it fails.
    """

    run: Path
    command: list[str]
    begun: float
    process: "subprocess.Popen[bytes]"
    errors: IO[bytes]

    def __post_init__(self) -> None:
        weakref.finalize(self, _forget, self.process, self.errors)

    @property
    def alive(self) -> bool:
        """Whether it is at work."""
        return self.process.poll() is None

    @property
    def failure(self) -> str | None:
        """Why it ended, if that was no good end, nor a wish."""
        code = self.process.poll()
        if code is None or code == 0 or code > 128:
            return None
        self.errors.seek(0)
        said = visible(self.errors.read(LONGEST).decode("utf-8", "replace").strip())
        return said.removeprefix("Error: ") or f"the process ended with {code}"


def _forget(process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
    process.poll()  # no process that has ended is left behind
    errors.close()


class Jobs:
    """The trainings of a workspace.

    Args:
        workspace: the folder; its ``runs`` gets those that are begun here.
        most: how many may go on at once.
    """

    def __init__(self, workspace: Workspace, most: int = MOST) -> None:
        self._workspace, self._most = workspace, most
        self._jobs: list[Job] = []
        self._lock = Lock()

    def start(self, stem: str, words: Callable[[Path], list[str]]) -> Job:
        """Begin a training in a new run folder.

        Args:
            stem: first part of the folder's name.
            words: its path -> the command line after ``recurra``.

        Raises:
            RecurraError: it is refused, or too many go on.
        """
        with self._lock:
            out = self._free(stem)
            return self._begin(out, words(out))

    def resume(self, run: Path, words: list[str]) -> Job:
        """Go on with a run, by a command line.

        Raises:
            RunError: it goes on already, or too many do.
        """
        with self._lock:
            if Run.open(run).holder is not None or self.of(run) is not None:
                raise RunError(f"{run.name} is being trained already: wait until it ends")
            return self._begin(run, words)

    def stop(self, id: str) -> None:
        """Ask the process that trains a run to save it and to end.

        Raises:
            RunError: no process of this machine trains it.
        """
        path = self._workspace.entry(id, "run").path
        number, job = Run.open(path).holder, self.of(path)
        if not number and job is not None:
            number = job.process.pid
        if not number:
            raise RunError(f"no process of this machine trains {path.name} now")
        try:
            os.kill(number, signal.SIGTERM)
        except OSError as error:
            raise RunError(f"{path.name} cannot be stopped: {error.strerror}") from None

    def of(self, path: Path) -> Job | None:
        """The job at work on a run folder."""
        return next((job for job in self._jobs if job.alive and job.run == path), None)

    def beginning(self) -> list[Job]:
        """Those that have no run folder yet."""
        return [job for job in self._jobs if job.alive and not (job.run / "config.json").exists()]

    def failed(self) -> list[Job]:
        """Those that ended with an error, the latest first."""
        return [job for job in reversed(self._jobs) if job.failure is not None]

    def _begin(self, run: Path, words: list[str]) -> Job:
        if sum(job.alive for job in self._jobs) >= self._most:
            raise RunError(f"{self._most} trainings go on already: wait for one, or stop one")
        environment = {n: value for n, value in os.environ.items() if n not in PRIVATE}
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the job is remembered)
        process = subprocess.Popen(  # noqa: S603 (our own program; every word is one option)
            [sys.executable, "-m", "recurra", *words, "--quiet"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=self._workspace.folder,
            env=environment,
            start_new_session=True,
        )
        job = Job(run, words, time.time(), process, errors)
        # what went well stands in its run; what failed is remembered for a while
        kept = [old for old in self._jobs if old.alive or old.failure is not None]
        self._jobs = [*kept[-REMEMBERED:], job]
        return job

    def _free(self, name: str) -> Path:
        """A run folder that is not there yet, and that no job is about to make."""
        taken = {job.run for job in self._jobs if job.alive}
        stem = safe_name(name) or "run"
        runs = self._workspace.place("runs")
        folders = (runs / f"{stem}-{n:03}" for n in itertools.count(1))
        return next(path for path in folders if path not in taken and not path.exists())
