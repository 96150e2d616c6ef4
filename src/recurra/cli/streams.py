"""Standard output and standard error.

In a pipe or a file they are UTF-8, with every character as it is; a lone surrogate, which is none,
becomes an escape. On a terminal, whatever its encoding, nothing that is printed can command it.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from recurra.view.text import visible


class Stream:
    """A standard stream that is safe to print anything on.

    Attributes:
        lost: why nothing reaches the reader any more, if that was to be outlived.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        if isinstance(stream, io.TextIOWrapper):
            if self._terminal:
                # A terminal that lacks a character shows a substitute: no reason to fail.
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        self._stop: Callable[[], None] | None = None
        self.lost: OSError | None = None
        self.encoding, self.errors = stream.encoding, stream.errors

    def write(self, text: str) -> int:
        """Print a text."""
        return self.draw(visible(text) if self._terminal else text)

    def draw(self, text: str) -> int:
        """Print what Rich made for a terminal: visible text and commands."""
        with self._outlived():
            if self.lost is None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand everything to the reader."""
        with self._outlived():
            if self.lost is None:
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return self._terminal

    def fileno(self) -> int:
        """The descriptor below."""
        return self._stream.fileno()

    @contextlib.contextmanager
    def _outlived(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._stop is None:
                raise
            self.lost = error
            self._stop()

    @contextlib.contextmanager
    def outlive(self, stop: Callable[[], None]) -> Iterator[None]:
        """Inside, a reader that has gone away, or a full disk, calls `stop` and raises nothing."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None


class Drawing:
    """A stream as Rich writes on it."""

    def __init__(self, stream: Stream) -> None:
        self.write = stream.draw
        self.flush, self.isatty, self.fileno = stream.flush, stream.isatty, stream.fileno
        self.encoding = stream.encoding


@contextlib.contextmanager
def safe_streams() -> Iterator[tuple[Stream, Stream]]:
    """Inside, `sys.stdout` and `sys.stderr` are safe; one that the caller closed leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    before = sys.stdout, sys.stderr
    safe = Stream(before[0]), Stream(before[1])
    sys.stdout, sys.stderr = safe
    try:
        yield safe
    finally:
        sys.stdout, sys.stderr = before
