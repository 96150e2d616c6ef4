"""Trainings, searches and comparisons as processes of their own, as those of a terminal.

They need no server: it may end, and be killed. What there is to know about one stands in its
folder. Each holds a lock below ``.studio``, which ends with it and says which process it is: so one
that was begun by a server before this one is seen and stopped like any other. Only what fails
before there is a folder is remembered here.
"""

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any

from recurra.errors import RunError
from recurra.storage.files import cannot_write, open_to_write, safe_name
from recurra.storage.locks import holder, lock_file, sign
from recurra.studio.workspace import Entry, Workspace, kind_of
from recurra.view.text import visible

MOST = 4  # processes that this server begins and that go on at once
REMEMBERED = 20  # that failed
LONGEST = 4000  # characters of what a process says when it fails
ESTIMATE = 300.0  # seconds that an estimate may take
LOCKS = ".studio"  # the folder of their locks
PRIVATE = ("RECURRA_TOKEN",)  # environment that only the server needs
Words = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Job:
    """A process that this server began.

    Attributes:
        folder: of the run, study or comparison, which may not be there yet.
        command: the words after ``recurra``.
        begun: seconds of the clock.
        process: at work, or what is left of it.
        errors: what it says when it fails.
    """

    folder: Path
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
        return _said(self.errors.read(LONGEST)) or f"the process ended with {code}"


def _forget(process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
    process.poll()  # no process that has ended is left behind
    errors.close()


class Jobs:
    """The processes of a workspace.

    Args:
        workspace: the folder; its ``runs``, ``studies`` and ``comparisons`` get what is begun here.
        most: how many may go on at once.
    """

    def __init__(self, workspace: Workspace, most: int = MOST) -> None:
        self._workspace, self._most = workspace, most
        self._jobs: list[Job] = []
        self._lock = Lock()

    def start(self, place: str, stem: str, words: Words) -> Job:
        """Begin something in a new folder.

        Args:
            place: the folder of the workspace that it is made in.
            stem: first part of its name.
            words: its path -> the command line after ``recurra``.

        Raises:
            RecurraError: it is refused, or too many go on.
        """
        with self._lock:
            out = self._free(place, stem)
            return self._begin(out, words(out))

    def resume(self, entry: Entry, words: list[str]) -> Job:
        """Go on with something, by a command line.

        Raises:
            RunError: it goes on already, or too many do.
        """
        with self._lock:
            if self.process(entry) is not None:
                raise RunError(f"{entry.path.name} goes on already: wait until it ends")
            return self._begin(entry.path, words)

    def stop(self, entry: Entry) -> None:
        """Ask the process that works on something to save it and to end.

        Raises:
            RunError: no process of this machine does, or only a terminal can stop it.
        """
        number = self.process(entry)
        if not number:
            raise RunError(
                f"no process that can be stopped from here works on {entry.path.name} now"
            )
        try:
            os.kill(number, signal.SIGTERM)
        except OSError as error:
            raise RunError(f"{entry.path.name} cannot be stopped: {error.strerror}") from None

    def process(self, entry: Entry) -> int | None:
        """The process at work on something; None without one, 0 if it cannot be told.

        It may have been begun in a terminal: of a comparison or a search there, 0.
        """
        job = next((job for job in self._jobs if job.alive and job.folder == entry.path), None)
        if job is not None:
            return job.process.pid
        number = holder(self._lock_file(entry.path))
        if number is None and entry.kind == "run":
            number = holder(entry.path / ".lock")
        elif number is None and any(holder(run / ".lock") is not None for run in entry.runs()):
            number = 0
        return number

    def estimate(self, words: Words) -> dict[str, Any]:
        """Measure how long a command will take: the answer of its ``--dry-run --json``.

        Args:
            words: see `start`.

        Raises:
            RecurraError: it is refused.
        """
        with tempfile.TemporaryDirectory() as folder:
            command = words(Path(folder, "estimate"))
            try:
                done = subprocess.run(  # noqa: S603 (our own program)
                    self._program([*command, "--dry-run", "--json"]),
                    capture_output=True,
                    stdin=subprocess.DEVNULL,
                    cwd=self._workspace.folder,
                    env=_environment(),
                    timeout=ESTIMATE,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise RunError("the estimate took too long: begin without one") from None
        if done.returncode:
            raise RunError(_said(done.stderr) or f"the estimate ended with {done.returncode}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def beginning(self) -> list[Job]:
        """Those that have no folder yet."""
        return [job for job in self._jobs if job.alive and kind_of(job.folder) is None]

    def failed(self) -> list[Job]:
        """Those that ended with an error, the latest first."""
        return [job for job in reversed(self._jobs) if job.failure is not None]

    def _begin(self, folder: Path, words: list[str]) -> Job:
        if sum(job.alive for job in self._jobs) >= self._most:
            raise RunError(f"{self._most} processes go on already: wait for one, or stop one")
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the job is remembered)
        with self._locked(folder) as lock:
            process = subprocess.Popen(  # noqa: S603 (our own program; every word is one option)
                self._program([*words, "--quiet"]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._workspace.folder,
                env=_environment(),
                start_new_session=True,
                pass_fds=[]
                if os.name == "nt"
                else [lock.fileno()],  # whoever has it holds the lock
            )
            sign(lock, process.pid)
        job = Job(folder, words, time.time(), process, errors)
        # what went well stands in its folder; what failed is remembered for a while
        kept = [old for old in self._jobs if old.alive or old.failure is not None]
        self._jobs = [*kept[-REMEMBERED:], job]
        return job

    def _program(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "recurra", *words]

    def _lock_file(self, folder: Path) -> Path:
        name = folder.relative_to(self._workspace.folder)
        key = hashlib.sha256(os.fsencode(name)).hexdigest()[:20]
        return self._workspace.place(LOCKS) / f"{key}.lock"

    def _locked(self, folder: Path) -> IO[bytes]:
        """The lock of a folder, held."""
        path = self._lock_file(folder)
        try:
            path.parent.mkdir(exist_ok=True)
            file = open_to_write(path)
        except OSError as error:
            raise cannot_write(path, error) from None
        lock_file(file, folder)
        return file

    def _free(self, place: str, name: str) -> Path:
        """A folder that is not there yet, and that no job is about to make."""
        taken = {job.folder for job in self._jobs if job.alive}
        stem = safe_name(name) or "run"
        below = self._workspace.place(place)
        folders = (below / f"{stem}-{n:03}" for n in itertools.count(1))
        return next(path for path in folders if path not in taken and not path.exists())


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in PRIVATE}


def _said(errors: bytes) -> str:
    """The last sentence of a process."""
    return visible(errors.decode("utf-8", "replace").strip()).rpartition("Error: ")[2]
