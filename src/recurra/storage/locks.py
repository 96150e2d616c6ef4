"""Locks that end with the process that holds them, and tell which one that is."""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from recurra.errors import RunError
from recurra.storage.files import cannot_write, open_to_write

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

GLANCES = 5  # tries, since who asks for the holder holds a lock himself for a moment


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Lock an open file for this process, if nobody else holds it; closing it ends the lock.

    Shared, it only keeps out who wants it alone.
    """
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, which is made if it is not there; False: another process holds it.

    Raises:
        RunError: it cannot be made, or its disk cannot lock.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(exist_ok=True)
            locked = try_lock(stack.enter_context(open_to_write(path)))
        except OSError as error:
            raise cannot_write(path, error) from None
        yield locked


def lock_file(file: IO[bytes], folder: Path) -> None:
    """Lock an open file of a folder for this process.

    Raises:
        RunError: another process holds it, or its disk cannot lock.
    """
    try:
        locked = try_lock(file)
        for _ in range(0 if locked else GLANCES - 1):
            time.sleep(0.01)
            locked = locked or try_lock(file)
    except OSError as error:
        raise RunError(
            f"{folder} cannot be locked: {error.strerror}. Choose a folder on a local disk"
        ) from None
    if not locked:
        raise RunError(
            f"{folder} is in use by another process of Recurra: wait until it ends, or train in"
            " another folder"
        )


def sign(file: IO[bytes], process: int | None = None) -> None:
    """Note down in a locked file which process holds it; where the disk is full, do without.

    Args:
        file: open, and locked.
        process: its number; None: this one.
    """
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(f"{process or os.getpid()} {platform.node()}\n".encode())
        file.flush()


@contextlib.contextmanager
def signed(file: IO[bytes]) -> Iterator[None]:
    """Sign a locked file, and empty it at the end: only who is killed leaves his number in it."""
    sign(file)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.truncate(0)


def holder(path: Path) -> int | None:
    """The process that holds the lock of a file; None if nobody does, 0 if it cannot be told."""
    try:
        with path.open("rb+" if sys.platform == "win32" else "rb") as file:
            if try_lock(file, shared=True):
                return None
            number, _, node = file.read(300).decode("utf-8", "replace").partition(" ")
    except OSError:  # no such file, or a disk that cannot lock
        return None
    here = node.strip() == platform.node()
    return int(number) if here and number.isascii() and number.isdecimal() else 0
