"""The secret key of this user: signs what only he may have written into a cache.

It is in the user's home and readable for the user alone; where none can be kept, there is none.
"""

import os
import secrets
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

_KEY_FILE, _KEY_BYTES = "kernels.key", 32
# A link, a pipe or a device in place of a file is refused, or read as empty, at once.
READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@cache
def user_key() -> bytes | None:
    """The secret of this user, made at first use; None where it cannot be kept."""
    try:
        place = key_folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _found_key(place) or _new_key(place)
    except (OSError, RuntimeError):  # no home, or none to write to
        return None


def read_owned(path: Path, most: int) -> bytes:
    """The bytes of a regular file of a cache; none if it has more than so many.

    Raises:
        OSError: it is a link, or cannot be read.
    """
    return _content(os.open(path, READ | getattr(os, "O_BINARY", 0)), most)


def _content(descriptor: int, most: int) -> bytes:
    """All bytes of a regular file; nothing if it is none, or too large."""
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        regular = stat.S_ISREG(status.st_mode) and status.st_size <= most
        return file.read(most) if regular else b""


def cache_folder() -> Path:
    """The folder of what can be made again: RECURRA_CACHE, or that of the system."""
    return Path(os.environ.get("RECURRA_CACHE") or platformdirs.user_cache_path("recurra"))


def key_folder() -> Path:
    """The folder of the key."""
    return _home() / ".local" / "share" / "recurra"


def _home() -> Path:
    """The home of the user that this process runs as, whatever the environment says."""
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):  # a user of a container may have no entry
            return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    return Path.home()


def _found_key(place: Path) -> bytes | None:
    """The key of a folder; None unless folder and file are this user's, and the file no other's."""
    if sys.platform == "win32":  # a user's home is private by its access list
        file = place / _KEY_FILE
        return file.read_bytes() if file.exists() else None
    parent = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        descriptor = os.open(_KEY_FILE, READ, dir_fd=parent)
        private = is_private(parent, 0o022) and is_private(descriptor, 0o077)
        key = _content(descriptor, _KEY_BYTES)
        return key if private and len(key) == _KEY_BYTES else None
    except FileNotFoundError:
        return None
    finally:
        os.close(parent)


def is_private(descriptor: int, others: int) -> bool:
    """Whether an open file is this user's, and others lack these permissions."""
    status = os.fstat(descriptor)
    return status.st_uid == os.geteuid() and not status.st_mode & others


def _new_key(place: Path) -> bytes | None:
    handle, temporary = tempfile.mkstemp(dir=place)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, place / _KEY_FILE)
        except FileExistsError:  # another process was faster, or the key is no secret
            if _found_key(place) is None:
                Path(temporary).replace(place / _KEY_FILE)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return _found_key(place)
