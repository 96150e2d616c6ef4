"""The cache of compiled kernels: files that only this user's key can have signed.

Numba stores machine code as pickles, and who puts a pickle in their place runs his own code. So
every file begins with its HMAC-SHA256 under a secret key, which is compared with the very bytes
that are then used: whose the folder is, and who can write there, does not matter. The key is in the
user's home and readable for the user alone; where none can be kept, nothing is cached. The names of
folders hold the versions and the hand-written kernels, those of files all else that shapes a kernel
(`kernels.jit`). A file that is torn, stale or foreign costs a compilation, never an error.
"""

import hashlib
import hmac
import os
import secrets
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite
import numba
import numpy as np
import platformdirs

from recurra._version import __version__
from recurra.lang.functions import NORM_EPS

_KERNELS = Path(__file__).parent / "kernels"
_KEY_FILE, _KEY_BYTES, _MAC_BYTES = "kernels.key", 32, 32
_MAX_BYTES = 1 << 27
# A link, a pipe or a device in place of a file is refused, or read as empty, at once.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def read(name: str) -> bytes | None:
    """Bytes that `write` kept under a name; None without them, or if another key signed them."""
    key, place = _key(), folder()
    if key is None or place is None:
        return None
    try:
        content = _content(os.open(place / name, _READ | getattr(os, "O_BINARY", 0)), _MAX_BYTES)
    except OSError:
        return None
    mac, body = content[:_MAC_BYTES], content[_MAC_BYTES:]
    return body if hmac.compare_digest(mac, _mac(key, place, name, body)) else None


def holds(name: str) -> bool:
    """Whether something is kept under a name."""
    place = folder()
    return place is not None and (place / name).exists()


def unwritable() -> str:
    """The folder because of which no kernel can be kept, and the cure; empty if they can."""
    place = folder()
    if place is None:
        with suppress(RuntimeError):
            return f"{_key_folder()}: make it writable"
        return "no home: give this user one"
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            return ""
    return f"{place}: make it writable, or set RECURRA_CACHE to a folder that is"


def write(name: str, body: bytes) -> None:
    """Keep a kernel; a disk that is full or read-only is no obstacle."""
    key, place = _key(), folder()
    if key is None or place is None:
        return
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_mac(key, place, name, body) + body)
            Path(temporary).replace(place / name)
        except OSError:
            Path(temporary).unlink()


@cache
def folder() -> Path | None:
    """The cache folder of this user, these versions and these kernels; None without a key."""
    key = _key()
    if key is None:
        return None
    versions = (__version__, numba.__version__, llvmlite.__version__, np.__version__, sys.version)
    digest = hmac.new(key, repr((*versions, NORM_EPS)).encode(), hashlib.sha256)
    for path in sorted(_KERNELS.glob("*.py")):
        digest.update(path.read_bytes())
    root = os.environ.get("RECURRA_CACHE") or platformdirs.user_cache_path("recurra")
    return Path(root) / "kernels" / digest.hexdigest()[:24]


def _mac(key: bytes, place: Path, name: str, body: bytes) -> bytes:
    signature = hmac.new(key, f"{place.name}/{name}\0".encode(), hashlib.sha256)
    signature.update(body)
    return signature.digest()


def _content(descriptor: int, most: int) -> bytes:
    """All bytes of a regular file; nothing if it is none, or too large."""
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        regular = stat.S_ISREG(status.st_mode) and status.st_size <= most
        return file.read(most) if regular else b""


@cache
def _key() -> bytes | None:
    """The secret of this user, made at first use; None where it cannot be kept."""
    try:
        place = _key_folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _found_key(place) or _new_key(place)
    except (OSError, RuntimeError):  # no home, or none to write to
        return None


def _key_folder() -> Path:
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
        descriptor = os.open(_KEY_FILE, _READ, dir_fd=parent)
        private = _private(parent, 0o022) and _private(descriptor, 0o077)
        key = _content(descriptor, _KEY_BYTES)
        return key if private and len(key) == _KEY_BYTES else None
    except FileNotFoundError:
        return None
    finally:
        os.close(parent)


def _private(descriptor: int, others: int) -> bool:
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
