"""The numbers of long texts: kept on the disk, and mapped into memory at the next start.

A record tells which files were read, how, and what came of it; it is signed with this user's key.
The numbers are in a file beside it that this user alone can write, and the record has its inode,
size and times. So a start takes as long for any length; a text that was touched is read again, and
a file of numbers that is not the one that was written is as good as none. Where nothing can be
kept, long texts are in a temporary file.
"""

import hashlib
import hmac
import json
import mmap
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from recurra._version import __version__
from recurra.storage.user_key import READ, cache_folder, is_private, read_owned, user_key

LEAST = 2**22  # characters, or bytes of files: less is read anew, and numbered in memory
MOST = 8  # texts that are kept
_SETTLED = 2.0  # seconds after which a change of a file must show in its times
_MAC, _MAX_RECORD = 32, 2**28
# Records, and what mkstemp names; the folder may hold a user's own texts as well.
_OURS = re.compile(r"[0-9a-f]{32}|tmp[a-z0-9_]{8}(\.numbers)?")

Numbers = npt.NDArray[np.int32]


class CacheEntry:
    """A place for the numbers of texts in the cache folder.

    Args:
        files: the texts.
        settings: of reading and splitting them.
        split_by: "auto", "file" or "position".
    """

    def __init__(self, key: bytes, files: Sequence[Path], settings: object, split_by: str) -> None:
        self._key, self._files, self._settings, self._split_by = key, files, settings, split_by
        self._folder = cache_folder() / "texts"
        self._name = self._name_of(split_by)
        self.file: Path | None = None

    @classmethod
    def of(cls, files: Sequence[Path], settings: object, split_by: str) -> Self | None:
        """The place for long texts; None for short ones, and where nothing can be kept."""
        key = user_key() if hasattr(os, "geteuid") else None
        with suppress(OSError):
            if key and sum(path.stat().st_size for path in files) >= LEAST:
                return cls(key, files, settings, split_by)
        return None

    def _name_of(self, split_by: str) -> str:
        """A name for these files as they are, read so."""
        digest = hashlib.sha256(repr((__version__, self._settings, split_by)).encode())
        for path in self._files:
            digest.update(repr(_identity(path.stat())).encode())
        return digest.hexdigest()[:32]

    def find(self) -> tuple[dict[str, Any], Numbers] | None:
        """Look the record and the numbers up; None if none are kept of these texts as they are."""
        with suppress(OSError):
            content = read_owned(self._folder / self._name, _MAX_RECORD)
            body = content[_MAC:]
            if not hmac.compare_digest(content[:_MAC], self._sign(self._name, body)):
                return None
            record = json.loads(body)
            numbers = _map_own(self._folder / record.pop("file"), record.pop("identity"))
            return None if numbers is None else (record, numbers)
        return None

    def create(self, length: int) -> BinaryIO | None:
        """A new file for so many numbers; None without the space for it."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if shutil.disk_usage(self._folder).free > 3 * 4 * length:
                handle, name = tempfile.mkstemp(".numbers", dir=self._folder)
                self.file = Path(name)
                return os.fdopen(handle, "w+b")
        return None

    def discard(self) -> None:
        """Remove the file that was created."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
            self.file = None

    def keep(self, record: Mapping[str, Any], *, joined: bool) -> None:
        """Keep the record of numbers that are in the file that was created.

        Args:
            record: as JSON.
            joined: whether short texts are split as one.
        """
        if self.file is None:
            return
        with suppress(OSError):
            newest = max(max(it.st_mtime, it.st_ctime) for it in map(os.stat, self._files))
            if self._name_of(self._split_by) != self._name or time.time() - newest < _SETTLED:
                self.discard()  # the text changes
                return
            descriptor = os.open(self.file, READ)
            try:
                os.fsync(descriptor)
                identity = _identity(os.fstat(descriptor))
            finally:
                os.close(descriptor)
            body = json.dumps({**record, "file": self.file.name, "identity": identity}).encode()
            # without short texts that are joined, they are split by position
            names = {self._name} if joined else {self._name, self._name_of("position")}
            for name in names:
                handle, temporary = tempfile.mkstemp(dir=self._folder)
                with os.fdopen(handle, "wb") as stream:
                    stream.write(self._sign(name, body) + body)
                Path(temporary).replace(self._folder / name)
            self._evict()

    def _sign(self, name: str, body: bytes) -> bytes:
        return hmac.new(self._key, f"texts 1/{name}\0".encode() + body, hashlib.sha256).digest()

    def _evict(self) -> None:
        """Remove all but the latest texts, with what killed processes have left; nothing else."""
        files = [path for path in self._folder.iterdir() if _OURS.fullmatch(path.name)]
        files.sort(key=lambda path: -path.lstat().st_mtime)
        numbers = [path for path in files if path.suffix]
        records = [path for path in files if not path.suffix]
        for path in (*numbers[MOST:], *records[4 * MOST :]):
            path.unlink()


def write_numbers(
    chunks: Callable[[], Iterable[Numbers]], length: int, entry: CacheEntry | None
) -> Numbers:
    """Numbers that come in chunks, as one array; a long one is a file that is mapped.

    Args:
        chunks: gives the numbers, as often as it is called.
        length: how many they are.
        entry: where to keep them.
    """
    if (entry or length >= LEAST) and os.name != "nt":
        try:
            with (entry and entry.create(length)) or tempfile.TemporaryFile() as file:
                for chunk in chunks():
                    file.write(chunk.data)
                file.flush()
                return _map(file.fileno())
        except OSError:  # without the space for a file they are in memory
            if entry:
                entry.discard()
    numbers, place = np.empty(length, np.int32), 0
    for chunk in chunks():
        numbers[place : place + len(chunk)] = chunk
        place += len(chunk)
    return numbers


def _map_own(path: Path, identity: list[int]) -> Numbers | None:
    """The numbers of a file if it is the one, and this user's alone."""
    descriptor = os.open(path, READ)
    try:
        same = _identity(os.fstat(descriptor)) == identity and is_private(descriptor, 0o022)
        return _map(descriptor) if same else None
    finally:
        os.close(descriptor)


def _map(descriptor: int) -> Numbers:
    """The numbers of a file; who writes into them changes them for this process only."""
    return np.frombuffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY), np.int32)


def _identity(status: os.stat_result) -> list[int]:
    times = status.st_mtime_ns, status.st_ctime_ns
    return [status.st_dev, status.st_ino, status.st_size, *times]
