"""Files written wholly or not at all, and the names and JSON that suit them."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from recurra.errors import RunError


def safe_name(name: str) -> str:
    """A name for a folder: what does not suit one becomes "-", and it is not too long."""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in name)[:50].lstrip(".")


def write_atomic(path: Path, *parts: bytes | memoryview) -> None:
    """Write the parts, one after the other, as the file `path`: wholly or not at all.

    Raises:
        RunError: see `open_atomic`.
    """
    with open_atomic(path) as file:
        for part in parts:
            file.write(part)


@contextlib.contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is to become `path`, wholly or not at all.

    It is a temporary file beside it, which is fsynced and renamed at the end; then the folder is
    fsynced. Killed at any moment, `path` holds either all of the old or all of the new.

    Raises:
        RunError: the disk is full, read-only or forbidden; the old file is as it was.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
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
