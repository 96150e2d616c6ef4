"""Standard output and standard error.

In a pipe or a file they are UTF-8, with every character as it is; a lone surrogate, which is none,
becomes an escape. On a terminal, whatever its encoding, nothing that is printed can command it.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

# Control characters but line breaks and tabs; what turns the direction of text; lone surrogates.
_HIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with escapes such as ``\x1b`` for characters that would command a terminal."""
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Stream:
    """A standard stream that is safe to print anything on.

    Attributes:
        lost: why nothing reaches the reader any more, if that was to be outlived.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
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


def open_streams() -> tuple[Stream, Stream]:
    """Make `sys.stdout` and `sys.stderr` safe; a stream that the caller closed leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    stdout, stderr = _open(sys.stdout), _open(sys.stderr)
    sys.stdout, sys.stderr = stdout, stderr
    return stdout, stderr


def _open(stream: TextIO) -> Stream:
    assert isinstance(stream, io.TextIOWrapper)
    if stream.isatty():
        # A terminal that lacks a character shows a substitute: no reason to fail.
        stream.reconfigure(errors="replace")
    else:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return Stream(stream)
