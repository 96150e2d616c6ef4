"""Regular files only, read within bounds and written durably; names and JSON for them."""

import errno
import json
import math
import os
import stat
from collections.abc import Mapping
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, BinaryIO

from recurra.errors import RunError

# Bytes of a file that tells what was asked for: a configuration, equations, a vocabulary.
MAX_DEFINITION = 16 * 2**20


def safe_name(name: str) -> str:
    """A name for a folder: what does not suit one becomes "-", and it is not too long."""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in name)[:50].lstrip(".")


def open_regular(path: str | Path, dir_fd: int | None = None) -> BufferedReader:
    """Open a regular file to read: never waits for a pipe, never reads a device.

    Args:
        path: the file; links are followed.
        dir_fd: of the folder that a relative path begins in.

    Raises:
        OSError: it is no regular file, or cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(_regular(os.open(path, flags, dir_fd=dir_fd)), "rb")


def _regular(descriptor: int) -> int:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file")


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
    content, size = bytearray(), os.fstat(file.fileno()).st_size  # of a pipe 0
    while size <= limit and (piece := file.read(2**20)):
        content += piece
        size = max(size, len(content))
    if size > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes")
    return bytes(content)


def whole_lines(file: BinaryIO, longest: int) -> int:
    """Bytes up to the last end of a line; what follows may be half a line.

    Raises:
        OSError: that has more bytes than the longest line, or cannot be read.
    """
    end = size = file.seek(0, os.SEEK_END)
    while end > 0:
        if size - end > longest:
            raise OSError(errno.EFBIG, f"its last line has more than {longest:,} bytes")
        start = max(0, end - 2**16)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def open_to_write(path: str | Path, dir_fd: int | None = None) -> BufferedWriter:
    """Open a regular file, or a new one, to write at its end; a link is not followed.

    Raises:
        OSError: it is no regular file, or cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    return os.fdopen(_regular(os.open(path, flags, 0o666, dir_fd=dir_fd)), "ab")


def write_synced(path: str | Path, *parts: bytes | memoryview, dir_fd: int | None = None) -> None:
    """Write a new file whose bytes are on the disk when this returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666, dir_fd=dir_fd), "wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def cannot_write(path: Path, error: OSError) -> RunError:
    """The sentence for a failed write."""
    return RunError(
        f"cannot write {path}: {error.strerror}; what was saved before is unharmed."
        " Free some space or choose a folder that can be written, then try again"
    )


def cannot_read(path: Path, error: OSError, owner: str) -> RunError:
    """The sentence for a failed read; the owner's says which folders have such a file."""
    return RunError(f"cannot read {path}: {error.strerror}. {owner}")


def read_text(path: Path, owner: str) -> str:
    """The text of a file that tells what was asked for.

    Args:
        path: the file.
        owner: "A run is a folder that `recurra train` made".

    Raises:
        RunError: it cannot be read, or is empty or damaged.
    """
    try:
        text = read_bounded(path).decode()
    except OSError as error:
        raise cannot_read(path, error, owner) from None
    except UnicodeDecodeError:
        raise RunError(f"{path} is not UTF-8: it is damaged; restore a backup") from None
    if not text.strip():
        raise RunError(f"{path} is empty: restore a backup")
    return text


def read_object(path: Path, owner: str) -> dict[str, Any]:
    """The JSON object of such a file; see `read_text`."""
    try:
        value = json.loads(read_text(path, owner))
    except json.JSONDecodeError as error:
        raise RunError(
            f"{path}, line {error.lineno}, column {error.colno}: invalid JSON ({error.msg});"
            " restore a backup"
        ) from None
    except (ValueError, RecursionError):
        raise RunError(f"{path} is not JSON that Recurra wrote; restore a backup") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object; restore a backup")
    return value


def readable_json(value: Mapping[str, Any]) -> bytes:
    """JSON for people; a lone surrogate (of a file name that is no UTF-8, say) is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def canonical_json(value: Any) -> str:
    """JSON in one form only: sorted keys, no spaces, ASCII; floats and long integers exact."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def finite(value: Any) -> Any:
    """A value for JSON, which has no NaN and no infinity: None stands for them, at any depth."""
    match value:
        case Mapping():
            return {key: finite(item) for key, item in value.items()}
        case list() | tuple():
            return [finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
    return value
