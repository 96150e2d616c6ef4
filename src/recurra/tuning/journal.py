"""Optuna's journal in a file, safe against kills at any moment and against many processes.

Optuna advises against SQLite where processes work in parallel; its journal only ever appends. Two
weak places are mended here. Its own lock is a file that a killed process leaves behind, and the
others wait half a minute for: ours is the system's, and ends with the process. And half a line, by
a kill or a full disk, is passed over when the journal is read, but the next record would be glued
to it and lost: whoever gets the lock cuts such a line off first.
"""

import contextlib
import errno
import json
import os
import sys
import time
from pathlib import Path
from typing import BinaryIO

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from recurra.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE = "journal.log"


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


class JournalLock(JournalFileOpenLock):
    """The system's lock on a file beside the journal; repairs the journal's end when it is got."""

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self.journal = journal
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Wait for the lock, then cut off what a killed writer left half done."""
        file = self.journal.with_suffix(".lock").open("ab")
        try:
            pause = 0.001
            while not try_lock(file):
                time.sleep(pause)
                pause = min(2 * pause, 0.05)
            cut_torn_line(self.journal)
        except BaseException:
            file.close()
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Let the next one write."""
        if self._file is not None:
            self._file.close()
            self._file = None


def cut_torn_line(path: Path) -> None:
    """Cut off what follows the last line end; under the lock nobody is just writing it."""
    with contextlib.suppress(FileNotFoundError), path.open("rb+") as file:
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


def open_journal(folder: Path) -> JournalStorage:
    """The journal of a study's folder, new or repaired; only to read where nothing can be written.

    Raises:
        RunError: a line in the middle is damaged.
    """
    path = folder / FILE
    lock = JournalLock(path)
    try:
        lock.acquire()
        lock.release()
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.exists():
            raise
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except (ValueError, LookupError, TypeError):
        raise RunError(f"{path}, line {_bad_line(path)}: not a record of Optuna's journal. Remove "
                       "the line or restore a backup") from None  # fmt: skip


def _bad_line(path: Path) -> int:
    """The first line that cannot be read; the last one if all can."""
    lines = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(lines, 1):
        try:
            json.loads(line)["op_code"]
        except (ValueError, LookupError, TypeError):
            return number
    return len(lines)
