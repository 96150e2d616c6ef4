"""The licence that Project Gutenberg puts around a text, in English whatever the text is."""

import re

_WORDS = "PROJECT GUTENBERG EBOOK"
_START, _END = (
    re.compile(rf"^\*\*\* ?{word} OF TH(E|IS) {_WORDS}.*$", re.MULTILINE)
    for word in ("START", "END")
)


class Frame:
    """Where a text is whose pieces are looked at one by one, within its licence."""

    def __init__(self) -> None:
        self._start: int | None = None
        self._end: int | None = None
        self._length = 0

    def read(self, piece: str) -> None:
        """Look at the next piece, which ends where a line does."""
        if _WORDS in piece:
            start, end = _START.search(piece), _END.search(piece)
            if start and self._start is None:
                self._start = self._length + start.end()
            if end and self._end is None:
                self._end = self._length + end.start()
        self._length += len(piece)

    @property
    def found(self) -> bool:
        """Whether the licence begins or ends somewhere."""
        return self._start is not None or self._end is not None

    def without(self, text: str) -> str:
        """The text between the two marks; from its beginning, or to its end, where one is missing.

        Args:
            text: all pieces that were looked at.
        """
        return text[self._start or 0 : self._end].strip() + "\n" if self.found else text
