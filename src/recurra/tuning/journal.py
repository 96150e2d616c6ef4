"""Optuna's journal in a file, safe against kills at any moment and against many processes.

Optuna advises against SQLite where processes work in parallel; its journal only ever appends. Its
own backend has two weak places. Its lock is a file that a killed process leaves behind, and the
others wait half a minute for: ours is the system's, and ends with the process. And after half a
line, by a kill or a full disk, its next record is glued to that and lost: ours cuts such a line
off before it writes. What is read is checked, record by record.
"""

import contextlib
import errno
import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages.journal import BaseJournalBackend

from recurra.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE = "journal.log"
LONGEST = 64 * 2**20  # bytes of a record: the longest hold the sample of a trial


class JournalFile(BaseJournalBackend):
    """The records of a study, a line each; only to be read where nothing can be written.

    Args:
        path: of the file, which is made if it is not there.

    Raises:
        OSError: the file cannot be read, or is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0  # the last one that was read
        self._offset = 0  # where the next one begins
        try:
            with self.lock():
                open_regular(path, os.O_RDWR | os.O_CREAT).close()
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.exists():
                raise

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """All whole records after the first `log_number_from`.

        Raises:
            RunError: one is damaged.
        """
        if log_number_from != self.line:
            self.line = self._offset = 0
        with open_regular(self.path, os.O_RDONLY) as file:
            file.seek(self._offset)
            while (line := file.readline(LONGEST)).endswith(b"\n"):
                self.line += 1
                self._offset += len(line)
                if self.line > log_number_from:
                    yield self._record(line)
            if len(line) == LONGEST:
                self.line += 1
                raise self.damage()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records whose bytes are on the disk when this returns."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self.lock(), self.path.open("ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())

    def damage(self) -> RunError:
        """The sentence for a record that cannot be: the last one that was read."""
        return RunError(
            f"{self.path}, line {self.line}: not a record of Optuna's journal. Remove the line or "
            "restore a backup"
        )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the system's lock; under it what a killed writer left half done is cut off."""
        with open_regular(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT) as file:
            pause = 0.001
            while not try_lock(file):
                time.sleep(pause)
                pause = min(2 * pause, 0.05)
            cut_torn_line(self.path)
            yield

    def _record(self, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise self.damage() from None
        if not isinstance(record, dict):
            raise self.damage()
        return record


def open_regular(path: Path, flags: int) -> BinaryIO:
    """Open a regular file with the flags of `os.open`: waits for no pipe, touches no device.

    Raises:
        OSError: it is no regular file, or cannot be opened.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb+" if flags & os.O_RDWR else "rb")


def try_lock(file: BinaryIO) -> bool:
    """Lock an open file for this process, if nobody else holds it; closing it ends the lock."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def cut_torn_line(path: Path) -> None:
    """Cut off what follows the last line end; under the lock nobody is just writing it."""
    with contextlib.suppress(FileNotFoundError), open_regular(path, os.O_RDWR) as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
