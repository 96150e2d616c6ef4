"""Files that are written wholly or not at all and read within bounds; names and JSON for them."""

import contextlib
import errno
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any, BinaryIO

from recurra.errors import RunError

# Bytes of a file that tells what was asked for: a configuration, equations, a vocabulary.
MAX_DEFINITION = 16 * 2**20


def safe_name(name: str) -> str:
    """A name for a folder: what does not suit one becomes "-", and it is not too long."""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in name)[:50].lstrip(".")


def open_regular(path: str | Path, dir_fd: int | None = None) -> BinaryIO:
    """Open a regular file to read: never waits for a pipe, never reads a device.

    Args:
        path: the file; links are followed.
        dir_fd: of the folder that a relative path begins in.

    Raises:
        OSError: it is no regular file, or cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, dir_fd=dir_fd)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_bounded(path: str | Path, limit: int = MAX_DEFINITION, dir_fd: int | None = None) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it is no regular file, larger than so many bytes, or cannot be read.
    """
    with open_regular(path, dir_fd) as file:
        return read_limited(file, limit)


def read_limited(file: BinaryIO, limit: int) -> bytes:
    """All bytes of an open file.

    Raises:
        OSError: they are more than so many, or cannot be read.
    """
    content = bytearray()
    while piece := file.read(2**20):
        content += piece
        if len(content) > limit:
            raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes")
    return bytes(content)


def write_atomic(path: Path, *parts: bytes | memoryview) -> None:
    """Write the parts, one after the other, as the file `path`: wholly or not at all.

    They go to a temporary file beside it, which is fsynced and renamed; then the folder is
    fsynced. Killed at any moment, `path` holds either all of the old or all of the new.

    Raises:
        RunError: the disk is full, read-only or forbidden; the old file is as it was.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        write_synced(temporary, *parts)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_synced(path: Path, *parts: bytes | memoryview) -> None:
    """Write a new file whose bytes are on the disk when this returns."""
    with path.open("xb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder (created, renamed) durable; Windows has no way to ask for it."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> RunError:
    """The sentence for a failed write."""
    return RunError(
        f"cannot write {path}: {error.strerror}; what was saved before is unharmed."
        " Free some space or choose a folder that can be written, then try again"
    )


def canonical_json(value: Any) -> str:
    """JSON in one form only: sorted keys, no spaces, ASCII; floats and long integers exact."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
