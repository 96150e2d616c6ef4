"""A folder that stays the same one, whatever becomes of its name."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from io import BufferedReader, BufferedWriter
from pathlib import Path

from recurra.errors import RunError
from recurra.storage.files import cannot_write, open_regular, open_to_write

# Windows knows no paths that begin in an open folder.
_BY_DESCRIPTOR = {os.open, os.rename, os.stat, os.unlink} <= os.supports_dir_fd


class Folder:
    """The files of one folder.

    While it is `held`, they are reached through an open descriptor: if the folder is renamed and
    another one takes its name, that one is not touched. Where the system has no such descriptors,
    the path is used, once it is sure that it still leads to the same folder.

    Args:
        path: absolute.

    Raises:
        OSError: there is no such folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path.stat())
        self._held = False
        self._descriptor: int | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold on to this folder.

        Raises:
            RunError: another folder has its name by now, or it cannot be opened.
        """
        before = self._held, self._descriptor
        with contextlib.ExitStack() as stack:
            try:
                descriptor = os.open(self.path, os.O_RDONLY) if _BY_DESCRIPTOR else None
                if descriptor is not None:
                    stack.callback(_close, descriptor)
                self._check(self.path if descriptor is None else descriptor)
            except OSError as error:
                raise cannot_write(self.path, error) from None
            self._held, self._descriptor = True, descriptor
            try:
                yield
            finally:
                self._held, self._descriptor = before

    def exists(self, name: str) -> bool:
        """Whether there is something of that name."""
        try:
            os.stat(self._at(name), dir_fd=self._descriptor)
        except OSError:
            return False
        return True

    def open(self, name: str) -> BufferedReader:
        """Open a regular file to read.

        Raises:
            OSError: it is none, or cannot be opened.
        """
        return open_regular(self._at(name), self._descriptor)

    def open_to_write(self, name: str) -> BufferedWriter:
        """Open a regular file, or a new one, to write at its end; links are not followed.

        Raises:
            OSError: it is none, or cannot be opened.
        """
        return open_to_write(self._at(name), self._descriptor)

    def write(self, name: str, *parts: bytes | memoryview) -> None:
        """Write the parts, one after the other, as a file: wholly or not at all; see `replace`."""
        with self.replace(name) as file:
            for part in parts:
                file.write(part)

    @contextlib.contextmanager
    def replace(self, name: str) -> Iterator[BufferedWriter]:
        """Open a file that at the end is there under its name: wholly or not at all.

        It is a temporary file, which is fsynced and renamed; then the folder is fsynced. Killed
        at any moment, the name holds either all of the old or all of the new.

        Raises:
            OSError: the disk is full, read-only or forbidden; the old file is as it was.
        """
        folder = self._descriptor
        temporary = f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            with self.open_to_write(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            places = self._at(temporary), self._at(name)
            os.replace(*places, src_dir_fd=folder, dst_dir_fd=folder)
            self.sync()
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self._at(temporary), dir_fd=folder)

    def sync(self) -> None:
        """Make names (created, renamed) durable; Windows has no way to ask for it."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def remove_temporaries(self) -> None:
        """Remove what killed writers have left; nobody else may be writing."""
        for name in os.listdir(self.path if self._descriptor is None else self._descriptor):
            if name.startswith(".") and name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    os.unlink(self._at(name), dir_fd=self._descriptor)

    def _at(self, name: str) -> str:
        if self._descriptor is not None:
            return name
        if self._held:
            self._check(self.path)
        return os.path.join(self.path, name)

    def _check(self, place: Path | int) -> None:
        if _identity(os.stat(place)) != self._identity:
            raise RunError(
                f"{self.path} is not the folder that was opened: it was moved, and another "
                "one has its name. Put it back, or open the other one"
            )


def write_atomic(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file wholly or not at all; see `Folder.write`.

    Raises:
        RunError: it cannot be written; the old file is as it was.
    """
    try:
        folder = Folder(path.parent)
        with folder.held():
            folder.write(path.name, *parts)
    except OSError as error:
        raise cannot_write(path, error) from None


def _close(descriptor: int) -> None:
    with contextlib.suppress(
        OSError
    ):  # nothing was written through it, so there is nothing to lose
        os.close(descriptor)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
