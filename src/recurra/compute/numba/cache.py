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
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite
import numba
import numpy as np

from recurra._version import __version__
from recurra.lang.functions import NORM_EPS
from recurra.storage.user_key import cache_folder, key_folder, read_owned, user_key

_KERNELS = Path(__file__).parent / "kernels"
_MAC_BYTES = 32
_MAX_BYTES = 1 << 27


def read(name: str) -> bytes | None:
    """Bytes that `write` kept under a name; None without them, or if another key signed them."""
    key, place = user_key(), folder()
    if key is None or place is None:
        return None
    try:
        content = read_owned(place / name, _MAX_BYTES)
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
            return f"{key_folder()}: make it writable"
        return "no home: give this user one"
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            return ""
    return f"{place}: make it writable, or set RECURRA_CACHE to a folder that is"


def write(name: str, body: bytes) -> None:
    """Keep a kernel; a disk that is full or read-only is no obstacle."""
    key, place = user_key(), folder()
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
    key = user_key()
    if key is None:
        return None
    versions = (__version__, numba.__version__, llvmlite.__version__, np.__version__, sys.version)
    digest = hmac.new(key, repr((*versions, NORM_EPS)).encode(), hashlib.sha256)
    for path in sorted(_KERNELS.glob("*.py")):
        digest.update(path.read_bytes())
    return cache_folder() / "kernels" / digest.hexdigest()[:24]


def _mac(key: bytes, place: Path, name: str, body: bytes) -> bytes:
    signature = hmac.new(key, f"{place.name}/{name}\0".encode(), hashlib.sha256)
    signature.update(body)
    return signature.digest()
