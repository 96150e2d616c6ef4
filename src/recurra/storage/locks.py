"""Locks that end with the process that holds them."""

import sys
from pathlib import Path
from typing import IO

from recurra.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def lock_file(file: IO[bytes], folder: Path) -> None:
    """Lock an open file of a folder for this process.

    Raises:
        RunError: another process holds it, or its disk cannot lock.
    """
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise RunError(
            f"{folder} is in use by another process of Recurra: wait until it ends, or train in"
            " another folder"
        ) from None
    except OSError as error:
        raise RunError(
            f"{folder} cannot be locked: {error.strerror}. Choose a folder on a local disk"
        ) from None
