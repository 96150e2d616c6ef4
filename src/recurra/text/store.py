"""Characters of all texts in the order in which they are read: in memory, then on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

import numpy as np
import numpy.typing as npt

from recurra.errors import TextError
from recurra.text.code_points import code_points

MEMORY = 2**26  # bytes that are kept in memory
CHUNK = 2**20  # characters that are looked at together


@dataclass(frozen=True)
class Span:
    """Characters of a store from one place to another."""

    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin


class CharacterStore:
    """Texts one after another, four bytes a character; what is long is in a temporary file."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=MEMORY)  # noqa: SIM115 (closed by `close`)
        self._length = 0

    def close(self) -> None:
        """Give memory and disk back."""
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def append(self, text: str) -> None:
        """Add characters at the end.

        Raises:
            TextError: the disk is full.
        """
        try:
            self._file.seek(4 * self._length)
            self._file.write(code_points(text).data)
        except OSError as error:
            raise TextError(
                f"a long text cannot be kept while it is read ({error.strerror}): free some space "
                "where temporary files are, or let TMPDIR name another folder"
            ) from error
        self._length += len(text)

    def cut(self, length: int) -> None:
        """Drop all but so many characters."""
        self._length = length

    def read(self, span: Span) -> Iterator[npt.NDArray[np.uint32]]:
        """The code points of a span, chunk by chunk."""
        for begin in range(span.begin, span.end, CHUNK):
            self._file.seek(4 * begin)
            yield np.frombuffer(self._file.read(4 * (min(span.end, begin + CHUNK) - begin)), "<u4")


def cut_spans(spans: list[Span], begin: int, end: int) -> list[Span]:
    """The spans of characters ``begin`` to ``end`` of a text that consists of spans."""
    found: list[Span] = []
    for span in spans:
        first, last = max(0, begin), min(len(span), end)
        begin, end = begin - len(span), end - len(span)
        if first >= last:
            continue
        piece = Span(span.begin + first, span.begin + last)
        if found and found[-1].end == piece.begin:
            piece = Span(found.pop().begin, piece.end)
        found.append(piece)
    return found
