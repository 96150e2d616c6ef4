"""Locks that end with the process that holds them."""

import sys
from pathlib import Path
from typing import IO

from recurra.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file for this process, if nobody else holds it; closing it ends the lock."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def lock_file(file: IO[bytes], folder: Path) -> None:
    """Lock an open file of a folder for this process.

    Raises:
        RunError: another process holds it, or its disk cannot lock.
    """
    try:
        locked = try_lock(file)
    except OSError as error:
        raise RunError(
            f"{folder} cannot be locked: {error.strerror}. Choose a folder on a local disk"
        ) from None
    if not locked:
        raise RunError(
            f"{folder} is in use by another process of Recurra: wait until it ends, or train in"
            " another folder"
        )
